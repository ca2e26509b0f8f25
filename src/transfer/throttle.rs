//! Holds all streams of a job together to one rate.

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep_until};

use crate::content::ByteStream;

/// A second's bytes pass in so many pieces, so that a slow stream trickles rather than jumps.
const PIECES: u64 = 8;
const LEAST_PIECE: u64 = 1 << 10;

/// Clones share the rate.
#[derive(Debug, Clone)]
pub(super) struct Throttle {
    bytes_per_second: NonZeroU64,
    /// The time when the bytes that were let through so far are paid for.
    paid: Arc<Mutex<Instant>>,
}

impl Throttle {
    pub(super) fn new(bytes_per_second: NonZeroU64) -> Self {
        Self {
            bytes_per_second,
            paid: Arc::new(Mutex::new(Instant::now())),
        }
    }

    /// The same bytes, no faster than the rate.
    pub(super) fn slow(&self, stream: ByteStream) -> ByteStream {
        let piece = (self.bytes_per_second.get() / PIECES).max(LEAST_PIECE);
        let piece = usize::try_from(piece).unwrap_or(usize::MAX);
        let state = (self.clone(), stream, Bytes::new());
        Box::pin(stream::unfold(
            state,
            move |(throttle, mut stream, mut rest)| async move {
                if rest.is_empty() {
                    match stream.next().await? {
                        Ok(chunk) => rest = chunk,
                        failure => return Some((failure, (throttle, stream, rest))),
                    }
                }
                let next = rest.split_to(rest.len().min(piece));
                sleep_until(throttle.book(next.len() as u64)).await;
                Some((Ok(next), (throttle, stream, rest)))
            },
        ))
    }

    /// The time when these bytes may pass.
    fn book(&self, bytes: u64) -> Instant {
        let time = Duration::from_nanos(
            u64::try_from(u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second.get()))
                .unwrap_or(u64::MAX),
        );
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        *paid = (*paid).max(Instant::now()) + time;
        *paid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn streams_together_keep_the_rate_and_lose_nothing() {
        let throttle = Throttle::new(NonZeroU64::new(2_000_000).unwrap());
        let source = || stream::iter([Ok(Bytes::from(vec![1; 150_000])), Ok(Bytes::from(vec![2; 50_000]))]);
        let began = Instant::now();
        let read = |stream: ByteStream| stream.map(|chunk| chunk.unwrap().len()).collect::<Vec<_>>();
        let (one, two) = tokio::join!(
            read(throttle.slow(Box::pin(source()))),
            read(throttle.slow(Box::pin(source())))
        );
        assert_eq!(
            (one.iter().sum::<usize>(), two.iter().sum::<usize>()),
            (200_000, 200_000)
        );
        assert!(one.iter().all(|&piece| piece <= 250_000));
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(199), "{took:?}");
    }
}
