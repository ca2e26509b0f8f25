//! What was read last, as much of it as fits into so many bytes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::image::Digest;

/// Values by digest. When they weigh too much, those that nobody has asked for the longest go first.
#[derive(Debug)]
pub(super) struct BoundedCache<V> {
    /// Bytes.
    most: usize,
    kept: Mutex<Kept<V>>,
}

#[derive(Debug)]
struct Kept<V> {
    values: HashMap<Digest, Weighed<V>>,
    /// Keys by the turn in which they were asked for.
    turns: BTreeMap<u64, Digest>,
    turn: u64,
    weight: usize,
}

#[derive(Debug)]
struct Weighed<V> {
    value: V,
    weight: usize,
    turn: u64,
}

impl<V: Clone> BoundedCache<V> {
    /// Holds values of `most` bytes together.
    pub(super) fn new(most: usize) -> Self {
        let kept = Kept {
            values: HashMap::new(),
            turns: BTreeMap::new(),
            turn: 0,
            weight: 0,
        };
        let kept = Mutex::new(kept);
        Self { most, kept }
    }

    pub(super) fn get(&self, digest: &Digest) -> Option<V> {
        let mut kept = self.lock();
        kept.turn += 1;
        let turn = kept.turn;
        let found = kept.values.get_mut(digest)?;
        let before = std::mem::replace(&mut found.turn, turn);
        let value = found.value.clone();
        if let Some(digest) = kept.turns.remove(&before) {
            kept.turns.insert(turn, digest);
        }
        Some(value)
    }

    /// Keeps a value that takes `weight` bytes; one that is too heavy for all the room is not kept.
    pub(super) fn put(&self, digest: &Digest, value: V, weight: usize) {
        if weight > self.most {
            return;
        }
        let mut kept = self.lock();
        kept.remove(digest);
        kept.turn += 1;
        let turn = kept.turn;
        kept.turns.insert(turn, digest.clone());
        kept.values.insert(digest.clone(), Weighed { value, weight, turn });
        kept.weight += weight;
        while kept.weight > self.most {
            let Some((_, oldest)) = kept.turns.pop_first() else {
                break;
            };
            kept.remove(&oldest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept<V>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> Kept<V> {
    fn remove(&mut self, digest: &Digest) {
        if let Some(old) = self.values.remove(digest) {
            self.weight -= old.weight;
            self.turns.remove(&old.turn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_last_stays_and_the_rest_never_weighs_too_much() {
        let cache = BoundedCache::new(100);
        let digests: Vec<Digest> = (0_u8..5).map(|n| Digest::of(&[n])).collect();
        for (n, digest) in digests[..3].iter().enumerate() {
            cache.put(digest, n, 30);
        }
        assert_eq!(cache.get(&digests[0]), Some(0));
        cache.put(&digests[3], 3, 30);
        let there: Vec<_> = digests.iter().map(|digest| cache.get(digest)).collect();
        assert_eq!(there, [Some(0), None, Some(2), Some(3), None]);
        cache.put(&digests[4], 4, 101);
        assert_eq!(cache.get(&digests[4]), None, "too heavy");
        cache.put(&digests[4], 4, 100);
        let there: Vec<_> = digests.iter().map(|digest| cache.get(digest)).collect();
        assert_eq!(there, [None, None, None, None, Some(4)]);
        cache.put(&digests[4], 5, 10);
        assert_eq!(cache.lock().weight, 10, "one digest is weighed once");
        assert_eq!(cache.get(&digests[4]), Some(5));
    }
}
