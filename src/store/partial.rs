//! One partial blob on disk: locked, hashed as it grows, kept for resuming until it is whole.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::sync::Arc;

use bytes::Bytes;
use rustix::fs::OFlags;
use tokio::sync::mpsc;

use super::layout::Layout;
use crate::image::{Descriptor, Digest, Digester};

/// How much of a file is read at once.
const PIECE: usize = 256 << 10;

/// A partial file that this process alone writes to. All methods block.
pub(super) struct Partial {
    layout: Arc<Layout>,
    file: File,
    digest: Digest,
    /// What the whole blob will have, in bytes.
    pub(super) size: u64,
    pub(super) progress: Progress,
}

/// How much of a blob is on disk, and the hash of that much.
#[derive(Clone)]
pub(super) struct Progress {
    pub(super) len: u64,
    digester: Digester,
}

impl Progress {
    fn none(digest: &Digest) -> Self {
        Self {
            len: 0,
            digester: Digester::new(digest.algorithm()),
        }
    }
}

impl Partial {
    /// The blob's partial file, made where there is none; `None` while somebody else writes to it.
    pub(super) fn lock(layout: &Arc<Layout>, blob: &Descriptor) -> io::Result<Option<Self>> {
        let path = layout.partial(&blob.digest);
        loop {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
                .open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(e)) => return Err(e),
            }
            // Whoever held the lock before may have moved the file away meanwhile.
            let ours = file.metadata()?;
            let there = fs::symlink_metadata(&path);
            if there.is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())) {
                return Ok(Some(Self {
                    layout: Arc::clone(layout),
                    file,
                    digest: blob.digest.clone(),
                    size: blob.size,
                    progress: Progress::none(&blob.digest),
                }));
            }
        }
    }

    /// Takes over what an earlier try left: `known` where it says how far that was, else the file is read and hashed.
    pub(super) fn catch_up(&mut self, known: Option<Progress>) -> io::Result<()> {
        let len = self.file.metadata()?.len();
        if len > self.size {
            return self.restart();
        }
        if let Some(known) = known.filter(|known| known.len == len) {
            self.progress = known;
            self.file.seek(SeekFrom::Start(len))?;
            return Ok(());
        }
        self.file.seek(SeekFrom::Start(0))?;
        let mut buffer = vec![0; PIECE];
        loop {
            let n = self.file.read(&mut buffer)?;
            if n == 0 {
                return Ok(());
            }
            self.progress.digester.update(&buffer[..n]);
            self.progress.len += n as u64;
        }
    }

    /// Forgets all bytes.
    pub(super) fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.progress = Progress::none(&self.digest);
        Ok(())
    }

    /// Writes and hashes what comes until the channel closes.
    pub(super) fn take(&mut self, batches: &mut mpsc::Receiver<Vec<Bytes>>) -> io::Result<()> {
        let mut buffer: Vec<u8> = Vec::new();
        while let Some(batch) = batches.blocking_recv() {
            if let [chunk] = &batch[..] {
                self.write(chunk)?;
                continue;
            }
            buffer.clear();
            for chunk in &batch {
                buffer.extend_from_slice(chunk);
            }
            self.write(&buffer)?;
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.progress.digester.update(bytes);
        self.progress.len += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Whether the bytes hash to the blob's digest.
    pub(super) fn is_right(&self) -> bool {
        self.progress.len == self.size && self.progress.digester.clone().finish() == self.digest
    }

    /// Makes the whole and right partial file the blob.
    pub(super) fn publish(self) -> io::Result<()> {
        self.layout.publish(&self.file, &self.digest)
    }

    /// Removes the file.
    pub(super) fn discard(self) -> io::Result<()> {
        fs::remove_file(self.layout.partial(&self.digest))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::error::{Clue, Kind};

    #[test]
    fn a_full_disk_is_said_with_its_folder() {
        let layout = Arc::new(Layout::new("/store".into()));
        let digest = Digest::of(b"x");
        let mut partial = Partial {
            layout: Arc::clone(&layout),
            file: OpenOptions::new().write(true).open("/dev/full").unwrap(),
            size: 1,
            progress: Progress::none(&digest),
            digest,
        };
        let (sender, mut batches) = mpsc::channel(1);
        sender.try_send(vec![Bytes::from_static(b"x")]).unwrap();
        drop(sender);
        let error = layout.failure(partial.take(&mut batches).unwrap_err());
        assert_eq!(error.kind(), Kind::NoSpace);
        assert_eq!(
            error.clue(),
            Some(&Clue::DiskFull {
                folder: "/store".into()
            })
        );
    }
}
