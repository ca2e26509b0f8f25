//! Bodies on their way out: a few bytes, what a reader gives, or a stream. And those on their way in that nobody wants.

use std::cell::Cell;
use std::io::{self, Read};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::{Body as HyperBody, Frame, Incoming, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::timeouts::Pace;
use crate::content::ByteStream;
use crate::error::Error;

/// How much of a blob is read at once. One such piece is read ahead while another is sent: more costs memory for each
/// client and measured no faster.
const PIECE: u64 = 128 << 10;
/// The same where many read at once, and nothing is read ahead: they are slow, or there is enough to do.
const SMALL_PIECE: u64 = 16 << 10;
const MANY: usize = 128;
/// How much of an unwanted body is read, and for how long, before the answer.
const DRAINED: usize = 16 << 20;
const DRAINING: Duration = Duration::from_secs(2);

/// An answer.
pub(in crate::server) type Reply = Response<Body>;

pub(in crate::server) struct Body(Kind);

enum Kind {
    Whole(Bytes),
    Blob(BlobBody),
    Stream { stream: ByteStream, left: u64 },
}

impl Body {
    pub(in crate::server) fn of(bytes: impl Into<Bytes>) -> Self {
        Self(Kind::Whole(bytes.into()))
    }

    /// The next `len` bytes of a blob. Until all have gone, `readers` counts one more.
    pub(in crate::server) fn blob(reader: Box<dyn Read + Send>, len: u64, readers: &Rc<Cell<usize>>) -> Self {
        readers.set(readers.get() + 1);
        Self(Kind::Blob(BlobBody {
            unread: len,
            unsent: len,
            next: None,
            reader: Some(reader),
            readers: Rc::clone(readers),
        }))
    }

    /// A stream that has `left` bytes.
    pub(in crate::server) fn stream(stream: ByteStream, left: u64) -> Self {
        Self(Kind::Stream { stream, left })
    }
}

/// What is left of a blob. No thread waits for a slow client: each piece is read when the one before is taken.
struct BlobBody {
    unread: u64,
    unsent: u64,
    next: Option<JoinHandle<io::Result<ReadPiece>>>,
    reader: Option<Box<dyn Read + Send>>,
    readers: Rc<Cell<usize>>,
}

impl Drop for BlobBody {
    fn drop(&mut self) {
        self.readers.set(self.readers.get().saturating_sub(1));
    }
}

/// A piece, and the reader of what follows.
type ReadPiece = (Box<dyn Read + Send>, Bytes);

impl BlobBody {
    fn is_crowded(&self) -> bool {
        self.readers.get() > MANY
    }

    fn read(&mut self) {
        if self.unread == 0 {
            return;
        }
        if let Some(mut reader) = self.reader.take() {
            let piece = if self.is_crowded() { SMALL_PIECE } else { PIECE };
            let wanted = self.unread.min(piece);
            self.unread -= wanted;
            self.next = Some(spawn_blocking(move || {
                let mut piece = Vec::with_capacity(usize::try_from(wanted).unwrap_or_default());
                let read = (&mut reader).take(wanted).read_to_end(&mut piece)?;
                if (read as u64) < wanted {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the blob became shorter"));
                }
                Ok((reader, piece.into()))
            }));
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.next.is_none() {
            self.read();
        }
        let Some(next) = &mut self.next else {
            return Poll::Ready(None);
        };
        let read = ready!(Pin::new(next).poll(cx)).map_err(io::Error::other).flatten();
        self.next = None;
        match read {
            Ok((reader, piece)) => {
                self.reader = Some(reader);
                self.unsent -= piece.len() as u64;
                if !self.is_crowded() {
                    self.read();
                }
                Poll::Ready(Some(Ok(piece)))
            }
            Err(e) => {
                self.unread = 0;
                Poll::Ready(Some(Err(e)))
            }
        }
    }
}

impl HyperBody for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match &mut self.get_mut().0 {
            Kind::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Kind::Blob(blob) => {
                let piece = ready!(blob.poll(cx));
                Poll::Ready(piece.map(|piece| piece.map(Frame::data).map_err(Error::from)))
            }
            Kind::Stream { stream, left } => {
                let piece = ready!(stream.as_mut().poll_next(cx));
                if let Some(Ok(piece)) = &piece {
                    *left = left.saturating_sub(piece.len() as u64);
                }
                Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.size_hint().exact() == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match &self.0 {
            Kind::Whole(bytes) => bytes.len() as u64,
            Kind::Blob(blob) => blob.unsent,
            Kind::Stream { left, .. } => *left,
        })
    }
}

/// Reads what a client sends though it is not wanted, up to a point.
pub(in crate::server) async fn drain(mut body: Incoming) {
    let mut drained = 0;
    let read = async {
        while let Some(Ok(frame)) = body.frame().await {
            drained += frame.data_ref().map_or(0, Bytes::len);
            if drained > DRAINED {
                break;
            }
        }
    };
    let _ = timeout(DRAINING, read).await;
}

/// Why a small body could not be read.
pub(in crate::server) enum Unread {
    TooLarge,
    Broken,
    Late,
    /// Too much of others is held already.
    Crowded,
}

/// The next frame of a body, as long as the client keeps its pace.
pub(in crate::server) async fn next(
    pace: &mut Pace,
    body: &mut Incoming,
) -> Option<Option<hyper::Result<Frame<Bytes>>>> {
    let len = |frame: &Option<hyper::Result<Frame<Bytes>>>| match frame {
        Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
        _ => 0,
    };
    pace.next(body.frame(), len).await
}

/// A body of at most `limit` bytes, whole, as far as there is room for so many more each time.
pub(in crate::server) async fn read(
    body: Incoming,
    limit: usize,
    silence: Duration,
    has_room: &mut dyn FnMut(usize) -> bool,
) -> Result<Bytes, Unread> {
    if body.size_hint().lower() > limit as u64 {
        drain(body).await;
        return Err(Unread::TooLarge);
    }
    let mut body = body;
    let (mut whole, mut pace) = (Vec::new(), Pace::new(silence));
    loop {
        match next(&mut pace, &mut body).await {
            Some(None) => return Ok(whole.into()),
            Some(Some(Ok(frame))) => {
                let data = frame.data_ref().map_or(&[][..], |data| data);
                if !has_room(data.len()) {
                    drop(whole);
                    drain(body).await;
                    return Err(Unread::Crowded);
                }
                whole.extend_from_slice(data);
            }
            Some(Some(Err(_))) => return Err(Unread::Broken),
            None => return Err(Unread::Late),
        }
        if whole.len() > limit {
            drain(body).await;
            return Err(Unread::TooLarge);
        }
    }
}
