//! What `rmi` does to the index for one argument: docker's rules
//! (<https://github.com/moby/moby/blob/v20.10.24/daemon/images/image_delete.go>) without containers.

use std::collections::HashSet;

use crate::error::{Error, Kind, Result};
use crate::image::config::chain_ids;
use crate::image::{Digest, Reference};
use crate::store::images::catalog::Group;
use crate::store::images::index::{Index, IndexEntry};
use crate::store::images::lookup;
use crate::store::images::manifest_cache::ManifestCache;

/// Whether an image with several names may be removed by its ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    No,
    Yes,
}

/// What one removal took away, in the order in which docker tells it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Removed {
    pub untagged: Vec<Reference>,
    /// The image ID, then the chain IDs of the layers that no other image has, top first. Empty while names remain.
    pub deleted: Vec<Digest>,
}

/// Takes these images out of the index with all their names. Gives back what to tell, and the entries that went.
pub(in crate::store) fn remove_all(
    unwanted: &HashSet<Digest>,
    index: &mut Index,
    images: &mut Vec<Group>,
    cache: &ManifestCache,
) -> (Vec<Removed>, Vec<IndexEntry>) {
    let going: Vec<Group> = images.extract_if(.., |image| unwanted.contains(&image.id)).collect();
    let manifests: HashSet<&Digest> = going.iter().flat_map(|image| &image.manifests).collect();
    let is_going = |entry: &IndexEntry| manifests.contains(&entry.descriptor.digest);
    let gone: Vec<IndexEntry> = index.entries.extract_if(.., |entry| is_going(entry)).collect();
    let removed = going.into_iter().map(|image| Removed {
        untagged: image.names().into_iter().cloned().collect(),
        deleted: deleted_ids(image, images, cache),
    });
    (removed.collect(), gone)
}

/// Takes what `text` means out of the index and its groups. Gives back what to tell, and the entries that went.
pub(in crate::store) fn remove(
    text: &str,
    force: Force,
    index: &mut Index,
    images: &mut Vec<Group>,
    cache: &ManifestCache,
) -> Result<(Removed, Vec<IndexEntry>)> {
    let located = lookup::locate(text, images).map_err(|e| {
        let part = lookup::locate_part(text, images, cache);
        match part.and_then(|part| part.clue()) {
            Some(clue) => e.with_clue(clue),
            None => e,
        }
    });
    let (place, name) = located?;
    let image = &mut images[place];
    let name = name.filter(|_| !lookup::is_id_prefix(&image.id, text));
    let untagged = match &name {
        Some(name) => with_its_digests(name, image),
        None if force == Force::Yes || is_single(image) => image.names().into_iter().cloned().collect(),
        None => return Err(conflict(image)),
    };
    image.tags.retain(|name| !untagged.contains(name));
    image.digests.retain(|name| !untagged.contains(name));
    let names_remain = !(image.tags.is_empty() && image.digests.is_empty());
    let is_this = |entry: &IndexEntry, image: &Group| image.manifests.contains(&entry.descriptor.digest);
    let loses_its_name = |entry: &IndexEntry| entry.name.as_ref().is_some_and(|name| untagged.contains(name));
    let mut gone: Vec<IndexEntry> = index.entries.extract_if(.., |e| loses_its_name(e)).collect();
    // A name that only another tool understands keeps the image, unless the image itself was asked for.
    let is_foreign = |entry: &IndexEntry| entry.is_foreign() && is_this(entry, image);
    let mut deleted = Vec::new();
    if !names_remain && (name.is_none() || !index.entries.iter().any(is_foreign)) {
        let image = images.swap_remove(place);
        gone.extend(index.entries.extract_if(.., |e| is_this(e, &image)));
        deleted = deleted_ids(image, images, cache);
    }
    Ok((Removed { untagged, deleted }, gone))
}

/// The name, and the repository's digests with it when it was the repository's last tag.
fn with_its_digests(name: &Reference, image: &Group) -> Vec<Reference> {
    let same_repository = |other: &&Reference| other.without_version() == name.without_version();
    let mut names = vec![name.clone()];
    let is_last_tag = name.tag().is_some() && image.tags.iter().filter(same_repository).count() == 1;
    if is_last_tag {
        names.extend(image.digests.iter().filter(same_repository).cloned());
    }
    names
}

/// Whether the ID alone says clearly enough what is to go: at most one tag, and all names in one repository.
fn is_single(image: &Group) -> bool {
    let names = image.names();
    let one_repository = names
        .windows(2)
        .all(|pair| pair[0].without_version() == pair[1].without_version());
    names.len() <= 1 || (image.tags.len() <= 1 && one_repository)
}

fn conflict(image: &Group) -> Error {
    let id = image.id.short();
    Error::new(
        Kind::Conflict,
        format!("conflict: unable to delete {id} (must be forced) - image is referenced in multiple repositories"),
    )
}

/// The image ID and the chain IDs that go with it: those above what another image has in common with it.
fn deleted_ids(image: Group, others: &[Group], cache: &ManifestCache) -> Vec<Digest> {
    let summary_of = |image: &Group| cache.glance(&image.entry).ok().map(|(_, summary)| summary);
    let diff_ids: Vec<Digest> = summary_of(&image)
        .map(|summary| summary.diff_ids().filter_map(|id| Digest::parse(id).ok()).collect())
        .unwrap_or_default();
    let shared = others.iter().filter_map(summary_of).map(|other| {
        let both = diff_ids.iter().zip(other.diff_ids());
        both.take_while(|(own, other)| own.as_str() == *other).count()
    });
    let shared = shared.max().unwrap_or_default();
    let chain_ids = chain_ids(&diff_ids);
    std::iter::once(image.id)
        .chain(chain_ids.into_iter().skip(shared).rev())
        .collect()
}
