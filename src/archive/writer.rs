//! Writes one tar that is an OCI layout with the exact blobs and an archive for `docker load` at once.
//!
//! The lists come first and the layers last, so that a reader knows early what is coming. The same images give the
//! same bytes: no times, no owners.

use std::cell::Cell;
use std::collections::HashSet;
use std::io::{self, Write};

use bytes::Buf as _;
use futures_util::StreamExt as _;
use tar::{Builder, EntryType, Header};
use tokio::sync::Mutex;

use super::files::path_of;
use super::{docker, layout};
use crate::content::{Opener, Outcome, Sink};
use crate::error::{During, Error, Kind, Result};
use crate::image::layout::{INDEX, MARKER, marker};
use crate::image::{Descriptor, Digest, Digester, Manifest, Reference};

/// What fits into a header's own field.
const MAX_PATH: usize = 100;
const BLOCK: u64 = 512;
/// Two empty blocks end an archive.
pub(super) const END: [u8; 1024] = [0; 1024];
const UNFINISHED: &str = "the archive could not be written to its end";

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

/// What an archive is written to, and what that is called.
pub struct Out {
    pub stream: Box<dyn Write + Send>,
    pub name: String,
}

struct State {
    out: Out,
    /// What is in it, and what is left out because the far side has it.
    done: HashSet<Digest>,
    /// The blob that is being written.
    partial: Option<Partial>,
}

/// A blob whose header and first bytes are written: a tar has no way back, so it must be gone on with.
struct Partial {
    digest: Digest,
    written: u64,
    digester: Digester,
}

impl Writer {
    /// Begins the archive with the lists of these images. The blobs `left_out` are not written.
    pub fn begin(out: Out, images: &[Saved], left_out: HashSet<Digest>) -> Result<Self> {
        let mut state = State {
            out,
            done: left_out,
            partial: None,
        };
        let entries = images.iter().map(|image| (image.names.as_slice(), &image.root));
        state.file(MARKER, &marker())?;
        state.file(INDEX, &layout::index(entries)?)?;
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
        let flushed = state.out.stream.flush();
        flushed.map_err(|e| state.failed(e))?;
        Ok(state.out.stream)
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
        if state.partial.as_ref().is_some_and(|it| it.digest != blob.digest) {
            return Err(Error::new(Kind::Io, UNFINISHED));
        }
        let from = state.partial.as_ref().map_or(0, |partial| partial.written);
        let mut reader = open.at(from).await?;
        self.broken.set(Some((Kind::Io, UNFINISHED)));
        if state.partial.is_none() {
            state.write(&head(&path_of(&blob.digest), EntryType::Regular, blob.size)?)?;
        }
        let mut partial = state.partial.take().unwrap_or_else(|| Partial::of(&blob.digest));
        // A source that could not begin there gives some bytes again.
        let mut surplus = partial.written.saturating_sub(reader.offset);
        while let Some(chunk) = reader.stream.next().await {
            let mut chunk = match chunk {
                Ok(chunk) => chunk,
                Err(e) => {
                    // What is written stays, and the next call goes on from there.
                    state.partial = Some(partial);
                    self.broken.set(None);
                    return Err(e);
                }
            };
            let skipped = chunk.len().min(usize::try_from(surplus).unwrap_or(usize::MAX));
            chunk.advance(skipped);
            surplus -= skipped as u64;
            partial.written += chunk.len() as u64;
            partial.digester.update(&chunk);
            state.write(&chunk)?;
        }
        if partial.written != blob.size || partial.digester.finish() != blob.digest {
            let digest = &blob.digest;
            return Err(Error::new(
                Kind::Io,
                format!(
                    "blob {digest} is damaged where it comes from (its bytes have another digest): remove it there and get it again"
                ),
            ));
        }
        state.pad(blob.size)?;
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

impl Partial {
    fn of(digest: &Digest) -> Self {
        Self {
            digest: digest.clone(),
            written: 0,
            digester: Digester::new(digest.algorithm()),
        }
    }
}

impl State {
    fn file(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        self.write(&head(path, EntryType::Regular, bytes.len() as u64)?)?;
        self.write(bytes)?;
        self.pad(bytes.len() as u64)
    }

    fn pad(&mut self, size: u64) -> Result<()> {
        self.write(&END[..padding(size)])
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.out.stream.write_all(bytes);
        written.map_err(|e| self.failed(e))
    }

    fn failed(&self, e: io::Error) -> Error {
        Error::from(e).during(format!("writing {}", self.out.name))
    }
}

/// How many bytes fill the last block of an entry of this size.
pub(super) fn padding(size: u64) -> usize {
    let over = size % BLOCK;
    usize::try_from((BLOCK - over) % BLOCK).unwrap_or_default()
}

/// The header of an entry, with one before it for a path that is too long for it.
pub(super) fn head(path: &str, sort: EntryType, size: u64) -> Result<Vec<u8>> {
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
