//! Where a copy goes.

use std::path::PathBuf;

use crate::content::{Opener, Outcome, Sink, Source};
use crate::error::{Clue, Error, Kind, Result};
use crate::image::{Body, Descriptor, Digest, Manifest, Referral, Version};
use crate::registry::Repository;
use crate::store::{Store, StoreWriter};

use super::origin::referrers_in;
use super::place::Place;
use super::tape::Tape;

pub(super) enum Target {
    Repository(Repository),
    /// A layout; the session begins with the first write.
    Layout(Store),
    /// A tar file, which is made anew.
    Archive(PathBuf),
}

impl Target {
    /// The digest that stands under a name now.
    pub(super) async fn standing(&self, place: &Place) -> Result<Option<Digest>> {
        match (self, place) {
            (Self::Repository(repository), Place::Registry(name)) => {
                repository.standing(name.clone().or_latest().version()).await
            }
            (Self::Layout(store), place) => {
                let labels = store.labels()?.into_iter();
                let mut named = labels.filter(|(label, _)| label.as_deref() == place.tag());
                Ok(named.next().map(|(_, listed)| listed.digest))
            }
            (Self::Archive(_), _) => Ok(None),
            (Self::Repository(_), place) => Err(Error::new(Kind::Usage, format!("{place} is not on a registry"))),
        }
    }

    pub(super) async fn has_manifest(&self, digest: &Digest) -> Result<bool> {
        match self {
            Self::Repository(repository) => Ok(repository.standing(Version::Digest(digest)).await?.is_some()),
            // A layout may hold a manifest without its layers, and looking at those costs nothing.
            Self::Layout(store) => Ok(match store.manifest(digest).await.map(|manifest| manifest.body) {
                Ok(Body::Image(image)) => {
                    let mut blobs = image.layers.iter().chain([&image.config]);
                    blobs.all(|blob| blob.is_foreign() || store.has_whole(blob))
                }
                Ok(Body::Index(_)) | Err(_) => false,
            }),
            Self::Archive(_) => Ok(false),
        }
    }

    pub(super) async fn has_blob(&self, blob: &Descriptor) -> Result<bool> {
        match self {
            Self::Repository(repository) => repository.has_blob(blob).await,
            Self::Layout(store) => Ok(store.has_whole(blob)),
            Self::Archive(_) => Ok(false),
        }
    }

    pub(super) async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        match self {
            Self::Repository(repository) => repository.referrers(subject).await,
            Self::Layout(store) => referrers_in(store, subject).await,
            Self::Archive(_) => Ok(Vec::new()),
        }
    }
}

/// Takes in one image.
pub(super) enum Receiver {
    Repository(Repository),
    Layout(Store, StoreWriter),
    Archive(Box<Tape>),
}

impl Receiver {
    /// Gives the image its name, or lists it by its digest alone: the commit point.
    pub(super) async fn name(self, manifest: &Manifest, place: &Place) -> Result<()> {
        match (self, place) {
            (Self::Repository(repository), Place::Registry(name)) => {
                let put = match name.clone().or_latest().version() {
                    Version::Tag(tag) => repository.put_tag(manifest, tag).await,
                    Version::Digest(_) => repository.put_manifest(manifest).await,
                };
                put.map_err(|e| refused(e, manifest))
            }
            (Self::Layout(store, session), place) => {
                session.put_manifest(manifest).await?;
                store.label(place.tag(), &manifest.descriptor)
            }
            (Self::Archive(tape), _) => tape.finish(manifest).await,
            (Self::Repository(_), place) => Err(Error::new(Kind::Usage, format!("{place} is not on a registry"))),
        }
    }

    /// Takes in a manifest that speaks of another one.
    pub(super) async fn attach(&self, manifest: &Manifest) -> Result<()> {
        self.put_manifest(manifest).await?;
        match (self, Referral::of(manifest)) {
            (Self::Layout(store, _), Some(referral)) => store.label(None, &referral.referrer),
            _ => Ok(()),
        }
    }
}

impl Sink for Receiver {
    async fn receive(&self, blob: &Descriptor, open: &Opener<'_>) -> Result<Outcome> {
        match self {
            Self::Repository(repository) => repository.receive(blob, open).await,
            Self::Layout(..) if blob.is_foreign() => Ok(Outcome::Skipped),
            Self::Layout(store, _) if store.has_whole(blob) => Ok(Outcome::AlreadyPresent),
            Self::Layout(_, session) => session.receive(blob, open).await,
            Self::Archive(tape) => tape.receive(blob, open).await,
        }
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<()> {
        match self {
            Self::Repository(repository) => repository.put_manifest(manifest).await,
            Self::Layout(_, session) => session.put_manifest(manifest).await,
            Self::Archive(tape) => tape.put_manifest(manifest).await,
        }
        .map_err(|e| refused(e, manifest))
    }
}

/// A registry that takes no such manifests (zot has no docker types, Quay none of them in an OCI index) says so in
/// many ways, few of them clear.
fn refused(error: Error, manifest: &Manifest) -> Error {
    if error.kind() != Kind::Unsupported {
        return error;
    }
    let media_type = manifest.descriptor.media_type.clone();
    error
        .during(format!(
            "the registry does not take this manifest, of type {media_type}"
        ))
        .with_clue(Clue::TypeRefused { media_type })
}
