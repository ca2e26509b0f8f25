//! How many blobs are on their way in or out at once. The more they are, the less each may hold in memory, so that
//! together they hold no more than a few do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Up to so many, each may hold what measured best for one alone.
const FEW: usize = 4;

/// Blobs of at most this size are not counted and need not share: they hold little whatever they may.
const SMALL: u64 = 5 << 18;

/// Counts them.
#[derive(Debug, Clone, Default)]
pub(super) struct Crowd(Arc<AtomicUsize>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct Member(Option<Crowd>);

impl Crowd {
    /// For a blob of this size.
    pub(super) fn join(&self, bytes: u64) -> Member {
        if bytes <= SMALL {
            return Member(None);
        }
        self.0.fetch_add(1, Ordering::Relaxed);
        Member(Some(self.clone()))
    }
}

impl Member {
    /// Its part of what the few may hold, each of them `most`.
    pub(super) fn share(&self, most: usize, least: usize) -> usize {
        let count = self
            .0
            .as_ref()
            .map_or(1, |crowd| crowd.0.load(Ordering::Relaxed).max(1));
        (most * FEW / count).clamp(least, most)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(crowd) = &self.0 {
            crowd.0.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_have_all_they_want_and_many_share_it() {
        let crowd = Crowd::default();
        let share = |count: usize| {
            let members: Vec<Member> = (0..count).map(|_| crowd.join(2 << 20)).collect();
            assert_eq!(crowd.join(1 << 20).share(256, 64), 256, "a small one has little");
            members[0].share(256, 64)
        };
        assert_eq!([1, 4, 8, 16, 100].map(share), [256, 256, 128, 64, 64]);
        assert_eq!(crowd.join(2 << 20).share(4, 1), 4, "those that left are not counted");
    }
}
