//! What the bytes mean: names, images, what leads to what, and what may go.

pub(in crate::store) mod catalog;
pub(in crate::store) mod check;
pub(in crate::store) mod contents;
pub(in crate::store) mod index;
pub(in crate::store) mod lookup;
pub(in crate::store) mod manifest_cache;
pub(in crate::store) mod names;
pub(in crate::store) mod naming;
pub(in crate::store) mod nearest;
pub(in crate::store) mod reach;
pub(in crate::store) mod removal;
pub(in crate::store) mod repositories;
pub(in crate::store) mod sweep;
pub(in crate::store) mod usage;

use std::collections::HashSet;
use std::sync::Arc;
use std::thread;

use bytes::Bytes;

use crate::error::{During, Result};
use crate::image::graph::{self, Limits, Walk};
use crate::image::{Body, Descriptor, Digest, ImageConfig, ImageManifest, Manifest, Size};
use crate::store::blobs::Blobs;
use crate::store::files;
use crate::tarball::content_digest;
use catalog::{Group, Image};
use index::Index;
use lookup::Found;
use manifest_cache::ManifestCache;
use reach::Reach;

/// The images of one store, to be looked at. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Images {
    blobs: Blobs,
    cache: Arc<ManifestCache>,
}

impl Images {
    pub(in crate::store) fn new(blobs: Blobs, cache: Arc<ManifestCache>) -> Self {
        Self { blobs, cache }
    }

    pub(in crate::store) fn cache(&self) -> &ManifestCache {
        &self.cache
    }

    /// All images, newest first, then by name. One that cannot be used is among them, with its fault.
    pub fn all(&self) -> Result<Vec<Image>> {
        // Both files may be long: they are read at the same time.
        let index = thread::scope(|scope| {
            scope.spawn(|| self.cache.look_over_summaries());
            Index::read(self.blobs.layout())
        })?;
        let groups = catalog::group(index.into_listed(), &self.cache);
        let into_image = |group: Group| group.into_image(&self.cache);
        let mut images: Vec<Image> = groups.into_iter().map(into_image).collect();
        catalog::sort(&mut images);
        self.cache.keep_summaries();
        Ok(images)
    }

    /// The image that `text` means: an ID or the digest of a manifest, a stored name, or the beginning of one ID only.
    pub fn find(&self, text: &str) -> Result<Found> {
        let found = lookup::find(text, &Index::read(self.blobs.layout())?, &self.cache);
        self.cache.keep_summaries();
        found
    }

    /// The stored manifest with this digest.
    pub fn manifest(&self, digest: &Digest) -> Result<Manifest> {
        self.cache.manifest(digest).map(|manifest| (*manifest).clone())
    }

    /// The config of an image; one that is no image's config (an artifact's) reads as an empty one.
    pub fn config(&self, image: &ImageManifest) -> Result<ImageConfig> {
        self.cache.config(&image.config).map(|config| (*config).clone())
    }

    /// The config of a listed image.
    pub fn config_of(&self, image: &Image) -> Result<ImageConfig> {
        let target = self.cache.one_image(&image.manifest)?;
        self.cache.config(&target.config).map(|config| (*config).clone())
    }

    /// The config of the image as it is stored: JSON, unless the image is an artifact.
    pub fn config_text(&self, image: &Image) -> Result<Bytes> {
        let target = self.cache.one_image(&image.manifest)?;
        self.blobs.read(&target.config.digest)
    }

    /// Docker's SIZE in bytes for each image, in order: what its layers unpack to. Layers seen for the first time
    /// are unpacked, two at a time.
    pub fn sizes(&self, images: &[&Image]) -> Vec<Result<Size>> {
        usage::sizes(images, &self.blobs, &self.cache)
    }

    /// What each layer of the image unpacks to in bytes, base first.
    pub fn layer_sizes(&self, image: &Image) -> Result<Vec<Size>> {
        usage::layer_sizes(image, &self.blobs, &self.cache)
    }

    /// Every blob that is here and that an image leads to.
    pub fn held(&self) -> Result<HashSet<Digest>> {
        let index = Index::read(self.blobs.layout())?;
        let mut digests = Reach::of_index(&index, &self.cache)?.into_digests();
        digests.retain(|digest| self.blobs.has(digest));
        Ok(digests)
    }

    /// Whether all that a named image needs is here: of an index, everything it leads to.
    pub fn is_whole(&self, image: &Descriptor) -> bool {
        self.has_all_below(image).unwrap_or_default()
    }

    fn has_all_below(&self, image: &Descriptor) -> Result<bool> {
        let mut walk = Walk::new([image], Limits::NONE)?;
        while let Some(node) = walk.next_unread() {
            let manifest = self.cache.manifest(&node.digest)?;
            if !graph::blobs(&manifest).all(|blob| self.blobs.has_whole(blob)) {
                return Ok(false);
            }
            walk.answer(&node, graph::children(&manifest))?;
        }
        Ok(true)
    }

    /// A layer of one of the images that unpacks to this diff ID. What a config says of it is not believed: the layer
    /// is unpacked.
    pub fn layer_of(&self, diff_id: &Digest) -> Result<Option<Descriptor>> {
        for image in self.all()? {
            let Ok(Body::Image(body)) = self.manifest(&image.manifest.digest).map(|it| it.body) else {
                continue;
            };
            let Ok(config) = self.config(&body) else {
                continue;
            };
            let place = config.diff_ids.iter().position(|known| known == diff_id);
            let layer = place.and_then(|place| body.layers.get(place));
            if let Some(layer) = layer.filter(|layer| self.blobs.has_whole(layer))
                && self.unpacks_to(&layer.digest, diff_id)?
            {
                return Ok(Some(layer.clone()));
            }
        }
        Ok(None)
    }

    fn unpacks_to(&self, layer: &Digest, diff_id: &Digest) -> Result<bool> {
        let (file, _) = self.blobs.open(layer)?;
        let actual = content_digest(file, diff_id.algorithm())
            .map_err(files::at(&self.blobs.layout().paths().blob(layer)))
            .during(format!("unpacking blob {layer}"))?;
        Ok(actual == *diff_id)
    }
}
