//! What a copy would move, added up.

use std::collections::{HashMap, HashSet};

use crate::image::{Descriptor, Digest};

/// What would become of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    Copied,
    /// A link from this repository of the same registry, where the registry does that.
    Mounted(String),
    Present,
    /// A foreign layer, which must not be pushed.
    Skipped,
}

/// Each blob and each manifest once, whatever number of images need it.
#[derive(Debug, Default)]
pub struct DryRun {
    seen: HashMap<Digest, Fate>,
    /// What would be written, in order.
    moving: Vec<(Digest, u64, Fate)>,
    manifests: HashSet<Digest>,
    bytes_of_manifests: u64,
    /// Blobs that are there, and their bytes.
    present: (usize, u64),
}

impl DryRun {
    pub(super) fn blob(&mut self, blob: &Descriptor, fate: Fate) {
        if self.seen.insert(blob.digest.clone(), fate.clone()).is_some() {
            return;
        }
        match fate {
            Fate::Present => {
                self.present.0 += 1;
                self.present.1 = self.present.1.saturating_add(blob.size);
            }
            Fate::Skipped => {}
            Fate::Copied | Fate::Mounted(_) => self.moving.push((blob.digest.clone(), blob.size, fate)),
        }
    }

    pub(super) fn manifest(&mut self, digest: &Digest, size: u64) {
        if self.manifests.insert(digest.clone()) {
            self.bytes_of_manifests = self.bytes_of_manifests.saturating_add(size);
        }
    }

    /// What would be written, in order: each blob with its size in bytes.
    pub fn moving(&self) -> &[(Digest, u64, Fate)] {
        &self.moving
    }

    /// How many manifests would be written, and their bytes.
    pub fn manifests(&self) -> (usize, u64) {
        (self.manifests.len(), self.bytes_of_manifests)
    }

    /// How many blobs are there already, and their bytes.
    pub fn present(&self) -> (usize, u64) {
        self.present
    }

    /// How many blobs would come to be there in this way, and their bytes.
    pub fn sum(&self, is_it: impl Fn(&Fate) -> bool) -> (usize, u64) {
        let chosen = self.moving.iter().filter(|(_, _, fate)| is_it(fate));
        chosen.fold((0, 0), |(count, bytes), (_, size, _)| {
            (count + 1, bytes.saturating_add(*size))
        })
    }
}
