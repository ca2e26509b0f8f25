//! The local store behind the registry.

use std::io::{Read, Seek as _, SeekFrom};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::port::{Backing, Piece, Start, Upload, off_thread};
use crate::content::{Opener, Sink as _};
use crate::error::{During as _, Error, Kind, Result};
use crate::image::digest::Algorithm;
use crate::image::{Descriptor, Digest, Manifest, Reference};
use crate::store::{self, Mark, Named, Repositories, RestingUpload, Serving, Store, StoreWriter};

/// A store that other processes use too. While pushes are under way its lock is held shared, so that none of them frees
/// a blob that a client was told is here.
#[derive(Clone)]
pub(in crate::server) struct Local {
    store: Store,
    #[expect(dead_code, reason = "held, not used")]
    serving: Option<Arc<Serving>>,
}

impl Local {
    /// The store, which is made if need be.
    pub(in crate::server) fn writable(store: Store) -> Result<Self> {
        drop(store.begin()?);
        let serving = Some(Arc::new(store.begin_serving()?));
        Ok(Self { store, serving })
    }

    /// The store as it is; one that cannot be read is an error.
    pub(in crate::server) fn read_only(store: Store) -> Result<Self> {
        store.names().repositories()?;
        Ok(Self { store, serving: None })
    }
}

impl Backing for Local {
    type Upload = LocalUpload;
    type Hold = StoreWriter;

    fn repositories(&self) -> Result<Arc<Repositories>> {
        self.store.names().repositories()
    }

    fn put(&self, manifest: &Manifest, names: &[Reference], gone: &[Reference]) -> Result<()> {
        self.store.names().put(manifest, names, gone)
    }

    fn rename(&self, gone: &[Reference], given: &[Named]) -> Result<()> {
        self.store.names().replace(gone, given)
    }

    fn document(&self, digest: &Digest) -> Result<Bytes> {
        self.store.blobs().read(digest)
    }

    fn size(&self, digest: &Digest) -> Option<u64> {
        self.store.blobs().size(digest)
    }

    fn open(&self, digest: &Digest, from: u64) -> Result<Box<dyn Read + Send>> {
        let (mut file, _) = self.store.blobs().open(digest)?;
        file.seek(SeekFrom::Start(from))
            .during(format!("reading blob {digest}"))?;
        Ok(Box::new(file))
    }

    fn touch(&self, digest: &Digest) -> Result<bool> {
        self.store.blobs().touch(digest)
    }

    fn free(&self, digest: &Digest) -> Result<bool> {
        self.store.sweep().blob(digest)
    }

    fn sweep(&self, age: Duration) -> Result<Option<u64>> {
        // Another store on the same root: what it reads to see what is needed is forgotten at once.
        Store::at(self.store.root().to_owned()).sweep().old(age)
    }

    fn hold(&self) -> Result<StoreWriter> {
        self.store.begin()
    }

    fn begin_upload(&self, name: &str, algorithm: Algorithm) -> Result<LocalUpload> {
        self.store.uploads().begin(name, algorithm).map(LocalUpload::resting)
    }

    fn left_upload(&self, name: &str) -> Result<Option<LocalUpload>> {
        // Which algorithm it was begun with is forgotten; if it was another, the file is hashed again at the end.
        let left = self.store.uploads().left(name, Algorithm::Sha256)?;
        Ok(left.map(LocalUpload::resting))
    }

    async fn receive(&self, blob: &Descriptor, open: &Opener<'_>) -> Result<()> {
        let store = self.store.clone();
        let writer = off_thread(move || store.begin()).await?;
        writer.receive(blob, open).await.map(drop)
    }
}

/// An upload in a file of the store.
pub(in crate::server) struct LocalUpload {
    resting: Option<RestingUpload>,
    open: Option<(store::Upload, Mark)>,
    /// The end of what the client knows of, if it does not know of all.
    told: Option<(u64, Mark)>,
}

impl LocalUpload {
    fn resting(upload: store::Upload) -> Self {
        Self {
            resting: Some(upload.rest()),
            open: None,
            told: None,
        }
    }
}

fn gone() -> Error {
    Error::new(Kind::NotFound, "the upload is gone")
}

impl Upload for LocalUpload {
    fn len(&self) -> u64 {
        let open = self.open.as_ref().map(|(upload, _)| upload.len());
        open.or_else(|| self.resting.as_ref().map(RestingUpload::len))
            .unwrap_or_default()
    }

    fn told(&self) -> u64 {
        self.told.as_ref().map_or_else(|| self.len(), |(told, _)| *told)
    }

    fn tell(&mut self) {
        self.told = None;
    }

    fn open(&mut self, at: Start) -> Result<()> {
        let mut upload = self.resting.take().ok_or_else(gone)?.resume()?;
        if let Some((_, told)) = self.told.take_if(|_| at == Start::Told) {
            upload.go_back(told)?;
        }
        let mark = upload.mark();
        self.open = Some((upload, mark));
        Ok(())
    }

    fn append(&mut self, bytes: &[Bytes]) -> Result<()> {
        let (upload, _) = self.open.as_mut().ok_or_else(gone)?;
        upload.append(bytes)
    }

    fn close(&mut self, piece: Piece) -> Result<()> {
        let (mut upload, mark) = self.open.take().ok_or_else(gone)?;
        let mut closed = Ok(());
        match piece {
            Piece::Told => self.told = None,
            Piece::Untold => {
                self.told.get_or_insert((mark.len(), mark));
            }
            Piece::TakenBack => closed = upload.go_back(mark),
        }
        self.resting = Some(upload.rest());
        closed
    }

    fn finish(self, digest: &Digest) -> Result<()> {
        self.resting.ok_or_else(gone)?.resume()?.finish(digest)
    }

    fn discard(self) -> Result<()> {
        self.resting.ok_or_else(gone)?.discard()
    }
}
