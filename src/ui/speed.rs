//! How fast bytes flow, over the last seconds.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How much of the past counts.
const WINDOW: Duration = Duration::from_secs(5);
/// Bytes that come closer together than this are counted together.
const STEP: Duration = Duration::from_millis(100);
/// A shorter look tells nothing.
const SHORTEST: Duration = Duration::from_millis(500);

/// Counts the bytes since it began; those that were there before do not count.
#[derive(Debug)]
pub(super) struct Speed {
    total: u64,
    /// Times and how many bytes had come by then, oldest first, never empty.
    samples: VecDeque<(Instant, u64)>,
}

impl Speed {
    pub(super) fn from(now: Instant) -> Self {
        Self {
            total: 0,
            samples: VecDeque::from([(now, 0)]),
        }
    }

    pub(super) fn add(&mut self, bytes: u64, now: Instant) {
        self.total += bytes;
        if self.samples.back().is_some_and(|&(at, _)| now - at < STEP) {
            return;
        }
        self.samples.push_back((now, self.total));
        while self.samples.len() > 2 && now - self.samples[1].0 >= WINDOW {
            self.samples.pop_front();
        }
    }

    /// Bytes a second, once that can be told.
    pub(super) fn per_second(&self, now: Instant) -> Option<u64> {
        let &(since, before) = self.samples.front()?;
        let elapsed = now.saturating_duration_since(since);
        if elapsed < SHORTEST {
            return None;
        }
        let rate = u128::from(self.total - before) * 1000 / elapsed.as_millis();
        rate.try_into().ok()
    }

    /// How long these bytes will take at this speed; `None` while nothing flows.
    pub(super) fn time_for(&self, bytes: u64, now: Instant) -> Option<Duration> {
        let rate = self.per_second(now)?;
        bytes.checked_div(rate).map(Duration::from_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_is_that_of_the_last_seconds() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut speed = Speed::from(start);
        assert_eq!(speed.per_second(after(400)), None);
        for second in 1..=10 {
            speed.add(1_000_000, after(second * 1000));
        }
        assert_eq!(speed.per_second(after(10_000)), Some(1_000_000));
        assert_eq!(speed.time_for(30_000_000, after(10_000)), Some(Duration::from_secs(30)));
        for second in 11..=20 {
            speed.add(10_000_000, after(second * 1000));
        }
        assert_eq!(speed.per_second(after(20_000)), Some(10_000_000));
    }

    #[test]
    fn a_stalled_transfer_slows_down_and_promises_nothing() {
        let start = Instant::now();
        let mut speed = Speed::from(start);
        speed.add(1_000, start + Duration::from_secs(1));
        assert_eq!(speed.per_second(start + Duration::from_secs(10)), Some(100));
        let idle = Speed::from(start);
        assert_eq!(idle.time_for(1, start + Duration::from_secs(10)), None);
    }
}
