//! Takes in one blob: resumes what is there, verifies as it arrives, publishes when whole.
//!
//! The bytes come through a bounded channel to one blocking thread a blob, which hashes and writes them, and gives a right
//! blob its name: a slow disk slows the stream down. How they come is not decided here.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future;
use tokio::{task, time};

use crate::content::{ByteStream, Came, Filling, Opener, Outcome, Wanted};
use crate::error::{Error, Kind, Result};
use crate::image::{Descriptor, Digest};
use crate::store::blobs::Blobs;
use crate::store::bytes::partial::{Partial, Progress};
use crate::store::bytes::writeback::Writeback;
use crate::store::lock_watch::TOLD_AFTER;
use crate::store::unsynced::Waiting;

/// How often to look whether another process has finished the same blob.
const POLL: Duration = Duration::from_millis(20);

/// The blobs of one job.
pub(in crate::store) struct Ingest {
    blobs: Blobs,
    waiting: Waiting,
    /// How far the tries that failed came, so that the next one need not read the partial file again.
    failed: Mutex<HashMap<Digest, Progress>>,
}

impl Ingest {
    pub(in crate::store) fn new(blobs: Blobs, waiting: Waiting) -> Self {
        Self {
            blobs,
            waiting,
            failed: Mutex::default(),
        }
    }

    /// Brings `blob` into the store, unless it is there.
    pub(in crate::store) async fn receive(&self, blob: &Descriptor, open: &Opener<'_>) -> Result<Outcome> {
        let doing = format!("storing blob {}", blob.digest);
        let Some(mut partial) = self.claim(blob).await.map_err(|e| said(e, &doing))? else {
            return Ok(Outcome::AlreadyPresent);
        };
        loop {
            let kept;
            (partial, kept) = self.fill(partial, open, &doing).await?;
            if partial.is_published() {
                return Ok(Outcome::Copied);
            }
            if kept == 0 {
                self.on_disk(move || partial.discard())
                    .await
                    .map_err(|e| said(e, &doing))?;
                return Err(mismatch(&blob.digest));
            }
            // What an earlier try left may have been damaged since, by a power cut for one: once more from zero.
            partial = self.restart(partial).await?;
        }
    }

    /// The blob's partial file for this task alone, or `None` when the blob is there or has come meanwhile.
    async fn claim(&self, blob: &Descriptor) -> Result<Option<Partial>> {
        let is_present = || self.blobs.has_whole(blob);
        let mut untold_until = Some(Instant::now() + TOLD_AFTER);
        let partial = loop {
            if is_present() {
                return Ok(None);
            }
            let locked = Partial::lock(self.blobs.layout(), blob, self.writeback());
            if let Some(partial) = locked.map_err(|e| self.blobs.layout().failure(e))? {
                break partial;
            }
            if untold_until.take_if(|until| *until <= Instant::now()).is_some() {
                let layout = self.blobs.layout();
                layout.lock_watch().tell(&layout.paths().partial(&blob.digest));
            }
            time::sleep(POLL).await;
        };
        if is_present() {
            self.on_disk(move || partial.discard()).await?;
            return Ok(None);
        }
        self.waiting.expect(std::slice::from_ref(&blob.digest));
        let known = self.failed().remove(&blob.digest);
        // Nearly always: no thread has to be waited for before the blob is asked for.
        if partial.is_new().map_err(|e| self.blobs.layout().failure(e))? {
            return Ok(Some(partial));
        }
        let catch_up = move || {
            let mut partial = partial;
            partial.catch_up(known).map(|()| partial)
        };
        self.on_disk(catch_up).await.map(Some)
    }

    /// Only what is waited for in the end is worth an early start.
    fn writeback(&self) -> Option<Writeback> {
        matches!(self.waiting, Waiting::ForTheBlob).then(Writeback::default)
    }

    /// Adds the bytes that are missing, and says how many there were before.
    async fn fill(&self, partial: Partial, open: &Opener<'_>, doing: &str) -> Result<(Partial, u64)> {
        let kept = partial.held().total();
        if partial.is_whole() {
            let waiting = self.waiting.clone();
            let published = self.on_disk(move || {
                let mut partial = partial;
                partial.publish(&waiting).map(|()| partial)
            });
            return Ok((published.await.map_err(|e| said(e, doing))?, kept));
        }
        let (partial, came) = self.fetch(partial, open, None, doing).await?;
        let Came::FromStart(stream) = came else {
            return Ok((partial, kept));
        };
        // What is there is of no use to a source that begins at the start: the stream that it gave is used up first.
        let partial = self.restart(partial).await?;
        match self.fetch(partial, open, Some(stream), doing).await? {
            (partial, Came::All) => Ok((partial, 0)),
            (partial, _) => Err(Error::new(
                Kind::Unavailable,
                format!("blob {} does not come in one piece", partial.blob().digest),
            )),
        }
    }

    /// Lets the bytes come, and writes them on a thread of its own.
    async fn fetch(
        &self,
        partial: Partial,
        open: &Opener<'_>,
        first: Option<ByteStream>,
        doing: &str,
    ) -> Result<(Partial, Came)> {
        let (digest, size) = (partial.blob().digest.clone(), partial.blob().size);
        let wanted = Wanted {
            digest: digest.clone(),
            size,
            held: partial.held().clone(),
            first,
        };
        let Filling { mut batches, coming } = open.fill(wanted)?;
        let waiting = self.waiting.clone();
        let filling = async {
            let mut partial = partial;
            // No thread is made or woken for a blob of which nothing has come.
            let Some(first) = batches.recv().await else {
                return Ok((partial, Ok(())));
            };
            task::spawn_blocking(move || {
                let written = partial
                    .take(first, &mut batches)
                    .and_then(|()| partial.publish(&waiting));
                (partial, written)
            })
            .await
        };
        let (came, written) = future::join(coming, filling).await;
        let (partial, written) = written.map_err(lost)?;
        written.map_err(|e| said(self.blobs.layout().failure(e), doing))?;
        if partial.is_published() {
            return Ok((partial, Came::All));
        }
        match came {
            Ok(Came::TooMuch) => {
                self.on_disk(move || partial.discard()).await?;
                let why = format!("blob {digest} is longer than its {size} bytes");
                Err(Error::new(Kind::Corrupt, why))
            }
            Ok(came) => Ok((partial, came)),
            Err(why) => {
                self.remember(&partial);
                Err(why)
            }
        }
    }

    async fn restart(&self, partial: Partial) -> Result<Partial> {
        self.on_disk(move || {
            let mut partial = partial;
            partial.restart().map(|()| partial)
        })
        .await
    }

    fn remember(&self, partial: &Partial) {
        self.failed()
            .insert(partial.blob().digest.clone(), partial.progress.clone());
    }

    fn failed(&self) -> MutexGuard<'_, HashMap<Digest, Progress>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs work on the disk off the reactor.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> Result<T> {
        task::spawn_blocking(work)
            .await
            .map_err(lost)?
            .map_err(|e| self.blobs.layout().failure(e))
    }
}

/// The failure of the local disk with what was being done; other failures tell that themselves.
fn said(e: Error, doing: &str) -> Error {
    match e.kind() {
        Kind::Io | Kind::NoSpace => e.during(doing),
        _ => e,
    }
}

fn lost(e: task::JoinError) -> Error {
    Error::new(Kind::Io, "the thread that writes a blob was lost").caused_by(e)
}

fn mismatch(digest: &Digest) -> Error {
    Error::new(
        Kind::Corrupt,
        format!("filesystem layer verification failed for digest {digest}"),
    )
}
