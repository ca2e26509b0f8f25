//! A repository: the images of one name.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::rc::Rc;

use tokio::sync::Mutex;

use super::blobs::{self, Blobs};
use super::hosts::Hosts;
use super::listing;
use super::manifests::Manifests;
use super::pages::Listed;
use super::referrers::Referrers;
use super::refused_manifests;
use super::removal::remove_tag;
use super::requests::Requests;
use super::uploads::Uploads;
use crate::content::{BlobReader, Memory, Opener, Outcome, Sink, Source, Span};
use crate::error::Result;
use crate::image::{Descriptor, Digest, Manifest, Reference, Referral, Version};

/// One name on a registry. Clones share what is known of half-done uploads.
#[derive(Clone)]
pub struct Repository {
    requests: Rc<Requests>,
    blobs: Blobs,
    uploads: Uploads,
}

impl Repository {
    pub(super) fn new(hosts: &Rc<Hosts>, name: &Reference) -> Self {
        let requests = Rc::new(Requests {
            hosts: hosts.clone(),
            name: name.without_version(),
            lists: Mutex::default(),
        });
        Self {
            blobs: Blobs::new(&requests),
            uploads: Uploads::new(&requests),
            requests,
        }
    }

    /// The same repository, with other repositories of this registry that are known to hold a blob: it is linked
    /// from there instead of sent, where the registry allows it.
    #[must_use]
    pub fn mounting_from(self, sources: HashMap<Digest, Vec<String>>) -> Self {
        let uploads = self.uploads.mounting_from(sources);
        Self { uploads, ..self }
    }

    /// The same repository, with half-done uploads that are remembered between runs: they are gone on with where the
    /// registry allows it.
    #[must_use]
    pub fn remembering(self, memory: Memory) -> Self {
        let uploads = self.uploads.remembering(memory);
        Self { uploads, ..self }
    }

    /// The manifest or index of a tag or digest. Errors are in docker's final words for pull.
    pub async fn resolve(&self, version: Version<'_>) -> Result<Manifest> {
        self.manifests().read(version).await
    }

    /// The manifest or index as the registry itself has it, asked for as `docker manifest` asks: no mirror, and failures
    /// in the registry's own words.
    pub async fn document(&self, version: Version<'_>) -> Result<Manifest> {
        self.manifests().read_from_registry(version).await
    }

    /// The digest that a tag stands for, without its manifest: the Hub does not count this as a pull. None when the
    /// registry does not tell.
    pub async fn head(&self, version: Version<'_>) -> Result<Option<Digest>> {
        self.manifests().head(version).await
    }

    /// The digest that a name stands for: by its manifest, where the registry does not tell it otherwise.
    pub async fn digest(&self, version: Version<'_>) -> Result<Digest> {
        match self.head(version).await? {
            Some(digest) => Ok(digest),
            None => self.resolve(version).await.map(|it| it.digest().clone()),
        }
    }

    /// The digest that stands under a version; none where nothing does, or the registry does not say.
    pub async fn standing(&self, version: Version<'_>) -> Result<Option<Digest>> {
        self.manifests().standing(version).await
    }

    /// Gives a manifest a name: what makes a push count. Its blobs and children are there already.
    pub async fn put_tag(&self, manifest: &Manifest, tag: &str) -> Result<()> {
        self.requests.name.at_tag(tag)?;
        let manifests = self.manifests();
        match manifests.put(manifest, tag).await? {
            Ok(unlisted) => self.list_referral(unlisted).await,
            Err(refusal) => {
                self.uploads.miss(refusal.lacking());
                refused_manifests::of_tag(manifests, &self.uploads, manifest, tag, &refusal).await
            }
        }
    }

    /// Takes away a manifest, and with it every tag that stands for it.
    pub async fn remove_manifest(&self, digest: &Digest) -> Result<()> {
        self.manifests().remove(digest).await
    }

    /// All tags, in the order of the registry, for whoever acts on them.
    pub async fn tags(&self) -> Result<Vec<String>> {
        self.list_tags().await?.whole()
    }

    /// The tags as far as they came, in the order of the registry.
    pub async fn list_tags(&self) -> Result<Listed<String>> {
        listing::tags(&self.requests).await
    }

    /// Takes away a tag and nothing else. False where the registry cannot do that: 2.8 can remove digests only.
    pub async fn remove_tag(&self, tag: &str) -> Result<bool> {
        remove_tag(&self.requests, tag).await
    }

    /// The manifests that speak of `subject`.
    pub async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        self.lists_of_referrers().list(subject).await
    }

    /// Takes a manifest that was just removed from the list of its subject, where the registry keeps none by itself
    /// (<https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#deleting-manifests>).
    pub async fn unlist_referrer(&self, referral: &Referral) -> Result<()> {
        self.lists_of_referrers().remove(referral).await
    }

    /// Whether the blob is there. A registry that does not say is taken to lack it: the upload will tell why.
    pub async fn has_blob(&self, blob: &Descriptor) -> Result<bool> {
        blobs::exists(&self.requests, blob).await
    }

    fn manifests(&self) -> Manifests<'_> {
        Manifests {
            requests: &self.requests,
        }
    }

    fn lists_of_referrers(&self) -> Referrers<'_> {
        Referrers {
            manifests: self.manifests(),
        }
    }

    async fn list_referral(&self, unlisted: Option<Referral>) -> Result<()> {
        match unlisted {
            Some(unlisted) => self.lists_of_referrers().add(&unlisted).await,
            None => Ok(()),
        }
    }
}

/// Its name alone: the URLs of half-done uploads may be signed.
impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Repository").field(&self.requests.name).finish()
    }
}

impl Source for Repository {
    async fn manifest(&self, digest: &Digest) -> Result<Manifest> {
        self.resolve(Version::Digest(digest)).await
    }

    async fn open(&self, blob: &Descriptor, from: u64) -> Result<BlobReader> {
        let Span { bytes, stream } = self.blobs.open(blob, from..blob.size).await?;
        let offset = bytes.start;
        Ok(BlobReader { offset, stream })
    }

    fn has_spans(&self) -> bool {
        true
    }

    async fn open_span(&self, blob: &Descriptor, bytes: Range<u64>) -> Result<Span> {
        self.blobs.open(blob, bytes).await
    }
}

impl Sink for Repository {
    async fn look_for(&self, blob: &Descriptor) -> Result<Option<Outcome>> {
        self.uploads.look_for(blob).await
    }

    async fn receive(&self, blob: &Descriptor, open: &Opener<'_>) -> Result<Outcome> {
        self.uploads.receive(blob, open).await
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<()> {
        match self.manifests().put(manifest, manifest.digest().as_str()).await? {
            Ok(unlisted) => self.list_referral(unlisted).await,
            Err(refusal) => {
                self.uploads.miss(refusal.lacking());
                Err(refused_manifests::explained(
                    self.manifests().host(),
                    manifest,
                    &refusal,
                ))
            }
        }
    }
}
