//! Streams a stored blob in a few large chunks. What the system has in memory is read at once, between two writes to the
//! line; only what the disk has to bring is waited for, on a thread.

use std::fs::File;
use std::io;
use std::mem;
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::stream;
use rustix::fs::{Advice, fadvise};
use tokio::task;

use crate::content::BlobReader;
use crate::error::{During, Error, Kind, Result};
use crate::image::{Descriptor, Digest};
use crate::store::blobs::{self, Blobs};
use crate::store::files;

/// Bytes that are read at once: larger chunks are no quicker, and sixteen blobs may be on their way out at once.
const CHUNK: usize = 128 << 10;
/// So much the disk is asked for when it is waited for, so that it works while the line does.
const AHEAD: Option<NonZeroU64> = NonZeroU64::new(2 << 20);

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
pub(in crate::store) fn stream_file((file, path): (File, PathBuf), blob: &Descriptor, from: u64) -> Result<BlobReader> {
    let size = blob.size;
    if from > size {
        return Err(Error::new(
            Kind::Usage,
            format!("blob {} has {size} bytes: there is none at {from}", blob.digest),
        ));
    }
    let reading = Reading {
        file: Arc::new(file),
        path,
        digest: blob.digest.clone(),
        left: from..size,
        buffers: Arc::default(),
    };
    let chunks = stream::unfold(reading, |mut reading| async {
        let chunk = reading.next().await?;
        Some((chunk, reading))
    });
    Ok(BlobReader {
        offset: from,
        stream: Box::pin(chunks),
    })
}

/// A blob that is being read.
struct Reading {
    file: Arc<File>,
    path: PathBuf,
    digest: Digest,
    left: Range<u64>,
    buffers: Arc<Buffers>,
}

impl Reading {
    /// The next chunk; after a failure none.
    async fn next(&mut self) -> Option<Result<Bytes>> {
        if self.left.is_empty() {
            return None;
        }
        let left = self.left.end - self.left.start;
        let mut buffer = self.buffers.take(usize::try_from(left).unwrap_or(CHUNK).min(CHUNK));
        let had = read_at_hand(&self.file, &mut buffer, self.left.start);
        if had < buffer.len() {
            match self.read_from_disk(buffer, had).await {
                Ok(whole) => buffer = whole,
                Err(e) => {
                    self.left.start = self.left.end;
                    return Some(Err(e));
                }
            }
        }
        self.left.start += buffer.len() as u64;
        Some(Ok(self.buffers.lend(buffer)))
    }

    /// Fills a buffer that has so many bytes already, on a thread.
    async fn read_from_disk(&self, mut buffer: Vec<u8>, had: usize) -> Result<Vec<u8>> {
        let (file, offset) = (Arc::clone(&self.file), self.left.start + had as u64);
        let reading = task::spawn_blocking(move || {
            // Advice only: where it is not taken, all is as without it.
            let _ = fadvise(&file, offset, AHEAD, Advice::WillNeed);
            file.read_exact_at(&mut buffer[had..], offset).map(|()| buffer)
        });
        let lost = |e| Error::new(Kind::Io, "the thread that reads a blob was lost").caused_by(e);
        match reading.await.map_err(lost)? {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                Err(blobs::damaged(&self.digest, "it became shorter while it was read"))
            }
            read => {
                let doing = format!("reading blob {} of the store", self.digest);
                read.map_err(files::at(&self.path)).during(doing)
            }
        }
    }
}

/// Reads what the system has in memory, and says how many bytes that were. A file system that cannot tell gives none.
#[cfg(target_os = "linux")]
fn read_at_hand(file: &File, buffer: &mut [u8], offset: u64) -> usize {
    use rustix::io::ReadWriteFlags;
    let mut slices = [io::IoSliceMut::new(buffer)];
    rustix::io::preadv2(file, &mut slices, offset, ReadWriteFlags::NOWAIT).unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
fn read_at_hand(_: &File, _: &mut [u8], _: u64) -> usize {
    0
}

/// The buffers of one blob. Each comes back when nobody needs its bytes any more, and is used again: what is there at
/// once is what the HTTP library holds, and no thread's heap grows with what others free.
#[derive(Default)]
struct Buffers {
    spare: Mutex<Vec<Vec<u8>>>,
}

impl Buffers {
    /// A buffer of `size` bytes.
    fn take(&self, size: usize) -> Vec<u8> {
        // The last one was cut to what was left.
        let spare = self.spare().pop().filter(|spare| spare.len() >= size);
        let mut buffer = spare.unwrap_or_else(|| vec![0; size]);
        buffer.truncate(size);
        buffer
    }

    /// The bytes of a buffer, which comes back with the last part of them.
    fn lend(self: &Arc<Self>, buffer: Vec<u8>) -> Bytes {
        Bytes::from_owner(Lent {
            buffer,
            home: Arc::clone(self),
        })
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.home.spare().push(mem::take(&mut self.buffer));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use futures_util::StreamExt as _;

    use super::*;

    fn reading(folder: &tempfile::TempDir, bytes: &[u8], from: u64) -> BlobReader {
        let path = folder.path().join("blob");
        fs::write(&path, bytes).unwrap();
        let blob = Descriptor::new("", Digest::of(bytes), bytes.len() as u64);
        stream_file((File::open(&path).unwrap(), path), &blob, from).unwrap()
    }

    #[test]
    fn a_buffer_is_used_again_once_nobody_needs_its_bytes() {
        let buffers = Arc::<Buffers>::default();
        let first = buffers.lend(buffers.take(60));
        let (start, rest) = (first.as_ptr(), first.slice(50..));
        drop(first);
        let other = buffers.take(60);
        assert_ne!(other.as_ptr(), start, "a part of the first is still needed");
        drop(rest);
        let again = buffers.take(20);
        assert_eq!((again.as_ptr(), again.len()), (start, 20));
        drop(buffers.lend(again));
        assert_eq!(buffers.take(60).len(), 60, "what was cut is too short");
    }

    #[tokio::test]
    async fn all_bytes_come_in_order_from_any_offset() {
        let folder = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
        for from in [0, 1, 299_999, 300_000] {
            let read = reading(&folder, &bytes, from).stream;
            let chunks: Vec<Bytes> = read.map(Result::unwrap).collect().await;
            let start = usize::try_from(from).unwrap();
            assert_eq!(chunks.concat(), &bytes[start..]);
        }
    }

    #[tokio::test]
    async fn a_file_that_becomes_shorter_ends_in_one_error() {
        let folder = tempfile::tempdir().unwrap();
        let mut stream = reading(&folder, &vec![7; 2 * CHUNK], 0).stream;
        assert_eq!(stream.next().await.unwrap().unwrap().len(), CHUNK);
        let file = fs::File::options()
            .write(true)
            .open(folder.path().join("blob"))
            .unwrap();
        file.set_len(CHUNK as u64 + 5).unwrap();
        let error = stream.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt);
        assert!(error.to_string().contains("became shorter"), "{error}");
        assert!(stream.next().await.is_none());
    }
}
