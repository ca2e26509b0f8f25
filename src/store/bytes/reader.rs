//! Streams a stored blob: one blocking thread reads ahead a few large chunks.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::mem;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::stream;
use tokio::sync::mpsc;
use tokio::task;

use crate::content::BlobReader;
use crate::error::{During, Error, Kind, Result};
use crate::image::{Descriptor, Digest};
use crate::store::blobs::{self, Blobs};
use crate::store::files;

/// Bytes that are read at once: larger chunks are no quicker, and sixteen blobs may be on their way out at once.
const CHUNK: usize = 128 << 10;
/// Chunks that wait for the reactor.
const QUEUE: usize = 4;
/// Chunks that may be there at once. Besides those in the queue the HTTP library holds some, as many as it likes.
const MOST: usize = 6;

/// The bytes of `blob` from offset `from` on.
pub(in crate::store) fn stream(blobs: &Blobs, blob: &Descriptor, from: u64) -> Result<BlobReader> {
    let (file, size) = blobs.open(&blob.digest)?;
    if size != blob.size {
        let how = format!("it has {size} bytes, not {}", blob.size);
        return Err(blobs::damaged(&blob.digest, &how));
    }
    stream_file((file, blobs.layout().paths().blob(&blob.digest)), blob, from)
}

/// The same of a file that is known to hold the blob.
pub(in crate::store) fn stream_file(file: (File, PathBuf), blob: &Descriptor, from: u64) -> Result<BlobReader> {
    let size = blob.size;
    if from > size {
        return Err(Error::new(
            Kind::Usage,
            format!("blob {} has {size} bytes: there is none at {from}", blob.digest),
        ));
    }
    let (sender, receiver) = mpsc::channel(QUEUE);
    let digest = blob.digest.clone();
    task::spawn_blocking(move || {
        if let Err(e) = send(file, from..size, &sender, &digest) {
            // Nobody listens any more when this fails, so nobody misses it.
            let _ = sender.blocking_send(Err(e));
        }
    });
    let chunks = stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    });
    Ok(BlobReader {
        offset: from,
        stream: Box::pin(chunks),
    })
}

fn send(
    (mut file, path): (File, PathBuf),
    span: std::ops::Range<u64>,
    sender: &mpsc::Sender<Result<Bytes>>,
    digest: &Digest,
) -> Result<()> {
    let doing = || format!("reading blob {digest} of the store");
    let sought = file.seek(SeekFrom::Start(span.start));
    sought.map_err(files::at(&path)).during(doing())?;
    let mut left = span.end - span.start;
    let buffers = Arc::<Buffers>::default();
    while left > 0 {
        let mut buffer = buffers.take(CHUNK, MOST * CHUNK);
        buffer.truncate(usize::try_from(left).unwrap_or(CHUNK));
        match (&file).read_exact(&mut buffer) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(blobs::damaged(digest, "it became shorter while it was read"));
            }
            read => read.map_err(files::at(&path)).during(doing())?,
        }
        left -= buffer.len() as u64;
        if sender.blocking_send(Ok(buffers.lend(buffer))).is_err() {
            break;
        }
    }
    Ok(())
}

/// The buffers of one blob. Each comes back when nobody needs its bytes any more, and is used again: what is there at
/// once is bounded, and no thread's heap grows with what others free.
#[derive(Default)]
struct Buffers {
    stock: Mutex<Stock>,
    returned: Condvar,
}

#[derive(Default)]
struct Stock {
    /// Bytes that are lent.
    lent: usize,
    spare: Vec<Vec<u8>>,
}

impl Buffers {
    /// A buffer of `size` bytes; blocks until less than `most` are lent.
    fn take(&self, size: usize, most: usize) -> Vec<u8> {
        let stock = self.returned.wait_while(self.stock(), |stock| stock.lent >= most);
        let mut stock = stock.unwrap_or_else(PoisonError::into_inner);
        // The last one was cut to what was left.
        while let Some(spare) = stock.spare.pop() {
            if spare.len() == size {
                return spare;
            }
        }
        vec![0; size]
    }

    /// The bytes of a buffer, which comes back with the last part of them.
    fn lend(self: &Arc<Self>, buffer: Vec<u8>) -> Bytes {
        self.stock().lent += buffer.len();
        Bytes::from_owner(Lent {
            buffer,
            home: Arc::clone(self),
        })
    }

    fn stock(&self) -> MutexGuard<'_, Stock> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Lent {
    buffer: Vec<u8>,
    home: Arc<Buffers>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut stock = self.home.stock();
        stock.lent -= self.buffer.len();
        stock.spare.push(mem::take(&mut self.buffer));
        self.home.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn no_more_is_read_than_is_used() {
        let buffers = Arc::<Buffers>::default();
        let first = buffers.lend(buffers.take(60, 60));
        let (start, rest) = (first.as_ptr(), first.slice(50..));
        drop(first);
        let is_needed = Arc::new(AtomicBool::new(true));
        let (begins, begun) = mpsc::channel();
        let waiting = {
            let (buffers, is_needed) = (Arc::clone(&buffers), Arc::clone(&is_needed));
            thread::spawn(move || {
                begins.send(()).unwrap();
                let buffer = buffers.take(60, 60);
                assert!(
                    !is_needed.load(Ordering::SeqCst),
                    "a part of the buffer is still needed"
                );
                buffer
            })
        };
        begun.recv().unwrap();
        thread::yield_now();
        is_needed.store(false, Ordering::SeqCst);
        drop(rest);
        let again = waiting.join().unwrap();
        assert_eq!((again.as_ptr(), again.len()), (start, 60), "the same buffer");
        drop(buffers.lend(again));
        assert_eq!(buffers.take(20, 60).len(), 20);
    }
}
