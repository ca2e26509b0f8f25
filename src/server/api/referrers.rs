//! What manifests say of others: their children, and the one that they are about.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers>

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use hyper::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::Server;
use super::super::http::query::Query;
use super::super::http::refusal::Refusal;
use super::super::http::reply::{Answer, json as json_reply};
use super::route::Name;
use crate::image::manifest::{OCI_INDEX, OCI_MANIFEST};
use crate::image::{Descriptor, Digest, Reference, null};
use crate::store::{Named, Store};

/// Facts that are kept: a few hundred bytes each.
const MOST: usize = 20_000;
/// An index in an index in an index.
const DEEPEST: u8 = 4;

/// What matters of manifests here, by digest. They never change, so neither does this.
#[derive(Default)]
pub(in crate::server) struct Subjects(RefCell<HashMap<Digest, Rc<Facts>>>);

/// What one document says of itself.
#[derive(Deserialize)]
pub(in crate::server) struct Facts {
    #[serde(rename = "mediaType")]
    media_type: Option<String>,
    #[serde(rename = "artifactType")]
    artifact_type: Option<String>,
    config: Option<Config>,
    #[serde(default, deserialize_with = "null::or_default")]
    pub(in crate::server) manifests: Vec<Descriptor>,
    pub(in crate::server) subject: Option<Descriptor>,
    annotations: Option<Map<String, Value>>,
    #[serde(skip)]
    size: u64,
}

#[derive(Deserialize)]
struct Config {
    #[serde(rename = "mediaType")]
    media_type: Option<String>,
}

impl Subjects {
    /// The facts of a manifest that is here and can be read.
    pub(in crate::server) fn of(&self, digest: &Digest, store: &Store) -> Option<Rc<Facts>> {
        if let Some(known) = self.0.borrow().get(digest) {
            return Some(Rc::clone(known));
        }
        let raw = store.document(digest).ok()?;
        let facts = Facts {
            size: raw.len() as u64,
            ..serde_json::from_slice::<Facts>(&raw).ok()?
        };
        let facts = Rc::new(facts);
        let mut known = self.0.borrow_mut();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(digest.clone(), Rc::clone(&facts));
        Some(facts)
    }

    /// Whether one of these names leads to the manifest.
    pub(in crate::server) fn lead(&self, named: &[Named], digest: &Digest, store: &Store) -> bool {
        documents(named).any(|document| document == digest)
            || documents(named).any(|document| self.has_child(document, digest, store, DEEPEST))
    }

    fn has_child(&self, document: &Digest, digest: &Digest, store: &Store, depth: u8) -> bool {
        let Some(facts) = self.of(document, store).filter(|_| depth > 0) else {
            return false;
        };
        facts
            .manifests
            .iter()
            .any(|child| child.digest == *digest || self.has_child(&child.digest, digest, store, depth - 1))
    }
}

impl Facts {
    pub(in crate::server) fn media_type(&self) -> &str {
        match &self.media_type {
            Some(media_type) if !media_type.is_empty() => media_type,
            _ if self.config.is_none() => OCI_INDEX,
            _ => OCI_MANIFEST,
        }
    }

    /// As a referrer's descriptor has it: its own type, else the config's.
    fn artifact_type(&self) -> Option<&str> {
        let of_config = || self.config.as_ref().and_then(|config| config.media_type.as_deref());
        self.artifact_type
            .as_deref()
            .filter(|text| !text.is_empty())
            .or_else(of_config)
    }

    fn descriptor(&self, digest: &Digest) -> Value {
        let mut descriptor = json!({ "mediaType": self.media_type(), "digest": digest, "size": self.size });
        if let Some(artifact_type) = self.artifact_type() {
            descriptor["artifactType"] = artifact_type.into();
        }
        if let Some(annotations) = &self.annotations {
            descriptor["annotations"] = Value::Object(annotations.clone());
        }
        descriptor
    }
}

/// The manifests that names stand for: what was pulled by the digest of an index stands for one image of it.
pub(in crate::server) fn documents(named: &[Named]) -> impl Iterator<Item = &Digest> {
    named
        .iter()
        .flat_map(|it| it.name.digest().into_iter().chain([&it.manifest.digest]))
}

impl Server {
    /// What is here about this manifest, whether that is here or not.
    pub(in crate::server) fn referrers(&self, name: &Name, digest: &Digest, query: &Query) -> Answer {
        if self.upstream.is_some() {
            // What is here is not all there is; without this page clients ask for the tag that stands in for it.
            return Err(Refusal::not_found("a cache does not list referrers"));
        }
        let wanted = query.first("artifactType").filter(|text| !text.is_empty());
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        let repositories = self.store.repositories()?;
        let named = repositories.of(&name.repository).unwrap_or_default();
        for document in documents(named).filter(|document| seen.insert(*document)) {
            if let Some(facts) = self.subjects.of(document, &self.store)
                && facts.subject.as_ref().is_some_and(|subject| subject.digest == *digest)
                && wanted.is_none_or(|wanted| facts.artifact_type() == Some(wanted))
            {
                found.push(facts.descriptor(document));
            }
        }
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": found });
        let mut reply = json_reply(index.to_string());
        let headers = reply.headers_mut();
        headers.insert(hyper::header::CONTENT_TYPE, HeaderValue::from_static(OCI_INDEX));
        if wanted.is_some() {
            let filters = HeaderName::from_static("oci-filters-applied");
            headers.insert(filters, HeaderValue::from_static("artifactType"));
        }
        Ok(reply)
    }

    /// Names of an index's children that say no more than the index itself will: pushed by digest, about nothing.
    pub(in crate::server) fn covered(&self, repository: &Reference, children: &[Descriptor]) -> Vec<Reference> {
        let is_about = |child: &Descriptor| {
            let facts = self.subjects.of(&child.digest, &self.store);
            facts.is_some_and(|facts| facts.subject.is_some())
        };
        children
            .iter()
            .filter(|child| !is_about(child))
            .map(|child| repository.at_digest(&child.digest))
            .collect()
    }
}
