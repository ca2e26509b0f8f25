//! A job that adds content to the store.

use crate::content::{Kept, Opener, Outcome, Sink};
use crate::error::Result;
use crate::image::{Descriptor, Digest, Manifest};
use crate::store::blobs::Blobs;
use crate::store::bytes::ingest::Ingest;
use crate::store::bytes::scratch::{self, Scratch, ScratchHolder};
use crate::store::lock::Lock;
use crate::store::unsynced::Waiting;

/// A writer: while it lives, what it found or brought stays: no process frees blobs, not even those that nothing names
/// yet.
pub struct StoreWriter {
    blobs: Blobs,
    ingest: Ingest,
    waiting: Waiting,
    #[expect(dead_code, reason = "held, not used")]
    lock: Lock,
}

impl StoreWriter {
    /// Makes the store if need be and begins a job, which waits for this before it gives a blob its name.
    pub(super) fn begin(blobs: &Blobs, waiting: Waiting) -> Result<Self> {
        let layout = blobs.layout();
        layout.create_for(&waiting)?;
        layout.unsynced().recover(&|_| {});
        if layout.unsynced().is_ripe()
            && let Some(_alone) = Lock::alone(layout)?
        {
            // What cannot be synced now stays noted.
            let _ = layout.unsynced().settle();
        }
        if matches!(waiting, Waiting::ForTheBlob) {
            layout.unsettle();
        }
        Ok(Self {
            lock: Lock::shared(layout)?,
            ingest: Ingest::new(blobs.clone(), waiting.clone()),
            waiting,
            blobs: blobs.clone(),
        })
    }

    /// A place for what has yet to be judged. It lasts no longer than the writer may.
    pub fn scratch(&self) -> Result<ScratchHolder> {
        Scratch::new(self.blobs.layout()).map(ScratchHolder::from)
    }

    /// Says which blobs and manifests will come: for those that can be fetched again, nothing has to be waited for then.
    pub fn expect<'a>(&self, blobs: impl IntoIterator<Item = &'a Digest>) {
        let missing = blobs.into_iter().filter(|blob| !self.blobs.has(blob));
        let missing: Vec<Digest> = missing.cloned().collect();
        self.waiting.expect(&missing);
    }

    /// Makes what a scratch place keeps the blob of its digest, unless that is there.
    pub fn publish(&self, kept: &Kept) -> Result<()> {
        if self.blobs.size(&kept.digest) == Some(kept.size) {
            return Ok(());
        }
        scratch::publish(self.blobs.layout(), kept)
    }
}

impl Sink for StoreWriter {
    async fn receive(&self, blob: &Descriptor, open: &Opener<'_>) -> Result<Outcome> {
        self.ingest.receive(blob, open).await
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<()> {
        self.blobs.put(manifest.digest(), &manifest.raw, &self.waiting)
    }
}
