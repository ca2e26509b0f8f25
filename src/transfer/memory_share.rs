//! How many blobs come at once. The more they are, the less each may hold in memory, so that together they hold no more
//! than a few do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The count up to which each may hold what measured best for one alone.
const FEW: usize = 4;

/// The most others that there may be.
const MANY: usize = 15;

/// Blobs of at most this size are not counted and need not share: they hold little whatever they may.
const SMALL: u64 = 5 << 18;

/// Counts them, the small ones by themselves.
#[derive(Debug, Clone, Default)]
pub(super) struct MemoryShares {
    sharing: Arc<AtomicUsize>,
    small: Arc<AtomicUsize>,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct MemoryShare {
    /// All of its kind.
    count: Arc<AtomicUsize>,
    is_small: bool,
}

impl MemoryShares {
    /// The share of one of many blobs that do not know of one another.
    pub(super) fn among_many() -> Self {
        let many = || Arc::new(AtomicUsize::new(MANY));
        Self {
            sharing: many(),
            small: many(),
        }
    }

    /// The share of a blob of this size.
    pub(super) fn join(&self, bytes: u64) -> MemoryShare {
        let is_small = bytes <= SMALL;
        let count = if is_small { &self.small } else { &self.sharing };
        count.fetch_add(1, Ordering::Relaxed);
        let count = Arc::clone(count);
        MemoryShare { count, is_small }
    }
}

impl MemoryShare {
    /// Whether it may hold its whole blob: that is small, and few others do so.
    pub(super) fn may_hold_all(&self) -> bool {
        self.is_small && self.count.load(Ordering::Relaxed) <= FEW
    }

    /// Its part of what the few may hold, each of them `most`.
    pub(super) fn part(&self, most: usize, least: usize) -> usize {
        if self.is_small {
            return most;
        }
        let count = self.count.load(Ordering::Relaxed).max(1);
        (most * FEW / count).clamp(least, most)
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_have_all_they_want_and_many_share_it() {
        let shares = MemoryShares::default();
        let share = |count: usize| {
            let members: Vec<MemoryShare> = (0..count).map(|_| shares.join(2 << 20)).collect();
            assert_eq!(shares.join(1 << 20).part(256, 64), 256, "a small one has little");
            members[0].part(256, 64)
        };
        assert_eq!([1, 4, 8, 16, 100].map(share), [256, 256, 128, 64, 64]);
        assert_eq!(shares.join(2 << 20).part(4, 1), 4, "those that left are not counted");
        let small: Vec<MemoryShare> = (0..FEW).map(|_| shares.join(1)).collect();
        assert!(small[0].may_hold_all());
        let one_more = shares.join(1);
        assert!(!small[0].may_hold_all() && !one_more.may_hold_all());
        drop(one_more);
        assert!(small[0].may_hold_all() && !shares.join(2 << 20).may_hold_all());
    }
}
