//! The names of the store as a registry sees them: repositories with tags and digests, each change one step.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;

use crate::error::{During, Result};
use crate::image::{Descriptor, Digest, Manifest, Reference};
use crate::store::Store;
use crate::store::blobs;
use crate::store::images::index::{Edit, Index, stored_form};
use crate::store::images::naming;
use crate::store::images::sweep::{self, Reach};
use crate::store::lock::Lock;
use crate::store::unsynced::Waiting;

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

/// Which index.json it is: it is only ever replaced as a whole.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
struct Stamp(u64, u64, i64, i64);

/// The last index that was read.
#[derive(Debug, Default)]
pub(in crate::store) struct Cache(Mutex<Option<(Stamp, Arc<Repositories>)>>);

impl Store {
    /// The names as they are now. As long as they stay, asking again costs nothing.
    pub fn repositories(&self) -> Result<Arc<Repositories>> {
        let stamp = fs::metadata(self.layout.index())
            .ok()
            .map(|it| Stamp(it.ino(), it.len(), it.mtime(), it.mtime_nsec()));
        let known = || self.repositories.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(stamp), Some((of, repositories))) = (stamp, &*known())
            && *of == stamp
        {
            return Ok(Arc::clone(repositories));
        }
        let entries = Index::read(&self.layout)?.entries.into_iter();
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

    /// Puts a manifest into the store and lets `names` point to it; in the same step `gone` are names no more. What
    /// they pointed to is reached through the manifest.
    pub fn put_named(&self, manifest: &Manifest, names: &[Reference], gone: &[Reference]) -> Result<()> {
        let _writer = self.begin()?;
        blobs::put(&self.layout, manifest.digest(), &manifest.raw, &Waiting::ForTheBlob)?;
        let mut edit = Edit::begin(&self.layout)?;
        let entries: Vec<_> = names
            .iter()
            .map(|name| (name.clone(), manifest.descriptor.clone()))
            .collect();
        naming::name_all(&mut edit.index, &entries, &self.cache);
        let gone: HashSet<Reference> = gone.iter().map(stored_form).collect();
        edit.index
            .entries
            .retain(|entry| entry.name.as_ref().is_none_or(|name| !gone.contains(name)));
        self.layout.sync_blobs()?;
        edit.commit()
    }

    /// Takes these names away and gives those, in one step. Blobs are left to the next sweep.
    pub fn rename(&self, gone: &[Reference], given: &[Named]) -> Result<()> {
        if !self.layout.exists()? {
            return Ok(());
        }
        let mut edit = Edit::begin(&self.layout)?;
        let gone: HashSet<Reference> = gone.iter().map(stored_form).collect();
        edit.index
            .entries
            .retain(|entry| entry.name.as_ref().is_none_or(|name| !gone.contains(name)));
        let given: Vec<_> = given.iter().map(|it| (it.name.clone(), it.manifest.clone())).collect();
        naming::name_all(&mut edit.index, &given, &self.cache);
        edit.commit()
    }

    /// The bytes of a manifest or another small document, verified.
    pub fn document(&self, digest: &Digest) -> Result<Bytes> {
        blobs::read(&self.layout, digest)
    }

    /// A blob to read from, and how many bytes it has.
    pub fn blob_file(&self, digest: &Digest) -> Result<(File, u64)> {
        blobs::open(&self.layout, digest)
    }

    /// The blob's size in bytes if it is there.
    pub fn blob_size(&self, digest: &Digest) -> Option<u64> {
        blobs::size(&self.layout, digest)
    }

    /// Lets the blob count as new, so that a sweep spares it though nothing leads to it yet. Whether it is there.
    pub fn touch(&self, digest: &Digest) -> Result<bool> {
        if !self.has_blob(digest) {
            return Ok(false);
        }
        let (file, _) = blobs::open(&self.layout, digest)?;
        file.set_modified(SystemTime::now())
            .during(format!("touching blob {digest}"))?;
        Ok(true)
    }

    /// Removes one blob now, unless something leads to it or another job may need it. Whether it is gone.
    pub fn free_blob(&self, digest: &Digest) -> Result<bool> {
        if !self.layout.exists()? {
            return Ok(false);
        }
        let edit = Edit::begin(&self.layout)?;
        let Some(_alone) = Lock::try_exclusive(&self.layout.lock())? else {
            return Ok(false);
        };
        let reached = Reach::of_index(&edit.index, &self.layout, &self.cache)?.into_digests();
        if reached.contains(digest) {
            return Ok(false);
        }
        sweep::free(&self.layout, [digest]);
        Ok(true)
    }
}
