//! A repository's tags, and a registry's repositories.

use std::collections::HashSet;

use reqwest::{Method, StatusCode};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::hosts::Hosts;
use super::pages::{List, Listed, MAX_NAMES, Names, NoList};
use super::requests::Requests;
use super::wire::{Refusal, Request, Scope, ShowLogin};
use crate::error::{Clue, Error, Kind, Result};
use crate::image::Reference;

/// As many tags a page as ECR allows; asking for more is an error there.
const TAGS_A_PAGE: u32 = 1000;

/// A page of tags. Any other JSON may come with 200 from what is no registry, or refuses in a way of its own. Go, and so
/// docker, takes the members' names in any case.
#[derive(Deserialize)]
struct Tags {
    #[serde(alias = "Name")]
    name: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "given", alias = "Tags")]
    tags: Option<Names>,
}

impl Tags {
    fn names(self) -> Option<Vec<String>> {
        match (self.tags, self.name) {
            (Some(Names(names)), _) => Some(names),
            (None, Some(_)) => Some(Vec::new()),
            (None, None) => None,
        }
    }
}

#[derive(Deserialize)]
struct Repositories {
    #[serde(default, deserialize_with = "given", alias = "Repositories")]
    repositories: Option<Names>,
}

/// A member that is there, be it null.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Names>, D::Error> {
    Names::deserialize(deserializer).map(Some)
}

/// The names of all repositories, where the registry offers such a list.
pub(super) async fn catalog(hosts: &Hosts) -> Result<Listed<String>> {
    // Registry 2.8 refuses any page size above its own.
    let request = Request::new(Method::GET, "/v2/_catalog")
        .scopes([Scope::catalog()])
        .show_login(ShowLogin::AtOnce);
    let domain = &hosts.domain;
    let is_name = |name: &String| {
        let parsed = Reference::parse(&format!("{domain}/{name}"));
        parsed.is_ok_and(|parsed| parsed.path() == name)
    };
    let list = of_names("list of repositories");
    let parse = |page: &[u8]| {
        let page: Repositories = serde_json::from_slice(page).ok()?;
        Some(page.repositories?.0.into_iter().filter(is_name).collect())
    };
    match list.read(&hosts.main, request, parse).await? {
        Ok(listed) => Ok(each_once(listed)),
        Err(NoList::Refused(failure)) => Err(no_catalog(hosts, &failure)),
        Err(NoList::Unreadable) => Err(unreadable(hosts, &list)),
    }
}

fn no_catalog(hosts: &Hosts, failure: &Refusal) -> Error {
    match failure.status {
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            let message = format!("{} does not list its repositories", hosts.domain);
            Error::new(Kind::Unsupported, message)
        }
        _ => failure.first(),
    }
}

/// The tags as far as they came, in the order of the registry.
pub(super) async fn tags(requests: &Requests) -> Result<Listed<String>> {
    let list = of_names("list of tags");
    let host = requests.main();
    // Artifactory lists digests among the tags (skopeo#2346).
    let is_tag = |tag: &String| requests.name.at_tag(tag).is_ok();
    let parse = |page: &[u8]| {
        let page: Tags = serde_json::from_slice(page).ok()?;
        Some(page.names()?.into_iter().filter(is_tag).collect())
    };
    let paged = requests.reading(Method::GET, &format!("tags/list?n={TAGS_A_PAGE}"));
    let tags = match list.read(host, paged, parse).await? {
        // Some registries have a page size of their own and refuse a larger one.
        Err(NoList::Refused(failure))
            if failure.status == StatusCode::BAD_REQUEST && failure.kind() != Kind::RateLimited =>
        {
            let unpaged = requests.reading(Method::GET, "tags/list");
            list.read(host, unpaged, parse).await?
        }
        result => result,
    };
    tags.map(each_once).map_err(|none| match none {
        NoList::Refused(failure) => requests.refused_reading(&failure, None),
        NoList::Unreadable => unreadable(&requests.hosts, &list),
    })
}

/// Pages may overlap.
fn each_once(mut listed: Listed<String>) -> Listed<String> {
    let mut seen = HashSet::new();
    listed.entries.retain(|name| seen.insert(name.clone()));
    listed
}

fn of_names(what: &str) -> List<'_> {
    List {
        what,
        max_page: 8 << 20,
        max_length: 128 << 20,
        max_entries: MAX_NAMES,
    }
}

fn unreadable(hosts: &Hosts, list: &List<'_>) -> Error {
    let host = hosts.domain.clone();
    Error::new(Kind::Corrupt, format!("the {} is not valid JSON", list.what)).with_clue(Clue::NoRegistry { host })
}
