//! A repository of a registry as a place.

use std::ops::Range;

use super::ends::{Answer, Destination, Incoming, Means, Origin, Receiver};
use super::place::Place;
use crate::content::{BlobReader, Memory, Opener, Outcome, Sink, Source, Span};
use crate::error::{Clue, Error, Kind, Result};
use crate::image::nearest::nearest;
use crate::image::{Descriptor, Digest, Manifest, Reference, Version};
use crate::registry::Repository;
use crate::store::Store;

/// How many names are offered.
const OFFERED: usize = 5;

/// One repository, with what the store remembers of half-done uploads to it.
pub(super) struct OnRegistry {
    repository: Repository,
    name: Reference,
    store: Store,
}

impl OnRegistry {
    pub(super) fn origin<'a>(place: &'a Place, means: &'a Means<'a>) -> Answer<'a, Box<dyn Origin>> {
        Box::pin(async {
            let name = place.name()?;
            let repository = means.registries.at(name.domain())?.repository(&name);
            let store = means.store.clone();
            Ok(Box::new(Self {
                repository,
                name,
                store,
            }) as Box<dyn Origin>)
        })
    }

    pub(super) fn destination(place: &Place, means: &Means<'_>) -> Result<Box<dyn Destination>> {
        let name = place.name()?;
        let limit = means.store.notes().body_limit(name.domain());
        let registry = means.registries.at(name.domain())?.bounded_by(limit);
        Ok(Box::new(Self {
            repository: registry.repository(&name),
            store: means.store.clone(),
            name,
        }))
    }

    fn memory(&self) -> Memory {
        self.store.notes().push_sessions(self.name.domain(), self.name.path())
    }
}

impl Source for OnRegistry {
    async fn manifest(&self, digest: &Digest) -> Result<Manifest> {
        self.repository.manifest(digest).await
    }

    async fn open(&self, blob: &Descriptor, from: u64) -> Result<BlobReader> {
        self.repository.open(blob, from).await
    }

    fn has_spans(&self) -> bool {
        self.repository.has_spans()
    }

    async fn open_span(&self, blob: &Descriptor, bytes: Range<u64>) -> Result<Span> {
        self.repository.open_span(blob, bytes).await
    }
}

impl Origin for OnRegistry {
    fn resolve<'a>(&'a self, name: &'a Place) -> Answer<'a, Manifest> {
        Box::pin(async move {
            let name = name.name()?;
            match self.repository.resolve(name.version()).await {
                Ok(manifest) => Ok(manifest),
                Err(e) => Err(with_nearest_tags(e, &self.repository, &name).await),
            }
        })
    }

    fn tags(&self) -> Answer<'_, Vec<String>> {
        Box::pin(self.repository.tags())
    }

    fn referrers<'a>(&'a self, subject: &'a Digest) -> Answer<'a, Vec<Descriptor>> {
        Box::pin(self.repository.referrers(subject))
    }
}

impl Destination for OnRegistry {
    fn standing<'a>(&'a self, name: &'a Place) -> Answer<'a, Option<Digest>> {
        Box::pin(async move { self.repository.standing(name.name()?.version()).await })
    }

    fn has_manifest<'a>(&'a self, digest: &'a Digest) -> Answer<'a, bool> {
        Box::pin(async move { Ok(self.repository.standing(Version::Digest(digest)).await?.is_some()) })
    }

    fn has_blob<'a>(&'a self, blob: &'a Descriptor) -> Answer<'a, bool> {
        Box::pin(self.repository.has_blob(blob))
    }

    fn referrers<'a>(&'a self, subject: &'a Digest) -> Answer<'a, Vec<Descriptor>> {
        Box::pin(self.repository.referrers(subject))
    }

    fn begin<'a>(&'a self, incoming: Incoming<'a>) -> Answer<'a, Box<dyn Receiver>> {
        let repository = self.repository.clone().mounting_from(incoming.mounts.clone());
        let repository = repository.remembering(self.memory());
        Box::pin(async { Ok(Box::new(IntoRepository(repository)) as Box<dyn Receiver>) })
    }
}

struct IntoRepository(Repository);

impl Sink for IntoRepository {
    async fn look_for(&self, blob: &Descriptor) -> Result<Option<Outcome>> {
        self.0.look_for(blob).await
    }

    async fn receive(&self, blob: &Descriptor, open: &Opener<'_>) -> Result<Outcome> {
        self.0.receive(blob, open).await
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<()> {
        self.0.put_manifest(manifest).await
    }
}

impl Receiver for IntoRepository {
    fn name<'a>(self: Box<Self>, manifest: &'a Manifest, name: &'a Place) -> Answer<'a, ()> {
        Box::pin(async move {
            match name.name()?.version() {
                Version::Tag(tag) => self.0.put_tag(manifest, tag).await,
                Version::Digest(_) => self.0.put_manifest(manifest).await,
            }
        })
    }

    fn attach<'a>(&'a self, manifest: &'a Manifest) -> Answer<'a, ()> {
        Box::pin(self.put_manifest(manifest))
    }
}

/// The error that `name` is not there, with the repository's nearest tags where it lists any.
pub async fn with_nearest_tags(error: Error, repository: &Repository, name: &Reference) -> Error {
    let is_missing = error.kind() == Kind::NotFound && error.clue().is_none() && name.digest().is_none();
    let Some(tag) = name.tag().filter(|_| is_missing) else {
        return error;
    };
    match repository.tags().await {
        Ok(tags) if !tags.is_empty() => error.with_clue(Clue::NearestTags(nearest(tag, &tags, OFFERED))),
        _ => error,
    }
}
