//! What every place is to a job: an origin that images come from, a destination that they go to, or both.

use std::collections::HashMap;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

use super::place::Place;
use crate::content::{BlobReader, Opener, Outcome, Sink, Source, Span};
use crate::error::{Clue, Error, Kind, Result};
use crate::image::{Descriptor, Digest, ImageConfig, ImageManifest, Manifest, Platform};
use crate::progress::Progress;
use crate::registry::Registries;
use crate::store::Store;
use crate::transfer;

/// What a place answers, in time.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + 'a>>;

/// What places are opened with.
pub struct Means<'a> {
    pub registries: &'a Registries,
    /// The user's own store: scratch space for archives, and what is remembered of registries.
    pub store: Store,
    /// Watches the reading of archives.
    pub progress: Arc<dyn Progress>,
}

/// A repository, folder or file that images come from.
pub trait Origin: AnySource {
    /// The manifest or index that a name of this place stands for.
    fn resolve<'a>(&'a self, name: &'a Place) -> Answer<'a, Manifest>;

    /// All tags, in the order of the place.
    fn tags(&self) -> Answer<'_, Vec<String>>;

    /// The manifests that speak of this one.
    fn referrers<'a>(&'a self, subject: &'a Digest) -> Answer<'a, Vec<Descriptor>>;
}

/// A repository, folder or file that images go to.
pub trait Destination {
    /// The digest that stands under a name of this place now.
    fn standing<'a>(&'a self, name: &'a Place) -> Answer<'a, Option<Digest>>;

    /// Whether the image is here with all that it needs, or is known to need nothing.
    fn has_manifest<'a>(&'a self, digest: &'a Digest) -> Answer<'a, bool>;

    fn has_blob<'a>(&'a self, blob: &'a Descriptor) -> Answer<'a, bool>;

    /// The manifests that speak of this one.
    fn referrers<'a>(&'a self, subject: &'a Digest) -> Answer<'a, Vec<Descriptor>>;

    /// Begins to take in one image.
    fn begin<'a>(&'a self, incoming: Incoming<'a>) -> Answer<'a, Box<dyn Receiver>>;

    /// How many blobs it can take in at once, where that is limited.
    fn streams(&self) -> Option<usize> {
        None
    }
}

/// An image on its way.
#[derive(Clone, Copy)]
pub struct Incoming<'a> {
    pub root: &'a Manifest,
    pub from: (&'a Place, &'a dyn Origin),
    pub to: &'a Place,
    /// The repositories on the destination's registry that are known to hold a blob.
    pub mounts: &'a HashMap<Digest, Vec<String>>,
}

/// Takes in one image.
pub trait Receiver: AnySink {
    /// Gives the image its name, or lists it by its digest alone. Nothing of it is to be seen before.
    fn name<'a>(self: Box<Self>, manifest: &'a Manifest, name: &'a Place) -> Answer<'a, ()>;

    /// Takes in a manifest that speaks of another one, whose content is here.
    fn attach<'a>(&'a self, manifest: &'a Manifest) -> Answer<'a, ()>;
}

/// A [`Source`] of any sort, behind a pointer.
pub trait AnySource {
    fn any_manifest<'a>(&'a self, digest: &'a Digest) -> Answer<'a, Manifest>;
    fn any_open<'a>(&'a self, blob: &'a Descriptor, from: u64) -> Answer<'a, BlobReader>;
    fn any_has_spans(&self) -> bool;
    fn any_open_span<'a>(&'a self, blob: &'a Descriptor, bytes: Range<u64>) -> Answer<'a, Span>;
}

impl<T: Source> AnySource for T {
    fn any_manifest<'a>(&'a self, digest: &'a Digest) -> Answer<'a, Manifest> {
        Box::pin(self.manifest(digest))
    }

    fn any_open<'a>(&'a self, blob: &'a Descriptor, from: u64) -> Answer<'a, BlobReader> {
        Box::pin(self.open(blob, from))
    }

    fn any_has_spans(&self) -> bool {
        self.has_spans()
    }

    fn any_open_span<'a>(&'a self, blob: &'a Descriptor, bytes: Range<u64>) -> Answer<'a, Span> {
        Box::pin(self.open_span(blob, bytes))
    }
}

impl Source for &(dyn Origin + '_) {
    async fn manifest(&self, digest: &Digest) -> Result<Manifest> {
        (**self).any_manifest(digest).await
    }

    async fn open(&self, blob: &Descriptor, from: u64) -> Result<BlobReader> {
        (**self).any_open(blob, from).await
    }

    fn has_spans(&self) -> bool {
        (**self).any_has_spans()
    }

    async fn open_span(&self, blob: &Descriptor, bytes: Range<u64>) -> Result<Span> {
        (**self).any_open_span(blob, bytes).await
    }
}

/// A [`Sink`] of any sort, behind a pointer.
pub trait AnySink {
    fn any_look_for<'a>(&'a self, blob: &'a Descriptor) -> Answer<'a, Option<Outcome>>;
    fn any_receive<'a>(&'a self, blob: &'a Descriptor, open: &'a Opener<'_>) -> Answer<'a, Outcome>;
    fn any_put_manifest<'a>(&'a self, manifest: &'a Manifest) -> Answer<'a, ()>;
}

impl<T: Sink> AnySink for T {
    fn any_look_for<'a>(&'a self, blob: &'a Descriptor) -> Answer<'a, Option<Outcome>> {
        Box::pin(self.look_for(blob))
    }

    fn any_receive<'a>(&'a self, blob: &'a Descriptor, open: &'a Opener<'_>) -> Answer<'a, Outcome> {
        Box::pin(self.receive(blob, open))
    }

    fn any_put_manifest<'a>(&'a self, manifest: &'a Manifest) -> Answer<'a, ()> {
        Box::pin(self.put_manifest(manifest))
    }
}

impl Sink for &(dyn Receiver + '_) {
    async fn look_for(&self, blob: &Descriptor) -> Result<Option<Outcome>> {
        (**self).any_look_for(blob).await
    }

    async fn receive(&self, blob: &Descriptor, open: &Opener<'_>) -> Result<Outcome> {
        (**self).any_receive(blob, open).await
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<()> {
        (**self).any_put_manifest(manifest).await
    }
}

/// Refuses an image for another platform than the wanted one. Without an index, its config says what it is for.
pub async fn check_platform(source: &impl Source, image: &ImageManifest, wanted: &Platform) -> Result<()> {
    let config = ImageConfig::parse(&transfer::read(source, &image.config).await?)?;
    if config.platform.distance_to(wanted).is_some() {
        return Ok(());
    }
    let message = format!("the image is not for {wanted}");
    Err(Error::new(Kind::NotFound, message).with_clue(Clue::Platforms(vec![config.platform.to_string()])))
}
