//! A cache that takes few bytes: what was not asked for lately is forgotten first.

use std::collections::HashMap;
use std::hash::Hash;
use std::mem;

/// Values by key, with the bytes that each takes. Two halves: what is asked for moves to the newer one, and when that is
/// full the older one goes.
pub(in crate::server) struct ByteCache<K, V> {
    most: usize,
    newer: HashMap<K, (V, usize)>,
    older: HashMap<K, (V, usize)>,
    /// Bytes of the newer half.
    bytes: usize,
}

impl<K: Hash + Eq + Clone, V: Clone> ByteCache<K, V> {
    /// Remembers at most so many bytes.
    pub(in crate::server) fn new(most: usize) -> Self {
        Self {
            most,
            newer: HashMap::new(),
            older: HashMap::new(),
            bytes: 0,
        }
    }

    pub(in crate::server) fn get(&mut self, key: &K) -> Option<V> {
        if let Some((value, _)) = self.newer.get(key) {
            return Some(value.clone());
        }
        let (value, weight) = self.older.remove(key)?;
        self.put(key.clone(), value.clone(), weight);
        Some(value)
    }

    /// Remembers the value, which takes `weight` bytes with its key; one that would take more than a half is not.
    pub(in crate::server) fn put(&mut self, key: K, value: V, weight: usize) {
        let half = self.most / 2;
        self.remove(&key);
        if weight > half {
            return;
        }
        if self.bytes + weight > half {
            self.older = mem::take(&mut self.newer);
            self.bytes = 0;
        }
        self.bytes += weight;
        self.newer.insert(key, (value, weight));
    }

    pub(in crate::server) fn remove(&mut self, key: &K) {
        if let Some((_, weight)) = self.newer.remove(key) {
            self.bytes -= weight;
        }
        self.older.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_the_rest_takes_no_more_than_it_may() {
        let mut cache = ByteCache::new(1000);
        cache.put(0, "asked for", 100);
        for key in 1..100 {
            cache.put(key, "not asked for", 100);
            assert_eq!(cache.get(&0), Some("asked for"), "after {key}");
            let all = cache.newer.values().chain(cache.older.values());
            assert!(all.map(|(_, weight)| weight).sum::<usize>() <= 1000);
        }
        assert_eq!(cache.get(&1), None);
        cache.put(100, "too large", 501);
        assert_eq!(cache.get(&100), None);
        cache.put(0, "anew", 500);
        assert_eq!(cache.get(&0), Some("anew"));
        cache.remove(&0);
        assert_eq!(cache.get(&0), None);
    }
}
