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

/// Counts them.
#[derive(Debug, Clone, Default)]
pub(super) struct MemoryShares(Arc<AtomicUsize>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct MemoryShare(Option<MemoryShares>);

impl MemoryShares {
    /// The share of one of many blobs that do not know of one another.
    pub(super) fn among_many() -> Self {
        Self(Arc::new(AtomicUsize::new(MANY)))
    }

    /// The share of a blob of this size.
    pub(super) fn join(&self, bytes: u64) -> MemoryShare {
        if bytes <= SMALL {
            return MemoryShare(None);
        }
        self.0.fetch_add(1, Ordering::Relaxed);
        MemoryShare(Some(self.clone()))
    }
}

impl MemoryShare {
    /// Its part of what the few may hold, each of them `most`.
    pub(super) fn part(&self, most: usize, least: usize) -> usize {
        let count = self
            .0
            .as_ref()
            .map_or(1, |shares| shares.0.load(Ordering::Relaxed).max(1));
        (most * FEW / count).clamp(least, most)
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        if let Some(shares) = &self.0 {
            shares.0.fetch_sub(1, Ordering::Relaxed);
        }
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
    }
}
