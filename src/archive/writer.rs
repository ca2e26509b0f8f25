//! Writes one tar that is an OCI layout with the exact blobs and an archive for `docker load` at once.
//!
//! The lists come first and the layers last, so that a reader knows early what is coming. The same images give the
//! same bytes: no times, no owners.

use std::cell::Cell;
use std::collections::HashSet;
use std::io::{self, Write};

use futures_util::StreamExt as _;
use tar::{Builder, EntryType, Header};
use tokio::sync::Mutex;

use super::contents::path_of;
use super::{docker, layout};
use crate::content::{Opener, Outcome, Sink};
use crate::error::{During, Error, Kind, Result};
use crate::image::{Descriptor, Digest, Digester, Manifest, Reference};

/// What fits into a header's own field.
const MAX_PATH: usize = 100;
const BLOCK: u64 = 512;
/// Two empty blocks end an archive.
const END: [u8; 1024] = [0; 1024];

/// One image as the lists of an archive have it.
#[derive(Debug)]
pub struct Saved {
    pub names: Vec<Reference>,
    pub root: Descriptor,
    /// The one image that `docker load` sees: its config and its layers. An artifact has none.
    pub image: Option<(Descriptor, Vec<Descriptor>)>,
}

/// The archive as a sink: blobs come one after the other, each once.
pub struct Writer {
    state: Mutex<State>,
    /// Why the archive cannot be gone on with: a tar has no way back.
    broken: Cell<Option<(Kind, &'static str)>>,
}

struct State {
    out: Box<dyn Write + Send>,
    /// What is in it, and what is left out because the far side has it.
    done: HashSet<Digest>,
}

impl Writer {
    /// Begins the archive with the lists of these images. The blobs `left_out` are not written.
    pub fn begin(out: Box<dyn Write + Send>, images: &[Saved], left_out: HashSet<Digest>) -> Result<Self> {
        let mut state = State { out, done: left_out };
        let entries = images.iter().map(|image| (image.names.as_slice(), &image.root));
        state.file(layout::MARKER, &layout::marker())?;
        state.file(layout::INDEX, &layout::index(entries)?)?;
        let items = images.iter().filter_map(|it| {
            let (config, layers) = it.image.as_ref()?;
            Some((it.names.as_slice(), config, layers.as_slice()))
        });
        state.file(docker::MANIFEST, &docker::manifest(items)?)?;
        for folder in ["blobs/", "blobs/sha256/"] {
            state.write(&head(folder, EntryType::Directory, 0)?)?;
        }
        Ok(Self {
            state: Mutex::new(state),
            broken: Cell::new(None),
        })
    }

    /// Ends the archive and gives back what it was written to, flushed.
    pub fn finish(self) -> Result<Box<dyn Write + Send>> {
        let mut state = self.state.into_inner();
        state.write(&END)?;
        state.out.flush().map_err(failed)?;
        Ok(state.out)
    }
}

impl Sink for Writer {
    async fn receive(&self, blob: &Descriptor, open: &Opener<'_>) -> Result<Outcome> {
        let mut state = self.state.lock().await;
        if let Some((kind, why)) = self.broken.get() {
            return Err(Error::new(kind, why));
        }
        if state.done.contains(&blob.digest) {
            return Ok(Outcome::AlreadyPresent);
        }
        let mut reader = open.at(0).await?;
        self.broken
            .set(Some((Kind::Io, "the archive could not be written to its end")));
        state.write(&head(&path_of(&blob.digest), EntryType::Regular, blob.size)?)?;
        let mut digester = Digester::new(blob.digest.algorithm());
        let mut written = 0;
        while let Some(chunk) = reader.stream.next().await {
            let chunk = chunk?;
            written += chunk.len() as u64;
            digester.update(&chunk);
            state.write(&chunk)?;
        }
        if written != blob.size || digester.finish() != blob.digest {
            let digest = &blob.digest;
            return Err(Error::new(
                Kind::Io,
                format!(
                    "blob {digest} in the store is damaged (its bytes have another digest): remove the image and pull it again"
                ),
            ));
        }
        state.pad(written)?;
        state.done.insert(blob.digest.clone());
        self.broken.set(None);
        Ok(Outcome::Copied)
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<()> {
        let mut state = self.state.lock().await;
        if state.done.insert(manifest.digest().clone()) {
            state.file(&path_of(manifest.digest()), &manifest.raw)?;
        }
        Ok(())
    }
}

impl State {
    fn file(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        self.write(&head(path, EntryType::Regular, bytes.len() as u64)?)?;
        self.write(bytes)?;
        self.pad(bytes.len() as u64)
    }

    fn pad(&mut self, size: u64) -> Result<()> {
        let over = size % BLOCK;
        let missing = usize::try_from((BLOCK - over) % BLOCK).unwrap_or_default();
        self.write(&END[..missing])
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(failed)
    }
}

fn failed(e: io::Error) -> Error {
    Error::from(e).during("writing the archive")
}

/// The header of an entry, with one before it for a path that is too long for it.
fn head(path: &str, sort: EntryType, size: u64) -> Result<Vec<u8>> {
    let build = || {
        let mut builder = Builder::new(Vec::new());
        if path.len() > MAX_PATH {
            builder.append_pax_extensions([("path", path.as_bytes())])?;
        }
        let mut header = Header::new_ustar();
        header.set_path(&path[..path.len().min(MAX_PATH)])?;
        header.set_entry_type(sort);
        header.set_mode(if sort == EntryType::Directory { 0o755 } else { 0o644 });
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(size);
        header.set_cksum();
        builder.get_mut().extend_from_slice(header.as_bytes());
        Ok(builder.get_ref().clone())
    };
    build()
        .map_err(|e: io::Error| Error::from(e))
        .during("writing the archive")
}
