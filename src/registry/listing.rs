//! Lists that come in pages: a repository's tags, a registry's repositories.

use std::collections::HashSet;

use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::hosts::Hosts;
use super::requests::Requests;
use super::wire::{Failure, Host, Request, Scope, headers, same_origin};
use crate::error::{Clue, Error, Kind, Result};
use crate::image::Reference;

/// The largest page that is read, in bytes.
const MAX_PAGE: usize = 8 << 20;
/// The largest list, in bytes over all pages, and the most pages: a server must not keep us for ever.
const MAX_LIST: usize = 128 << 20;
pub(super) const MAX_PAGES: usize = 10_000;
/// The most pages in a row that bring nothing new; some registries filter what a user may see after they cut pages.
const MAX_BARREN_PAGES: usize = 100;
/// As many tags a page as ECR allows; asking for more is an error there.
const TAGS_A_PAGE: u32 = 1000;

/// The names of all repositories, where the registry offers such a list.
pub(super) async fn catalog(hosts: &Hosts) -> Result<Vec<String>> {
    // Registry 2.8 refuses any page size above its own.
    let request = Request::new(Method::GET, "/v2/_catalog").scopes([Scope::catalog()]);
    let names = match all_pages(&hosts.main, request, "repositories").await? {
        Ok(names) => names,
        Err(failure) => return Err(no_catalog(hosts, &failure)),
    };
    let domain = &hosts.domain;
    let is_name = |name: &String| {
        let parsed = Reference::parse(&format!("{domain}/{name}"));
        parsed.is_ok_and(|parsed| parsed.path() == name)
    };
    Ok(names.into_iter().filter(is_name).collect())
}

fn no_catalog(hosts: &Hosts, failure: &Failure) -> Error {
    match failure.status {
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            let message = format!("{} does not list its repositories", hosts.domain);
            Error::new(Kind::Unsupported, message)
        }
        _ => failure.first(),
    }
}

/// All tags, in the order of the registry.
pub(super) async fn tags(requests: &Requests) -> Result<Vec<String>> {
    let paged = requests.reading(Method::GET, &format!("tags/list?n={TAGS_A_PAGE}"));
    let host = requests.main();
    let tags = match all_pages(host, paged, "tags").await? {
        // Some registries have a page size of their own and refuse a larger one.
        Err(failure) if failure.status == StatusCode::BAD_REQUEST => {
            all_pages(host, requests.reading(Method::GET, "tags/list"), "tags").await?
        }
        result => result,
    };
    let tags = tags.map_err(|failure| requests.refused_reading(&failure, None))?;
    // Artifactory lists digests among the tags (skopeo#2346).
    let is_tag = |tag: &String| requests.name.at_tag(tag).is_ok();
    Ok(tags.into_iter().filter(is_tag).collect())
}

/// The texts under `member` on this page and all that follow.
async fn all_pages(host: &Host, first: Request, member: &str) -> Result<Result<Vec<String>, Failure>> {
    let mut texts = Vec::new();
    let mut seen = HashSet::new();
    let mut length = 0;
    let mut barren_pages = 0;
    let mut request = first;
    loop {
        let page = match host.fetch(&request, MAX_PAGE).await? {
            Ok(page) => page,
            Err(failure) => return Ok(Err(failure)),
        };
        length += page.body.len();
        let list: Value = serde_json::from_slice(&page.body).map_err(|_| {
            let message = format!("the list of {member} is not valid JSON");
            let host = host.endpoint.domain.clone();
            Error::new(Kind::Corrupt, message).with_clue(Clue::NoRegistry { host })
        })?;
        // Nexus has null among the tags (skopeo#2409), and registry 2.8 null for a list without any.
        let entries = list
            .get(member)
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let count = texts.len();
        texts.extend(entries.iter().filter_map(Value::as_str).map(str::to_owned));
        let is_barren = texts.len() == count || texts.last() == count.checked_sub(1).map(|last| &texts[last]);
        barren_pages = if is_barren { barren_pages + 1 } else { 0 };
        seen.insert(page.url.clone());
        let next = headers::next_page(&page.headers, &page.url)
            .filter(|next| same_origin(next, &page.url) && !seen.contains(next));
        let Some(next) = next else {
            return Ok(Ok(texts));
        };
        if length > MAX_LIST || seen.len() >= MAX_PAGES || barren_pages >= MAX_BARREN_PAGES {
            let message = format!("the list of {member} has no end");
            return Err(Error::new(Kind::Unsupported, message));
        }
        request = Request::to(Method::GET, next).scopes(request.scopes);
    }
}
