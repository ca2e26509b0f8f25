//! How long a client may keep the registry waiting: it is let go then, since every connection holds a slot and a piece of
//! a blob.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, timeout};

/// How long a client may keep the registry waiting.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// The time for a TLS handshake, and between two requests until the next one's head is whole.
    pub head: Duration,
    /// The time for any byte of a body.
    pub body: Duration,
    /// The time until it takes any byte of an answer.
    pub answer: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(30),
            body: Duration::from_mins(1),
            answer: Duration::from_mins(2),
        }
    }
}

/// What a client must send or take in a second, on the average over as long as it may be silent: 8 kbit. Without it a
/// byte now and then would hold a connection for ever.
const LEAST: u64 = 1 << 10;

fn least_in(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).map_or(u64::MAX, |millis| millis.saturating_mul(LEAST) / 1000)
}

/// Waits for the pieces of a body, as long as they come fast enough. Only the time that the client is waited for counts.
pub(in crate::server) struct Pace {
    silence: Duration,
    waited: Duration,
    came: u64,
}

impl Pace {
    /// The client may be silent for so long.
    pub(in crate::server) fn new(silence: Duration) -> Self {
        Self {
            silence,
            waited: Duration::ZERO,
            came: 0,
        }
    }

    /// The next piece; none when it does not come, or too little has.
    pub(in crate::server) async fn next<T>(
        &mut self,
        piece: impl Future<Output = T>,
        len: impl Fn(&T) -> usize,
    ) -> Option<T> {
        let began = Instant::now();
        let piece = timeout(self.silence, piece).await.ok()?;
        self.waited += began.elapsed();
        self.came += len(&piece) as u64;
        if self.waited >= self.silence {
            if self.came < least_in(self.waited) {
                return None;
            }
            (self.waited, self.came) = (Duration::ZERO, 0);
        }
        Some(piece)
    }
}

/// A connection whose client must take what it is sent.
pub(super) struct WriteTimeout<S> {
    stream: S,
    limit: Duration,
    timer: Pin<Box<Sleep>>,
    /// The time since which it has not taken all, and how much it has taken since.
    since: Option<Instant>,
    taken: u64,
}

impl<S> WriteTimeout<S> {
    pub(in crate::server) fn new(stream: S, limit: Duration) -> Self {
        Self {
            stream,
            limit,
            timer: Box::pin(sleep(limit)),
            since: None,
            taken: 0,
        }
    }

    /// Passes a write's outcome on, unless it has been waited for too long.
    fn check(&mut self, written: Poll<io::Result<usize>>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = written {
            self.taken += written.as_ref().map_or(0, |written| *written as u64);
            return Poll::Ready(written);
        }
        let mut since = match self.since {
            Some(since) => since,
            None => self.wait_anew(),
        };
        while self.timer.as_mut().poll(cx).is_ready() {
            if self.taken < least_in(since.elapsed()) {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")));
            }
            since = self.wait_anew();
        }
        Poll::Pending
    }

    fn wait_anew(&mut self) -> Instant {
        let now = Instant::now();
        (self.since, self.taken) = (Some(now), 0);
        self.timer.as_mut().reset(now + self.limit);
        now
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteTimeout<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteTimeout<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.check(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.check(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // All that there was has been taken: what comes next is waited for anew.
        self.since = None;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(test);
    }

    #[test]
    fn a_client_that_takes_nothing_is_let_go_and_a_slow_one_is_not() {
        run(async {
            let (near, mut far) = duplex(64);
            let mut near = WriteTimeout::new(near, Duration::from_secs(3));
            let slow = async {
                let mut taken = vec![0; 1000];
                for piece in taken.chunks_mut(50) {
                    sleep(Duration::from_millis(20)).await;
                    far.read_exact(piece).await.unwrap();
                }
            };
            let (written, ()) = tokio::join!(near.write_all(&[1; 1000]), slow);
            written.unwrap();
            let error = near.write_all(&[1; 1000]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        });
    }

    #[test]
    fn a_client_that_takes_a_byte_now_and_then_is_let_go() {
        run(async {
            let (near, mut far) = duplex(16);
            let mut near = WriteTimeout::new(near, Duration::from_secs(3));
            let trickle = async {
                let mut byte = [0];
                while far.read_exact(&mut byte).await.is_ok() {
                    sleep(Duration::from_millis(20)).await;
                }
            };
            let much = vec![1; 100_000];
            let written = tokio::select! {
                written = near.write_all(&much) => written,
                () = trickle => Ok(()),
            };
            assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
        });
    }

    #[test]
    fn a_body_that_trickles_ends_and_one_that_is_slow_goes_on() {
        run(async {
            let silence = Duration::from_millis(200);
            let after = async |millis, len: usize| {
                sleep(Duration::from_millis(millis)).await;
                len
            };
            let mut pace = Pace::new(silence);
            let mut pieces = 0;
            while pace.next(after(50, 1), |len| *len).await.is_some() {
                pieces += 1;
                assert!(pieces < 1000, "it trickles on");
            }
            let mut pace = Pace::new(silence);
            for _ in 0..20 {
                assert!(pace.next(after(25, 10_000), |len| *len).await.is_some());
            }
            assert!(pace.next(std::future::pending::<()>(), |()| 0).await.is_none());
        });
    }
}
