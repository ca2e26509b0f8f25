//! Taking images away, and freeing the blobs that nothing needs any more.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::error::{Kind, Result};
use crate::image::Digest;
use crate::store::blobs::Blobs;
use crate::store::bytes::leftovers;
use crate::store::images::catalog::{self, Image};
use crate::store::images::index::{Edit, Index, IndexEntry};
use crate::store::images::lookup;
use crate::store::images::manifest_cache::ManifestCache;
use crate::store::images::reach::{self, Reach};
use crate::store::images::removal::{self, Force, Removed};
use crate::store::layout::{KEPT_FOR, Layout};
use crate::store::lock::Lock;

/// How long a client of a registry may take from a blob to the manifest that names it.
const CLIENTS_TAKE: Duration = Duration::from_hours(1);

/// What [`Sweep::prune`] did.
#[derive(Debug)]
pub struct Pruned {
    pub removed: Vec<Removed>,
    /// How many bytes of the disk came free; `None` where another job is under way, and the next sweep frees them.
    pub freed: Option<u64>,
    /// Whether a registry serves the store, which frees what was removed if others cannot.
    pub is_served: bool,
}

impl Pruned {
    /// The outcome where there is no store.
    const NOTHING: Self = Self {
        removed: Vec::new(),
        freed: Some(0),
        is_served: false,
    };
}

/// What goes with an image.
#[derive(Debug, Default)]
struct Going {
    /// What the others lead to, once that was looked at.
    needed: Option<HashSet<Digest>>,
    /// What it alone led to.
    unneeded: HashSet<Digest>,
}

/// Takes images away from one store, and frees its blobs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sweep {
    blobs: Blobs,
    cache: Arc<ManifestCache>,
    /// Whether this process has looked for old leftovers.
    has_swept: Arc<AtomicBool>,
}

impl Sweep {
    pub(in crate::store) fn new(blobs: Blobs, cache: Arc<ManifestCache>) -> Self {
        Self {
            blobs,
            cache,
            has_swept: Arc::default(),
        }
    }

    /// Does what `rmi` does for each argument in turn, then frees the blobs that nothing needs any more. For all of
    /// them the index is read, written and followed once. What could not be removed has its own error.
    pub fn remove(&self, texts: &[impl AsRef<str>], force: Force) -> Result<Vec<Result<Removed>>> {
        let texts = texts.iter().map(AsRef::as_ref);
        if !self.layout().exists()? {
            // Says in docker's words that there is no such image, and makes no store for it.
            let missing = |text| lookup::locate(text, &[]).map(|_| Removed::default());
            return Ok(texts.map(missing).collect());
        }
        let mut edit = Edit::begin(self.layout())?;
        let mut images = catalog::group(edit.index.listed(), &self.cache);
        let mut gone = Vec::new();
        let mut remove = |text| {
            let (removed, entries) = removal::remove(text, force, &mut edit.index, &mut images, &self.cache)?;
            gone.extend(entries);
            Ok(removed)
        };
        let removed = texts.map(&mut remove).collect();
        if gone.is_empty() {
            return Ok(removed);
        }
        // That blobs could not be freed changes nothing about the names, which are gone: a later sweep finds them.
        let _ = self.commit_without(&edit, &gone, KEPT_FOR)?;
        Ok(removed)
    }

    /// Frees what nothing leads to and nobody has touched for `age`, partial blobs too, and says how many bytes that
    /// were; `None` where another job is under way that may need them.
    pub fn old(&self, age: Duration) -> Result<Option<u64>> {
        if !self.layout().exists()? {
            return Ok(Some(0));
        }
        let edit = Edit::begin(self.layout())?;
        let Some(_alone) = Lock::alone(self.layout())? else {
            return Ok(None);
        };
        let reached = Reach::of_index(&edit.index, &self.cache)?.into_digests();
        leftovers::remove(self.layout(), &reached, age).map(Some)
    }

    /// Removes all images that are `unwanted`, whatever names they have, and frees what only they needed and what
    /// nothing has needed for `age`, or longer where a registry's clients may need it. An image that another tool gave a
    /// name of its own stays.
    pub fn prune(&self, unwanted: impl Fn(&Image) -> bool, age: Duration) -> Result<Pruned> {
        if !self.layout().exists()? {
            return Ok(Pruned::NOTHING);
        }
        let mut edit = Edit::begin(self.layout())?;
        let mut images = catalog::group(edit.index.listed(), &self.cache);
        let entries = edit.index.entries.iter().filter(|entry| entry.is_foreign());
        let foreign: HashSet<Digest> = entries.map(|entry| self.cache.id(&entry.descriptor)).collect();
        let listed = catalog::group(edit.index.listed(), &self.cache).into_iter();
        let listed = listed.map(|group| group.into_image(&self.cache));
        let going = listed.filter(|image| !foreign.contains(&image.id) && unwanted(image));
        let going: HashSet<Digest> = going.map(|image| image.id).collect();
        let (removed, gone) = removal::remove_all(&going, &mut edit.index, &mut images, &self.cache);
        let is_served = Lock::is_of_registry(self.layout());
        let freed = self.commit_without(&edit, &gone, spared(age, is_served))??;
        Ok(Pruned {
            removed,
            freed,
            is_served,
        })
    }

    /// Frees what interrupted transfers left, and nothing else: all but blobs that nobody fetches only where no other job
    /// is under way that may need it, and no registry's client.
    pub fn partial(&self) -> Result<Pruned> {
        if !self.layout().exists()? {
            return Ok(Pruned::NOTHING);
        }
        let freed = leftovers::remove_partials(self.layout())?;
        let is_served = Lock::is_of_registry(self.layout());
        let rest = match Lock::alone(self.layout())? {
            Some(_alone) => Some(leftovers::remove_half_done(
                self.layout(),
                spared(Duration::ZERO, is_served),
            )?),
            None => None,
        };
        let freed = rest
            .map(|rest| rest.saturating_add(freed))
            .or((freed > 0).then_some(freed));
        Ok(Pruned {
            removed: Vec::new(),
            freed,
            is_served,
        })
    }

    /// Removes one blob now, unless something leads to it or another job may need it. Whether it is gone.
    pub fn blob(&self, digest: &Digest) -> Result<bool> {
        if !self.layout().exists()? {
            return Ok(false);
        }
        let edit = Edit::begin(self.layout())?;
        let Some(_alone) = Lock::alone(self.layout())? else {
            return Ok(false);
        };
        let reached = Reach::of_index(&edit.index, &self.cache)?.into_digests();
        if reached.contains(digest) {
            return Ok(false);
        }
        reach::free(&self.blobs, [digest]);
        Ok(true)
    }
    /// Writes the index without the entries that are `gone`, then frees what only they led to and what nothing has needed
    /// for `age`; within, how many bytes that were, and `None` where another job is under way that may need them.
    ///
    /// What is to go is marked as old before its last name goes: where this process cannot free it, because it is killed
    /// or another job is under way, the next one that frees anything does. That needs no room. Where the disk has none for
    /// the index either, it is made: by what was to go, by blobs that nobody fetches any more, by what is only worth
    /// remembering.
    fn commit_without(&self, edit: &Edit, gone: &[IndexEntry], age: Duration) -> Result<Result<Option<u64>>> {
        let going = if gone.is_empty() {
            Ok(Going::default())
        } else {
            self.going(&edit.index, gone)
        };
        if let Ok(going) = &going {
            reach::mark(&self.blobs, &going.unneeded);
        }
        let is_full = |done: &Result<()>| done.as_ref().is_err_and(|e| e.kind() == Kind::NoSpace);
        let mut done = edit.commit();
        let mut freed: u64 = 0;
        if is_full(&done)
            && let (Ok(going), Some(_alone)) = (&going, Lock::alone(self.layout())?)
        {
            freed = reach::free(&self.blobs, &going.unneeded);
            done = edit.commit();
        }
        if is_full(&done) {
            freed = freed.saturating_add(leftovers::remove_partials(self.layout())?);
            self.cache.forget_summaries();
            done = edit.commit();
        }
        done?;
        Ok(going.and_then(|going| self.free(&edit.index, going, age, freed)))
    }

    /// What may go with these entries.
    fn going(&self, index: &Index, gone: &[IndexEntry]) -> Result<Going> {
        let needed = Reach::of_index(index, &self.cache)?.into_digests();
        let mut unneeded = Reach::of_entries(gone, &self.cache)?.into_digests();
        unneeded.retain(|digest| !needed.contains(digest));
        let needed = Some(needed);
        Ok(Going { needed, unneeded })
    }

    /// Frees what goes, and what is old: that once a process, unless it is asked for. The caller holds the index's lock.
    fn free(&self, index: &Index, going: Going, age: Duration, before: u64) -> Result<Option<u64>> {
        let is_asked_for = age < KEPT_FOR || going.unneeded.is_empty();
        let Some(_alone) = Lock::alone(self.layout())? else {
            self.cache.keep_summaries();
            return Ok((before > 0).then_some(before));
        };
        let mut freed = before.saturating_add(reach::free(&self.blobs, &going.unneeded));
        if !self.has_swept.swap(true, Ordering::Relaxed) || is_asked_for {
            let needed = match going.needed {
                Some(needed) => needed,
                None => Reach::of_index(index, &self.cache)?.into_digests(),
            };
            freed = freed.saturating_add(leftovers::remove(self.layout(), &needed, age)?);
            // What cannot be written now is only longer than it need be.
            let _ = self.cache.shrink_summaries(|manifest| needed.contains(manifest));
        }
        self.cache.keep_summaries();
        Ok(Some(freed))
    }

    fn layout(&self) -> &Arc<Layout> {
        self.blobs.layout()
    }
}

/// For how long nobody must have touched what goes.
fn spared(age: Duration, is_served: bool) -> Duration {
    if is_served { age.max(CLIENTS_TAKE) } else { age }
}
