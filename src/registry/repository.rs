//! A repository: the images of one name.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Range;
use std::rc::Rc;

use reqwest::Method;
use reqwest::header::HeaderValue;

use super::Registry;
use super::session::Uploads;
use super::wire::{DENIED, Failure, MANIFEST_UNKNOWN, NAME_UNKNOWN, Request, Scope, Shown};
use crate::content::{BlobReader, Memory, Opener, Outcome, Sink, Source, Span};
use crate::error::{Error, Result};
use crate::image::{Descriptor, Digest, Manifest, Reference, Version};

/// One name on a registry. Clones share what is known of half-done uploads.
#[derive(Clone)]
pub struct Repository {
    pub(super) registry: Registry,
    pub(super) name: Reference,
    mounts: Rc<HashMap<Digest, Vec<String>>>,
    /// Blobs that were read from their first byte.
    pub(super) read: Rc<RefCell<HashSet<Digest>>>,
    pub(super) begun: Rc<Uploads>,
    pub(super) memory: Option<Memory>,
}

impl Repository {
    pub(super) fn new(registry: Registry, name: Reference, mounts: HashMap<Digest, Vec<String>>) -> Self {
        Self {
            registry,
            name,
            mounts: Rc::new(mounts),
            read: Rc::default(),
            begun: Rc::default(),
            memory: None,
        }
    }

    /// The same repository, with other repositories of this registry that are known to hold a blob: it is linked
    /// from there instead of sent, where the registry allows it.
    #[must_use]
    pub fn mounting_from(self, sources: HashMap<Digest, Vec<String>>) -> Self {
        Self::new(self.registry, self.name, sources)
    }

    /// The same repository, with half-done uploads that are remembered between runs: they are gone on with where the
    /// registry allows it.
    #[must_use]
    pub fn remembering(self, memory: Memory) -> Self {
        let memory = Some(memory);
        Self { memory, ..self }
    }

    /// Other repositories that hold this blob.
    pub(super) fn sources_of<'a>(&'a self, digest: &Digest) -> impl Iterator<Item = &'a String> {
        let known = self.mounts.get(digest).map(Vec::as_slice).unwrap_or_default();
        known.iter().filter(|source| *source != self.name.path())
    }

    /// A request to a path below this repository, by someone who reads.
    pub(super) fn reading(&self, method: Method, path: &str) -> Request {
        self.request(method, path).scopes([Scope::pull(self.name.path())])
    }

    /// A request to a path below this repository, by someone who writes.
    pub(super) fn writing(&self, method: Method, path: &str) -> Request {
        self.request(method, path)
            .scopes([Scope::push(self.name.path())])
            .shown(Shown::Not)
    }

    fn request(&self, method: Method, path: &str) -> Request {
        Request::new(method, format!("/v2/{}/{path}", self.name.path()))
    }

    /// A refusal to someone who reads, in docker's final words.
    pub(super) fn refused_reading(&self, failure: &Failure, version: Option<Version<'_>>) -> Error {
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

/// Its name alone: the URLs of half-done uploads may be signed.
impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Repository").field(&self.name).finish()
    }
}

impl Source for Repository {
    async fn manifest(&self, digest: &Digest) -> Result<Manifest> {
        self.resolve(Version::Digest(digest)).await
    }

    async fn open(&self, blob: &Descriptor, from: u64) -> Result<BlobReader> {
        let Span { bytes, stream } = self.open_blob(blob, from..blob.size).await?;
        let offset = bytes.start;
        Ok(BlobReader { offset, stream })
    }

    fn has_spans(&self) -> bool {
        true
    }

    async fn open_span(&self, blob: &Descriptor, bytes: Range<u64>) -> Result<Span> {
        self.open_blob(blob, bytes).await
    }
}

impl Sink for Repository {
    async fn look_for(&self, blob: &Descriptor) -> Result<Option<Outcome>> {
        self.look_for(blob).await
    }

    async fn receive(&self, blob: &Descriptor, open: &Opener<'_>) -> Result<Outcome> {
        self.receive_blob(blob, open).await
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<()> {
        self.put(manifest, manifest.digest().as_str()).await
    }
}

/// A media type as a header line; what cannot stand in one becomes the type of plain bytes.
pub(super) fn media_type(text: &str) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(OCTETS)
}

pub(super) const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");
