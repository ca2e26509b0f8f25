//! The local layer cache: an OCI image layout that many processes share and other tools can read.
//!
//! Under the root, which is its owner's alone:
//! ```text
//! oci-layout        says that this is a layout, and of which version
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
mod images;
mod layout;
mod lock;
mod memory_share;
mod notes;
mod unsynced;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use ::bytes::Bytes;

pub use bytes::scratch::{Scratch, ScratchHolder};
pub use bytes::uploads::{Mark, RestingUpload, Upload};
pub use images::catalog::Image;
pub use images::check::{BlobFault, Checked, Repair};
pub use images::lookup::Found;
pub use images::prune::Pruned;
pub use images::removal::{Force, Removed};
pub use images::repositories::{Named, Repositories};
pub use unsynced::Recovery;

use crate::content::{BlobReader, BodyLimit, Kept, Memory, Opener, Outcome, Sink, Source};
use crate::error::{Error, Kind, Result};
use crate::image::graph::{self, Limits, Walk};
use crate::image::{Descriptor, Digest, ImageConfig, ImageManifest, Manifest, Reference, Size};
use bytes::ingest::Ingest;
use bytes::{leftovers, reader, scratch};
use images::catalog::Group;
use images::index::{Edit, Index};
use images::manifest_cache::ManifestCache;
use images::sweep::Reach;
use images::{catalog, index, lookup, naming, repositories, usage};
use layout::Layout;
use lock::Lock;
use notes::{body_limits, locations, push_sessions};
use unsynced::Waiting;

/// How long the next try of a killed job finds what the first one brought, and what was learnt of a host is believed.
const KEPT_FOR: Duration = Duration::from_hours(7 * 24);

/// The images of one root folder. Cheap to clone; clones share what they have read.
#[derive(Debug, Clone)]
pub struct Store {
    layout: Arc<Layout>,
    cache: Arc<ManifestCache>,
    has_swept: Arc<AtomicBool>,
    repositories: Arc<repositories::Cache>,
}

impl Store {
    /// The store under `root`. Nothing is touched yet: a store that is not there reads as an empty one.
    pub fn at(root: PathBuf) -> Self {
        let layout = Arc::new(Layout::new(root));
        Self {
            cache: Arc::new(ManifestCache::new(Arc::clone(&layout))),
            layout,
            has_swept: Arc::default(),
            repositories: Arc::default(),
        }
    }

    pub fn root(&self) -> &Path {
        self.layout.root()
    }

    /// Makes the store if need be and begins a job that adds content: until the writer is dropped, no process
    /// frees blobs, not even those that nothing names yet.
    pub fn begin(&self) -> Result<StoreWriter> {
        self.begin_waiting(Waiting::ForTheBlob)
    }

    /// The same for a job that brings only what can be fetched again: blobs get their names before the disk has them.
    /// What a power cut damages is found and dropped by the first job after it.
    pub fn begin_fetching(&self) -> Result<StoreWriter> {
        self.begin_waiting(self.layout.unsynced().waiting())
    }

    fn begin_waiting(&self, waiting: Waiting) -> Result<StoreWriter> {
        self.layout.create()?;
        self.recover(&|_| {});
        if self.layout.unsynced().is_ripe()
            && let Some(_alone) = Lock::try_exclusive(&self.layout.lock())?
        {
            // What cannot be synced now stays noted.
            let _ = self.layout.unsynced().settle();
        }
        if matches!(waiting, Waiting::ForTheBlob) {
            self.layout.unsettle();
        }
        Ok(StoreWriter {
            lock: Lock::shared(&self.layout.lock())?,
            ingest: Ingest::new(Arc::clone(&self.layout), waiting.clone()),
            waiting,
            store: self.clone(),
        })
    }

    /// Verifies what was not on the disk yet when the machine went down. Whoever looks at a blob does so first in any
    /// case; here, how long it takes and what was found is told.
    pub fn recover(&self, tell: &dyn Fn(Recovery)) {
        self.layout.unsynced().recover(tell);
    }

    /// The same, after what killed jobs left of their archives is gone, if no other job is under way.
    pub fn begin_afresh(&self) -> Result<StoreWriter> {
        self.layout.create()?;
        if scratch::is_there(&self.layout)
            && let Some(_alone) = Lock::try_exclusive(&self.layout.lock())?
        {
            scratch::clear(&self.layout);
        }
        self.begin()
    }

    pub fn has_blob(&self, digest: &Digest) -> bool {
        blobs::size(&self.layout, digest).is_some()
    }

    /// Whether the blob is here with as many bytes as it should have. They are not read.
    pub fn has_whole(&self, blob: &Descriptor) -> bool {
        blobs::size(&self.layout, &blob.digest) == Some(blob.size)
    }

    /// The stored manifest with this digest.
    pub fn manifest_of(&self, digest: &Digest) -> Result<Manifest> {
        self.cache.manifest(digest).map(|manifest| (*manifest).clone())
    }

    /// A config or another small blob, whole and verified; at most 8 MiB.
    pub fn blob(&self, descriptor: &Descriptor) -> Result<Bytes> {
        blobs::read(&self.layout, &descriptor.digest)
    }

    /// What exactly this name points to; `latest` where it has neither a tag nor a digest.
    pub fn named(&self, name: &Reference) -> Result<Option<Descriptor>> {
        let index = Index::read(&self.layout)?;
        let entry = index.entry(&index::stored_form(name));
        Ok(entry.map(|entry| entry.descriptor.clone()))
    }

    /// All images, newest first, then by name. One that cannot be used is among them, with its fault.
    pub fn images(&self) -> Result<Vec<Image>> {
        // Both files may be long: they are read at the same time.
        let index = thread::scope(|scope| {
            scope.spawn(|| self.cache.look_over_summaries());
            Index::read(&self.layout)
        })?;
        let groups = catalog::group(index.into_listed(), &self.cache);
        let into_image = |group: Group| group.into_image(&self.cache);
        let mut images: Vec<Image> = groups.into_iter().map(into_image).collect();
        catalog::sort(&mut images);
        self.cache.keep_summaries();
        Ok(images)
    }

    /// The image that `text` means: an ID, a stored name, or the beginning of one ID only.
    pub fn find(&self, text: &str) -> Result<Found> {
        let index = Index::read(&self.layout)?;
        let mut groups = catalog::group(index.listed(), &self.cache);
        let (place, name) = lookup::locate(text, &groups)?;
        let mut group = groups.swap_remove(place);
        if let Some(entry) = name.as_ref().and_then(|name| index.entry(name)) {
            group.entry = entry.descriptor.clone();
        }
        let root = group.entry.clone();
        let image = group.into_image(&self.cache);
        self.cache.keep_summaries();
        Ok(Found { image, root, name })
    }

    /// The tags of this repository, sorted.
    pub fn tags_of(&self, repository: &Reference) -> Result<Vec<Reference>> {
        let index = Index::read(&self.layout)?;
        let names = index.entries.iter().filter_map(|entry| entry.name.as_ref());
        let mut tags: Vec<Reference> = names
            .filter(|name| name.digest().is_none() && name.name() == repository.name())
            .cloned()
            .collect();
        tags.sort();
        Ok(tags)
    }

    /// Every blob that is here and that an image leads to.
    pub fn held(&self) -> Result<HashSet<Digest>> {
        let index = Index::read(&self.layout)?;
        let mut digests = Reach::of_index(&index, &self.layout, &self.cache)?.into_digests();
        digests.retain(|digest| self.has_blob(digest));
        Ok(digests)
    }

    /// Whether all that a named image needs is here: of an index, everything it leads to.
    pub fn is_whole(&self, image: &Descriptor) -> bool {
        self.has_all_below(image).unwrap_or_default()
    }

    fn has_all_below(&self, image: &Descriptor) -> Result<bool> {
        let mut walk = Walk::new([image], Limits::NONE)?;
        while let Some(node) = walk.next_unread() {
            let manifest = self.cache.manifest(&node.digest)?;
            if !graph::blobs(&manifest).all(|blob| self.has_whole(blob)) {
                return Ok(false);
            }
            walk.answer(&node, graph::children(&manifest))?;
        }
        Ok(true)
    }

    /// The config of an image; one that is no image's config (an artifact's) reads as an empty one.
    pub fn config(&self, image: &ImageManifest) -> Result<ImageConfig> {
        self.cache.config(&image.config).map(|config| (*config).clone())
    }

    /// The config of a listed image.
    pub fn config_of(&self, image: &Image) -> Result<ImageConfig> {
        let target = self.cache.one_image(&image.manifest)?;
        self.cache.config(&target.config).map(|config| (*config).clone())
    }

    /// Lets `name` point to `manifest`, wherever it pointed before.
    pub fn tag(&self, name: &Reference, manifest: &Descriptor) -> Result<()> {
        self.name_all(&[(name.clone(), manifest.clone())])
    }

    /// Lets all names point to their manifests in one step: the commit of a pull.
    pub fn name_all(&self, names: &[(Reference, Descriptor)]) -> Result<()> {
        self.list(names, &[])
    }

    /// The same, and keeps the `nameless` images in that step: the commit of a load.
    pub fn list(&self, names: &[(Reference, Descriptor)], nameless: &[Descriptor]) -> Result<()> {
        self.layout.create()?;
        let _lock = Lock::shared(&self.layout.lock())?;
        let mut edit = Edit::begin(&self.layout)?;
        if let Some((name, _)) = names.iter().find(|(_, manifest)| !self.has_blob(&manifest.digest)) {
            let name = name.familiar();
            return Err(Error::new(
                Kind::NotFound,
                format!("the image to be named {name} is not in the store"),
            ));
        }
        naming::name_all(&mut edit.index, names, &self.cache);
        for image in nameless {
            naming::keep(&mut edit.index, image, &self.cache);
        }
        self.layout.sync_blobs()?;
        edit.commit()?;
        self.cache.keep_summaries();
        leftovers::age_out(&self.layout);
        Ok(())
    }

    /// Docker's SIZE in bytes for each image, in order: what its layers unpack to. Layers seen for the first time
    /// are unpacked, two at a time.
    pub fn sizes(&self, images: &[&Image]) -> Vec<Result<Size>> {
        usage::sizes(images, &self.layout, &self.cache)
    }

    /// What each layer of the image unpacks to in bytes, base first.
    pub fn layer_sizes(&self, image: &Image) -> Result<Vec<Size>> {
        usage::layer_sizes(image, &self.layout, &self.cache)
    }

    /// The config of the image as it is stored: JSON, unless the image is an artifact.
    pub fn config_text(&self, image: &Image) -> Result<Bytes> {
        let target = self.cache.one_image(&image.manifest)?;
        blobs::read(&self.layout, &target.config.digest)
    }

    /// Remembers half-done uploads to the repository `domain`/`path` between runs. The store must exist.
    pub fn sessions(&self, domain: &str, path: &str) -> Memory {
        let (layout, domain, path) = (Arc::clone(&self.layout), domain.to_owned(), path.to_owned());
        Rc::new(move |blob| push_sessions::claim(&layout, &domain, &path, blob))
    }

    /// Remembers between runs how long a body this registry takes, for some days.
    pub fn body_limit(&self, domain: &str) -> BodyLimit {
        body_limits::limit(&self.layout, domain)
    }

    /// Notes that the repository `domain`/`path` holds these blobs, and manifests that were pushed to it.
    pub fn remember_location(&self, domain: &str, path: &str, blobs: &[Digest]) -> Result<()> {
        self.layout.create()?;
        locations::remember(&self.layout, domain, path, blobs)
    }

    /// For each blob, and each manifest that was pushed, the paths of the repositories on this registry that are known
    /// to hold it, the latest first.
    pub fn locations(&self, domain: &str) -> Result<HashMap<Digest, Vec<String>>> {
        self.layout.exists()?;
        Ok(locations::of_domain(&self.layout, domain))
    }
}

impl Source for Store {
    async fn manifest(&self, digest: &Digest) -> Result<Manifest> {
        self.manifest_of(digest)
    }

    async fn open(&self, blob: &Descriptor, from: u64) -> Result<BlobReader> {
        reader::stream(&self.layout, blob, from)
    }
}

/// A job that adds content. While it lives, what it found or brought stays.
pub struct StoreWriter {
    store: Store,
    ingest: Ingest,
    waiting: Waiting,
    #[expect(dead_code, reason = "held, not used")]
    lock: Lock,
}

impl StoreWriter {
    /// A place for what has yet to be judged. It lasts no longer than the writer may.
    pub fn scratch(&self) -> Result<ScratchHolder> {
        Scratch::new(&self.store.layout).map(ScratchHolder::from)
    }

    /// Says which blobs and manifests will come: for those that can be fetched again, nothing has to be waited for then.
    pub fn expect<'a>(&self, blobs: impl IntoIterator<Item = &'a Digest>) {
        let missing = blobs.into_iter().filter(|blob| !self.store.has_blob(blob));
        let missing: Vec<Digest> = missing.cloned().collect();
        self.waiting.expect(&missing);
    }

    /// Makes what a scratch place keeps the blob of its digest, unless that is there.
    pub fn publish(&self, kept: &Kept) -> Result<()> {
        if blobs::size(&self.store.layout, &kept.digest) == Some(kept.size) {
            return Ok(());
        }
        scratch::publish(&self.store.layout, kept)
    }
}

impl Sink for StoreWriter {
    async fn receive(&self, blob: &Descriptor, open: &Opener<'_>) -> Result<Outcome> {
        self.ingest.receive(blob, open).await
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<()> {
        blobs::put(&self.store.layout, manifest.digest(), &manifest.raw, &self.waiting)
    }
}
