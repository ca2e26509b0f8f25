//! A map that forgets its oldest entries: what is learned of others must not grow with them.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

#[derive(Debug)]
pub(super) struct BoundedMap<K, V> {
    entries: HashMap<K, (u64, V)>,
    /// How many were put in so far.
    count: u64,
    limit: usize,
}

impl<K: Hash + Eq + Clone, V> BoundedMap<K, V> {
    /// At most `limit` entries.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            entries: HashMap::new(),
            count: 0,
            limit,
        }
    }

    pub(super) fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.entries.get(key).map(|(_, value)| value)
    }

    pub(super) fn get_mut<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.entries.get_mut(key).map(|(_, value)| value)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.values().map(|(_, value)| value)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.entries.len() >= self.limit && !self.entries.contains_key(&key) {
            let oldest = self.entries.iter().min_by_key(|(_, (count, _))| *count);
            let oldest = oldest.map(|(key, _)| key.clone());
            oldest.and_then(|oldest| self.entries.remove(&oldest));
        }
        self.count += 1;
        self.entries.insert(key, (self.count, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entry_leaves_when_there_is_no_room() {
        let mut recent = BoundedMap::new(3);
        for key in ["a", "b", "c"] {
            recent.insert(key, 0);
        }
        recent.insert("a", 1);
        recent.insert("d", 2);
        assert_eq!(recent.get("b"), None);
        assert_eq!(
            ["a", "c", "d"].map(|key| recent.get(key).copied()),
            [Some(1), Some(0), Some(2)]
        );
        for key in 0..1000 {
            recent.insert(["x", "y", "z", "u"][key % 4], key);
            assert_eq!(recent.entries.len(), 3);
        }
    }
}
