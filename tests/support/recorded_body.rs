//! Bodies on their way through a recorder: counted, throttled, cut, stalled or corrupted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Body as _, Frame};

use super::listener::{Body, Failure, Flushes};
use super::recorder::Shared;

/// How much of a request body is kept for the tests to read, bytes.
const KEPT: usize = 64 * 1024;

/// A response body on its way down.
pub(crate) struct Download {
    pub(crate) body: Body,
    pub(crate) exchange: Exchange,
    pub(crate) flushes: Flushes,
    pub(crate) cut: Option<u64>,
    pub(crate) stall: Option<u64>,
    pub(crate) corrupt: Option<u64>,
    /// What of the last frame has not been passed on yet.
    pub(crate) rest: Bytes,
    pub(crate) sent: u64,
}

/// A request body on its way up.
pub(crate) struct Upload {
    pub(crate) body: Body,
    pub(crate) exchange: Exchange,
    pub(crate) reset: Option<u64>,
    pub(crate) received: u64,
}

/// One entry in the record, while it is still being written.
pub(crate) struct Exchange {
    pub(crate) shared: Arc<Shared>,
    pub(crate) number: usize,
    pub(crate) side: Side,
}

/// Whose end an exchange's end is.
#[derive(PartialEq, Eq)]
pub(crate) enum Side {
    Request,
    Response,
}

impl Exchange {
    /// Notes that the response went out to its end.
    fn complete(&self) {
        self.shared.update(self.number, |entry| {
            entry.complete = true;
            entry.ended = Some(Instant::now());
        });
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.side == Side::Response {
            self.shared.update(self.number, |entry| {
                entry.ended.get_or_insert_with(Instant::now);
            });
        }
    }
}

impl Download {
    pub(crate) fn into_body(self) -> Body {
        if self.body.is_end_stream() {
            self.exchange.complete();
        }
        let frames = stream::unfold(self, |mut flow| async {
            let item = flow.next().await?;
            Some((item.map(Frame::data), flow))
        });
        BodyExt::boxed_unsync(StreamBody::new(frames))
    }

    async fn next(&mut self) -> Option<Result<Bytes, Failure>> {
        if self.stall == Some(self.sent) {
            std::future::pending::<()>().await;
        }
        if self.cut == Some(self.sent) {
            // What was sent so far sits in the connection's buffer; breaking now would lose it.
            // This is polled before the flush, so the next flush is the one to wait for.
            self.flushes.mark_unchanged();
            let _ = self.flushes.changed().await;
            return Some(Err(Failure::other("cut by a test")));
        }
        while self.rest.is_empty() {
            match self.body.frame().await {
                None => {
                    self.exchange.complete();
                    return None;
                }
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(frame)) => self.rest = frame.into_data().unwrap_or_default(),
            }
        }
        let rate = self.exchange.shared.rate();
        let mut size = self.rest.len().min(piece(rate));
        for stop in [self.cut, self.stall].into_iter().flatten() {
            let room = usize::try_from(stop.saturating_sub(self.sent)).unwrap();
            if room > 0 {
                size = size.min(room);
            }
        }
        pause(rate, size).await;
        let mut piece = self.rest.split_to(size);
        if let Some(offset) = self.corrupt
            && (self.sent..self.sent + size as u64).contains(&offset)
        {
            let mut bytes = piece.to_vec();
            bytes[usize::try_from(offset - self.sent).unwrap()] ^= 0xff;
            piece = Bytes::from(bytes);
        }
        self.sent += size as u64;
        let sent = self.sent;
        self.exchange
            .shared
            .update(self.exchange.number, |entry| entry.sent = sent);
        // With a Content-Length nobody asks for more after the last byte.
        if self.rest.is_empty() && self.body.is_end_stream() {
            self.exchange.complete();
        }
        Some(Ok(piece))
    }
}

impl Upload {
    pub(crate) fn into_body(self) -> Body {
        let frames = stream::unfold(self, |mut flow| async {
            let item = flow.next().await?;
            Some((item.map(Frame::data), flow))
        });
        BodyExt::boxed_unsync(StreamBody::new(frames))
    }

    async fn next(&mut self) -> Option<Result<Bytes, Failure>> {
        if self.reset.is_some_and(|reset| self.received >= reset) {
            return Some(Err(Failure::other("reset by a test")));
        }
        let mut piece = match self.body.frame().await? {
            Err(error) => return Some(Err(error)),
            Ok(frame) => frame.into_data().unwrap_or_default(),
        };
        if let Some(reset) = self.reset {
            piece.truncate(usize::try_from(reset - self.received).unwrap());
        }
        self.received += piece.len() as u64;
        self.exchange.shared.update(self.exchange.number, |entry| {
            entry.body_bytes += piece.len() as u64;
            let room = KEPT.saturating_sub(entry.body.len()).min(piece.len());
            entry.body.extend_from_slice(&piece[..room]);
        });
        pause(self.exchange.shared.rate(), piece.len()).await;
        Some(Ok(piece))
    }
}

/// How large a piece may be, so that a throttled body trickles rather than jumps.
fn piece(rate: Option<u64>) -> usize {
    rate.map_or(usize::MAX, |rate| usize::try_from(rate / 50).unwrap().max(512))
}

async fn pause(rate: Option<u64>, bytes: usize) {
    if let Some(rate) = rate {
        let bytes = u32::try_from(bytes).unwrap();
        tokio::time::sleep(Duration::from_secs(1) * bytes / u32::try_from(rate).unwrap()).await;
    }
}
