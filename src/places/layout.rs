//! A folder with an OCI image layout as a place. It is read where it lies, whoever it belongs to; to write to it, it must
//! be one's own.

use std::path::Path;

use super::ends::{Answer, Destination, Incoming, Means, Origin, Receiver};
use super::place::Place;
use super::store::{Content, has_image, referrers, referrers_among};
use crate::archive::{self, Folder};
use crate::content::{BlobReader, Opener, Outcome, Sink, Source};
use crate::error::{Clue, Error, Kind, Result};
use crate::image::annotations::REF_NAME;
use crate::image::nearest::nearest;
use crate::image::{Descriptor, Digest, Manifest, Referral};
use crate::store::Store;

/// A layout that is read.
pub(super) struct LayoutFolder(Folder);

impl LayoutFolder {
    pub(super) fn origin<'a>(place: &'a Place, _: &'a Means<'a>) -> Answer<'a, Box<dyn Origin>> {
        Box::pin(async { Ok(Box::new(Self(Folder::at(place.path()?))) as Box<dyn Origin>) })
    }

    pub(super) fn destination(place: &Place, _: &Means<'_>) -> Result<Box<dyn Destination>> {
        Ok(Box::new(OwnLayout::at(place.path()?)))
    }

    fn listed(&self) -> Result<Vec<Descriptor>> {
        Ok(archive::manifests(&self.0)?.unwrap_or_default())
    }
}

/// The name that an image has in a layout: any text
/// (<https://github.com/opencontainers/image-spec/blob/main/annotations.md#pre-defined-annotation-keys>).
fn label(listed: &Descriptor) -> Option<&str> {
    listed.annotations.get(REF_NAME)
}

/// The image of a layout that is meant; without a name, its only one.
fn chosen(listed: &[Descriptor], place: &Place) -> Result<Descriptor> {
    let labels: Vec<String> = listed.iter().filter_map(label).map(str::to_owned).collect();
    let (what, found) = match place.tag() {
        Some(wanted) => {
            let fits = |it: &&Descriptor| label(it) == Some(wanted) || it.digest.as_str() == wanted;
            (format!("{place} is not there"), listed.iter().find(fits))
        }
        None if labels.len() > 1 => (format!("{place} holds several images: name one"), None),
        None => {
            let named = listed.iter().find(|it| label(it).is_some());
            (format!("{place} holds no image"), named.or(listed.first()))
        }
    };
    let wanted = place.tag().unwrap_or_default();
    found.cloned().ok_or_else(|| {
        let clue = Clue::NearestTags(nearest(wanted, &labels, 5));
        Error::new(Kind::NotFound, what).with_clue(clue)
    })
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
            let listed = chosen(&self.listed()?, name)?;
            self.0.manifest(&listed.digest).await
        })
    }

    fn tags(&self) -> Answer<'_, Vec<String>> {
        Box::pin(async { Ok(self.listed()?.iter().filter_map(label).map(str::to_owned).collect()) })
    }

    fn referrers<'a>(&'a self, subject: &'a Digest) -> Answer<'a, Vec<Descriptor>> {
        Box::pin(async move {
            let listed = self.listed()?.into_iter().map(|listed| listed.digest);
            Ok(referrers_among(listed, subject, |digest| self.0.manifest_of(digest)))
        })
    }
}

/// A layout that is written to.
struct OwnLayout(Store);

impl OwnLayout {
    fn at(folder: &Path) -> Self {
        Self(Store::at(folder.to_owned()))
    }
}

impl Destination for OwnLayout {
    fn standing<'a>(&'a self, name: &'a Place) -> Answer<'a, Option<Digest>> {
        Box::pin(async move {
            let labels = self.0.names().labels()?.into_iter();
            let mut named = labels.filter(|(label, _)| label.as_deref() == name.tag());
            Ok(named.next().map(|(_, listed)| listed.digest))
        })
    }

    fn has_manifest<'a>(&'a self, digest: &'a Digest) -> Answer<'a, bool> {
        Box::pin(async { Ok(has_image(&self.0, digest)) })
    }

    fn has_blob<'a>(&'a self, blob: &'a Descriptor) -> Answer<'a, bool> {
        Box::pin(async { Ok(self.0.blobs().has_whole(blob)) })
    }

    fn referrers<'a>(&'a self, subject: &'a Digest) -> Answer<'a, Vec<Descriptor>> {
        Box::pin(async { referrers(&self.0, subject) })
    }

    fn begin<'a>(&'a self, _: Incoming<'a>) -> Answer<'a, Box<dyn Receiver>> {
        Box::pin(async {
            let content = Content::begin(&self.0).map_err(in_folder)?;
            Ok(Box::new(IntoLayout(content)) as Box<dyn Receiver>)
        })
    }
}

/// What would free room in the user's store frees none here.
fn in_folder(error: Error) -> Error {
    match error.clue() {
        Some(Clue::DiskFull { folder, .. }) => {
            let folder = folder.clone();
            error.with_clue(Clue::NoRoom { folder })
        }
        _ => error,
    }
}

struct IntoLayout(Content);

impl Sink for IntoLayout {
    async fn receive(&self, blob: &Descriptor, open: &Opener<'_>) -> Result<Outcome> {
        self.0.receive(blob, open).await.map_err(in_folder)
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<()> {
        self.0.put_manifest(manifest).await.map_err(in_folder)
    }
}

impl Receiver for IntoLayout {
    fn name<'a>(self: Box<Self>, manifest: &'a Manifest, name: &'a Place) -> Answer<'a, ()> {
        Box::pin(async move {
            self.put_manifest(manifest).await?;
            let named = self.0.store.names().label(name.tag(), &manifest.descriptor);
            named.map_err(in_folder)
        })
    }

    fn attach<'a>(&'a self, manifest: &'a Manifest) -> Answer<'a, ()> {
        Box::pin(async move {
            self.put_manifest(manifest).await?;
            match Referral::of(manifest) {
                Some(referral) => self.0.store.names().label(None, &referral.referrer).map_err(in_folder),
                None => Ok(()),
            }
        })
    }
}
