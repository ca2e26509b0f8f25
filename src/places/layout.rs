//! A folder with an OCI image layout as a place.

use std::path::Path;

use super::ends::{Answer, Destination, Incoming, Means, Origin, Receiver};
use super::place::Place;
use crate::content::{BlobReader, Opener, Outcome, Sink, Source};
use crate::error::{Clue, Error, Kind, Result};
use crate::image::nearest::nearest;
use crate::image::{Body, Descriptor, Digest, Manifest, Referral};
use crate::store::{Store, StoreWriter};

pub(super) struct LayoutFolder(Store);

impl LayoutFolder {
    pub(super) fn origin<'a>(folder: &'a Path, _: &'a Means<'a>) -> Answer<'a, Box<dyn Origin>> {
        let layout = Self(Store::at(folder.to_owned()));
        Box::pin(async { Ok(Box::new(layout) as Box<dyn Origin>) })
    }

    pub(super) fn destination(folder: &Path) -> Box<dyn Destination> {
        Box::new(Self(Store::at(folder.to_owned())))
    }

    /// A layout has no list of referrers: those that it lists itself are looked through.
    async fn referrers_of(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        let mut found: Vec<Descriptor> = Vec::new();
        for (_, listed) in self.0.names().labels()? {
            let Ok(manifest) = self.0.manifest(&listed.digest).await else {
                continue;
            };
            let referral = Referral::of(&manifest).filter(|referral| referral.subject == *subject);
            found.extend(referral.map(|referral| referral.referrer));
        }
        found.dedup_by(|a, b| a.digest == b.digest);
        Ok(found)
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

impl Source for LayoutFolder {
    async fn manifest(&self, digest: &Digest) -> Result<Manifest> {
        self.0.manifest(digest).await
    }

    async fn open(&self, blob: &Descriptor, from: u64) -> Result<BlobReader> {
        self.0.open(blob, from).await
    }
}

impl Origin for LayoutFolder {
    fn resolve<'a>(&'a self, name: &'a Place) -> Answer<'a, Manifest> {
        Box::pin(async move {
            let listed = chosen(self.0.names().labels()?, name)?;
            self.0.manifest(&listed.digest).await
        })
    }

    fn tags(&self) -> Answer<'_, Vec<String>> {
        Box::pin(async {
            Ok(self
                .0
                .names()
                .labels()?
                .into_iter()
                .filter_map(|(label, _)| label)
                .collect())
        })
    }

    fn referrers<'a>(&'a self, subject: &'a Digest) -> Answer<'a, Vec<Descriptor>> {
        Box::pin(self.referrers_of(subject))
    }
}

impl Destination for LayoutFolder {
    fn standing<'a>(&'a self, name: &'a Place) -> Answer<'a, Option<Digest>> {
        Box::pin(async move {
            let labels = self.0.names().labels()?.into_iter();
            let mut named = labels.filter(|(label, _)| label.as_deref() == name.tag());
            Ok(named.next().map(|(_, listed)| listed.digest))
        })
    }

    /// A layout may hold a manifest without its layers, and looking at those costs nothing.
    fn has_manifest<'a>(&'a self, digest: &'a Digest) -> Answer<'a, bool> {
        Box::pin(async move {
            Ok(match self.0.manifest(digest).await.map(|manifest| manifest.body) {
                Ok(Body::Image(image)) => {
                    let mut blobs = image.layers.iter().chain([&image.config]);
                    blobs.all(|blob| blob.is_foreign() || self.0.blobs().has_whole(blob))
                }
                Ok(Body::Index(_)) | Err(_) => false,
            })
        })
    }

    fn has_blob<'a>(&'a self, blob: &'a Descriptor) -> Answer<'a, bool> {
        Box::pin(async { Ok(self.0.blobs().has_whole(blob)) })
    }

    fn referrers<'a>(&'a self, subject: &'a Digest) -> Answer<'a, Vec<Descriptor>> {
        Box::pin(self.referrers_of(subject))
    }

    fn begin<'a>(&'a self, _: Incoming<'a>) -> Answer<'a, Box<dyn Receiver>> {
        Box::pin(async {
            let (store, writer) = (self.0.clone(), self.0.begin()?);
            Ok(Box::new(IntoLayout { store, writer }) as Box<dyn Receiver>)
        })
    }
}

struct IntoLayout {
    store: Store,
    writer: StoreWriter,
}

impl Sink for IntoLayout {
    async fn receive(&self, blob: &Descriptor, open: &Opener<'_>) -> Result<Outcome> {
        if blob.is_foreign() {
            return Ok(Outcome::Skipped);
        }
        if self.store.blobs().has_whole(blob) {
            return Ok(Outcome::AlreadyPresent);
        }
        self.writer.receive(blob, open).await
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<()> {
        self.writer.put_manifest(manifest).await
    }
}

impl Receiver for IntoLayout {
    fn name<'a>(self: Box<Self>, manifest: &'a Manifest, name: &'a Place) -> Answer<'a, ()> {
        Box::pin(async move {
            self.writer.put_manifest(manifest).await?;
            self.store.names().label(name.tag(), &manifest.descriptor)
        })
    }

    fn attach<'a>(&'a self, manifest: &'a Manifest) -> Answer<'a, ()> {
        Box::pin(async move {
            self.writer.put_manifest(manifest).await?;
            match Referral::of(manifest) {
                Some(referral) => self.store.names().label(None, &referral.referrer),
                None => Ok(()),
            }
        })
    }
}
