//! How much room images take when unpacked: docker's SIZE. Worked out once a layer and remembered.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::blobs;
use super::catalog::Image;
use super::documents::Documents;
use super::layout::Layout;
use super::{ledger, unpacked};
use crate::error::{During, Error, Kind, Result};
use crate::image::{Descriptor, Digest};

/// Layers that are unpacked at once.
const THREADS: usize = 2;

/// The sum of the layers' unpacked sizes in bytes for each image, in order. A layer that is there twice counts twice.
pub(super) fn sizes(images: &[&Image], layout: &Layout, documents: &Documents) -> Vec<Result<u64>> {
    let layers: Vec<Result<Vec<Descriptor>>> = images
        .iter()
        .map(|image| documents.target(&image.manifest).map(|target| target.layers))
        .collect();
    let known: HashMap<Digest, u64> = ledger::read(&layout.sizes())
        .into_iter()
        .filter_map(|(size, digest)| Some((digest, size.parse().ok()?)))
        .collect();
    let mut unknown: HashMap<&Digest, &Descriptor> = HashMap::new();
    for layer in layers.iter().flatten().flatten() {
        if let (Entry::Vacant(place), false) = (unknown.entry(&layer.digest), known.contains_key(&layer.digest)) {
            place.insert(layer);
        }
    }
    let measured = measure_all(&unknown.into_values().collect::<Vec<_>>(), layout);
    let size_of = |layer: &Descriptor| match (known.get(&layer.digest), measured.get(&layer.digest)) {
        (Some(size), _) | (None, Some(Ok(size))) => Ok(*size),
        (None, Some(Err((kind, why)))) => Err(Error::new(*kind, why.clone())),
        (None, None) => Ok(0),
    };
    let total = |layers: Vec<Descriptor>| layers.iter().map(size_of).sum();
    layers.into_iter().map(|layers| layers.and_then(total)).collect()
}

/// A size, or why there is none: kind and words, since several images may have to tell it.
type Measured = Result<u64, (Kind, String)>;

fn measure_all(layers: &[&Descriptor], layout: &Layout) -> HashMap<Digest, Measured> {
    let next = AtomicUsize::new(0);
    let measured = Mutex::new(HashMap::new());
    let work = || {
        while let Some(layer) = layers.get(next.fetch_add(1, Ordering::Relaxed)) {
            let size = measure(layer, layout).map_err(|e| (e.kind(), e.to_string()));
            if let Ok(size) = &size {
                // A store that cannot be written to forgets: the next time costs the work again.
                let _ = ledger::append(&layout.sizes(), [(size.to_string(), &layer.digest)]);
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
fn measure(layer: &Descriptor, layout: &Layout) -> Result<u64> {
    let (file, size) = blobs::open(layout, &layer.digest)?;
    if size != layer.size {
        let how = format!("it has {size} bytes, not {}", layer.size);
        return Err(blobs::damaged(&layer.digest, &how));
    }
    match unpacked::size(file) {
        Ok(unpacked) => Ok(unpacked.unwrap_or(size)),
        Err(e) => Err(Error::new(Kind::Corrupt, e.to_string())).during(format!("unpacking blob {}", layer.digest)),
    }
}
