//! Brings the missing bytes of one blob to whoever writes them: over one stream, or over several at once where the
//! source gives spans and they help. How many streams there are and how many bytes wait in memory is decided here.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Semaphore, mpsc};
use tokio::time;

use super::memory_share::{MemoryShare, MemoryShares};
use super::spans::Spans;
use super::streams::Streams;
use crate::content::{Batch, BlobReader, ByteStream, Came, Filling, Opener, Opening, Span, Wanted};
use crate::error::{Error, Kind, Result};
use crate::image::Digest;

/// Chunks are handed to the writing thread in batches of at least this many bytes: to wake it for each chunk costs as
/// much as to hash 16 KiB. Where many blobs come at once, each has less.
const BATCH: usize = 256 << 10;
const LEAST_BATCH: usize = 64 << 10;
/// Batches that wait for the writing thread or are in its hands, of a blob that comes with few others.
const QUEUE: usize = 5;
/// What is shorter comes over one stream and in one answer, in bytes.
const SPANS_FROM: u64 = 24 << 20;
/// So long a small blob is kept together where few come at once, to be written by one thread that is woken once; what is
/// lost with the process comes again as quickly.
const QUICK: Duration = Duration::from_millis(100);
/// How often to ask whether more streams help.
const TICK: Duration = Duration::from_millis(50);

/// Opens a blob that comes by itself: over one stream, without a plan.
pub fn opener<'a>(open: impl Fn(u64) -> Opening<'a, BlobReader> + 'a) -> Opener<'a> {
    let open = Rc::new(open);
    let again = Rc::clone(&open);
    Opener::new(move |from| open(from)).filling(move |wanted| {
        let open = Rc::clone(&again);
        fill(
            wanted,
            Streams::new(move |from| open(from)),
            &MemoryShares::among_many(),
        )
    })
}

/// Fills what a sink lacks of a blob from these streams. Of the memory, it takes a share.
pub(super) fn fill<'a>(wanted: Wanted, streams: Streams<'a>, shares: &MemoryShares) -> Filling<'a> {
    let (sender, batches) = mpsc::channel(QUEUE);
    let ranges = Ranges::new(wanted, streams, sender, shares);
    Filling {
        batches,
        coming: Box::pin(ranges.run()),
    }
}

/// One blob that is being fetched.
struct Ranges<'a> {
    digest: Digest,
    size: u64,
    streams: Streams<'a>,
    /// Came before it was known that a source begins at the start.
    first: Cell<Option<ByteStream>>,
    sender: mpsc::Sender<Batch>,
    memory: Memory,
    spans: RefCell<Spans>,
    began: Instant,
}

/// The bytes that wait for the writer or are in its hands.
struct Memory {
    share: MemoryShare,
    places: Arc<Semaphore>,
    /// Whether bytes had to wait for the writer since the last look.
    has_waited: Cell<bool>,
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

impl<'a> Ranges<'a> {
    fn new(wanted: Wanted, streams: Streams<'a>, sender: mpsc::Sender<Batch>, shares: &MemoryShares) -> Self {
        let Wanted {
            digest,
            size,
            held,
            first,
        } = wanted;
        let is_worth_it = held.missing(size) > SPANS_FROM || !held.is_one();
        Self {
            spans: RefCell::new(Spans {
                active: Vec::new(),
                kept: held.total(),
                is_whole_only: false,
                are_used: streams.has_spans() && first.is_none() && is_worth_it,
                done: held,
            }),
            memory: Memory {
                share: shares.join(size),
                places: Arc::new(Semaphore::new(QUEUE)),
                has_waited: Cell::default(),
            },
            digest,
            size,
            streams,
            first: Cell::new(first),
            sender,
            began: Instant::now(),
        }
    }

    /// Fetches until nothing is missing. A stream that fails while others flow is replaced, and given up when it brought
    /// nothing; the failure of the last one is the failure of all.
    async fn run(self) -> Result<Came> {
        let uses_spans = self.spans.borrow().are_used;
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
                _ = ticks.tick(), if uses_spans => continue,
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
        if !spans.are_used || spans.is_whole_only {
            return 1;
        }
        // The line brings more than the writer takes: with more streams it would only read back what came out of order.
        if self.memory.has_waited.take() {
            return spans.active.len().max(1);
        }
        self.streams.width(spans.done.missing(self.size))
    }

    fn next(&self, width: usize) -> Option<Range<u64>> {
        let mut spans = self.spans.borrow_mut();
        let most = if spans.are_used {
            spans.length(self.size, width, self.began.elapsed())
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
                let (digest, asked, got) = (&self.digest, span.start, bytes.start);
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
        if self.spans.borrow().are_used {
            return self.streams.span(span).await;
        }
        if let Some(stream) = self.first.take() {
            return Ok(Span {
                bytes: 0..self.size,
                stream,
            });
        }
        let BlobReader { offset, stream } = self.streams.at(span.start).await?;
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
                    let (digest, size) = (&self.digest, self.size);
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
            // The last bytes wait for the end of the stream: there may come too many.
            let enough = self.enough();
            if batch.length >= enough && batch.end() < self.size {
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

    /// How many bytes are worth waking the writer for.
    fn enough(&self) -> usize {
        if self.memory.share.may_hold_all() && self.began.elapsed() < QUICK {
            return usize::MAX;
        }
        self.memory.share.part(BATCH, LEAST_BATCH)
    }

    /// Hands a batch to the writer, after which this is the end, unless the writer is gone.
    async fn hand(&self, batch: Batch, end: End) -> End {
        let span = batch.offset..batch.end();
        // Where many blobs come at once, fewer places are filled.
        let spared = QUEUE - self.memory.share.part(QUEUE, 1);
        let wanted = u32::try_from(1 + spared).unwrap_or(1);
        if self.memory.places.available_permits() <= spared {
            self.memory.has_waited.set(true);
        }
        let place = Arc::clone(&self.memory.places).acquire_many_owned(wanted).await;
        let place = place.ok().and_then(|mut places| places.split(1));
        if self.sender.try_send(batch.placed(place)).is_err() {
            return End::WriterLost;
        }
        self.spans.borrow_mut().done.add(span);
        end
    }
}

fn failed(why: String) -> End {
    let why = Error::new(Kind::Unavailable, why);
    End::Failed { why, has_moved: false }
}

#[cfg(test)]
mod tests {
    mod plans;

    use super::*;
    use crate::content::Extents;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_writer_that_is_behind_gets_no_second_stream() {
        let open = |_| -> Opening<'_, BlobReader> { Box::pin(async { Err(Error::new(Kind::Unavailable, "no line")) }) };
        let span = |_| -> Opening<'_, Span> { Box::pin(async { Err(Error::new(Kind::Unavailable, "no line")) }) };
        let streams = Streams::new(open).with_spans(span, |_| 7);
        let wanted = Wanted {
            digest: Digest::of(b"x"),
            size: 100 * MIB,
            held: Extents::default(),
            first: None,
        };
        let (sender, _batches) = mpsc::channel(1);
        let ranges = Ranges::new(wanted, streams, sender, &MemoryShares::default());
        assert_eq!(ranges.width(), 7);
        ranges.next(7);
        ranges.next(7);
        ranges.memory.has_waited.set(true);
        assert_eq!(ranges.width(), 2, "those that flow go on");
        assert_eq!(ranges.width(), 7, "until it is waited for again");
    }
}
