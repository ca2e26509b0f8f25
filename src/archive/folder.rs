//! An OCI layout in a folder, as skopeo, crane and buildx write it: read where it lies.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::stream;
use rustix::fs::OFlags;
use tokio::sync::mpsc;
use tokio::task;

use super::errors::bad;
use super::files::{Files, MAX_DOCUMENT, path_of};
use crate::content::{BlobReader, Source};
use crate::error::{During, Result};
use crate::image::{Descriptor, Digest, Digester, Manifest};

/// How much is handed over at once.
const PIECE: u64 = 256 << 10;
/// Pieces that wait for the reactor.
const QUEUE: usize = 4;

/// The layout under one root. It belongs to somebody else and is never written to.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// A file of the layout with its size. Blobs may be links to a store elsewhere on the disk; anything else than a
    /// file is not opened for long.
    fn file(&self, path: &str) -> Result<Option<(File, u64)>> {
        let path = self.root.join(path);
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
            .open(&path)
            .and_then(|file| file.metadata().map(|metadata| (file, metadata)));
        match opened {
            Ok((file, metadata)) if metadata.is_file() => Ok(Some((file, metadata.len()))),
            Ok(_) => Err(bad(format!("{} is not a file", path.display()))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e).during(format!("open {}", path.display())),
        }
    }
}

impl Files for Folder {
    fn document(&self, path: &str) -> Result<Option<Bytes>> {
        let Some((file, size)) = self.file(path)? else {
            return Ok(None);
        };
        if size > MAX_DOCUMENT {
            return Err(bad(format!(
                "{} has {size} bytes: too many",
                self.root.join(path).display()
            )));
        }
        let mut raw = Vec::new();
        file.take(MAX_DOCUMENT)
            .read_to_end(&mut raw)
            .during(format!("reading {}", self.root.join(path).display()))?;
        Ok(Some(raw.into()))
    }

    fn blob(&self, digest: &Digest) -> Result<Option<Bytes>> {
        let Some(raw) = self.document(&path_of(digest))? else {
            return Ok(None);
        };
        let mut digester = Digester::new(digest.algorithm());
        digester.update(&raw);
        let actual = digester.finish();
        if actual != *digest {
            let path = path_of(digest);
            return Err(bad(format!(
                "{path} is not what its name says: its bytes hash to {actual}"
            )));
        }
        Ok(Some(raw))
    }

    fn size_of(&self, digest: &Digest) -> Option<u64> {
        self.file(&path_of(digest)).ok().flatten().map(|(_, size)| size)
    }
}

impl Folder {
    /// The manifest with this digest, checked against it.
    pub fn manifest_of(&self, digest: &Digest) -> Result<Manifest> {
        let raw = self.blob(digest)?;
        let raw = raw.ok_or_else(|| bad(format!("the layout does not hold the manifest {digest}")))?;
        Manifest::parse(raw, None, Some(digest))
    }
}

impl Source for Folder {
    async fn manifest(&self, digest: &Digest) -> Result<Manifest> {
        self.manifest_of(digest)
    }

    /// A thread of its own reads ahead.
    async fn open(&self, blob: &Descriptor, from: u64) -> Result<BlobReader> {
        let digest = &blob.digest;
        let path = self.root.join(path_of(digest)).display().to_string();
        let Some((mut file, size)) = self.file(&path_of(digest))? else {
            return Err(bad(format!("the layout does not hold blob {digest}")));
        };
        if size != blob.size {
            return Err(bad(format!("blob {digest} has {size} bytes, not {}", blob.size)));
        }
        let doing = format!("reading {path}");
        file.seek(SeekFrom::Start(from)).during(&doing)?;
        let (sender, receiver) = mpsc::channel(QUEUE);
        task::spawn_blocking(move || {
            loop {
                let mut chunk = Vec::new();
                let read = file.by_ref().take(PIECE).read_to_end(&mut chunk).during(&doing);
                let is_end = !matches!(read, Ok(1..));
                if !matches!(read, Ok(0)) && sender.blocking_send(read.map(|_| Bytes::from(chunk))).is_err() {
                    return;
                }
                if is_end {
                    return;
                }
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
}
