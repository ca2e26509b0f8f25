//! What manifests say of others: their children, their blobs, and the one that they are about.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::super::backing::Backing;
use super::byte_cache::ByteCache;
use super::referrals::{About, Referrals};
use crate::error::Result;
use crate::image::graph::{self, Limits, Walk};
use crate::image::manifest::{OCI_INDEX, OCI_MANIFEST};
use crate::image::{Descriptor, Digest, Manifest, Reference};
use crate::store::Named;

/// Bytes of facts that are kept; of an image with ten layers they are some 2 KiB.
const MOST: usize = 16 << 20;

/// What matters of one manifest.
pub(in crate::server) struct Facts {
    media_type: Option<String>,
    /// The type that a referrer's descriptor has: its own, else the config's.
    pub(in crate::server) artifact_type: Option<String>,
    pub(in crate::server) subject: Option<Digest>,
    pub(in crate::server) annotations: Option<Box<RawValue>>,
    pub(in crate::server) size: u64,
    has_config: bool,
    /// Digests and sizes, no more.
    children: Vec<Descriptor>,
    blobs: Vec<Digest>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(rename = "mediaType")]
    media_type: Option<String>,
    #[serde(rename = "artifactType")]
    artifact_type: Option<String>,
    config: Option<Config>,
    subject: Option<Subject>,
    annotations: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Config {
    #[serde(rename = "mediaType")]
    media_type: Option<String>,
}

#[derive(Deserialize)]
struct Subject {
    digest: Digest,
}

impl Facts {
    fn read(raw: Bytes, digest: &Digest) -> Option<Self> {
        let said = serde_json::from_slice::<Said>(&raw).ok()?;
        let size = raw.len() as u64;
        // What is no manifest that rdock knows leads nowhere.
        let manifest = Manifest::parse(raw, None, Some(digest)).ok();
        let lean = |child: &Descriptor| Descriptor::new("", child.digest.clone(), child.size);
        let config_type = said.config.as_ref().and_then(|config| config.media_type.clone());
        let annotations = said
            .annotations
            .and_then(|it| serde_json::value::to_raw_value(&it).ok());
        Some(Self {
            media_type: said.media_type.filter(|text| !text.is_empty()),
            artifact_type: said.artifact_type.filter(|text| !text.is_empty()).or(config_type),
            subject: said.subject.map(|subject| subject.digest),
            annotations,
            size,
            has_config: said.config.is_some(),
            children: manifest.iter().flat_map(graph::children).map(lean).collect(),
            blobs: manifest
                .iter()
                .flat_map(graph::blobs)
                .map(|blob| blob.digest.clone())
                .collect(),
        })
    }

    pub(in crate::server) fn media_type(&self) -> &str {
        match &self.media_type {
            Some(media_type) => media_type,
            None if self.has_config => OCI_MANIFEST,
            None => OCI_INDEX,
        }
    }

    /// How many bytes they take, and no less.
    fn weight(&self) -> usize {
        let texts = [&self.media_type, &self.artifact_type].into_iter().flatten();
        let texts: usize = texts.map(String::len).sum();
        let annotations = self.annotations.as_ref().map_or(0, |it| it.get().len());
        let digest = 160;
        let child = size_of::<Descriptor>() + digest;
        size_of::<Self>() + 4 * digest + texts + annotations + self.children.len() * child + self.blobs.len() * digest
    }
}

/// The facts of manifests that are here, by digest. They never change. Clones share what they know. All methods block:
/// they may have to read much.
#[derive(Clone)]
pub(in crate::server) struct FactsCache {
    facts: Arc<Mutex<ByteCache<Digest, Arc<Facts>>>>,
    referrals: Referrals,
}

impl Default for FactsCache {
    fn default() -> Self {
        Self {
            facts: Arc::new(Mutex::new(ByteCache::new(MOST))),
            referrals: Referrals::default(),
        }
    }
}

impl FactsCache {
    /// The facts of a manifest that is here and can be read.
    pub(in crate::server) fn of<B: Backing>(&self, store: &B, digest: &Digest) -> Option<Arc<Facts>> {
        let cache = || self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = cache().get(digest) {
            return Some(known);
        }
        let facts = Arc::new(Facts::read(store.document(digest).ok()?, digest)?);
        cache().put(digest.clone(), Arc::clone(&facts), facts.weight());
        Some(facts)
    }

    /// Which manifests of this repository are about which.
    pub(in crate::server) fn referrals<B: Backing>(&self, store: &B, repository: &Reference) -> Result<Arc<About>> {
        let names = store.repositories()?;
        let documents = documents(names.of(repository).unwrap_or_default());
        let subject = |digest: &Digest| self.of(store, digest)?.subject.clone();
        Ok(self.referrals.of(&names, repository, documents, subject))
    }

    /// All that these manifests lead to, they themselves among it, as far as it is here and can be read.
    pub(in crate::server) fn below<B: Backing>(&self, store: &B, roots: Vec<Digest>) -> Result<HashSet<Digest>> {
        let mut digests = HashSet::new();
        let mut walk = Walk::of_digests(roots, Limits::NONE)?;
        while let Some(node) = walk.next_unread() {
            if let Some(facts) = self.of(store, &node.digest) {
                digests.extend(facts.blobs.iter().cloned());
                walk.answer(&node, &facts.children)?;
            }
            digests.insert(node.digest);
        }
        Ok(digests)
    }

    /// Whether one of these names leads to the manifest.
    pub(in crate::server) fn lead<B: Backing>(&self, store: &B, named: &[Named], digest: &Digest) -> Result<bool> {
        if documents(named).any(|document| document == digest) {
            return Ok(true);
        }
        let mut walk = Walk::of_digests(roots(Some(named)), Limits::NONE)?;
        while let Some(node) = walk.next_unread() {
            let Some(facts) = self.of(store, &node.digest) else {
                continue;
            };
            if facts.children.iter().any(|child| child.digest == *digest) {
                return Ok(true);
            }
            walk.answer(&node, &facts.children)?;
        }
        Ok(false)
    }

    /// Checks that an index is no deeper and no larger with all below it than anyone can follow.
    pub(in crate::server) fn check_shape<B: Backing>(&self, store: &B, index: &Manifest) -> Result<()> {
        let mut walk = Walk::new([&index.descriptor], Limits::IMAGE)?;
        if let Some(root) = walk.next_unread() {
            walk.answer(&root, graph::children(index))?;
        }
        while let Some(node) = walk.next_unread() {
            if let Some(facts) = self.of(store, &node.digest) {
                walk.answer(&node, &facts.children)?;
            }
        }
        walk.into_levels().map(drop)
    }
}

/// The manifests that names stand for: what was pulled by the digest of an index stands for one image of it.
pub(in crate::server) fn documents(named: &[Named]) -> impl Iterator<Item = &Digest> {
    named
        .iter()
        .flat_map(|it| it.name.digest().into_iter().chain([&it.manifest.digest]))
}

/// The documents at which a walk over a repository begins; none for one that there is not.
pub(in crate::server) fn roots(named: Option<&[Named]>) -> Vec<Digest> {
    documents(named.unwrap_or_default()).cloned().collect()
}
