//! How the streams of one blob are opened: from somewhere on, or spans beside one another.

use std::ops::Range;

use crate::content::{BlobReader, Opening, Span};
use crate::error::{Error, Kind, Result};

/// Opens as many streams of one blob as are wanted.
pub(super) struct Streams<'a> {
    open: Box<dyn Fn(u64) -> Opening<'a, BlobReader> + 'a>,
    spans: Option<Spans<'a>>,
}

struct Spans<'a> {
    open: Box<dyn Fn(Range<u64>) -> Opening<'a, Span> + 'a>,
    width: Box<dyn Fn(u64) -> usize + 'a>,
}

impl<'a> Streams<'a> {
    pub(super) fn new(open: impl Fn(u64) -> Opening<'a, BlobReader> + 'a) -> Self {
        Self {
            open: Box::new(open),
            spans: None,
        }
    }

    /// Adds a second way: several spans at once. `width` says how many streams are worth it just now, of so many bytes
    /// that are still to come.
    pub(super) fn with_spans(
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

    pub(super) async fn at(&self, offset: u64) -> Result<BlobReader> {
        (self.open)(offset).await
    }

    /// Whether spans can be had.
    pub(super) fn has_spans(&self) -> bool {
        self.spans.is_some()
    }

    pub(super) async fn span(&self, bytes: Range<u64>) -> Result<Span> {
        match &self.spans {
            Some(spans) => (spans.open)(bytes).await,
            None => Err(Error::new(Kind::Unsupported, "this source gives no spans")),
        }
    }

    /// How many streams at once are worth it just now, when so many bytes are still to come.
    pub(super) fn width(&self, left: u64) -> usize {
        self.spans.as_ref().map_or(1, |spans| (spans.width)(left).max(1))
    }
}
