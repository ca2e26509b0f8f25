//! Where a copy comes from.

use std::ops::Range;

use crate::content::{BlobReader, Source, Span};
use crate::error::{Clue, Error, Kind, Result};
use crate::image::nearest::nearest;
use crate::image::{Descriptor, Digest, Manifest, Referral, Version};
use crate::registry::Repository;
use crate::store::Store;

use super::place::Place;
use super::unpacked::Unpacked;
use crate::places::with_nearest_tags;

pub(super) enum Origin {
    Repository(Repository),
    Layout(Store),
    Archive(Box<Unpacked>),
}

impl Origin {
    /// The manifest or index that a place stands for.
    pub(super) async fn resolve(&self, place: &Place) -> Result<Manifest> {
        match (self, place) {
            (Self::Repository(repository), Place::Registry(name)) => {
                let name = name.clone().or_latest();
                match repository.resolve(name.version()).await {
                    Ok(manifest) => Ok(manifest),
                    Err(e) => Err(with_nearest_tags(e, repository, &name).await),
                }
            }
            (Self::Layout(store), place) => {
                let listed = chosen(store.labels()?, place)?;
                store.manifest(&listed.digest).await
            }
            (Self::Archive(archive), place) => archive.image(place),
            (Self::Repository(_), place) => Err(Error::new(Kind::Usage, format!("{place} is not on a registry"))),
        }
    }

    /// All tags, in the order of the place.
    pub(super) async fn tags(&self) -> Result<Vec<String>> {
        match self {
            Self::Repository(repository) => repository.tags().await,
            Self::Layout(store) => Ok(store.labels()?.into_iter().filter_map(|(label, _)| label).collect()),
            Self::Archive(archive) => Ok(archive.names()),
        }
    }

    /// The manifests that speak of this one.
    pub(super) async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        match self {
            Self::Repository(repository) => repository.referrers(subject).await,
            Self::Layout(store) => referrers_in(store, subject).await,
            Self::Archive(_) => Ok(Vec::new()),
        }
    }
}

/// The image of a layout that is meant; without a name, its only one.
fn chosen(listed: Vec<(Option<String>, Descriptor)>, place: &Place) -> Result<Descriptor> {
    let labels: Vec<String> = listed.iter().filter_map(|(label, _)| label.clone()).collect();
    let (what, found) = match place.tag() {
        Some(wanted) => {
            let fits = |(label, it): &(Option<String>, Descriptor)| {
                label.as_deref() == Some(wanted) || it.digest.as_str() == wanted
            };
            (format!("{place} is not there"), listed.into_iter().find(fits))
        }
        None if labels.len() > 1 => (format!("{place} holds several images: name one"), None),
        None => {
            let mut images: Vec<_> = listed.into_iter().collect();
            images.sort_by_key(|(label, _)| label.is_none());
            (format!("{place} holds no image"), images.into_iter().next())
        }
    };
    let wanted = place.tag().unwrap_or_default();
    found.map_or_else(
        || {
            let clue = Clue::NearestTags(nearest(wanted, &labels, 5));
            Err(Error::new(Kind::NotFound, what).with_clue(clue))
        },
        |(_, descriptor)| Ok(descriptor),
    )
}

/// A layout has no list of referrers: those that it lists itself are looked through.
pub(super) async fn referrers_in(store: &Store, subject: &Digest) -> Result<Vec<Descriptor>> {
    let mut found: Vec<Descriptor> = Vec::new();
    for (_, listed) in store.labels()? {
        let Ok(manifest) = store.manifest(&listed.digest).await else {
            continue;
        };
        let referral = Referral::of(&manifest).filter(|referral| referral.subject == *subject);
        found.extend(referral.map(|referral| referral.referrer));
    }
    found.dedup_by(|a, b| a.digest == b.digest);
    Ok(found)
}

impl Source for Origin {
    async fn manifest(&self, digest: &Digest) -> Result<Manifest> {
        match self {
            Self::Repository(repository) => repository.resolve(Version::Digest(digest)).await,
            Self::Layout(store) => store.manifest(digest).await,
            Self::Archive(archive) => archive.manifest(digest).await,
        }
    }

    async fn open(&self, blob: &Descriptor, from: u64) -> Result<BlobReader> {
        match self {
            Self::Repository(repository) => repository.open(blob, from).await,
            Self::Layout(store) => store.open(blob, from).await,
            Self::Archive(archive) => archive.open(blob, from).await,
        }
    }

    fn has_spans(&self) -> bool {
        match self {
            Self::Repository(repository) => repository.has_spans(),
            Self::Layout(_) | Self::Archive(_) => false,
        }
    }

    async fn open_span(&self, blob: &Descriptor, bytes: Range<u64>) -> Result<Span> {
        match self {
            Self::Repository(repository) => repository.open_span(blob, bytes).await,
            Self::Layout(store) => store.open_span(blob, bytes).await,
            Self::Archive(archive) => archive.open_span(blob, bytes).await,
        }
    }
}
