//! The names of the store as a registry sees them: repositories with tags and digests.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Result;
use crate::image::{Descriptor, Reference};
use crate::store::images::index::Index;
use crate::store::layout::Layout;

/// A tag or a digest, and the manifest that it stands for here: under the digest of an index that was pulled stands
/// the one image that was wanted of it.
#[derive(Debug, Clone)]
pub struct Named {
    pub name: Reference,
    pub manifest: Descriptor,
}

/// All names at one instant, by `domain/path`.
#[derive(Debug, Default)]
pub struct Repositories {
    named: BTreeMap<String, Vec<Named>>,
}

impl Repositories {
    /// The full names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.named.keys()
    }

    /// The tags and digests of one repository; `None` where there is no such repository.
    pub fn of(&self, repository: &Reference) -> Option<&[Named]> {
        self.named.get(repository.name()).map(Vec::as_slice)
    }

    /// The first tag or digest of each repository.
    pub fn each(&self) -> impl Iterator<Item = &[Named]> {
        self.named.values().map(Vec::as_slice)
    }
}

impl FromIterator<Named> for Repositories {
    fn from_iter<T: IntoIterator<Item = Named>>(each: T) -> Self {
        let mut named = BTreeMap::<String, Vec<Named>>::new();
        for it in each {
            named.entry(it.name.name().to_owned()).or_default().push(it);
        }
        Self { named }
    }
}

/// The version of an index.json, which is only ever replaced as a whole.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
struct Stamp(u64, u64, i64, i64);

/// The last index that was read.
#[derive(Debug, Default)]
pub(in crate::store) struct Cache(Mutex<Option<(Stamp, Arc<Repositories>)>>);

impl Cache {
    /// The names as they are now. As long as they stay, asking again costs nothing.
    pub(in crate::store) fn read(&self, layout: &Layout) -> Result<Arc<Repositories>> {
        let stamp = fs::metadata(layout.paths().index())
            .ok()
            .map(|it| Stamp(it.ino(), it.len(), it.mtime(), it.mtime_nsec()));
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(stamp), Some((of, repositories))) = (stamp, &*known())
            && *of == stamp
        {
            return Ok(Arc::clone(repositories));
        }
        let entries = Index::read(layout)?.entries.into_iter();
        let named = entries.filter_map(|entry| {
            let manifest = entry.descriptor;
            entry.name.map(|name| Named { name, manifest })
        });
        let repositories: Repositories = named.collect();
        let repositories = Arc::new(repositories);
        // Read after its stamp was taken, it is at least as new.
        *known() = stamp.map(|stamp| (stamp, Arc::clone(&repositories)));
        Ok(repositories)
    }
}
