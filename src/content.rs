//! The narrow waist: what two ends of a transfer must offer, whatever they are.
//!
//! A new place for images (an archive, a mirror, another store) implements [`Source`], [`Sink`] or both, and every
//! job can use it.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;

use crate::error::{Error, Result};
use crate::image::{Descriptor, Digest, Manifest};

/// The bytes of a blob from `offset` on. Chunks are tens of KiB or more; nothing is verified yet.
pub struct BlobReader {
    /// Where the stream begins: what was asked for, or 0 when the place cannot begin elsewhere.
    pub offset: u64,
    pub stream: ByteStream,
}

pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>;

type Opening<'a> = Pin<Box<dyn Future<Output = Result<BlobReader>> + 'a>>;

/// Opens one blob of the source, as often as the sink needs to, each time at the offset the sink names.
pub struct Opener<'a>(Box<dyn Fn(u64) -> Opening<'a> + 'a>);

impl<'a> Opener<'a> {
    pub fn new(open: impl Fn(u64) -> Opening<'a> + 'a) -> Self {
        Self(Box::new(open))
    }

    pub async fn at(&self, offset: u64) -> Result<BlobReader> {
        (self.0)(offset).await
    }
}

/// Where content comes from.
#[expect(
    async_fn_in_trait,
    reason = "one task polls every transfer, so no future need be Send"
)]
pub trait Source {
    /// The manifest with this digest, checked against it.
    async fn manifest(&self, digest: &Digest) -> Result<Manifest>;

    /// The blob's bytes from offset `from` on, or from 0 where that is not possible.
    async fn open(&self, blob: &Descriptor, from: u64) -> Result<BlobReader>;
}

/// Where content goes to. The sink pulls: it alone knows what it lacks.
#[expect(
    async_fn_in_trait,
    reason = "one task polls every transfer, so no future need be Send"
)]
pub trait Sink {
    /// Takes in one blob, verified by size and digest. After a failure that may pass, a second call goes on
    /// where the first ended.
    async fn receive(&self, blob: &Descriptor, open: &Opener<'_>) -> Result<Outcome>;

    /// Takes in a manifest whose blobs and children are there already; names nothing.
    async fn put_manifest(&self, manifest: &Manifest) -> Result<()>;
}

/// Bytes that lie in a file of a job's own until it is known whether they are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What they hash to.
    pub digest: Digest,
    pub size: u64,
    pub path: PathBuf,
}

/// How a blob came to be at the sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Copied,
    AlreadyPresent,
    /// The registry linked it from this repository of its own: no bytes moved.
    Mounted {
        from: String,
    },
    /// A foreign layer, which must not be pushed.
    Skipped,
}
