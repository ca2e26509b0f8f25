//! Search as the Hub, and the registries that copied it, offer it: the first version of docker's API.

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use serde::Deserialize;

use super::hosts::Hosts;
use super::wire::{CredentialSource, HUB_INDEX, Host, Request, ShowLogin};
use crate::error::{Clue, Error, Kind, Result};
use crate::image::null;
use crate::image::reference::HUB;

const MAX_REPLY: usize = 8 << 20;

/// A repository that a search found. The Hub has null where nobody wrote anything.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Hit {
    pub name: String,
    #[serde(default, deserialize_with = "null::or_default")]
    pub description: String,
    #[serde(default, deserialize_with = "null::or_default")]
    pub star_count: i64,
    #[serde(default, deserialize_with = "null::or_default")]
    pub is_official: bool,
    #[serde(default, deserialize_with = "null::or_default")]
    pub is_automated: bool,
}

#[derive(Deserialize)]
struct Reply {
    #[serde(deserialize_with = "null::or_default")]
    results: Vec<Hit>,
}

/// What the registry finds, in its order, at most `limit`; none when it offers no search. Errors are docker's.
pub(super) async fn find(hosts: &Hosts, term: &str, limit: u32) -> Result<Option<Vec<Hit>>> {
    let index;
    let host = if hosts.domain == HUB {
        // The Hub's credentials are for its registry.
        index = Host::new(hosts.wire.endpoint(HUB_INDEX), CredentialSource::None);
        &index
    } else {
        &hosts.main
    };
    let was_known = host.endpoint.has_answered();
    let request = Request::new(Method::GET, path(term, limit))
        .header(
            HeaderName::from_static("x-docker-token"),
            HeaderValue::from_static("true"),
        )
        .show_login(ShowLogin::AtOnce);
    let refused = |status: u16| format!("Unexpected status code {status}");
    let answer = match host.send(&request).await {
        Ok(answer) => answer,
        Err(e) if e.kind() == Kind::Unauthorized => {
            let host = hosts.domain.clone();
            let error = Error::new(Kind::Unauthorized, refused(401));
            return Err(error.with_clue(Clue::LoginNeeded { host }));
        }
        Err(e) if !was_known && !host.endpoint.has_answered() => return Err(unreachable(host, &e)),
        Err(e) => return Err(e),
    };
    let status = answer.status;
    if matches!(status.as_u16(), 404 | 405 | 410 | 501) {
        answer.discard().await;
        return Ok(None);
    }
    if status != StatusCode::OK {
        let failure = host.refusal(answer).await;
        return Err(failure.error(refused(status.as_u16())));
    }
    let body = answer.read(MAX_REPLY).await?;
    // A web page for every path there is none for: Harbor, Quay.
    let Ok(reply) = serde_json::from_slice::<Reply>(&body) else {
        return Ok(None);
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    Ok(Some(reply.results.into_iter().take(limit).collect()))
}

fn path(term: &str, limit: u32) -> String {
    let limit = limit.to_string();
    let pairs = [("q", term), ("n", limit.as_str())];
    // Only the query of this URL is used.
    let query = Url::parse_with_params("http://h/", pairs).ok();
    format!("/v1/search?{}", query.as_ref().and_then(Url::query).unwrap_or_default())
}

/// Docker's words for a host that did not answer a search.
fn unreachable(host: &Host, failure: &Error) -> Error {
    let cause = std::error::Error::source(failure).map_or_else(|| failure.to_string(), ToString::to_string);
    let domain = &host.endpoint.domain;
    let message = match host.endpoint.tls_failure() {
        Some(over_tls) => format!(
            "invalid registry endpoint \"http://{domain}/v1/\". \
             HTTPS attempt: Get \"https://{domain}/v1/_ping\": {over_tls}. \
             HTTP attempt: Get \"http://{domain}/v1/_ping\": {cause}"
        ),
        None if domain == HUB_INDEX => failure.to_string(),
        None => format!("invalid registry endpoint https://{domain}/v1/: Get \"https://{domain}/v1/_ping\": {cause}"),
    };
    let error = Error::new(failure.kind(), message);
    match failure.clue() {
        Some(clue) => error.with_clue(clue.clone()),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_is_escaped() {
        assert_eq!(path("a b&n=9/ü", 25), "/v1/search?q=a+b%26n%3D9%2F%C3%BC&n=25");
    }

    #[test]
    fn nulls_and_gaps_are_nothing() {
        let text = r#"{"results":[{"name":"x","description":null,"star_count":null},{"name":"y","star_count":7,"is_official":true}],"page":1}"#;
        let reply: Reply = serde_json::from_str(text).unwrap();
        assert_eq!(
            (reply.results[0].description.as_str(), reply.results[0].star_count),
            ("", 0)
        );
        assert_eq!((reply.results[1].star_count, reply.results[1].is_official), (7, true));
    }
}
