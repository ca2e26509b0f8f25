//! Requests to one repository: their paths, what a token for them must be good for, and the words of their refusals.

use std::rc::Rc;

use reqwest::Method;
use reqwest::header::HeaderValue;
use tokio::sync::Mutex;

use super::hosts::Hosts;
use super::wire::{DENIED, Host, MANIFEST_UNKNOWN, NAME_UNKNOWN, Refusal, Request, Scope, Wording};
use crate::error::Error;
use crate::image::{Reference, Version};

/// The type of plain bytes.
pub(super) const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Who answers for a repository, and its name.
#[derive(Debug)]
pub(super) struct Requests {
    pub(super) hosts: Rc<Hosts>,
    pub(super) name: Reference,
    /// Held while a list of referrers that clients keep is read and written again: several manifests are put at once.
    pub(super) lists: Mutex<()>,
}

impl Requests {
    /// The registry itself, who alone answers for what is written.
    pub(super) fn main(&self) -> &Host {
        &self.hosts.main
    }

    /// A request to a path below this repository, by someone who reads.
    pub(super) fn reading(&self, method: Method, path: &str) -> Request {
        self.request(method, path).scopes([Scope::pull(self.name.path())])
    }

    /// A request to a path below this repository, by someone who writes.
    pub(super) fn writing(&self, method: Method, path: &str) -> Request {
        self.request(method, path)
            .scopes([Scope::push(self.name.path())])
            .worded(Wording::Bare)
    }

    fn request(&self, method: Method, path: &str) -> Request {
        Request::new(method, format!("/v2/{}/{path}", self.name.path()))
    }

    /// A refusal to someone who reads, in docker's final words.
    pub(super) fn refused_reading(&self, failure: &Refusal, version: Option<Version<'_>>) -> Error {
        let name = self.name.familiar_name();
        let said = failure.first_in_full();
        match failure.code() {
            Some(DENIED) if !failure.is_bare() => failure.error(format!(
                "pull access denied for {name}, repository does not exist or may require 'docker login': {said}"
            )),
            Some(NAME_UNKNOWN) => failure.error(format!("repository {name} not found: {said}")),
            Some(MANIFEST_UNKNOWN) => {
                let which = match version {
                    Some(Version::Tag(tag)) => format!("{name}:{tag}"),
                    Some(Version::Digest(digest)) => format!("{name}@{digest}"),
                    None => name.to_owned(),
                };
                failure.error(format!("manifest for {which} not found: {said}"))
            }
            _ => failure.first(),
        }
    }
}
