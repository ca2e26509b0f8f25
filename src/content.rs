//! Sources and sinks: what two ends of a transfer must offer, whatever they are.
//!
//! A new place for images (an archive, a mirror, another store) implements [`Source`], [`Sink`] or both, and every
//! job can use it.

mod batch;
mod extents;

use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::Stream;
use tokio::sync::mpsc;

pub use batch::Batch;
pub use extents::Extents;

use crate::error::{Error, Kind, Result};
use crate::image::{Descriptor, Digest, Manifest};

/// The bytes of a blob from `offset` on. Chunks are tens of KiB or more; nothing is verified yet.
pub struct BlobReader {
    /// The offset at which the stream begins: what was asked for, or 0 when the place cannot begin elsewhere.
    pub offset: u64,
    pub stream: ByteStream,
}

/// A span of a blob's bytes. It begins elsewhere than asked, or is longer, when the place knows no spans.
pub struct Span {
    pub bytes: Range<u64>,
    pub stream: ByteStream,
}

pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>;

/// An answer that comes in time.
pub type Opening<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + 'a>>;

/// Opens one blob of the source, as often as the sink needs to: each time at the offset the sink names, or all that it
/// lacks at once.
pub struct Opener<'a> {
    open: Box<dyn Fn(u64) -> Opening<'a, BlobReader> + 'a>,
    fill: Option<Box<dyn Fn(Wanted) -> Filling<'a> + 'a>>,
}

/// What a sink lacks of a blob.
pub struct Wanted {
    pub digest: Digest,
    /// Bytes of the whole blob.
    pub size: u64,
    pub held: Extents,
    /// A stream from the start, which is used up before another one is opened.
    pub first: Option<ByteStream>,
}

/// The bytes that a sink lacks, in the order in which they happen to come.
pub struct Filling<'a> {
    /// What is to be written. The channel closes when no more comes.
    pub batches: mpsc::Receiver<Batch>,
    /// Lets the bytes come as long as it is polled.
    pub coming: Opening<'a, Came>,
}

/// How the missing bytes came.
pub enum Came {
    All,
    /// The source begins at the start whatever it is asked for. Here is that stream.
    FromStart(ByteStream),
    /// More came than the blob should have.
    TooMuch,
}

impl<'a> Opener<'a> {
    pub fn new(open: impl Fn(u64) -> Opening<'a, BlobReader> + 'a) -> Self {
        Self {
            open: Box::new(open),
            fill: None,
        }
    }

    /// Adds a second way, for a sink that writes what comes as it comes.
    #[must_use]
    pub fn filling(mut self, fill: impl Fn(Wanted) -> Filling<'a> + 'a) -> Self {
        self.fill = Some(Box::new(fill));
        self
    }

    pub async fn at(&self, offset: u64) -> Result<BlobReader> {
        (self.open)(offset).await
    }

    /// All that is wanted, over as many streams as help.
    pub fn fill(&self, wanted: Wanted) -> Result<Filling<'a>> {
        match &self.fill {
            Some(fill) => Ok(fill(wanted)),
            None => Err(Error::new(Kind::Unsupported, "this source is read in one piece only")),
        }
    }
}

/// A place that content comes from.
#[expect(
    async_fn_in_trait,
    reason = "one task polls every transfer, so no future need be Send"
)]
pub trait Source {
    /// The manifest with this digest, checked against it.
    async fn manifest(&self, digest: &Digest) -> Result<Manifest>;

    /// The blob's bytes from offset `from` on, or from 0 where that is not possible.
    async fn open(&self, blob: &Descriptor, from: u64) -> Result<BlobReader>;

    /// Whether several streams of one blob may bring it quicker than one.
    fn has_spans(&self) -> bool {
        false
    }

    /// The bytes of a span of the blob; more, or others, where that is not possible.
    async fn open_span(&self, blob: &Descriptor, bytes: Range<u64>) -> Result<Span> {
        let BlobReader { offset, stream } = self.open(blob, bytes.start).await?;
        let bytes = offset..blob.size;
        Ok(Span { bytes, stream })
    }
}

/// A place that content goes to. The sink pulls: it alone knows what it lacks.
#[expect(
    async_fn_in_trait,
    reason = "one task polls every transfer, so no future need be Send"
)]
pub trait Sink {
    /// Whether the blob need not be moved: asked first, for many blobs at once, where that is quick.
    async fn look_for(&self, _blob: &Descriptor) -> Result<Option<Outcome>> {
        Ok(None)
    }

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

/// The longest body that a host is known to take, remembered between runs.
pub struct BodyLimit {
    /// Bytes; none where nothing is known.
    pub known: Option<u64>,
    keep: Box<dyn Fn(u64)>,
}

impl BodyLimit {
    pub fn new(known: Option<u64>, keep: impl Fn(u64) + 'static) -> Self {
        let keep = Box::new(keep);
        Self { known, keep }
    }

    /// Notes what was learned, in bytes.
    pub fn keep(&self, bytes: u64) {
        (self.keep)(bytes);
    }
}

impl fmt::Debug for BodyLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BodyLimit").field(&self.known).finish()
    }
}

/// Finds what is remembered of the half-done upload of a blob; none where another process is at it.
pub type Memory = Rc<dyn Fn(&Digest) -> Option<Remembered>>;

type Keep = dyn Fn(Option<&str>);

/// A half-done upload that the next run is to know of. Until it is dropped it is this process's alone.
pub struct Remembered {
    /// The URL at which the last run left it, which may be signed.
    pub session: Option<String>,
    keep: Box<Keep>,
}

impl Remembered {
    pub fn new(session: Option<String>, keep: impl Fn(Option<&str>) + 'static) -> Self {
        let keep = Box::new(keep);
        Self { session, keep }
    }

    /// Notes where the upload stands now; nothing when it is over.
    pub fn keep(&self, session: Option<&str>) {
        (self.keep)(session);
    }
}
