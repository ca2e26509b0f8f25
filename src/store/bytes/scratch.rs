//! Takes in blobs whose digests are known only once they are read: the members of an archive.
//!
//! They wait in a folder of the job's own until all of the archive has turned out right; what is then published is
//! renamed, not copied. The folder goes with the job, and what a killed job left goes with the next one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::ops::Deref;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;

use crate::content::{BlobReader, Kept};
use crate::error::{During, Error, Kind, Result};
use crate::image::digest::Algorithm;
use crate::image::size::total;
use crate::image::{Descriptor, Digester, Size};
use crate::store::bytes::reader;
use crate::store::bytes::unpacked;
use crate::store::files;
use crate::store::layout::Layout;
use crate::store::unsynced::Waiting;

/// How much is read, hashed and written at once.
const PIECE: usize = 256 << 10;
const PREFIX: &str = "job-";

/// The folder of one job. Nothing of it is seen by anyone before it is published.
#[derive(Debug)]
pub struct Scratch {
    layout: Arc<Layout>,
    folder: TempDir,
    count: AtomicU64,
}

/// The hold of the scratch place. When it ends, because the work has ended or was stopped, all that was not published
/// is removed, even if a thread still works there: what that takes in then fails.
#[derive(Debug)]
pub struct ScratchHolder(Arc<Scratch>);

impl From<Scratch> for ScratchHolder {
    fn from(scratch: Scratch) -> Self {
        Self(Arc::new(scratch))
    }
}

impl Deref for ScratchHolder {
    type Target = Arc<Scratch>;

    fn deref(&self) -> &Arc<Scratch> {
        &self.0
    }
}

impl Drop for ScratchHolder {
    fn drop(&mut self) {
        // What cannot be removed now goes with the next job.
        let _ = fs::remove_dir_all(self.0.folder.path());
    }
}

impl Scratch {
    /// The store must exist.
    pub(in crate::store) fn new(layout: &Arc<Layout>) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(layout.paths().ingest());
        Ok(Self {
            folder: folder.map_err(|e| layout.failure(e).during("making room for an archive"))?,
            layout: Arc::clone(layout),
            count: AtomicU64::new(0),
        })
    }

    /// Writes and hashes all that `bytes` yields. `expected`, in bytes, is what must fit on the disk.
    pub fn take(&self, bytes: &mut dyn Read, expected: u64, algorithm: Algorithm) -> Result<Kept> {
        self.check_room(expected)?;
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.path().join(number.to_string());
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|e| self.failure(&path, e))?;
        let mut digester = Digester::new(algorithm);
        let mut buffer = vec![0; piece(expected)];
        let mut size = 0;
        loop {
            // What the archive's end of the pipe has to say is not about this disk.
            let n = read_full(bytes, &mut buffer)?;
            if n == 0 {
                break;
            }
            file.write_all(&buffer[..n]).map_err(|e| self.failure(&path, e))?;
            digester.update(&buffer[..n]);
            size += n as u64;
        }
        Ok(Kept {
            digest: digester.finish(),
            size,
            path,
        })
    }

    /// What a layer that was kept unpacks to, in bytes; an error where it is no tar archive, or not all of one.
    pub fn unpacked_size(&self, layer: &Kept) -> Result<Size> {
        let refused = |why: String| Error::new(Kind::Corrupt, why);
        let file = File::open(&layer.path).map_err(|e| self.failure(&layer.path, e))?;
        match unpacked::size(file) {
            Ok(Some(size)) => Ok(size),
            Ok(None) => Err(refused("it is no tar archive".to_owned())),
            Err(e) => Err(refused(e.to_string())),
        }
    }

    /// The bytes of what was taken in, from offset `from` on.
    pub fn open(&self, kept: &Kept, from: u64) -> Result<BlobReader> {
        let file = File::open(&kept.path).map_err(|e| self.failure(&kept.path, e))?;
        let blob = Descriptor::new("", kept.digest.clone(), kept.size);
        reader::stream_file((file, kept.path.clone()), &blob, from)
    }

    /// An archive that claims more than there is room for is refused before the disk is full.
    fn check_room(&self, expected: u64) -> Result<()> {
        let folder = self.folder.path();
        let room = rustix::fs::statvfs(folder).map_err(|e| self.failure(folder, e.into()))?;
        let free = room.f_bavail.saturating_mul(room.f_frsize);
        if expected <= free {
            return Ok(());
        }
        let full = io::ErrorKind::StorageFull.into();
        let full = self.layout.failure(files::at(folder)(full));
        Err(full.during(format!("storing {expected} bytes of the archive where {free} are left")))
    }

    fn failure(&self, path: &Path, e: io::Error) -> Error {
        self.layout
            .failure(files::at(path)(e))
            .during("storing a part of the archive")
    }
}

/// Small members are many, and need no more than they have; where the size is not known it may be large.
fn piece(expected: u64) -> usize {
    match usize::try_from(expected) {
        Ok(0) | Err(_) => PIECE,
        Ok(size) => size.min(PIECE),
    }
}

/// Fills the buffer as far as the stream goes.
fn read_full(stream: &mut dyn Read, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match stream.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::new(Kind::Corrupt, e.to_string())),
        }
    }
    Ok(filled)
}

/// Makes what was kept the blob of its digest.
pub(in crate::store) fn publish(layout: &Layout, kept: &Kept) -> Result<()> {
    let doing = || format!("storing blob {}", kept.digest);
    let file = File::open(&kept.path).map_err(files::at(&kept.path)).during(doing())?;
    layout
        .publish(&kept.path, &file, &kept.digest, &Waiting::ForTheBlob)
        .map_err(|e| layout.failure(e).during(doing()))
}

/// Removes the folders of jobs that were killed, and says how many bytes that freed. The caller holds the store's lock
/// alone.
pub(in crate::store) fn clear(layout: &Layout) -> u64 {
    let mut freed: u64 = 0;
    for folder in folders(layout) {
        let files = fs::read_dir(&folder).into_iter().flatten().flatten();
        let bytes = total(files.filter_map(|file| file.metadata().ok()).map(|it| it.len()));
        // What cannot be removed now is there for the next job.
        if fs::remove_dir_all(folder).is_ok() {
            freed = bytes.saturating_add(freed);
        }
    }
    freed
}

/// Whether there are such folders, of jobs that were killed or are at work.
pub(in crate::store) fn is_there(layout: &Layout) -> bool {
    !folders(layout).is_empty()
}

fn folders(layout: &Layout) -> Vec<PathBuf> {
    let entries = fs::read_dir(layout.paths().ingest()).into_iter().flatten().flatten();
    let is_job_s = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        let name = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        let is_own = name.is_some_and(|it| !it.is_empty() && it.bytes().all(|b| b.is_ascii_alphanumeric()));
        is_own && entry.file_type().is_ok_and(|it| it.is_dir())
    };
    entries.filter(is_job_s).map(|entry| entry.path()).collect()
}
