//! The local layer cache: an OCI image layout that many processes share and other tools can read.
//!
//! Under the root, which is its owner's alone:
//! ```text
//! oci-layout        says that this is a layout, and of which version; held shared by a `serve` that takes pushes
//! index.json        one descriptor a name; replaced as a whole
//! blobs/ALGO/HEX    manifests, configs and layers as they came; each appears whole and verified
//! ingest/ALGO-HEX   blobs that are not whole yet; the next try fetches what is missing. One that is fetched in several
//!                   places at once has a map of what is there behind its last byte
//! ingest/upload-*   what clients of `serve` send before they have said its digest
//! ingest/push-*     where a blob that is half pushed goes on: a URL, for its owner alone to read
//! ingest/tmp-*      files on their way to a place of their own
//! ingest/job-*      what a job has read from an archive and not judged yet
//! lock              held shared by jobs that add content, exclusively while blobs are freed
//! index.lock        held while index.json changes
//! unsynced          BOOT DIGEST: blobs that were named before the disk had them, and in which boot of the machine
//! sizes             SIZE DIGEST: what layers unpack to
//! summaries         what `images` and `rmi` ask of each image, and by which signs it is still true
//! locations         DOMAIN PATH DIGEST: which repositories are known to hold a blob
//! body-limits       HOST BYTES SECONDS: the longest body that a host takes, and since when that is known
//! ```
//!
//! What is freed, and when. A blob that a name leads to never is. A job holds `lock` shared for as long as it runs, so
//! that what it found or brought stays; only who holds it alone frees blobs, and blobs that have come in part are freed by
//! who holds the lock of each. Of what no name leads to,
//! - what a removed image leaves is marked as old, by a time of writing in 1970, before the name goes. It is freed at once,
//!   or by the next command that frees anything if a job was under way; beside `serve` that is `serve` itself, within a
//!   minute. Who relies on it meanwhile touches it, and it is young again.
//! - what never had a name counts a week from when it came or was touched last: the next try of a killed pull finds it, and
//!   a client of `serve` may take its time. `system prune` does not wait; but while `serve` runs, what came within the last
//!   hour is left to its clients, which may be about to name it.
//!
//! What a power cut may cost, moment by moment:
//! - while blobs come in: what arrived in the last seconds. A partial blob with a hole is fetched anew from its start.
//! - after a pull has named a blob, before the disk has it: that blob. It is noted in `unsynced`, and the note is on the
//!   disk before the name is. The first job after another boot verifies what is noted, drops what is wrong and syncs the
//!   rest; the next pull fetches what is missing. Until then no such blob is believed.
//! - while `index.json` changes: nothing; the old one or the new one is there. A pull's new name may then lead to blobs
//!   that were dropped: the image is told as incomplete, and a pull completes it.
//! - after `load`, `import`, a copy to a layout or a push that `serve` has taken: nothing. Blobs are on the disk before
//!   they are named, and so is what was noted and their image is built on.
//! - at any moment: the last lines of `sizes`, `summaries`, `locations` and `body-limits`. They cost time, no more.
//!
//! <https://github.com/opencontainers/image-spec/blob/main/image-layout.md>

mod append_log;
mod blobs;
mod bounded_cache;
mod bytes;
mod files;
mod folders;
mod half_done;
mod images;
mod layout;
mod lock;
mod lock_watch;
mod notes;
mod paths;
mod unsynced;
mod writer;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use blobs::Blobs;
pub use bytes::scratch::{Scratch, ScratchHolder};
pub use bytes::uploads::{Mark, RestingUpload, Upload, Uploads};
pub use images::Images;
pub use images::catalog::Image;
pub use images::check::{BlobFault, Checked, Repair};
pub use images::lookup::Found;
pub use images::names::Names;
pub use images::removal::{Force, Removed};
pub use images::repositories::{Named, Repositories};
pub use images::sweep::{Pruned, Sweep};
pub use lock_watch::{Blocked, Holder, LockWatch};
pub use notes::Notes;
pub use unsynced::Recovery;
pub use writer::StoreWriter;

use crate::content::{BlobReader, Source};
use crate::error::Result;
use crate::image::{Descriptor, Digest, Manifest};
use bytes::{reader, scratch};
use images::check;
use images::manifest_cache::ManifestCache;
use layout::Layout;
use lock::Lock;
use unsynced::Waiting;

/// The images of one root folder: opens it, and hands out its parts. Cheap to clone; clones share what they have read.
#[derive(Debug, Clone)]
pub struct Store {
    layout: Arc<Layout>,
    blobs: Blobs,
    images: Images,
    names: Names,
    notes: Notes,
    uploads: Uploads,
    sweep: Sweep,
}

impl Store {
    /// The store under `root`. Nothing is touched yet: a store that is not there reads as an empty one.
    pub fn at(root: PathBuf) -> Self {
        Self::of(Layout::new(root))
    }

    /// The same for somebody who is told when a lock has to be waited for, and may not wait for ever.
    pub fn watched(root: PathBuf, lock_watch: LockWatch) -> Self {
        Self::of(Layout::watched(root, lock_watch))
    }

    fn of(layout: Layout) -> Self {
        let layout = Arc::new(layout);
        let blobs = Blobs::new(Arc::clone(&layout));
        let cache = Arc::new(ManifestCache::new(blobs.clone()));
        Self {
            images: Images::new(blobs.clone(), Arc::clone(&cache)),
            names: Names::new(blobs.clone(), Arc::clone(&cache)),
            sweep: Sweep::new(blobs.clone(), cache),
            notes: Notes::new(Arc::clone(&layout)),
            uploads: Uploads::new(Arc::clone(&layout)),
            blobs,
            layout,
        }
    }

    pub fn root(&self) -> &Path {
        self.layout.paths().root()
    }

    /// Finished blobs.
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// What there is, and what it is made of.
    pub fn images(&self) -> &Images {
        &self.images
    }

    /// What each name points to.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// What is remembered of registries.
    pub fn notes(&self) -> &Notes {
        &self.notes
    }

    /// Blobs that arrive before their digest is known.
    pub fn uploads(&self) -> &Uploads {
        &self.uploads
    }

    /// Removing images and freeing blobs.
    pub fn sweep(&self) -> &Sweep {
        &self.sweep
    }

    /// Makes the store if need be and begins a job that adds content: until the writer is dropped, no process
    /// frees blobs, not even those that nothing names yet.
    pub fn begin(&self) -> Result<StoreWriter> {
        StoreWriter::begin(&self.blobs, Waiting::ForTheBlob)
    }

    /// Says, until it is dropped, that clients of a registry send what they name only later: meanwhile no other process
    /// frees what came lately.
    pub fn begin_serving(&self) -> Result<Serving> {
        self.layout.create()?;
        Lock::of_registry(&self.layout).map(Serving)
    }

    /// The same for a job that brings only what can be fetched again: blobs get their names before the disk has them.
    /// What a power cut damages is found and dropped by the first job after it.
    pub fn begin_fetching(&self) -> Result<StoreWriter> {
        StoreWriter::begin(&self.blobs, self.layout.unsynced().waiting())
    }

    /// The same as [`Store::begin`], after what killed jobs left of their archives is gone, if no other job is under way.
    pub fn begin_afresh(&self) -> Result<StoreWriter> {
        self.layout.create()?;
        if scratch::is_there(&self.layout)
            && let Some(_alone) = Lock::alone(&self.layout)?
        {
            scratch::clear(&self.layout);
        }
        self.begin()
    }

    /// Verifies what was not on the disk yet when the machine went down. Whoever looks at a blob does so first in any
    /// case; here, how long it takes and what was found is told.
    pub fn recover(&self, tell: &dyn Fn(Recovery)) {
        self.layout.unsynced().recover(tell);
    }

    /// Reads every blob. With `Repair::Yes` no other job may be under way.
    pub fn check(&self, repair: Repair) -> Result<Checked> {
        check::run(&self.blobs, self.images.cache(), repair)
    }
}

/// While it lives, a registry serves the store.
#[derive(Debug)]
pub struct Serving(#[expect(dead_code, reason = "held, not used")] Lock);

impl Source for Store {
    async fn manifest(&self, digest: &Digest) -> Result<Manifest> {
        self.images.manifest(digest)
    }

    async fn open(&self, blob: &Descriptor, from: u64) -> Result<BlobReader> {
        reader::stream(&self.blobs, blob, from)
    }
}
