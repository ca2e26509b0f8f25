//! What the images lead to, and freeing what nothing leads to any more.

use std::collections::HashSet;
use std::fs;

use serde_json::Value;

use crate::error::{Kind, Result};
use crate::image::{Body, Digest};
use crate::store::blobs;
use crate::store::images::index::{Index, IndexEntry};
use crate::store::images::manifest_cache::ManifestCache;
use crate::store::layout::Layout;

/// Everything that can be reached from some entries of the index.
#[derive(Debug)]
pub(in crate::store) struct Reach<'a> {
    layout: &'a Layout,
    cache: &'a ManifestCache,
    seen: HashSet<Digest>,
    /// Those of them whose own children were looked at.
    walked: HashSet<Digest>,
}

impl<'a> Reach<'a> {
    /// What the whole index leads to. An error means that something could not be looked at: then nothing may be freed.
    pub(in crate::store) fn of_index(index: &Index, layout: &'a Layout, cache: &'a ManifestCache) -> Result<Self> {
        let mut reach = Self::of_entries(&index.entries, layout, cache)?;
        for stranger in &index.strangers {
            reach.guess(stranger)?;
        }
        Ok(reach)
    }

    pub(in crate::store) fn of_entries(
        entries: &[IndexEntry],
        layout: &'a Layout,
        cache: &'a ManifestCache,
    ) -> Result<Self> {
        let mut reach = Self {
            layout,
            cache,
            seen: HashSet::new(),
            walked: HashSet::new(),
        };
        for entry in entries {
            reach.walk(&entry.descriptor.digest)?;
            // The document that the name's digest stands for is kept; what else it leads to is not.
            reach
                .seen
                .extend(entry.name.as_ref().and_then(|name| name.digest()).cloned());
        }
        Ok(reach)
    }

    fn walk(&mut self, document: &Digest) -> Result<()> {
        self.seen.insert(document.clone());
        if !self.walked.insert(document.clone()) {
            return Ok(());
        }
        if let Ok(Some(summary)) = self.cache.summary(document) {
            self.seen.extend(summary.config());
            for (layer, _) in summary.layers() {
                // Most layers are shared: making each digest anew is what takes time.
                if let (false, Ok(digest)) = (self.seen.contains(layer), Digest::parse(layer)) {
                    self.seen.insert(digest);
                }
            }
            return Ok(());
        }
        match self.cache.manifest(document) {
            Ok(manifest) => match &manifest.body {
                Body::Image(image) => {
                    let blobs = image.layers.iter().chain([&image.config]);
                    self.seen.extend(blobs.map(|blob| blob.digest.clone()));
                    Ok(())
                }
                Body::Index(index) => index.manifests.iter().try_for_each(|child| self.walk(&child.digest)),
            },
            Err(e) if e.kind() == Kind::Io => Err(e),
            // Missing, damaged, or of a sort that rdock cannot use.
            Err(_) => match blobs::read(self.layout, document) {
                Ok(raw) => serde_json::from_slice(&raw).map_or(Ok(()), |value| self.guess(&value)),
                Err(e) if e.kind() == Kind::Io => Err(e),
                Err(_) => Ok(()),
            },
        }
    }

    /// Takes each digest in a document of an unknown sort for something it leads to.
    fn guess(&mut self, value: &Value) -> Result<()> {
        match value {
            Value::Array(members) => members.iter().try_for_each(|member| self.guess(member)),
            Value::Object(members) => {
                if let Some(Ok(digest)) = members.get("digest").and_then(Value::as_str).map(Digest::parse) {
                    self.walk(&digest)?;
                }
                members.values().try_for_each(|member| self.guess(member))
            }
            _ => Ok(()),
        }
    }

    pub(in crate::store) fn into_digests(self) -> HashSet<Digest> {
        self.seen
    }
}

/// Removes these blobs, as far as they are there, and says how many bytes that freed.
pub(in crate::store) fn free<'a>(layout: &Layout, digests: impl IntoIterator<Item = &'a Digest>) -> u64 {
    let mut freed = 0;
    for digest in digests {
        let size = blobs::size(layout, digest).unwrap_or_default();
        // A blob that cannot be removed now is a leftover for a later sweep.
        if fs::remove_file(layout.blob(digest)).is_ok() {
            freed = size.saturating_add(freed);
        }
    }
    freed
}
