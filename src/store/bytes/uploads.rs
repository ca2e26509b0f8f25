//! Blobs that arrive before their digest is known, as a registry's clients send them: each in a file of its own, hashed
//! as it grows, kept for the next try, and published under the digest that is said at the end.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{During, Error, Kind, Result};
use crate::image::digest::Algorithm;
use crate::image::{Digest, Digester};
use crate::store::files;
use crate::store::layout::Layout;
use crate::store::unsynced::Waiting;
use bytes::Bytes;

/// How much of a file is read at once.
const PIECE: usize = 256 << 10;

/// A growing file. All methods block; dropping it keeps what has arrived.
pub struct Upload {
    layout: Arc<Layout>,
    path: PathBuf,
    file: File,
    algorithm: Algorithm,
    digester: Digester,
    len: u64,
}

/// The uploads of one store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Uploads {
    layout: Arc<Layout>,
}

impl Uploads {
    pub(in crate::store) fn new(layout: Arc<Layout>) -> Self {
        Self { layout }
    }

    /// Begins an upload, or takes over what is there under this name, which must be fit for a file: letters, digits
    /// and dashes. Nobody else may be writing to it.
    pub fn begin(&self, name: &str, algorithm: Algorithm) -> Result<Upload> {
        self.layout.create()?;
        let path = self.path(name);
        let file = open(&path, true);
        let file = file.map_err(|e| self.layout.failure(e)).during("beginning an upload")?;
        Upload::new(&self.layout, path, file, algorithm)
    }

    /// The upload that an earlier process left under this name.
    pub fn left(&self, name: &str, algorithm: Algorithm) -> Result<Option<Upload>> {
        let path = self.path(name);
        match open(&path, false) {
            Ok(file) => Upload::new(&self.layout, path, file, algorithm).map(Some),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e).during("reading an upload"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        debug_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
        self.layout.paths().upload(name)
    }
}

fn open(path: &Path, create: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(create).truncate(false);
    files::open(path, &options)
}

impl Upload {
    /// Reads and hashes what an earlier process left.
    fn new(layout: &Arc<Layout>, path: PathBuf, mut file: File, algorithm: Algorithm) -> Result<Self> {
        let (digester, len) = hash(&mut file, algorithm)
            .map_err(files::at(&path))
            .during("reading an upload")?;
        Ok(Self {
            layout: Arc::clone(layout),
            path,
            file,
            algorithm,
            digester,
            len,
        })
    }

    /// Closes its file until somebody goes on.
    pub fn rest(self) -> RestingUpload {
        RestingUpload {
            layout: self.layout,
            path: self.path,
            algorithm: self.algorithm,
            digester: self.digester,
            len: self.len,
        }
    }

    /// How many bytes have arrived.
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds bytes. When they cannot all be written, none of them is kept.
    pub fn append(&mut self, pieces: &[Bytes]) -> Result<()> {
        let mut written = self.len;
        for piece in pieces {
            if let Err(e) = self.file.write_all(piece) {
                // The offset that the client was told last holds; a file that cannot be cut is read anew by the next.
                let _ = self.file.set_len(self.len);
                let _ = self.file.seek(SeekFrom::Start(self.len));
                return Err(self
                    .layout
                    .failure(files::at(&self.path)(e))
                    .during("storing an upload"));
            }
            written += piece.len() as u64;
        }
        for piece in pieces {
            self.digester.update(piece);
        }
        self.len = written;
        Ok(())
    }

    /// The state that it is in now, to come back to.
    pub fn mark(&self) -> Mark {
        Mark {
            len: self.len,
            digester: self.digester.clone(),
        }
    }

    /// Forgets what came after the mark.
    pub fn go_back(&mut self, mark: Mark) -> Result<()> {
        let cut = self.file.set_len(mark.len);
        cut.and_then(|()| self.file.seek(SeekFrom::Start(mark.len)))
            .map_err(files::at(&self.path))
            .during("cutting an upload")?;
        self.len = mark.len;
        self.digester = mark.digester;
        Ok(())
    }

    /// Makes it the blob of this digest. Bytes of another digest are an error of kind `Corrupt`, and are removed.
    pub fn finish(mut self, digest: &Digest) -> Result<()> {
        if digest.algorithm() != self.algorithm {
            // Said at the end only: the bytes are hashed once more.
            let (digester, _) = hash(&mut self.file, digest.algorithm())
                .map_err(files::at(&self.path))
                .during("reading an upload")?;
            self.digester = digester;
        }
        let actual = self.digester.clone().finish();
        if actual != *digest {
            self.discard()?;
            return Err(Error::new(
                Kind::Corrupt,
                format!("the {} bytes hash to {actual}, not to {digest}", self.len),
            ));
        }
        let published = self
            .layout
            .publish(&self.path, &self.file, digest, &Waiting::ForTheBlob);
        published
            .and_then(|()| self.layout.sync_name_of(digest))
            .map_err(|e| self.layout.failure(e))
            .during(format!("storing blob {digest}"))
    }

    /// Removes it.
    pub fn discard(&self) -> Result<()> {
        fs::remove_file(&self.path)
            .map_err(files::at(&self.path))
            .during("removing an upload")
    }
}

/// An upload that nobody writes to: it holds no file open, and its hash goes on where it stands.
pub struct RestingUpload {
    layout: Arc<Layout>,
    path: PathBuf,
    algorithm: Algorithm,
    digester: Digester,
    len: u64,
}

impl RestingUpload {
    /// How many bytes have arrived.
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Opens the file again. One that has another length than it was left with is hashed anew; one that is gone is an
    /// error of kind `NotFound`.
    pub fn resume(self) -> Result<Upload> {
        let doing = "going on with an upload";
        let mut file = open(&self.path, false).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => Error::new(Kind::NotFound, "the upload is gone"),
            _ => Error::from(e).during(doing),
        })?;
        let end = file.seek(SeekFrom::End(0)).map_err(files::at(&self.path));
        if end.during(doing)? != self.len {
            return Upload::new(&self.layout, self.path, file, self.algorithm);
        }
        Ok(Upload {
            layout: self.layout,
            path: self.path,
            file,
            algorithm: self.algorithm,
            digester: self.digester,
            len: self.len,
        })
    }

    /// Removes it.
    pub fn discard(self) -> Result<()> {
        fs::remove_file(&self.path)
            .map_err(files::at(&self.path))
            .during("removing an upload")
    }
}

/// A place in an upload.
pub struct Mark {
    len: u64,
    digester: Digester,
}

impl Mark {
    /// How many bytes are before it.
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// The hash and the length of the file, which is left at its end.
fn hash(file: &mut File, algorithm: Algorithm) -> io::Result<(Digester, u64)> {
    let mut digester = Digester::new(algorithm);
    let mut len = 0;
    file.seek(SeekFrom::Start(0))?;
    let mut buffer = Vec::new();
    loop {
        if buffer.is_empty() {
            buffer = vec![
                0;
                PIECE
                    .min(usize::try_from(file.metadata()?.len()).unwrap_or(PIECE))
                    .max(1)
            ];
        }
        let n = file.read(&mut buffer)?;
        if n == 0 {
            return Ok((digester, len));
        }
        digester.update(&buffer[..n]);
        len += n as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join("store"));
        (folder, store)
    }

    fn append(upload: &mut Upload, text: &str) {
        upload.append(&[Bytes::copy_from_slice(text.as_bytes())]).unwrap();
    }

    #[test]
    fn an_upload_goes_on_after_its_process_has_gone() {
        let (_folder, store) = store();
        let mut upload = store.uploads().begin("a-1", Algorithm::Sha256).unwrap();
        append(&mut upload, "hello ");
        drop(upload);
        assert!(store.uploads().left("a-2", Algorithm::Sha256).unwrap().is_none());
        let mut upload = store.uploads().left("a-1", Algorithm::Sha256).unwrap().unwrap();
        assert_eq!(upload.len(), 6);
        let mark = upload.mark();
        append(&mut upload, "moon");
        upload.go_back(mark).unwrap();
        append(&mut upload, "world");
        let digest = Digest::of(b"hello world");
        upload.finish(&digest).unwrap();
        assert!(store.blobs().has(&digest));
        assert!(store.uploads().left("a-1", Algorithm::Sha256).unwrap().is_none());
    }

    #[test]
    fn a_resting_upload_goes_on_where_it_was() {
        let (_folder, store) = store();
        let mut upload = store.uploads().begin("a", Algorithm::Sha256).unwrap();
        append(&mut upload, "hello ");
        let resting = upload.rest();
        assert_eq!(resting.len(), 6);
        let mut upload = resting.resume().unwrap();
        append(&mut upload, "world");
        let resting = upload.rest();
        // Somebody else has cut it: what counts is what is there.
        File::options()
            .write(true)
            .open(&resting.path)
            .unwrap()
            .set_len(5)
            .unwrap();
        let upload = resting.resume().unwrap();
        assert_eq!(upload.len(), 5);
        upload.finish(&Digest::of(b"hello")).unwrap();
        let resting = store.uploads().begin("b", Algorithm::Sha256).unwrap().rest();
        fs::remove_file(&resting.path).unwrap();
        assert_eq!(resting.resume().err().unwrap().kind(), Kind::NotFound);
    }

    #[test]
    fn what_is_not_its_digest_is_no_blob_and_leaves_nothing() {
        let (_folder, store) = store();
        let mut upload = store.uploads().begin("a", Algorithm::Sha256).unwrap();
        append(&mut upload, "hello");
        let error = upload.finish(&Digest::of(b"other")).unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt);
        assert!(store.uploads().left("a", Algorithm::Sha256).unwrap().is_none());
        assert!(!store.blobs().has(&Digest::of(b"hello")));
    }

    #[test]
    fn the_algorithm_may_be_said_at_the_end() {
        let (_folder, store) = store();
        let mut upload = store.uploads().begin("a", Algorithm::Sha256).unwrap();
        append(&mut upload, "abc");
        let mut digester = Digester::new(Algorithm::Sha512);
        digester.update(b"abc");
        let digest = digester.finish();
        upload.finish(&digest).unwrap();
        assert!(store.blobs().has(&digest));
    }

    #[test]
    fn a_full_disk_loses_nothing_that_was_acknowledged() {
        let (_folder, store) = store();
        let mut upload = store.uploads().begin("a", Algorithm::Sha256).unwrap();
        upload.file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let error = upload.append(&[Bytes::from_static(b"x")]).unwrap_err();
        assert_eq!(error.kind(), Kind::NoSpace);
        assert_eq!(upload.len(), 0);
    }
}
