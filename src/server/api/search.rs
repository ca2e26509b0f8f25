//! Docker's search, which is older than the registry API: `docker search HOST/TERM` asks for `/v1/_ping` and
//! `/v1/search`.

use hyper::header::{HeaderName, HeaderValue};
use serde_json::json;

use super::super::auth::caller::Caller;
use super::super::backing::Backing;
use super::super::http::query::Query;
use super::super::http::reply::{Answer, Reply, json as json_reply};
use super::state::State;
use crate::store::Named;

/// Docker asks for 25 unless told otherwise, and for 100 at most.
const HITS: usize = 25;
const MOST: usize = 100;
/// Tags that a description shows.
const SHOWN: usize = 5;

pub(in crate::server) fn ping() -> Reply {
    let mut reply = json_reply(r#"{"standalone":true}"#);
    let headers = reply.headers_mut();
    for name in ["x-docker-registry-version", "x-docker-registry-standalone"] {
        let value = if name.ends_with("version") { "0.9.0" } else { "true" };
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    reply
}

/// Repositories whose path contains the term, of those that the caller may pull from.
pub(in crate::server) async fn search<B: Backing>(state: &State<B>, caller: &Caller, query: &Query) -> Answer {
    let term = query.first("q").unwrap_or_default();
    let number = |key| query.first(key).and_then(|text| text.parse::<usize>().ok());
    let n = number("n").unwrap_or(HITS).clamp(1, MOST);
    let page = number("page").unwrap_or(1).max(1);
    let wanted = term.to_lowercase();
    let mut hits = state.paths(caller).await?;
    hits.retain(|path| path.contains(&wanted));
    hits.sort_unstable_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    let count = hits.len();
    let shown: Vec<String> = hits.into_iter().skip((page - 1).saturating_mul(n)).take(n).collect();
    let names = state.names.clone();
    let described = state.store.run(move |store| {
        let repositories = store.repositories()?;
        let described = shown.into_iter().map(|path| {
            let repository = names.repository(&path).ok();
            let tags = repository.and_then(|repository| repositories.of(&repository));
            let description = description(tags.unwrap_or_default());
            (path, description)
        });
        Ok(described.collect::<Vec<_>>())
    });
    let results: Vec<_> = described
        .await?
        .into_iter()
        .map(|(path, description)| {
            json!({
                "name": path, "description": description, "star_count": 0,
                "is_official": false, "is_automated": false, "is_trusted": false,
            })
        })
        .collect();
    let body = json!({
        "query": term, "num_results": count, "num_pages": count.div_ceil(n), "page": page, "page_size": n,
        "results": results,
    });
    Ok(json_reply(body.to_string()))
}

/// The registry knows no descriptions; the tags say most.
fn description(named: &[Named]) -> String {
    let mut tags: Vec<&str> = named.iter().filter_map(|it| it.name.tag()).collect();
    tags.sort_unstable();
    let more = tags.len().saturating_sub(SHOWN);
    tags.truncate(SHOWN);
    match (tags.is_empty(), more) {
        (true, _) => String::new(),
        (_, 0) => format!("tags: {}", tags.join(", ")),
        (_, more) => format!("tags: {} and {more} more", tags.join(", ")),
    }
}
