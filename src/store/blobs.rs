//! Finished blobs: looking, opening, reading small ones whole, writing small ones.

use std::fs::File;
use std::io::{self, Read as _};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use rustix::fs::{self, AtFlags, FileType};
use rustix::io::Errno;

use crate::error::{During, Error, Kind, Result};
use crate::image::{Descriptor, Digest, Digester};
use crate::store::files;
use crate::store::layout::Layout;
use crate::store::unsynced::Waiting;

/// The largest blob that is read into memory whole: 8 MiB, far above any config or manifest.
const MAX_WHOLE: u64 = 8 << 20;

/// The blobs of one store that are whole. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Blobs {
    layout: Arc<Layout>,
}

impl Blobs {
    pub(super) fn new(layout: Arc<Layout>) -> Self {
        Self { layout }
    }

    pub(super) fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    pub fn has(&self, digest: &Digest) -> bool {
        self.size(digest).is_some()
    }

    /// Whether the blob is here with as many bytes as it should have. They are not read.
    pub fn has_whole(&self, blob: &Descriptor) -> bool {
        self.size(&blob.digest) == Some(blob.size)
    }

    /// The blob's size in bytes, if it is there. A symbolic link is not a blob.
    pub fn size(&self, digest: &Digest) -> Option<u64> {
        if self.layout.unsynced().is_doubted(digest) {
            return None;
        }
        let metadata = self.layout.paths().blob(digest).symlink_metadata().ok()?;
        metadata.is_file().then_some(metadata.len())
    }

    /// Opens the blob and says how many bytes it has.
    pub fn open(&self, digest: &Digest) -> Result<(File, u64)> {
        if self.layout.unsynced().is_doubted(digest) {
            return Err(damaged(digest, "a power cut has cut it off"));
        }
        let path = self.layout.paths().blob(digest);
        let opened = files::open_read(&path);
        match opened.and_then(|file| file.metadata().map(|metadata| (file, metadata.len()))) {
            Ok(opened) => Ok(opened),
            Err(e) if e.kind() == io::ErrorKind::InvalidInput => Err(damaged(digest, "it is not a file")),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(Error::new(
                Kind::NotFound,
                format!("blob {digest} is missing from the store: remove the image and pull it again"),
            )),
            Err(e) if files::number_of(&e) == Some(Errno::LOOP.raw_os_error()) => {
                Err(damaged(digest, "it is a symbolic link"))
            }
            Err(e) => Err(files::at(&path)(e)).during(format!("opening blob {digest} of the store")),
        }
    }

    /// The whole blob, which must not be large, checked against its digest; at most 8 MiB.
    pub fn read(&self, digest: &Digest) -> Result<Bytes> {
        let (file, size) = self.open(digest)?;
        if size > MAX_WHOLE {
            return Err(Error::new(
                Kind::Unsupported,
                format!("blob {digest} has {size} bytes: too many for a manifest or a config"),
            ));
        }
        let mut raw = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        file.take(MAX_WHOLE)
            .read_to_end(&mut raw)
            .map_err(files::at(&self.layout.paths().blob(digest)))
            .during(format!("reading blob {digest} of the store"))?;
        let mut digester = Digester::new(digest.algorithm());
        digester.update(&raw);
        if digester.finish() != *digest {
            return Err(damaged(digest, "its bytes have another digest"));
        }
        Ok(raw.into())
    }

    /// Lets the blob count as new, so that a sweep spares it though nothing leads to it yet. Whether it is there.
    pub fn touch(&self, digest: &Digest) -> Result<bool> {
        if !self.has(digest) {
            return Ok(false);
        }
        let (file, _) = self.open(digest)?;
        file.set_modified(SystemTime::now())
            .map_err(files::at(&self.layout.paths().blob(digest)))
            .during(format!("touching blob {digest}"))?;
        Ok(true)
    }

    /// Puts bytes that were checked against `digest` in their place, unless they are there already.
    pub(super) fn put(&self, digest: &Digest, raw: &[u8], waiting: &Waiting) -> Result<()> {
        if self.read(digest).is_ok() {
            return Ok(());
        }
        if waiting.may_skip(digest) {
            return self.layout.place(&self.layout.paths().blob(digest), raw);
        }
        self.layout.replace(&self.layout.paths().blob(digest), raw)
    }

    /// The folder of all blobs: from there thousands of them are found in half the time.
    pub(super) fn folder(&self) -> io::Result<File> {
        self.layout.unsynced().recover(&|_| {});
        File::open(self.layout.paths().blobs())
    }
}

/// The size in bytes of a blob in the folder of all blobs, and when its file was last written to, in nanoseconds since
/// 1970.
pub(super) fn stamp(folder: &File, digest: &Digest) -> Option<(u64, i128)> {
    let stat = fs::statat(folder, files::blob_name(digest), AtFlags::SYMLINK_NOFOLLOW).ok()?;
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    let written = i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec);
    is_file.then_some((stat.st_size.try_into().ok()?, written))
}

/// The words for a stored blob that is not what its digest says.
pub(super) fn damaged(digest: &Digest, how: &str) -> Error {
    Error::new(
        Kind::Corrupt,
        format!("blob {digest} in the store is damaged ({how}): remove the image and pull it again"),
    )
}
