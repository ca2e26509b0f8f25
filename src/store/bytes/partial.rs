//! One partial blob on disk: locked, hashed as it grows, kept for resuming until it is whole.

use std::fs::{self, File, TryLockError};
use std::io::{self, IoSlice};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::content::{Batch, Extents};
use crate::image::{Descriptor, Digest, Digester};
use crate::store::bytes::partial_map::{self, MAP_LEN};
use crate::store::bytes::writeback::Writeback;
use crate::store::files;
use crate::store::layout::Layout;
use crate::store::unsynced::Waiting;

/// How much of a file is read at once.
const PIECE: usize = 256 << 10;
/// The most slices of one call: half of what Linux takes.
const MOST_SLICES: usize = 512;

/// A partial file that this process alone writes to. All methods block.
pub(in crate::store) struct Partial {
    layout: Arc<Layout>,
    path: PathBuf,
    file: File,
    blob: Descriptor,
    pub(in crate::store) progress: Progress,
    form: Form,
    buffer: Vec<u8>,
    writeback: Option<Writeback>,
}

/// What the file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// It has what has come, from the start.
    Growing,
    /// It has the blob's full length and a map behind it.
    Mapped,
    /// It is the blob.
    Published,
}

/// The bytes of a blob that are on disk, and the hash of the first of them.
#[derive(Clone)]
pub(in crate::store) struct Progress {
    pub(in crate::store) held: Extents,
    hashed: u64,
    digester: Digester,
}

impl Progress {
    fn none(digest: &Digest) -> Self {
        Self {
            held: Extents::default(),
            hashed: 0,
            digester: Digester::new(digest.algorithm()),
        }
    }
}

impl Partial {
    /// The blob's partial file, made where there is none; `None` while somebody else writes to it.
    pub(in crate::store) fn lock(
        layout: &Arc<Layout>,
        blob: &Descriptor,
        writeback: Option<Writeback>,
    ) -> io::Result<Option<Self>> {
        let path = layout.paths().partial(&blob.digest);
        loop {
            let file = files::open_write(&path, 0o666)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(e)) => return Err(files::at(&path)(e)),
            }
            // Whoever held the lock before may have moved the file away meanwhile.
            let ours = file.metadata().map_err(files::at(&path))?;
            let there = fs::symlink_metadata(&path);
            if there.is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())) {
                return Ok(Some(Self {
                    layout: Arc::clone(layout),
                    path,
                    file,
                    blob: blob.clone(),
                    progress: Progress::none(&blob.digest),
                    form: Form::Growing,
                    buffer: Vec::new(),
                    writeback,
                }));
            }
        }
    }

    /// Whether no earlier try left anything.
    pub(in crate::store) fn is_new(&self) -> io::Result<bool> {
        Ok(self.length()? == 0)
    }

    fn length(&self) -> io::Result<u64> {
        let metadata = self.file.metadata().map_err(files::at(&self.path))?;
        Ok(metadata.len())
    }

    /// Takes over what an earlier try left. Where `known` tells how far it came, what was hashed is not hashed again.
    pub(in crate::store) fn catch_up(&mut self, known: Option<Progress>) -> io::Result<()> {
        let len = self.length()?;
        let is_mapped = len == self.blob.size.saturating_add(MAP_LEN as u64);
        self.form = if is_mapped { Form::Mapped } else { Form::Growing };
        let held = if is_mapped {
            let mut map = vec![0; MAP_LEN];
            self.file
                .read_exact_at(&mut map, self.blob.size)
                .map_err(files::at(&self.path))?;
            partial_map::read(&map, self.blob.size)
        } else {
            let mut held = Extents::default();
            held.add(0..len);
            (len <= self.blob.size).then_some(held)
        };
        let Some(held) = held else {
            return self.restart();
        };
        match known.filter(|known| known.held == held) {
            Some(known) => self.progress = known,
            None => self.progress.held = held,
        }
        self.hash(u64::MAX)
    }

    /// Forgets all bytes.
    pub(in crate::store) fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0).map_err(files::at(&self.path))?;
        self.form = Form::Growing;
        self.progress = Progress::none(&self.blob.digest);
        Ok(())
    }

    /// Writes and hashes the first batch, and what comes until the channel closes. Bytes that came before those in front
    /// of them are hashed when these are there, a little with each batch and the rest while nothing comes.
    pub(in crate::store) fn take(&mut self, first: Batch, batches: &mut mpsc::Receiver<Batch>) -> io::Result<()> {
        let mut next = Some(first);
        while let Some(batch) = next {
            let is_behind = self.is_behind();
            self.write(batch.offset, &batch.chunks)?;
            drop(batch);
            if is_behind {
                self.hash(2 * PIECE as u64)?;
            }
            next = loop {
                match batches.try_recv() {
                    Ok(batch) => break Some(batch),
                    Err(mpsc::error::TryRecvError::Empty) if self.is_behind() => self.hash(PIECE as u64)?,
                    Err(_) => break batches.blocking_recv(),
                }
            };
        }
        self.hash(u64::MAX)
    }

    /// Whether bytes without a gap in front of them are not hashed yet.
    fn is_behind(&self) -> bool {
        self.progress.hashed < self.progress.held.front()
    }

    fn write(&mut self, offset: u64, chunks: &[Bytes]) -> io::Result<()> {
        let end = offset + chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>();
        if end == offset {
            return Ok(());
        }
        let is_next = offset == self.progress.held.front() && self.progress.held.is_one();
        if !is_next && self.form != Form::Mapped {
            // First, or a file that is cut off here would seem to be whole up to these bytes.
            let mut map = partial_map::write(&self.progress.held);
            map.resize(MAP_LEN, 0);
            self.file
                .write_all_at(&map, self.blob.size)
                .map_err(files::at(&self.path))?;
            self.form = Form::Mapped;
        }
        write_all(&self.file, chunks, offset).map_err(files::at(&self.path))?;
        if let Some(writeback) = &mut self.writeback {
            writeback.wrote(offset..end, &self.file);
        }
        self.progress.held.add(offset..end);
        if self.form == Form::Mapped {
            self.file
                .write_all_at(&partial_map::write(&self.progress.held), self.blob.size)
                .map_err(files::at(&self.path))?;
        }
        if self.progress.hashed == offset {
            for chunk in chunks {
                self.progress.digester.update(chunk);
            }
            self.progress.hashed = end;
        }
        Ok(())
    }

    /// Hashes at most so many bytes more of what is there without a gap.
    fn hash(&mut self, most: u64) -> io::Result<()> {
        let end = self
            .progress
            .held
            .front()
            .min(self.progress.hashed.saturating_add(most));
        if self.progress.hashed >= end {
            return Ok(());
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(PIECE, 0);
        while self.progress.hashed < end {
            let left = usize::try_from(end - self.progress.hashed).unwrap_or(PIECE);
            let piece = &mut buffer[..left.min(PIECE)];
            self.file
                .read_exact_at(piece, self.progress.hashed)
                .map_err(files::at(&self.path))?;
            self.progress.digester.update(piece);
            self.progress.hashed += piece.len() as u64;
        }
        self.buffer = buffer;
        Ok(())
    }

    /// What it becomes.
    pub(in crate::store) fn blob(&self) -> &Descriptor {
        &self.blob
    }

    pub(in crate::store) fn held(&self) -> &Extents {
        &self.progress.held
    }

    /// Whether all bytes are there.
    pub(in crate::store) fn is_whole(&self) -> bool {
        self.held().front() == self.blob.size
    }

    /// Whether it is the blob now.
    pub(in crate::store) fn is_published(&self) -> bool {
        self.form == Form::Published
    }

    /// Whether the bytes hash to the blob's digest.
    fn is_right(&self) -> bool {
        self.is_whole() && self.progress.digester.clone().finish() == self.blob.digest
    }

    /// Makes the partial file the blob if it is whole and right.
    pub(in crate::store) fn publish(&mut self, waiting: &Waiting) -> io::Result<()> {
        if !self.is_right() {
            return Ok(());
        }
        if self.form == Form::Mapped {
            self.file.set_len(self.blob.size).map_err(files::at(&self.path))?;
        }
        self.layout
            .publish(&self.path, &self.file, &self.blob.digest, waiting)?;
        self.form = Form::Published;
        Ok(())
    }

    /// Removes the file.
    pub(in crate::store) fn discard(self) -> io::Result<()> {
        fs::remove_file(&self.path).map_err(files::at(&self.path))
    }
}

/// Writes the chunks one after the other, in as few calls as the system allows and without putting them together first.
fn write_all(file: &File, chunks: &[Bytes], mut offset: u64) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = chunks.iter().map(|chunk| IoSlice::new(chunk)).collect();
    let mut left = &mut slices[..];
    while !left.is_empty() {
        let count = left.len().min(MOST_SLICES);
        let written = match rustix::io::pwritev(file, &left[..count], offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => written,
            Err(rustix::io::Errno::INTR) => continue,
            Err(e) => return Err(e.into()),
        };
        offset += written as u64;
        IoSlice::advance_slices(&mut left, written);
    }
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::OpenOptions;

    use super::*;
    use crate::error::{Clue, Kind};

    #[test]
    fn a_full_disk_is_said_with_its_folder() {
        let layout = Arc::new(Layout::new("/store".into()));
        let digest = Digest::of(b"x");
        let mut partial = Partial {
            layout: Arc::clone(&layout),
            path: "/store/ingest/sha256-x".into(),
            file: OpenOptions::new().write(true).open("/dev/full").unwrap(),
            progress: Progress::none(&digest),
            blob: Descriptor::new("", digest, 1),
            form: Form::Growing,
            buffer: Vec::new(),
            writeback: None,
        };
        let (_, mut batches) = mpsc::channel(1);
        let mut batch = Batch::at(0);
        batch.push(Bytes::from_static(b"x"));
        let error = layout.failure(partial.take(batch, &mut batches).unwrap_err());
        assert_eq!(error.kind(), Kind::NoSpace);
        assert!(error.to_string().starts_with("/store/ingest/sha256-x: "), "{error}");
        assert_eq!(
            error.clue(),
            Some(&Clue::DiskFull {
                folder: "/store".into(),
                partial: 0
            })
        );
    }
}
