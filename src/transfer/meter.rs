//! Opens a blob of the source and tells the watcher of every byte that passes.

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use futures_util::StreamExt;

use super::throttle::Throttle;
use crate::content::{BlobReader, ByteStream, Source, Span};
use crate::error::Result;
use crate::image::Descriptor;
use crate::progress::{Event, Progress};

/// What all blobs of a job count together.
#[derive(Debug, Default)]
pub(super) struct Totals {
    passed: AtomicU64,
    streams: AtomicUsize,
}

impl Totals {
    /// All bytes that have passed.
    pub(super) fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }

    /// Streams that flow.
    pub(super) fn streams(&self) -> usize {
        self.streams.load(Ordering::Relaxed)
    }
}

/// Counts the bytes of one blob over all its tries.
pub(super) struct Meter<'a> {
    blob: &'a Descriptor,
    progress: Arc<dyn Progress>,
    throttle: Option<Throttle>,
    totals: Arc<Totals>,
    /// How many bytes of the blob have passed or were there before.
    position: Arc<AtomicU64>,
    /// The furthest that was looked at.
    furthest: Cell<u64>,
    /// Whether the watcher was told where the spans of this try begin.
    is_told: Cell<bool>,
}

impl<'a> Meter<'a> {
    pub(super) fn new(
        blob: &'a Descriptor,
        progress: &Arc<dyn Progress>,
        throttle: Option<&Throttle>,
        totals: &Arc<Totals>,
    ) -> Self {
        Self {
            blob,
            progress: Arc::clone(progress),
            throttle: throttle.cloned(),
            totals: Arc::clone(totals),
            position: Arc::default(),
            furthest: Cell::default(),
            is_told: Cell::default(),
        }
    }

    /// How many bytes further the blob has come than ever before, since the last call.
    pub(super) fn advance(&self) -> u64 {
        self.is_told.set(false);
        let position = self.position.load(Ordering::Relaxed);
        let before = self.furthest.replace(self.furthest.get().max(position));
        position.saturating_sub(before)
    }

    pub(super) async fn open(&self, source: &impl Source, from: u64) -> Result<BlobReader> {
        let BlobReader { offset, stream } = source.open(self.blob, from).await?;
        self.begin(offset);
        let stream = self.watch(stream);
        Ok(BlobReader { offset, stream })
    }

    /// Opens a span, while of the whole blob so many bytes are still to come.
    pub(super) async fn open_span(&self, source: &impl Source, bytes: Range<u64>, left: u64) -> Result<Span> {
        if !self.is_told.replace(true) {
            self.begin(self.blob.size.saturating_sub(left));
        }
        let Span { bytes, stream } = source.open_span(self.blob, bytes).await?;
        let stream = self.watch(stream);
        Ok(Span { bytes, stream })
    }

    fn begin(&self, offset: u64) {
        self.position.store(offset, Ordering::Relaxed);
        self.progress.on(Event::Started {
            blob: &self.blob.digest,
            offset,
        });
    }

    fn watch(&self, stream: ByteStream) -> ByteStream {
        let stream = match &self.throttle {
            Some(throttle) => throttle.slow(stream),
            None => stream,
        };
        let flowing = Flowing::new(&self.totals);
        let (digest, size) = (self.blob.digest.clone(), self.blob.size);
        let (progress, position) = (Arc::clone(&self.progress), Arc::clone(&self.position));
        Box::pin(stream.inspect(move |chunk| {
            let Ok(chunk) = chunk else { return };
            let bytes = chunk.len() as u64;
            flowing.0.passed.fetch_add(bytes, Ordering::Relaxed);
            let reached = position.fetch_add(bytes, Ordering::Relaxed) + bytes;
            progress.on(Event::Advanced { blob: &digest, bytes });
            if reached == size {
                progress.on(Event::Verifying { blob: &digest });
            }
        }))
    }
}

/// Counts a stream while it is there.
struct Flowing(Arc<Totals>);

impl Flowing {
    fn new(totals: &Arc<Totals>) -> Self {
        totals.streams.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(totals))
    }
}

impl Drop for Flowing {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}
