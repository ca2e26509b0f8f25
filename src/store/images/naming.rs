//! Giving names to images: a name moves, and an image that lost its last name stays as a dangling one.

use std::collections::HashSet;

use crate::image::{Descriptor, Digest, Reference};
use crate::store::images::index::{Index, IndexEntry, stored_form};
use crate::store::images::manifest_cache::ManifestCache;

/// Lets each name point to its manifest, wherever it pointed before.
pub(in crate::store) fn name_all(index: &mut Index, names: &[(Reference, Descriptor)], cache: &ManifestCache) {
    let mut displaced = Vec::new();
    for (name, manifest) in names {
        displaced.extend(put(index, &stored_form(name), manifest));
    }
    let have_names: HashSet<Digest> = names.iter().map(|(_, manifest)| cache.id(manifest)).collect();
    index.entries.retain(|entry| {
        let is_dangling = entry.name.is_none() && !entry.is_foreign();
        !(is_dangling && have_names.contains(&cache.id(&entry.descriptor)))
    });
    // What an index leads to needs no entry of its own.
    let is_part = |old: &Descriptor| names.iter().any(|(_, whole)| cache.is_child(&old.digest, whole));
    for old in displaced.iter().filter(|old| !is_part(old)) {
        keep(index, old, cache);
    }
}

/// Takes names away, whatever they point to.
pub(in crate::store) fn take_away(index: &mut Index, gone: &[Reference]) {
    let gone: HashSet<Reference> = gone.iter().map(stored_form).collect();
    index
        .entries
        .retain(|entry| entry.name.as_ref().is_none_or(|name| !gone.contains(name)));
}

/// Sets one name, and gives back what it pointed to.
fn put(index: &mut Index, name: &Reference, manifest: &Descriptor) -> Option<Descriptor> {
    let entry = IndexEntry::named(name.clone(), manifest);
    match index.entries.iter_mut().find(|old| old.name.as_ref() == Some(name)) {
        Some(old) if old.descriptor.digest == manifest.digest => None,
        Some(old) => Some(std::mem::replace(old, entry).descriptor),
        None => {
            index.entries.push(entry);
            None
        }
    }
}

/// Lists an image without a name, unless it is listed already.
pub(in crate::store) fn keep(index: &mut Index, image: &Descriptor, cache: &ManifestCache) {
    let id = cache.id(image);
    let same_image = |entry: &IndexEntry| entry.descriptor.digest == image.digest || cache.id(&entry.descriptor) == id;
    if !index.entries.iter().any(same_image) {
        index.entries.push(IndexEntry::dangling(image));
    }
}
