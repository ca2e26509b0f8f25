//! How long to wait before another try, and when to give up.

use std::time::Duration;

/// Tries for one piece of work: 6 in all, after 0.5 s, 1 s, 2 s, … with a quarter of jitter, 60 s at most.
/// A server's own `Retry-After` wins up to `max_wait`.
#[derive(Debug, Clone)]
pub struct Backoff {
    failures: u32,
    most_tries: u32,
    next: Duration,
    max_wait: Duration,
}

const TRIES: u32 = 6;
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_mins(1);
/// The longest `Retry-After` that is obeyed; a longer one ends the work at once.
const MAX_WAIT: Duration = Duration::from_mins(5);

impl Default for Backoff {
    fn default() -> Self {
        Self {
            failures: 0,
            most_tries: TRIES,
            next: FIRST,
            max_wait: MAX_WAIT,
        }
    }
}

impl Backoff {
    /// The wait before the next try after one that failed; `None` when there is no next try.
    pub fn after_failure(&mut self, retry_after: Option<Duration>) -> Option<Duration> {
        self.failures += 1;
        if self.failures >= self.most_tries {
            return None;
        }
        let own = self.next.mul_f64(0.75 + fastrand::f64() / 2.0);
        self.next = (self.next * 2).min(LONGEST);
        match retry_after {
            Some(asked) if asked > self.max_wait => None,
            Some(asked) => Some(asked),
            None => Some(own),
        }
    }

    /// A limit of so many tries in all, where more would not help.
    pub fn limit_to(&mut self, tries: u32) {
        self.most_tries = self.most_tries.min(tries);
    }

    /// Forgets the failures so far, because the work has moved on since.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let mut backoff = Backoff::default();
        let waits: Vec<Duration> = std::iter::from_fn(|| backoff.after_failure(None)).collect();
        assert_eq!(waits.len(), 5);
        for (n, wait) in waits.iter().enumerate() {
            let middle = FIRST * 2u32.pow(u32::try_from(n).unwrap());
            assert!(
                *wait >= middle.mul_f64(0.75) && *wait <= middle.mul_f64(1.25),
                "{n}: {wait:?}"
            );
        }
    }

    #[test]
    fn the_server_s_own_wait_wins_within_reason() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.after_failure(Some(Duration::ZERO)), Some(Duration::ZERO));
        assert_eq!(
            backoff.after_failure(Some(Duration::from_secs(7))),
            Some(Duration::from_secs(7))
        );
        assert_eq!(backoff.after_failure(Some(Duration::from_hours(1))), None);
    }

    #[test]
    fn fewer_tries_end_sooner() {
        let mut backoff = Backoff::default();
        backoff.limit_to(3);
        let waits = std::iter::from_fn(|| backoff.after_failure(None));
        assert_eq!(waits.count(), 2);
        backoff.reset();
        assert!(backoff.after_failure(None).is_some());
        backoff.limit_to(1);
        assert!(backoff.after_failure(None).is_none());
    }

    #[test]
    fn progress_renews_the_tries() {
        let mut backoff = Backoff::default();
        while backoff.after_failure(None).is_some() {}
        backoff.reset();
        assert!(backoff.after_failure(None).is_some());
    }
}
