//! Content in memory: what the registry's rules are tested over, without a disk.

use std::collections::{HashMap, HashSet};
use std::io::{Cursor, Read};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::TryStreamExt as _;

use super::port::{Backing, Piece, Start, Upload};
use crate::content::Opener;
use crate::error::{Error, Kind, Result};
use crate::image::digest::Algorithm;
use crate::image::graph::{self, Limits, Walk};
use crate::image::{Descriptor, Digest, Digester, Manifest, Reference};
use crate::store::{Named, Repositories};

/// All content, and who has a hold of it.
#[derive(Clone, Default)]
pub(in crate::server) struct Memory(Arc<Mutex<Content>>);

#[derive(Default)]
struct Content {
    blobs: HashMap<Digest, (Bytes, Instant)>,
    named: Vec<Named>,
    uploads: HashMap<String, Vec<u8>>,
    held: Arc<()>,
}

impl Content {
    fn document(&self, digest: &Digest) -> Result<Bytes> {
        let found = self.blobs.get(digest).map(|(bytes, _)| bytes.clone());
        found.ok_or_else(|| Error::new(Kind::NotFound, format!("there is no blob {digest}")))
    }

    fn reached(&self) -> Result<HashSet<Digest>> {
        let mut reached = HashSet::new();
        let roots = self.named.iter().map(|it| it.manifest.digest.clone());
        let mut walk = Walk::of_digests(roots, Limits::NONE)?;
        while let Some(node) = walk.next_unread() {
            let raw = self.document(&node.digest);
            if let Ok(manifest) = raw.and_then(|raw| Manifest::parse(raw, None, Some(&node.digest))) {
                reached.extend(graph::blobs(&manifest).map(|blob| blob.digest.clone()));
                walk.answer(&node, graph::children(&manifest))?;
            }
            reached.insert(node.digest);
        }
        Ok(reached)
    }

    fn is_held(&self) -> bool {
        Arc::strong_count(&self.held) > 1
    }

    fn rename(&mut self, gone: &[Reference], given: &[Named]) {
        let is_over = |name: &Reference| gone.contains(name) || given.iter().any(|it| it.name == *name);
        self.named.retain(|it| !is_over(&it.name));
        self.named.extend_from_slice(given);
    }
}

impl Memory {
    /// Lets nobody else have it until the guard is dropped.
    pub(in crate::server) fn block(&self) -> impl Drop {
        self.content()
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap()
    }
}

impl Backing for Memory {
    type Upload = MemoryUpload;
    type Hold = Arc<()>;

    fn repositories(&self) -> Result<Arc<Repositories>> {
        Ok(Arc::new(self.content().named.iter().cloned().collect()))
    }

    fn put(&self, manifest: &Manifest, names: &[Reference], gone: &[Reference]) -> Result<()> {
        let mut content = self.content();
        let bytes = (manifest.raw.clone(), Instant::now());
        content.blobs.insert(manifest.digest().clone(), bytes);
        let given = |name: &Reference| Named {
            name: name.clone(),
            manifest: manifest.descriptor.clone(),
        };
        let given: Vec<Named> = names.iter().map(given).collect();
        content.rename(gone, &given);
        Ok(())
    }

    fn rename(&self, gone: &[Reference], given: &[Named]) -> Result<()> {
        self.content().rename(gone, given);
        Ok(())
    }

    fn document(&self, digest: &Digest) -> Result<Bytes> {
        self.content().document(digest)
    }

    fn size(&self, digest: &Digest) -> Option<u64> {
        self.content().blobs.get(digest).map(|(bytes, _)| bytes.len() as u64)
    }

    fn open(&self, digest: &Digest, from: u64) -> Result<Box<dyn Read + Send>> {
        let bytes = self.document(digest)?;
        Ok(Box::new(Cursor::new(bytes.slice(usize::try_from(from).unwrap()..))))
    }

    fn touch(&self, digest: &Digest) -> Result<bool> {
        let mut content = self.content();
        let blob = content.blobs.get_mut(digest);
        Ok(blob.map(|(_, touched)| *touched = Instant::now()).is_some())
    }

    fn free(&self, digest: &Digest) -> Result<bool> {
        let mut content = self.content();
        if content.is_held() || content.reached()?.contains(digest) {
            return Ok(false);
        }
        content.blobs.remove(digest);
        Ok(true)
    }

    fn sweep(&self, age: Duration) -> Result<Option<u64>> {
        let began = Instant::now();
        let mut content = self.content();
        if content.is_held() {
            return Ok(None);
        }
        let reached = content.reached()?;
        let is_old = |digest: &Digest, touched: &Instant| {
            began.saturating_duration_since(*touched) >= age && !reached.contains(digest)
        };
        let gone = content.blobs.extract_if(|digest, (_, touched)| is_old(digest, touched));
        Ok(Some(gone.map(|(_, (bytes, _))| bytes.len() as u64).sum()))
    }

    fn hold(&self) -> Result<Arc<()>> {
        Ok(Arc::clone(&self.content().held))
    }

    fn begin_upload(&self, name: &str, _: Algorithm) -> Result<MemoryUpload> {
        self.content().uploads.insert(name.to_owned(), Vec::new());
        Ok(MemoryUpload {
            memory: self.clone(),
            name: name.to_owned(),
            start: 0,
            told: None,
        })
    }

    fn left_upload(&self, name: &str) -> Result<Option<MemoryUpload>> {
        let is_there = self.content().uploads.contains_key(name);
        Ok(is_there.then(|| MemoryUpload {
            memory: self.clone(),
            name: name.to_owned(),
            start: 0,
            told: None,
        }))
    }

    async fn receive(&self, blob: &Descriptor, open: &Opener<'_>) -> Result<()> {
        let pieces: Vec<Bytes> = open.at(0).await?.stream.try_collect().await?;
        self.content()
            .blobs
            .insert(blob.digest.clone(), (pieces.concat().into(), Instant::now()));
        Ok(())
    }
}

/// An upload by its name.
pub(in crate::server) struct MemoryUpload {
    memory: Memory,
    name: String,
    /// Where the piece begins.
    start: usize,
    /// The end of what the client knows of, if it does not know of all.
    told: Option<usize>,
}

impl MemoryUpload {
    fn cut(&self, len: usize) {
        if let Some(bytes) = self.memory.content().uploads.get_mut(&self.name) {
            bytes.truncate(len);
        }
    }
}

impl Upload for MemoryUpload {
    fn len(&self) -> u64 {
        self.memory
            .content()
            .uploads
            .get(&self.name)
            .map_or(0, |bytes| bytes.len() as u64)
    }

    fn told(&self) -> u64 {
        self.told.map_or_else(|| self.len(), |told| told as u64)
    }

    fn tell(&mut self) {
        self.told = None;
    }

    fn open(&mut self, at: Start) -> Result<()> {
        if let Some(told) = self.told.take_if(|_| at == Start::Told) {
            self.cut(told);
        }
        self.start = usize::try_from(self.len()).unwrap();
        Ok(())
    }

    fn append(&mut self, bytes: &[Bytes]) -> Result<()> {
        let mut content = self.memory.content();
        let upload = content.uploads.get_mut(&self.name);
        let gone = || Error::new(Kind::NotFound, "the upload is gone");
        upload.ok_or_else(gone)?.extend(bytes.concat());
        Ok(())
    }

    fn close(&mut self, piece: Piece) -> Result<()> {
        match piece {
            Piece::Told => self.told = None,
            Piece::Untold => {
                self.told.get_or_insert(self.start);
            }
            Piece::TakenBack => self.cut(self.start),
        }
        Ok(())
    }

    fn finish(self, digest: &Digest) -> Result<()> {
        let mut content = self.memory.content();
        let bytes = content.uploads.remove(&self.name).unwrap_or_default();
        let mut digester = Digester::new(digest.algorithm());
        digester.update(&bytes);
        let actual = digester.finish();
        if actual != *digest {
            return Err(Error::new(
                Kind::Corrupt,
                format!("the bytes hash to {actual}, not to {digest}"),
            ));
        }
        content.blobs.insert(actual, (bytes.into(), Instant::now()));
        Ok(())
    }

    fn discard(self) -> Result<()> {
        self.memory.content().uploads.remove(&self.name);
        Ok(())
    }
}
