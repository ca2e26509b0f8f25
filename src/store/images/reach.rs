//! What the images lead to, and freeing what nothing leads to any more.

use std::collections::HashSet;
use std::fs;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
use serde_json::Value;

use crate::error::{Kind, Result};
use crate::image::graph::{self, Limits, Walk};
use crate::image::{Body, Descriptor, Digest};
use crate::store::blobs::Blobs;
use crate::store::images::index::{Index, IndexEntry};
use crate::store::images::manifest_cache::ManifestCache;

/// Everything that can be reached from some entries of the index.
#[derive(Debug)]
pub(in crate::store) struct Reach<'a> {
    cache: &'a ManifestCache,
    seen: HashSet<Digest>,
}

impl<'a> Reach<'a> {
    /// What the whole index leads to. An error means that something could not be looked at: then nothing may be freed.
    pub(in crate::store) fn of_index(index: &Index, cache: &'a ManifestCache) -> Result<Self> {
        let mut guessed = Vec::new();
        index
            .rest
            .strangers
            .iter()
            .for_each(|stranger| digests_in(stranger, &mut guessed));
        let entries = index.entries.iter();
        let roots = entries.map(|entry| entry.descriptor.digest.clone()).chain(guessed);
        Self::of(roots, cache).map(|reach| reach.with_named(&index.entries))
    }

    pub(in crate::store) fn of_entries(entries: &[IndexEntry], cache: &'a ManifestCache) -> Result<Self> {
        let roots = entries.iter().map(|entry| entry.descriptor.digest.clone());
        Self::of(roots, cache).map(|reach| reach.with_named(entries))
    }

    fn of(roots: impl Iterator<Item = Digest>, cache: &'a ManifestCache) -> Result<Self> {
        let mut reach = Self {
            cache,
            seen: HashSet::new(),
        };
        let mut walk = Walk::of_digests(roots, Limits::NONE)?;
        while let Some(node) = walk.next_unread() {
            let children = reach.look_at(&node.digest)?;
            reach.seen.insert(node.digest.clone());
            walk.answer(&node, &children)?;
        }
        Ok(reach)
    }

    /// The document that a name's digest stands for is kept; what else it leads to is not.
    fn with_named(mut self, entries: &[IndexEntry]) -> Self {
        let names = entries.iter().filter_map(|entry| entry.name.as_ref());
        self.seen.extend(names.filter_map(|name| name.digest()).cloned());
        self
    }

    /// Notes the blobs of a document, and tells which others it leads to.
    fn look_at(&mut self, document: &Digest) -> Result<Vec<Descriptor>> {
        if let Ok(Some(summary)) = self.cache.summary(document) {
            self.seen.extend(summary.config());
            for (layer, _) in summary.layers() {
                // Most layers are shared: making each digest anew is what takes time.
                if let (false, Ok(digest)) = (self.seen.contains(layer), Digest::parse(layer)) {
                    self.seen.insert(digest);
                }
            }
            return Ok(Vec::new());
        }
        match self.cache.manifest(document) {
            Ok(manifest) => match &manifest.body {
                Body::Image(_) => {
                    self.seen
                        .extend(graph::blobs(&manifest).map(|blob| blob.digest.clone()));
                    Ok(Vec::new())
                }
                Body::Index(index) => Ok(index.manifests.clone()),
            },
            Err(e) if e.kind() == Kind::Io => Err(e),
            // Missing, damaged, or of a sort that rdock cannot use.
            Err(_) => {
                let guessed = guess(document, self.cache.blobs())?.into_iter();
                Ok(guessed.map(|digest| Descriptor::new("", digest, 0)).collect())
            }
        }
    }

    pub(in crate::store) fn into_digests(self) -> HashSet<Digest> {
        self.seen
    }
}

/// What a document of an unknown sort seems to lead to; nothing where it is missing, damaged, or no JSON.
pub(in crate::store) fn guess(document: &Digest, blobs: &Blobs) -> Result<Vec<Digest>> {
    let mut guessed = Vec::new();
    match blobs.read(document) {
        Ok(raw) => {
            if let Ok(value) = serde_json::from_slice(&raw) {
                digests_in(&value, &mut guessed);
            }
            Ok(guessed)
        }
        Err(e) if e.kind() == Kind::Io => Err(e),
        Err(_) => Ok(guessed),
    }
}

/// Takes each digest in a document of an unknown sort for something it leads to. A parsed document is nowhere deep.
fn digests_in(value: &Value, found: &mut Vec<Digest>) {
    match value {
        Value::Array(members) => members.iter().for_each(|member| digests_in(member, found)),
        Value::Object(members) => {
            let digest = members.get("digest").and_then(Value::as_str).map(Digest::parse);
            found.extend(digest.and_then(Result::ok));
            members.values().for_each(|member| digests_in(member, found));
        }
        _ => {}
    }
}

/// Has these blobs count as old, so that the next sweep frees them unless somebody leads to them or touches them again.
pub(in crate::store) fn mark<'a>(blobs: &Blobs, digests: impl IntoIterator<Item = &'a Digest>) {
    let long_ago = Timespec { tv_sec: 0, tv_nsec: 0 };
    let times = Timestamps {
        last_access: long_ago,
        last_modification: long_ago,
    };
    for digest in digests {
        // One that cannot be marked grows old by itself.
        let _ = utimensat(
            CWD,
            blobs.layout().paths().blob(digest),
            &times,
            AtFlags::SYMLINK_NOFOLLOW,
        );
    }
}

/// Removes these blobs, as far as they are there, and says how many bytes that freed.
pub(in crate::store) fn free<'a>(blobs: &Blobs, digests: impl IntoIterator<Item = &'a Digest>) -> u64 {
    let mut freed = 0;
    for digest in digests {
        let size = blobs.size(digest).unwrap_or_default();
        // A blob that cannot be removed now is a leftover for a later sweep.
        if fs::remove_file(blobs.layout().paths().blob(digest)).is_ok() {
            freed = size.saturating_add(freed);
        }
    }
    freed
}
