//! Slots for the blobs under way at once. Small ones cost round trips rather than bandwidth, so more of them may be, and
//! most where the round trips are long.

use std::cell::Cell;

use tokio::sync::Notify;

use super::memory_share::MemoryShares;

/// Large blobs at once, and requests at once, when the user sets no limit.
const LARGE: usize = 4;
const MOST: usize = 16;
/// Requests at once as long as the other side answers at once: more only cost connections and memory.
const NEAR: usize = LARGE;
/// How many bytes may be wanted at once for more than [`LARGE`] blobs to be under way.
const BUDGET: u64 = 32 << 20;

/// The places at the line.
#[derive(Debug)]
pub(super) struct Slots {
    /// The most at once whatever their size.
    large: Cell<usize>,
    /// The most at once while they are small.
    most: Cell<usize>,
    /// Whether it is settled how many that is.
    is_settled: Cell<bool>,
    taken: Cell<usize>,
    bytes: Cell<u64>,
    freed: Notify,
    shares: MemoryShares,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct Slot<'a> {
    slots: &'a Slots,
    bytes: u64,
}

impl Slots {
    pub(super) fn new(limit: Option<usize>) -> Self {
        Self {
            large: Cell::new(limit.unwrap_or(LARGE).max(1)),
            most: Cell::new(limit.unwrap_or(NEAR).max(1)),
            is_settled: Cell::new(limit.is_some()),
            taken: Cell::new(0),
            bytes: Cell::new(0),
            freed: Notify::new(),
            shares: MemoryShares::default(),
        }
    }

    /// How many blobs are under way.
    pub(super) fn taken(&self) -> usize {
        self.taken.get()
    }

    /// The blob's share of the memory that all of them may hold.
    pub(super) fn shares(&self) -> &MemoryShares {
        &self.shares
    }

    /// A place for a blob of this size, if there is one now.
    pub(super) fn try_take(&self, bytes: u64) -> Option<Slot<'_>> {
        let (taken, wanted) = (self.taken.get(), self.bytes.get().saturating_add(bytes));
        if taken >= self.large.get() && (taken >= self.most.get() || wanted > BUDGET) {
            return None;
        }
        self.taken.set(taken + 1);
        self.bytes.set(wanted);
        Some(Slot { slots: self, bytes })
    }

    /// Waits for a place.
    pub(super) async fn take(&self, bytes: u64) -> Slot<'_> {
        loop {
            if let Some(slot) = self.try_take(bytes) {
                return slot;
            }
            self.freed.notified().await;
        }
    }

    /// The other side takes its time to answer: while some wait for it, others can move.
    pub(super) fn widen(&self) {
        if !self.is_settled.replace(true) {
            self.most.set(MOST);
            self.freed.notify_waiters();
        }
    }

    /// The other side wants fewer at once.
    pub(super) fn narrow(&self) {
        self.is_settled.set(true);
        for limit in [&self.large, &self.most] {
            limit.set((limit.get() / 2).max(1));
        }
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.slots.taken.set(self.slots.taken.get() - 1);
        self.slots.bytes.set(self.slots.bytes.get().saturating_sub(self.bytes));
        self.slots.freed.notify_one();
        // One large blob may have stood in the way of several small ones.
        if self.bytes > BUDGET / 4 {
            self.slots.freed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(slots: &Slots, bytes: u64) -> Vec<Slot<'_>> {
        std::iter::from_fn(|| slots.try_take(bytes)).collect()
    }

    #[test]
    fn many_small_blobs_or_few_large_ones() {
        let slots = Slots::new(None);
        let first = fill(&slots, 1 << 20);
        slots.widen();
        assert_eq!((first.len(), fill(&slots, 1 << 20).len()), (NEAR, MOST - NEAR));
        assert_eq!(fill(&Slots::new(None), 50 << 20).len(), LARGE);
        assert_eq!(fill(&Slots::new(None), u64::MAX).len(), LARGE);
        for limit in [1, 3, 40] {
            assert_eq!(fill(&Slots::new(Some(limit)), 1).len(), limit);
            assert_eq!(fill(&Slots::new(Some(limit)), u64::MAX).len(), limit);
        }
    }

    #[test]
    fn what_is_given_back_is_there_again() {
        let slots = Slots::new(None);
        drop(fill(&slots, 50 << 20));
        assert_eq!(slots.taken(), 0);
        slots.narrow();
        slots.widen();
        assert_eq!(fill(&slots, 1).len(), NEAR / 2, "whoever wants fewer gets no more");
    }
}
