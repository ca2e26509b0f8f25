//! How much room images take when unpacked: docker's SIZE. Worked out once a layer and remembered.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::error::{During, Error, Kind, Result};
use crate::image::{Descriptor, Digest, Size};
use crate::store::append_log;
use crate::store::blobs::{self, Blobs};
use crate::store::bytes::unpacked;
use crate::store::files;
use crate::store::images::catalog::Image;
use crate::store::images::manifest_cache::ManifestCache;
use crate::store::notes::summaries::Summary;

/// Layers that are unpacked at once.
const THREADS: usize = 2;

/// The sum of the layers' unpacked sizes in bytes for each image, in order. A layer that is there twice counts twice.
pub(in crate::store) fn sizes(images: &[&Image], blobs: &Blobs, cache: &ManifestCache) -> Vec<Result<Size>> {
    let seen: Vec<Result<Layers>> = images.iter().map(|image| Layers::of(&image.manifest, cache)).collect();
    let sizes = Sizes::of(seen.iter().flatten(), blobs);
    let total = |layers: Layers| {
        let mut layers = layers.each();
        layers.try_fold(Size::default(), |total, (layer, _)| Ok(total + sizes.get(layer)?))
    };
    seen.into_iter().map(|layers| layers.and_then(total)).collect()
}

/// The unpacked size in bytes of each layer of the image, base first.
pub(in crate::store) fn layer_sizes(image: &Image, blobs: &Blobs, cache: &ManifestCache) -> Result<Vec<Size>> {
    let layers = Layers::of(&image.manifest, cache)?;
    let sizes = Sizes::of([&layers], blobs);
    layers.each().map(|(layer, _)| sizes.get(layer)).collect()
}

/// The unpacked sizes of layers, known or just measured.
struct Sizes {
    known: HashMap<Digest, Size>,
    measured: HashMap<Digest, Measured>,
}

impl Sizes {
    fn of<'a>(images: impl IntoIterator<Item = &'a Layers>, blobs: &Blobs) -> Self {
        let noted = append_log::text(&blobs.layout().paths().sizes());
        let known: HashMap<Digest, Size> = append_log::facts(&noted)
            .filter_map(|(size, digest)| Some((digest, Size::parse(&noted[size])?)))
            .collect();
        let all = images.into_iter().flat_map(Layers::each);
        let unknown: HashSet<(&str, u64)> = all.filter(|(layer, _)| !known.contains_key(*layer)).collect();
        let unknown: Vec<Layer> = unknown.into_iter().filter_map(Layer::parse).collect();
        Self {
            measured: measure_all(&unknown, blobs),
            known,
        }
    }

    fn get(&self, layer: &str) -> Result<Size> {
        match (self.known.get(layer), self.measured.get(layer)) {
            (Some(size), _) | (None, Some(Ok(size))) => Ok(*size),
            (None, Some(Err((kind, why)))) => Err(Error::new(*kind, why.clone())),
            (None, None) => Ok(Size::default()),
        }
    }
}

struct Layer {
    digest: Digest,
    /// Packed, in bytes.
    size: u64,
}

impl Layer {
    fn parse((digest, size): (&str, u64)) -> Option<Self> {
        let digest = Digest::parse(digest).ok()?;
        Some(Self { digest, size })
    }
}

/// The layers of one image, base first.
struct Layers {
    summary: Option<Summary>,
    read: Vec<Descriptor>,
}

impl Layers {
    fn of(manifest: &Descriptor, cache: &ManifestCache) -> Result<Self> {
        let summary = cache.summary(&manifest.digest).ok().flatten();
        let read = match summary {
            Some(_) => Vec::new(),
            // Without its config an image still has layers.
            None => cache.one_image(manifest)?.layers,
        };
        Ok(Self { summary, read })
    }

    fn each(&self) -> impl Iterator<Item = (&str, u64)> {
        let read = self.read.iter().map(|layer| (layer.digest.as_str(), layer.size));
        self.summary.iter().flat_map(Summary::layers).chain(read)
    }
}

/// A size, or why there is none: kind and words, since several images may have to tell it.
type Measured = Result<Size, (Kind, String)>;

fn measure_all(layers: &[Layer], blobs: &Blobs) -> HashMap<Digest, Measured> {
    let next = AtomicUsize::new(0);
    let measured = Mutex::new(HashMap::new());
    let work = || {
        while let Some(layer) = layers.get(next.fetch_add(1, Ordering::Relaxed)) {
            let size = measure(layer, blobs).map_err(|e| (e.kind(), e.to_string()));
            if let Ok(size) = &size {
                // A store that cannot be written to forgets: the next time costs the work again.
                let _ = append_log::append(
                    &blobs.layout().paths().sizes(),
                    [(size.shown(|bytes| bytes.to_string()), &layer.digest)],
                );
            }
            let mut measured = measured.lock().unwrap_or_else(PoisonError::into_inner);
            measured.insert(layer.digest.clone(), size);
        }
    };
    thread::scope(|scope| {
        for _ in 1..THREADS.min(layers.len()) {
            scope.spawn(work);
        }
        work();
    });
    measured.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// What the layer unpacks to, in bytes; what is no tar archive counts as it is.
fn measure(layer: &Layer, blobs: &Blobs) -> Result<Size> {
    let (file, size) = blobs.open(&layer.digest)?;
    if size != layer.size {
        let how = format!("it has {size} bytes, not {}", layer.size);
        return Err(blobs::damaged(&layer.digest, &how));
    }
    match unpacked::size(file) {
        Ok(unpacked) => Ok(unpacked.unwrap_or(Size::Exactly(size))),
        Err(e) if e.raw_os_error().is_some() => {
            let path = blobs.layout().paths().blob(&layer.digest);
            Err(files::at(&path)(e)).during(format!("unpacking blob {}", layer.digest))
        }
        Err(e) => Err(Error::new(Kind::Corrupt, e.to_string())).during(format!("unpacking blob {}", layer.digest)),
    }
}
