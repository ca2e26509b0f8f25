//! Whatever the streams of a blob do, each missing byte comes once, at its place.

use std::cell::RefCell;

use bytes::Bytes;
use fastrand::Rng;
use futures_util::stream;

use super::super::*;
use crate::content::Extents;

/// A blob, and a source of it that does what it likes.
struct Whim {
    content: Vec<u8>,
    dice: RefCell<Rng>,
    /// Whether a failure may come, another span than the one that was asked for, and more bytes than there are.
    is_whimsical: bool,
}

/// What came of the blob, and in which order.
#[derive(Default)]
struct Arrived {
    extents: Extents,
    offsets: Vec<u64>,
}

impl Whim {
    fn pieces(&self, bytes: &Range<u64>) -> Vec<Result<Bytes>> {
        let at = |place: u64| usize::try_from(place).unwrap();
        let mut rest = &self.content[at(bytes.start)..at(bytes.end)];
        let mut dice = self.dice.borrow_mut();
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(dice.usize(1..=rest.len().min(40_000)));
            pieces.push(Ok(Bytes::copy_from_slice(piece)));
            rest = after;
            if self.is_whimsical && dice.u8(..20) == 0 {
                pieces.extend((dice.bool()).then(|| Err(Error::new(Kind::Unavailable, "the line broke"))));
                return pieces;
            }
        }
        if self.is_whimsical && bytes.end == self.content.len() as u64 && dice.u8(..40) == 0 {
            pieces.push(Ok(Bytes::from_static(b"more")));
        }
        pieces
    }

    fn span(&self, asked: Range<u64>) -> Result<Span> {
        let mut given = asked;
        if self.is_whimsical {
            let mut dice = self.dice.borrow_mut();
            let size = self.content.len() as u64;
            match dice.u8(..12) {
                0 => return Err(Error::new(Kind::Unavailable, "no line")),
                1 => given.end = dice.u64(given.end..=size),
                2 => given.end = size,
                3 if dice.u8(..8) == 0 => given.start = 0,
                4 => given.start = dice.u64(given.start..=given.end),
                _ => {}
            }
        }
        let stream = Box::pin(stream::iter(self.pieces(&given)));
        Ok(Span { bytes: given, stream })
    }

    fn streams(&self) -> Streams<'_> {
        let open = move |from: u64| -> Opening<'_, BlobReader> {
            let pieces = self.pieces(&(from..self.content.len() as u64));
            let stream = Box::pin(stream::iter(pieces));
            Box::pin(async move { Ok(BlobReader { offset: from, stream }) })
        };
        Streams::new(open)
    }

    /// One try to bring what is missing. How it ended, with what arrived added to what was there.
    async fn bring(&self, streams: Streams<'_>, arrived: &mut Arrived) -> Result<Came> {
        let wanted = Wanted {
            digest: Digest::of(b"x"),
            size: self.content.len() as u64,
            held: arrived.extents.clone(),
            first: None,
        };
        let Filling { mut batches, coming } = fill(wanted, streams, &MemoryShares::default());
        let take = async {
            while let Some(batch) = batches.recv().await {
                let mut place = batch.offset;
                arrived.offsets.push(place);
                for chunk in &batch.chunks {
                    let end = place + chunk.len() as u64;
                    let there = arrived.extents.total();
                    arrived.extents.add(place..end);
                    assert_eq!(
                        arrived.extents.total() - there,
                        chunk.len() as u64,
                        "{place}..{end} came twice"
                    );
                    let (from, to) = (usize::try_from(place).unwrap(), usize::try_from(end).unwrap());
                    assert!(self.content[from..to] == chunk[..], "{place}..{end} is something else");
                    place = end;
                }
                assert_eq!(place, batch.end());
            }
        };
        let (came, ()) = tokio::join!(coming, take);
        came
    }
}

#[tokio::test]
async fn each_missing_byte_comes_once_and_at_its_place() {
    let mut ended = [0; 4];
    for seed in 0..150 {
        let mut dice = Rng::with_seed(seed);
        let size = dice.usize(1..400_000);
        let content: Vec<u8> = std::iter::repeat_with(|| dice.u8(..)).take(size).collect();
        let mut arrived = Arrived::default();
        for _ in 0..dice.usize(..12) {
            let from = dice.u64(..size as u64);
            arrived.extents.add(from..dice.u64(from..size as u64));
        }
        let whim = Whim {
            content,
            dice: RefCell::new(dice),
            is_whimsical: seed % 3 > 0,
        };
        let all = size as u64;
        for turn in 0.. {
            assert!(turn < 500, "it does not come to an end");
            let span = |asked: Range<u64>| -> Opening<'_, Span> { Box::pin(async { whim.span(asked) }) };
            let streams = whim.streams().with_spans(span, |_| whim.dice.borrow_mut().usize(1..6));
            match whim.bring(streams, &mut arrived).await {
                Ok(Came::All) => {
                    assert_eq!((arrived.extents.front(), arrived.extents.total()), (all, all));
                    ended[0] += 1;
                    break;
                }
                // What came is thrown away, and the whole taken from that stream.
                Ok(Came::FromStart(_)) => {
                    arrived = Arrived::default();
                    ended[1] += 1;
                }
                Ok(Came::TooMuch) => {
                    ended[2] += 1;
                    break;
                }
                Err(_) => ended[3] += 1,
            }
        }
    }
    assert!(ended.iter().all(|count| *count > 0), "{ended:?}");
}

#[tokio::test]
async fn one_stream_brings_a_blob_in_its_order() {
    for seed in 0..50 {
        let mut dice = Rng::with_seed(seed);
        let size = dice.usize(1..3_000_000);
        let content: Vec<u8> = std::iter::repeat_with(|| dice.u8(..)).take(size).collect();
        let whim = Whim {
            content,
            dice: RefCell::new(dice),
            is_whimsical: false,
        };
        let mut arrived = Arrived::default();
        let came = whim.bring(whim.streams(), &mut arrived).await;
        assert!(matches!(came, Ok(Came::All)) && arrived.extents.front() == whim.content.len() as u64);
        assert!(arrived.offsets.is_sorted());
    }
}
