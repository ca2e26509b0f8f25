//! Lists in pages: tags, and docker's catalog of repositories.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags>

use serde_json::json;

use super::super::auth::caller::Caller;
use super::super::backing::Backing;
use super::super::http::query::{Query, encode};
use super::super::http::refusal::{Code, Refusal};
use super::super::http::reply::{Answer, json as json_reply, with_next};
use super::route::Name;
use super::state::State;
use crate::store::Named;

pub(in crate::server) async fn list<B: Backing>(state: &State<B>, name: &Name, query: &Query) -> Answer {
    if let Some(upstream) = &state.upstream
        && let Some(tags) = upstream.tags(name).await
    {
        return tags_page(name, tags, query);
    }
    let repository = name.repository.clone();
    let tags = state.store.run(move |store| {
        let repositories = store.repositories()?;
        let tags = |named: &[Named]| named.iter().filter_map(|it| it.name.tag()).map(str::to_owned).collect();
        Ok(repositories.of(&repository).map(tags))
    });
    match tags.await? {
        Some(tags) => tags_page(name, tags, query),
        None if state.links.is_emptied(name.repository.name()) => tags_page(name, Vec::new(), query),
        None => Err(Refusal::no_repository(&name.path)),
    }
}

/// The repositories that the caller may pull from.
pub(in crate::server) async fn catalog<B: Backing>(state: &State<B>, caller: &Caller, query: &Query) -> Answer {
    let (paths, next) = page(state.paths(caller).await?, query)?;
    let reply = json_reply(json!({ "repositories": paths }).to_string());
    Ok(with_next(reply, "/v2/_catalog", next))
}

fn tags_page(name: &Name, tags: Vec<String>, query: &Query) -> Answer {
    let (tags, next) = page(tags, query)?;
    let reply = json_reply(json!({ "name": name.path, "tags": tags }).to_string());
    Ok(with_next(reply, &format!("/v2/{}/tags/list", name.path), next))
}

/// The next page's query.
type Next = Option<String>;

/// Sorts the list and cuts what was asked for out of it: `n` entries after `last`.
fn page(mut list: Vec<String>, query: &Query) -> Result<(Vec<String>, Next), Refusal> {
    let n = query
        .first("n")
        .filter(|n| !n.is_empty())
        .map(str::parse::<usize>)
        .transpose()
        .map_err(|_| {
            Refusal::bad(
                Code::PaginationNumberInvalid,
                "invalid number of results requested: n must be a number",
            )
        })?;
    list.sort_unstable();
    list.dedup();
    if let Some(last) = query.first("last") {
        let after = list.partition_point(|entry| entry.as_str() <= last);
        list.drain(..after);
    }
    let mut next = None;
    if let Some(n) = n
        && n < list.len()
    {
        list.truncate(n);
        next = list.last().map(|last| format!("n={n}&last={}", encode(last)));
    }
    Ok((list, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(query: &str) -> (String, Next) {
        let all = ["b", "a", "C", "d", "a"].map(str::to_owned).to_vec();
        let (list, next) = page(all, &Query::parse(query)).unwrap();
        (list.join(" "), next)
    }

    #[test]
    fn pages_join_to_the_sorted_list() {
        assert_eq!(list(""), ("C a b d".to_owned(), None));
        assert_eq!(list("n=3"), ("C a b".to_owned(), Some("n=3&last=b".to_owned())));
        assert_eq!(list("n=3&last=b"), ("d".to_owned(), None));
        assert_eq!(list("n=4").1, None);
        assert_eq!(list("n=0"), (String::new(), None));
        assert_eq!(list("last=aa").0, "b d");
        assert_eq!(
            list("n=&last=a").0,
            "b d",
            "docker's registry takes it for no number at all"
        );
        assert!(page(Vec::new(), &Query::parse("n=-1")).is_err());
    }
}
