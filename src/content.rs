//! The narrow waist: what two ends of a transfer must offer, whatever they are.
//!
//! A new place for images (an archive, a mirror, another store) implements [`Source`], [`Sink`] or both, and every
//! job can use it.

use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::Stream;

use crate::error::{Error, Kind, Result};
use crate::image::{Descriptor, Digest, Manifest};

/// The bytes of a blob from `offset` on. Chunks are tens of KiB or more; nothing is verified yet.
pub struct BlobReader {
    /// Where the stream begins: what was asked for, or 0 when the place cannot begin elsewhere.
    pub offset: u64,
    pub stream: ByteStream,
}

/// A span of a blob's bytes. It begins elsewhere than asked, or is longer, when the place knows no spans.
pub struct Span {
    pub bytes: Range<u64>,
    pub stream: ByteStream,
}

pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>;

type Opening<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + 'a>>;

/// Opens one blob of the source, as often as the sink needs to, each time at the offset the sink names.
pub struct Opener<'a> {
    open: Box<dyn Fn(u64) -> Opening<'a, BlobReader> + 'a>,
    spans: Option<Spans<'a>>,
}

struct Spans<'a> {
    open: Box<dyn Fn(Range<u64>) -> Opening<'a, Span> + 'a>,
    width: Box<dyn Fn(u64) -> usize + 'a>,
}

impl<'a> Opener<'a> {
    pub fn new(open: impl Fn(u64) -> Opening<'a, BlobReader> + 'a) -> Self {
        Self {
            open: Box::new(open),
            spans: None,
        }
    }

    /// With a second way: several spans at once. `width` says how many streams are worth it just now, of so many bytes
    /// that are still to come.
    #[must_use]
    pub fn with_spans(
        mut self,
        open: impl Fn(Range<u64>) -> Opening<'a, Span> + 'a,
        width: impl Fn(u64) -> usize + 'a,
    ) -> Self {
        self.spans = Some(Spans {
            open: Box::new(open),
            width: Box::new(width),
        });
        self
    }

    pub async fn at(&self, offset: u64) -> Result<BlobReader> {
        (self.open)(offset).await
    }

    /// Whether spans can be had.
    pub fn has_spans(&self) -> bool {
        self.spans.is_some()
    }

    pub async fn span(&self, bytes: Range<u64>) -> Result<Span> {
        match &self.spans {
            Some(spans) => (spans.open)(bytes).await,
            None => Err(Error::new(Kind::Unsupported, "this source gives no spans")),
        }
    }

    /// How many streams at once are worth it just now, when so many bytes are still to come.
    pub fn width(&self, left: u64) -> usize {
        self.spans.as_ref().map_or(1, |spans| (spans.width)(left).max(1))
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

/// Where content goes to. The sink pulls: it alone knows what it lacks.
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
    /// In bytes; none where nothing is known.
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
    /// Where the last run left it: a URL, which may be signed.
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
