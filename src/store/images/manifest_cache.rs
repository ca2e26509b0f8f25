//! The manifests and configs of the store, each read and parsed once; what is remembered of most is enough.

use std::fs;
use std::sync::Arc;

use crate::error::{Error, Kind, Result};
use crate::image::{Body, Descriptor, Digest, ImageConfig, Manifest, Platform};
use crate::store::blobs::Blobs;
use crate::store::bounded_cache::BoundedCache;
use crate::store::notes::summaries::{Summaries, Summary};

/// The config of an artifact that has none (<https://github.com/opencontainers/image-spec/blob/main/manifest.md#guidance-for-an-empty-descriptor>):
/// it tells no two artifacts apart.
const EMPTY_CONFIG: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

/// What is remembered takes no more memory, in bytes, however many manifests a registry is sent. Thousands of images as
/// they usually are fit in.
const MOST_MANIFESTS: usize = 32 << 20;
const MOST_CONFIGS: usize = 16 << 20;

/// What a document of this length takes when it is parsed, in bytes: its text, and each of its strings once more.
fn weight(length: usize) -> usize {
    length.saturating_mul(4).saturating_add(1 << 10)
}

/// Manifests and configs by digest. They never change, so neither do these answers; failures are not kept.
#[derive(Debug)]
pub(in crate::store) struct ManifestCache {
    blobs: Blobs,
    manifests: BoundedCache<Arc<Manifest>>,
    configs: BoundedCache<Arc<ImageConfig>>,
    summaries: Summaries,
}

/// The one image an index entry leads to.
#[derive(Debug)]
pub(in crate::store) struct OneImage {
    pub(in crate::store) manifest: Descriptor,
    pub(in crate::store) config: Descriptor,
    pub(in crate::store) layers: Vec<Descriptor>,
}

impl OneImage {
    /// The image ID: the config's digest, or the manifest's where the config is the empty one.
    pub(in crate::store) fn id(&self) -> &Digest {
        id(&self.manifest.digest, &self.config.digest)
    }
}

fn id<'a>(manifest: &'a Digest, config: &'a Digest) -> &'a Digest {
    if config.as_str() == EMPTY_CONFIG {
        manifest
    } else {
        config
    }
}

impl ManifestCache {
    pub(in crate::store) fn new(blobs: Blobs) -> Self {
        Self {
            blobs,
            manifests: BoundedCache::new(MOST_MANIFESTS),
            configs: BoundedCache::new(MOST_CONFIGS),
            summaries: Summaries::default(),
        }
    }

    pub(in crate::store) fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    pub(in crate::store) fn manifest(&self, digest: &Digest) -> Result<Arc<Manifest>> {
        if let Some(manifest) = self.manifests.get(digest) {
            return Ok(manifest);
        }
        let raw = self.blobs.read(digest)?;
        let manifest = Arc::new(Manifest::parse(raw, None, Some(digest))?);
        self.manifests
            .put(digest, Arc::clone(&manifest), weight(manifest.raw.len()));
        Ok(manifest)
    }

    /// What `images` and `rmi` need to know of the image with this manifest; `None` for an index.
    pub(in crate::store) fn summary(&self, manifest: &Digest) -> Result<Option<Summary>> {
        if let Some(summary) = self.summaries.of(&self.blobs, manifest) {
            return Ok(Some(summary));
        }
        let manifest = self.manifest(manifest)?;
        let Body::Image(image) = &manifest.body else {
            return Ok(None);
        };
        let config = self.config(&image.config)?;
        let summary = self.summaries.add(&self.blobs, &manifest.descriptor, image, &config);
        Ok(Some(summary))
    }

    /// The one image behind an entry, as `one_image` finds it, and its summary.
    pub(in crate::store) fn glance(&self, entry: &Descriptor) -> Result<(Descriptor, Summary)> {
        if let Some(summary) = self.summary(&entry.digest)? {
            let manifest = Descriptor {
                platform: entry.platform.clone(),
                ..Descriptor::new(summary.media_type(), entry.digest.clone(), summary.size())
            };
            return Ok((manifest, summary));
        }
        let manifest = self.one_image(entry)?.manifest;
        match self.summary(&manifest.digest)? {
            Some(summary) => Ok((manifest, summary)),
            None => Err(Error::new(
                Kind::Corrupt,
                format!("{} is an index of indexes", entry.digest),
            )),
        }
    }

    /// Reads what is remembered of all images and sees whether it still holds.
    pub(in crate::store) fn look_over_summaries(&self) {
        self.summaries.look_over(&self.blobs);
    }

    /// Lets other processes know what this one has read.
    pub(in crate::store) fn keep_summaries(&self) {
        self.summaries.keep(self.blobs.layout());
    }

    /// Frees the room of what is remembered: it is read again.
    pub(in crate::store) fn forget_summaries(&self) {
        // What cannot be freed is no worse than before.
        let _ = fs::remove_file(self.blobs.layout().paths().summaries());
    }

    /// Drops what is remembered of manifests that are not `live` any more.
    pub(in crate::store) fn shrink_summaries(&self, live: impl Fn(&Digest) -> bool) -> Result<()> {
        Summaries::shrink(self.blobs.layout(), live)
    }

    /// The image behind an entry: of an index, the one for this machine, or any that is here.
    pub(in crate::store) fn one_image(&self, entry: &Descriptor) -> Result<OneImage> {
        let manifest = self.manifest(&entry.digest)?;
        match &manifest.body {
            Body::Image(image) => Ok(OneImage {
                manifest: Descriptor {
                    platform: entry.platform.clone(),
                    ..manifest.descriptor.clone()
                },
                config: image.config.clone(),
                layers: image.layers.clone(),
            }),
            Body::Index(index) => {
                let best = index.choose(&Platform::host()).ok();
                let others = index.manifests.iter().filter(|child| !child.is_attestation());
                best.into_iter()
                    .chain(others)
                    .find_map(|child| self.child(child))
                    .ok_or_else(|| {
                        let index = &entry.digest;
                        Error::new(
                            Kind::NotFound,
                            format!("the store holds none of the images of index {index}"),
                        )
                    })
            }
        }
    }

    /// Whether an index names this manifest.
    pub(in crate::store) fn is_child(&self, manifest: &Digest, index: &Descriptor) -> bool {
        self.manifest(&index.digest).is_ok_and(|index| match &index.body {
            Body::Index(index) => index.manifests.iter().any(|child| child.digest == *manifest),
            Body::Image(_) => false,
        })
    }

    fn child(&self, child: &Descriptor) -> Option<OneImage> {
        let manifest = self.manifest(&child.digest).ok()?;
        matches!(manifest.body, Body::Image(_)).then(|| self.one_image(child).ok())?
    }

    /// What stands for the image in comparisons: its ID, or the entry's own digest where the manifest cannot be read.
    pub(in crate::store) fn id(&self, entry: &Descriptor) -> Digest {
        let summary = self.summary(&entry.digest).ok().flatten();
        if let Some(config) = summary.and_then(|summary| summary.config()) {
            return id(&entry.digest, &config).clone();
        }
        let Ok(manifest) = self.manifest(&entry.digest) else {
            return entry.digest.clone();
        };
        match &manifest.body {
            Body::Image(image) => id(&entry.digest, &image.config.digest).clone(),
            Body::Index(_) => self
                .one_image(entry)
                .map_or_else(|_| entry.digest.clone(), |target| target.id().clone()),
        }
    }

    /// The parsed config of an image; the default for one of an artifact's own sort.
    pub(in crate::store) fn config(&self, config: &Descriptor) -> Result<Arc<ImageConfig>> {
        if let Some(parsed) = self.configs.get(&config.digest) {
            return Ok(parsed);
        }
        let raw = self.blobs.read(&config.digest)?;
        let parsed = Arc::new(ImageConfig::parse_as(&config.media_type, &raw)?);
        self.configs.put(&config.digest, Arc::clone(&parsed), weight(raw.len()));
        Ok(parsed)
    }
}
