//! Brings the missing bytes of one blob to its writing thread: over one stream, or over several at once where the
//! source gives spans and says that they help.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Semaphore, mpsc};
use tokio::time;

use crate::content::{BlobReader, ByteStream, Opener, Span};
use crate::error::{Error, Kind, Result};
use crate::image::Digest;
use crate::store::bytes::extents::Extents;
use crate::store::bytes::partial::Batch;
use crate::store::memory_share::MemoryShare;

/// Chunks are handed to the writing thread in batches of at least this many bytes: to wake it for each chunk costs as
/// much as to hash 16 KiB. Where many blobs come at once, each has less.
const BATCH: usize = 256 << 10;
const LEAST_BATCH: usize = 64 << 10;
/// Batches that wait for the writing thread or are in its hands, of a blob that comes with few others.
pub(in crate::store) const QUEUE: usize = 5;
/// What is shorter comes over one stream and in one answer, in bytes.
const SPANS_FROM: u64 = 24 << 20;
/// The first span shows whether the server knows ranges at all.
const FIRST: u64 = 16 << 20;
const LEAST: u64 = 2 << 20;
const MOST: u64 = 64 << 20;
/// A span should take about so long: short enough to share the rest well, long enough that asking does not matter.
const TIME: u64 = 4;
/// What comes over one stream within a second is asked for at once, since each request costs docker-registry 3 ms; but only
/// so many times what has come already, since a line may be quick at first only.
const TRUST: u64 = 8;
/// How often to ask whether more streams help.
const TICK: Duration = Duration::from_millis(50);

/// How the missing bytes came.
pub(in crate::store) enum Came {
    All,
    /// The server begins at the start whatever it is asked for. Here is that stream.
    FromStart(ByteStream),
    /// There is more than the blob should have.
    TooMuch,
}

/// One blob that is being fetched.
pub(in crate::store) struct Ranges<'a, 'o> {
    digest: &'a Digest,
    size: u64,
    open: &'a Opener<'o>,
    sender: mpsc::Sender<Batch>,
    places: Arc<Semaphore>,
    memory: &'a MemoryShare,
    spans: RefCell<Spans>,
    /// Whether bytes had to wait for the writer since the last look.
    has_waited: Cell<bool>,
    began: Instant,
    uses_spans: bool,
}

/// Who fetches what.
struct Spans {
    /// What has been handed to the writer or was there before.
    done: Extents,
    /// What is being fetched.
    active: Vec<Range<u64>>,
    /// How many bytes were there before.
    kept: u64,
    /// Whether the server gives whole blobs only.
    is_whole_only: bool,
}

/// How one stream ended.
enum End {
    Done,
    /// The writing thread is gone, and tells why.
    WriterLost,
    FromStart(ByteStream),
    TooMuch,
    Failed {
        why: Error,
        has_moved: bool,
    },
}

impl Spans {
    /// The next gap that nobody fetches, and of it no more than `most`.
    fn next(&mut self, size: u64, most: u64) -> Option<Range<u64>> {
        let mut taken = self.done.clone();
        self.active.iter().for_each(|span| taken.add(span.clone()));
        let gap = taken.gap(0, size)?;
        let span = gap.start..gap.end.min(gap.start.saturating_add(most));
        self.active.push(span.clone());
        Some(span)
    }

    /// Makes a span longer, for a server that gives more than it is asked for, up to what somebody else fetches or has.
    fn take_more(&mut self, span: &Range<u64>, end: u64) -> Range<u64> {
        self.is_whole_only = true;
        self.active.retain(|it| it != span);
        let mut taken = self.done.clone();
        self.active.iter().for_each(|span| taken.add(span.clone()));
        let longer = taken.gap(span.start, end).unwrap_or_else(|| span.clone());
        self.active.push(longer.clone());
        longer
    }
}

impl<'a, 'o> Ranges<'a, 'o> {
    pub(in crate::store) fn new(
        digest: &'a Digest,
        size: u64,
        held: &Extents,
        open: &'a Opener<'o>,
        sender: mpsc::Sender<Batch>,
        memory: &'a MemoryShare,
    ) -> Self {
        Self {
            digest,
            size,
            open,
            sender,
            places: Arc::new(Semaphore::new(QUEUE)),
            memory,
            spans: RefCell::new(Spans {
                done: held.clone(),
                active: Vec::new(),
                kept: held.total(),
                is_whole_only: false,
            }),
            has_waited: Cell::default(),
            began: Instant::now(),
            uses_spans: open.has_spans() && (held.missing(size) > SPANS_FROM || !held.is_one()),
        }
    }

    /// Fetches until nothing is missing. A stream that fails while others flow is replaced, and given up when it brought
    /// nothing; the failure of the last one is the failure of all.
    pub(in crate::store) async fn run(self) -> Result<Came> {
        let mut under_way = FuturesUnordered::new();
        let mut most = usize::MAX;
        let mut ticks = time::interval(TICK);
        ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        loop {
            let width = self.width().min(most);
            while under_way.len() < width {
                let Some(span) = self.next(width) else { break };
                under_way.push(self.fetch(span));
            }
            if under_way.is_empty() {
                return Ok(Came::All);
            }
            let ended = tokio::select! {
                ended = under_way.next() => ended,
                _ = ticks.tick(), if self.uses_spans => continue,
            };
            match ended {
                None | Some(End::Done) => {}
                Some(End::WriterLost) => return Ok(Came::All),
                Some(End::TooMuch) => return Ok(Came::TooMuch),
                Some(End::FromStart(stream)) => {
                    // What others bring now is of no use.
                    drop(under_way);
                    return Ok(Came::FromStart(stream));
                }
                Some(End::Failed { why, has_moved }) => {
                    let may_pass = matches!(why.kind(), Kind::Unavailable | Kind::RateLimited);
                    if under_way.is_empty() || !may_pass {
                        return Err(why);
                    }
                    if !has_moved {
                        most = under_way.len();
                    }
                }
            }
        }
    }

    fn width(&self) -> usize {
        let spans = self.spans.borrow();
        if !self.uses_spans || spans.is_whole_only {
            return 1;
        }
        // The line brings more than the writer takes: with more streams it would only read back what came out of order.
        if self.has_waited.take() {
            return spans.active.len().max(1);
        }
        self.open.width(spans.done.missing(self.size))
    }

    fn next(&self, width: usize) -> Option<Range<u64>> {
        let mut spans = self.spans.borrow_mut();
        let most = if self.uses_spans {
            span_length(&spans, self.size, width, self.began.elapsed())
        } else {
            u64::MAX
        };
        spans.next(self.size, most)
    }

    /// Brings one span to the writer.
    async fn fetch(&self, mut span: Range<u64>) -> End {
        let end = match self.open(span.clone()).await {
            Err(why) => End::Failed { why, has_moved: false },
            Ok(Span { bytes, stream }) if bytes.start == 0 && span.start > 0 => End::FromStart(stream),
            Ok(Span { bytes, .. }) if bytes.start != span.start => {
                let (digest, asked, got) = (self.digest, span.start, bytes.start);
                failed(format!(
                    "blob {digest} was asked for from byte {asked}, but came from {got}"
                ))
            }
            Ok(Span { bytes, stream }) => {
                if bytes.end > span.end {
                    span = self.spans.borrow_mut().take_more(&span, bytes.end);
                }
                self.pass(stream, &span).await
            }
        };
        self.spans.borrow_mut().active.retain(|it| *it != span);
        end
    }

    async fn open(&self, span: Range<u64>) -> Result<Span> {
        if self.uses_spans {
            return self.open.span(span).await;
        }
        let BlobReader { offset, stream } = self.open.at(span.start).await?;
        let bytes = offset..self.size;
        Ok(Span { bytes, stream })
    }

    /// Hands the stream to the writer, up to the end of the span.
    async fn pass(&self, mut stream: ByteStream, span: &Range<u64>) -> End {
        let mut batch = Batch::at(span.start);
        loop {
            let reached = batch.end();
            if reached == span.end && span.end < self.size {
                return self.hand(batch, End::Done).await;
            }
            match stream.next().await {
                None if reached == span.end => return self.hand(batch, End::Done).await,
                Some(Ok(mut chunk)) => {
                    let room = span.end - reached;
                    if chunk.len() as u64 > room {
                        if span.end == self.size {
                            return End::TooMuch;
                        }
                        chunk.truncate(usize::try_from(room).unwrap_or(usize::MAX));
                    }
                    batch.push(chunk);
                }
                ended => {
                    let (digest, size) = (self.digest, self.size);
                    let end = match ended {
                        Some(Err(why)) => End::Failed { why, has_moved: false },
                        _ => failed(format!("blob {digest} ended after {reached} of {size} bytes")),
                    };
                    let has_moved = reached - span.start >= BATCH as u64;
                    return match self.hand(batch, end).await {
                        End::Failed { why, .. } => End::Failed { why, has_moved },
                        end => end,
                    };
                }
            }
            let enough = self.memory.part(BATCH, LEAST_BATCH);
            if batch.length >= enough {
                // Whole blocks go quicker into the page cache, but what is cut off keeps its buffer alive: only a few
                // can afford that.
                let rest = if enough == BATCH {
                    batch.cut(BATCH as u64)
                } else {
                    Batch::at(batch.end())
                };
                let full = std::mem::replace(&mut batch, rest);
                if let End::WriterLost = self.hand(full, End::Done).await {
                    return End::WriterLost;
                }
            }
        }
    }

    /// Hands a batch to the writer, after which this is the end, unless the writer is gone.
    async fn hand(&self, batch: Batch, end: End) -> End {
        let span = batch.offset..batch.end();
        // Where many blobs come at once, fewer places are filled.
        let spared = QUEUE - self.memory.part(QUEUE, 1);
        let wanted = u32::try_from(1 + spared).unwrap_or(1);
        if self.places.available_permits() <= spared {
            self.has_waited.set(true);
        }
        let place = Arc::clone(&self.places).acquire_many_owned(wanted).await;
        let place = place.ok().and_then(|mut places| places.split(1));
        if self.sender.try_send(batch.placed(place)).is_err() {
            return End::WriterLost;
        }
        self.spans.borrow_mut().done.add(span);
        end
    }
}

/// How long the next span should be, in bytes, when so many streams share what is missing.
fn span_length(spans: &Spans, size: u64, width: usize, elapsed: Duration) -> u64 {
    let came = spans.done.total().saturating_sub(spans.kept);
    if came == 0 {
        return FIRST;
    }
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let each = came.saturating_mul(1000) / millis / width as u64;
    let length = (each * TIME).clamp(2 * LEAST, MOST);
    if width == 1 {
        return length.max(each.min(TRUST * came));
    }
    let share = spans.done.missing(size) / (2 * width as u64);
    length.min(share.max(LEAST))
}

fn failed(why: String) -> End {
    let why = Error::new(Kind::Unavailable, why);
    End::Failed { why, has_moved: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn length(came: u64, width: usize, millis: u64) -> u64 {
        let mut done = Extents::default();
        done.add(0..came);
        let spans = Spans {
            done,
            active: Vec::new(),
            kept: 0,
            is_whole_only: false,
        };
        span_length(&spans, 1 << 30, width, Duration::from_millis(millis))
    }

    #[test]
    fn a_span_takes_a_few_seconds_and_a_quick_line_is_asked_seldom() {
        assert_eq!(length(0, 1, 0), 16 * MIB);
        assert_eq!(length(16 * MIB, 1, 4000), 16 * MIB, "4 MiB a second");
        assert_eq!(length(16 * MIB, 1, 500), 64 * MIB, "32 MiB a second");
        assert_eq!(length(16 * MIB, 1, 20), 128 * MIB, "800 MiB a second, for 20 ms so far");
        assert_eq!(length(144 * MIB, 1, 180), 800 * MIB);
    }

    #[test]
    fn streams_beside_one_another_share_what_is_missing() {
        assert_eq!(length(16 * MIB, 2, 20), 64 * MIB);
        assert_eq!(length(960 * MIB, 4, 2000), 8 * MIB);
        assert_eq!(length(1020 * MIB, 4, 2000), 2 * MIB);
    }
}
