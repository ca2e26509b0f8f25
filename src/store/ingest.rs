//! Takes in one blob: resumes what is there, verifies as it arrives, publishes when whole.
//!
//! The bytes go from the reactor through a bounded channel to one blocking thread a blob, which hashes and writes them
//! in large pieces: memory stays flat, and a slow disk slows the stream down.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio::{task, time};

use super::blobs;
use super::layout::Layout;
use super::partial::{Partial, Progress};
use crate::content::{BlobReader, ByteStream, Opener, Outcome};
use crate::error::{Error, Kind, Result};
use crate::image::{Descriptor, Digest};

/// How often to look whether another process has finished the same blob.
const POLL: Duration = Duration::from_millis(100);
/// Chunks are handed to the writing thread in batches of at least this many bytes: to wake it for each chunk costs as
/// much as to hash 16 KiB.
const BATCH: usize = 256 << 10;
/// Batches between the reactor and the writing thread.
const QUEUE: usize = 4;

/// The blobs of one job.
pub(super) struct Ingest {
    layout: Arc<Layout>,
    /// How far the tries that failed came, so that the next one need not read the partial file again.
    failed: Mutex<HashMap<Digest, Progress>>,
}

impl Ingest {
    pub(super) fn new(layout: Arc<Layout>) -> Self {
        Self {
            layout,
            failed: Mutex::default(),
        }
    }

    /// Brings `blob` into the store, unless it is there.
    pub(super) async fn receive(&self, blob: &Descriptor, open: &Opener<'_>) -> Result<Outcome> {
        let doing = format!("storing blob {}", blob.digest);
        let Some(mut partial) = self.claim(blob).await.map_err(|e| said(e, &doing))? else {
            return Ok(Outcome::AlreadyPresent);
        };
        loop {
            let kept;
            (partial, kept) = self.fill(partial, open).await?;
            if partial.is_right() {
                self.on_disk(move || partial.publish())
                    .await
                    .map_err(|e| said(e, &doing))?;
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
        let is_present = || blobs::size(&self.layout, &blob.digest) == Some(blob.size);
        let partial = loop {
            if is_present() {
                return Ok(None);
            }
            match Partial::lock(&self.layout, blob).map_err(|e| self.layout.failure(e))? {
                Some(partial) => break partial,
                None => time::sleep(POLL).await,
            }
        };
        if is_present() {
            self.on_disk(move || partial.discard()).await?;
            return Ok(None);
        }
        let known = self.failed().remove(&blob.digest);
        let catch_up = move || {
            let mut partial = partial;
            partial.catch_up(known).map(|()| partial)
        };
        self.on_disk(catch_up).await.map(Some)
    }

    /// Adds the bytes that are missing, and says how many were there before.
    async fn fill(&self, mut partial: Partial, open: &Opener<'_>) -> Result<(Partial, u64)> {
        let kept = partial.progress.len;
        if kept == partial.size {
            return Ok((partial, kept));
        }
        let reader = match open.at(kept).await {
            Ok(reader) => reader,
            Err(e) => {
                self.remember(&partial);
                return Err(e);
            }
        };
        let BlobReader { offset, stream } = reader;
        if offset == 0 && kept > 0 {
            partial = self.restart(partial).await?;
        } else if offset != kept {
            return Err(Error::new(
                Kind::Unavailable,
                format!(
                    "blob {} was asked for from byte {kept}, but came from {offset}",
                    partial.digest()
                ),
            ));
        }
        self.pump(partial, stream).await.map(|partial| (partial, offset))
    }

    /// Moves the stream into the partial file.
    async fn pump(&self, partial: Partial, stream: ByteStream) -> Result<Partial> {
        let missing = partial.size - partial.progress.len;
        let (sender, mut receiver) = mpsc::channel(QUEUE);
        let writer = task::spawn_blocking(move || {
            let mut partial = partial;
            let written = partial.take(&mut receiver);
            (partial, written)
        });
        let passed = pass(stream, sender, missing).await;
        let (partial, written) = writer.await.map_err(lost)?;
        written.map_err(|e| said(self.layout.failure(e), &format!("storing blob {}", partial.digest())))?;
        let why = match passed {
            Ok(passed) if passed == missing => return Ok(partial),
            Ok(passed) if passed > missing => {
                let why = format!("blob {} is longer than its {} bytes", partial.digest(), partial.size);
                self.on_disk(move || partial.discard()).await?;
                return Err(Error::new(Kind::Corrupt, why));
            }
            Ok(_) => Error::new(
                Kind::Unavailable,
                format!(
                    "blob {} ended after {} of {} bytes",
                    partial.digest(),
                    partial.progress.len,
                    partial.size
                ),
            ),
            Err(why) => why,
        };
        self.remember(&partial);
        Err(why)
    }

    async fn restart(&self, partial: Partial) -> Result<Partial> {
        self.on_disk(move || {
            let mut partial = partial;
            partial.restart().map(|()| partial)
        })
        .await
    }

    fn remember(&self, partial: &Partial) {
        self.failed().insert(partial.digest().clone(), partial.progress.clone());
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
            .map_err(|e| self.layout.failure(e))
    }
}

/// Hands the stream to the writer, and says how many bytes passed; a chunk with which they are more than are `missing`
/// is counted and not handed over.
async fn pass(mut stream: ByteStream, sender: mpsc::Sender<Vec<Bytes>>, missing: u64) -> Result<u64> {
    let mut passed = 0;
    let mut batch = Vec::new();
    let mut waiting = 0;
    let ended = loop {
        match stream.next().await {
            None => break Ok(()),
            Some(Err(why)) => break Err(why),
            Some(Ok(chunk)) => {
                passed += chunk.len() as u64;
                if passed > missing {
                    break Ok(());
                }
                waiting += chunk.len();
                batch.push(chunk);
            }
        }
        if waiting >= BATCH {
            waiting = 0;
            if sender.send(std::mem::take(&mut batch)).await.is_err() {
                break Ok(());
            }
        }
    };
    // It fails when the writer has failed, which tells why.
    let _ = sender.send(batch).await;
    ended.map(|()| passed)
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
