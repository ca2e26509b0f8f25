//! The images of the store: index entries grouped by image ID.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::error::Error;
use crate::image::{Descriptor, Digest, Reference};
use crate::store::images::index::Listed;
use crate::store::images::manifest_cache::ManifestCache;

/// One image and all its names.
#[derive(Debug)]
pub struct Image {
    /// The digest of the config; of the manifest where that cannot be read or has the empty config of artifacts.
    pub id: Digest,
    /// The manifest for one platform. Under other names the same image may have other manifests.
    pub manifest: Descriptor,
    /// `None` when absent, unreadable, or Go's zero time.
    pub created: Option<Timestamp>,
    /// Sorted. With neither tags nor digests the image is dangling.
    pub tags: Vec<Reference>,
    /// Repository digests, sorted.
    pub digests: Vec<Reference>,
    /// Why the image cannot be used: its manifest or config is missing or damaged.
    pub fault: Option<Error>,
}

/// The entries of one image, before anything but its ID is known.
#[derive(Debug)]
pub(in crate::store) struct Group {
    pub(in crate::store) id: Digest,
    /// One of its entries.
    pub(in crate::store) entry: Descriptor,
    /// What all its entries lead to.
    pub(in crate::store) manifests: Vec<Digest>,
    pub(in crate::store) tags: Vec<Reference>,
    pub(in crate::store) digests: Vec<Reference>,
}

impl Group {
    pub(in crate::store) fn new(id: Digest, entry: Descriptor) -> Self {
        Self {
            id,
            manifests: vec![entry.digest.clone()],
            entry,
            tags: Vec::new(),
            digests: Vec::new(),
        }
    }

    /// Tags and digests in the order in which docker forgets them.
    pub(in crate::store) fn names(&self) -> Vec<&Reference> {
        let mut names: Vec<&Reference> = self.tags.iter().chain(&self.digests).collect();
        names.sort_by_cached_key(ToString::to_string);
        names
    }

    /// The image as the group's entry has it.
    pub(in crate::store) fn into_image(self, cache: &ManifestCache) -> Image {
        let seen = cache.glance(&self.entry);
        let mut image = Image {
            id: self.id,
            manifest: self.entry,
            created: None,
            tags: self.tags,
            digests: self.digests,
            fault: None,
        };
        match seen {
            Ok((manifest, summary)) => {
                image.manifest = manifest;
                image.created = summary.created();
            }
            Err(why) => image.fault = Some(why),
        }
        image
    }
}

/// The images of these entries of the index, in their order.
pub(in crate::store) fn group<'a>(entries: impl IntoIterator<Item = Listed<'a>>, cache: &ManifestCache) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut places: HashMap<Digest, usize> = HashMap::new();
    let mut by_manifest: HashMap<Digest, usize> = HashMap::new();
    for (name, manifest) in entries {
        let known = by_manifest.get(&manifest.digest);
        let place = if let Some(place) = known {
            *place
        } else {
            let id = cache.id(&manifest);
            let place = *places.entry(id.clone()).or_insert(groups.len());
            by_manifest.insert(manifest.digest.clone(), place);
            match groups.get_mut(place) {
                Some(group) => group.manifests.push(manifest.digest.clone()),
                None => groups.push(Group::new(id, manifest.into_owned())),
            }
            place
        };
        if let Some(name) = name {
            let group = &mut groups[place];
            let names = match name.digest() {
                Some(_) => &mut group.digests,
                None => &mut group.tags,
            };
            names.push(name);
        }
    }
    for names in groups
        .iter_mut()
        .flat_map(|group| [&mut group.tags, &mut group.digests])
    {
        if names.len() > 1 {
            names.sort_by(Reference::familiar_order);
            names.dedup();
        }
    }
    groups
}

/// Newest first, then by name.
pub(in crate::store) fn sort(images: &mut [Image]) {
    images.sort_by(|a, b| {
        let by_name = || match (first_name(a), first_name(b)) {
            (Some(a), Some(b)) => a.familiar_order(b),
            // Those without a name come last.
            (a, b) => a.is_none().cmp(&b.is_none()),
        };
        let by_time = b.created.cmp(&a.created);
        by_time.then_with(by_name).then_with(|| a.id.cmp(&b.id))
    });
}

fn first_name(image: &Image) -> Option<&Reference> {
    image.tags.first().or(image.digests.first())
}
