//! The port between the registry and whatever keeps its content: the local store, and memory in the tests of the rules.

use std::cell::Cell;
use std::io::Read;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::content::Opener;
use crate::error::{Error, Kind, Result};
use crate::image::digest::Algorithm;
use crate::image::{Descriptor, Digest, Manifest, Reference};
use crate::store::{Named, Repositories};

/// What keeps content for the registry. Clones share it. Its methods block: [`OffThread`] alone calls them.
pub(in crate::server) trait Backing: Clone + Send + 'static {
    type Upload: Upload;
    /// A hold: while it lasts, nobody else frees what no name leads to.
    type Hold: Send + 'static;

    /// All names as they are now.
    fn repositories(&self) -> Result<Arc<Repositories>>;

    /// Puts a manifest and lets `names` point to it; in the same step `gone` are names no more.
    fn put(&self, manifest: &Manifest, names: &[Reference], gone: &[Reference]) -> Result<()>;

    /// Takes these names away and gives those, in one step.
    fn rename(&self, gone: &[Reference], given: &[Named]) -> Result<()>;

    /// The bytes of a manifest or another small document, verified; `NotFound` for what is not here.
    fn document(&self, digest: &Digest) -> Result<Bytes>;

    /// How many bytes the blob has, if it is here.
    fn size(&self, digest: &Digest) -> Option<u64>;

    /// The blob's bytes from `from` on; `NotFound` for what is not here.
    fn open(&self, digest: &Digest, from: u64) -> Result<Box<dyn Read + Send>>;

    /// Lets the blob count as new. Whether it is here.
    fn touch(&self, digest: &Digest) -> Result<bool>;

    /// Removes the blob, unless a name leads to it or somebody holds the content. Whether it is gone.
    fn free(&self, digest: &Digest) -> Result<bool>;

    /// Removes what no name leads to and nobody has touched for `age`: how many bytes. None when somebody holds it.
    fn sweep(&self, age: Duration) -> Result<Option<u64>>;

    fn hold(&self) -> Result<Self::Hold>;

    /// Begins an upload under this name: letters, digits and dashes.
    fn begin_upload(&self, name: &str, algorithm: Algorithm) -> Result<Self::Upload>;

    /// The upload that was left under this name, perhaps by an earlier process.
    fn left_upload(&self, name: &str) -> Result<Option<Self::Upload>>;

    /// Fetches a blob from elsewhere, from where an earlier try ended. Does not block.
    async fn receive(&self, blob: &Descriptor, open: &Opener<'_>) -> Result<()>;
}

/// Bytes on their way in, before their digest is known. Only between `open` and `close` it may hold a file.
pub(in crate::server) trait Upload: Sized + Send + 'static {
    /// How many bytes have come.
    fn len(&self) -> u64;

    /// How many of them the client knows of: those of a piece that was cut off it may send again.
    fn told(&self) -> u64;

    /// Says that the client was told of all.
    fn tell(&mut self);

    /// Makes ready for a piece; `NotFound` for an upload that is gone.
    fn open(&mut self, at: Start) -> Result<()>;

    /// Adds all of these bytes, or none.
    fn append(&mut self, bytes: &[Bytes]) -> Result<()>;

    /// Ends the piece.
    fn close(&mut self, piece: Piece) -> Result<()>;

    /// Makes it the blob of this digest. Other bytes are an error of kind `Corrupt`, and are removed.
    fn finish(self, digest: &Digest) -> Result<()>;

    fn discard(self) -> Result<()>;
}

/// The place where a piece begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Start {
    /// The end of all that has come.
    End,
    /// The end of what the client knows of; the rest is forgotten.
    Told,
}

/// What becomes of a piece of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Piece {
    Told,
    /// It was cut off: it is kept, but the client does not know of it yet.
    Untold,
    TakenBack,
}

/// A backing whose work is done off the thread that serves. There are few threads for it: one alone may wait for a lock.
#[derive(Clone)]
pub(in crate::server) struct OffThread<B> {
    backing: B,
    locking: Rc<Mutex<()>>,
    /// How many blobs are being sent to clients.
    readers: Rc<Cell<usize>>,
}

impl<B: Backing> OffThread<B> {
    pub(in crate::server) fn new(backing: B) -> Self {
        Self {
            backing,
            locking: Rc::default(),
            readers: Rc::default(),
        }
    }

    /// Work that may wait for other processes: it changes names, or takes a hold.
    pub(in crate::server) async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&B) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let _alone = self.locking.lock().await;
        self.run(work).await
    }

    pub(in crate::server) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&B) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let backing = self.backing.clone();
        off_thread(move || work(&backing)).await
    }

    /// Counts who is sent a blob.
    pub(in crate::server) fn readers(&self) -> &Rc<Cell<usize>> {
        &self.readers
    }

    /// Fetches a blob from elsewhere.
    pub(in crate::server) async fn receive(&self, blob: &Descriptor, open: &Opener<'_>) -> Result<()> {
        self.backing.receive(blob, open).await
    }
}

/// Runs work that blocks on another thread.
pub(in crate::server) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    spawn_blocking(work)
        .await
        .map_err(|e| Error::new(Kind::Io, "the thread that works on the store was lost").caused_by(e))?
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use futures_util::future::join_all;

    use super::super::memory::Memory;
    use super::*;

    #[test]
    fn who_waits_for_a_lock_keeps_no_reader_waiting() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(2)
            .build();
        let store = OffThread::new(Memory::default());
        let (release, is_released) = channel::<()>();
        runtime.unwrap().block_on(async {
            let first = store.change(move |_| Ok(is_released.recv().is_err()));
            let others = join_all((0..5).map(|_| store.change(Memory::repositories)));
            let reader = async {
                store.run(Memory::repositories).await.unwrap();
                drop(release);
            };
            let (first, others, ()) = tokio::join!(first, others, reader);
            assert!(first.is_ok() && others.iter().all(Result::is_ok));
        });
    }
}
