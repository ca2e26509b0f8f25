//! What manifests say of others: their children, and the one that they are about.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers>

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::Server;
use super::super::http::query::Query;
use super::super::http::refusal::Refusal;
use super::super::http::reply::{Answer, json as json_reply};
use super::super::retention::off_thread;
use super::route::Name;
use crate::error::Result;
use crate::image::graph::{self, Limits, Walk};
use crate::image::manifest::{OCI_INDEX, OCI_MANIFEST};
use crate::image::{Descriptor, Digest, Manifest, Reference, null};
use crate::store::{Named, Store};

/// Facts that are kept: a few hundred bytes each.
const MOST: usize = 20_000;

/// What matters of manifests here, by digest. They never change, so neither does this.
/// Clones share what they know.
#[derive(Clone, Default)]
pub(in crate::server) struct Subjects(Arc<Mutex<HashMap<Digest, Arc<Facts>>>>);

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
    fn known(&self) -> MutexGuard<'_, HashMap<Digest, Arc<Facts>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The facts of a manifest that is here and can be read.
    pub(in crate::server) fn of(&self, digest: &Digest, store: &Store) -> Option<Arc<Facts>> {
        if let Some(known) = self.known().get(digest) {
            return Some(Arc::clone(known));
        }
        let raw = store.blobs().read(digest).ok()?;
        let facts = Facts {
            size: raw.len() as u64,
            ..serde_json::from_slice::<Facts>(&raw).ok()?
        };
        let facts = Arc::new(facts);
        let mut known = self.known();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(digest.clone(), Arc::clone(&facts));
        Some(facts)
    }

    /// Whether one of these names leads to the manifest. What may have to read much is done off the thread that serves.
    pub(in crate::server) async fn lead(&self, named: &[Named], digest: &Digest, store: &Store) -> Result<bool> {
        if documents(named).any(|document| document == digest) {
            return Ok(true);
        }
        let roots: Vec<Digest> = documents(named).cloned().collect();
        let (subjects, digest, store) = (self.clone(), digest.clone(), store.clone());
        off_thread(move || {
            let mut walk = Walk::of_digests(roots, Limits::NONE)?;
            while let Some(node) = walk.next_unread() {
                let Some(facts) = subjects.of(&node.digest, &store) else {
                    continue;
                };
                if facts.manifests.iter().any(|child| child.digest == digest) {
                    return Ok(true);
                }
                walk.answer(&node, &facts.manifests)?;
            }
            Ok(false)
        })
        .await
    }

    /// That an index is no deeper and no larger with all below it than anyone can follow.
    pub(in crate::server) async fn check_shape(&self, index: &Manifest, store: &Store) -> Result<()> {
        let (root, children) = (index.descriptor.clone(), graph::children(index).cloned());
        let (children, subjects, store) = (children.collect::<Vec<_>>(), self.clone(), store.clone());
        off_thread(move || {
            let mut walk = Walk::new([&root], Limits::IMAGE)?;
            if let Some(root) = walk.next_unread() {
                walk.answer(&root, &children)?;
            }
            while let Some(node) = walk.next_unread() {
                if let Some(facts) = subjects.of(&node.digest, &store) {
                    walk.answer(&node, &facts.manifests)?;
                }
            }
            walk.into_levels().map(drop)
        })
        .await
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
        let repositories = self.store.names().repositories()?;
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
