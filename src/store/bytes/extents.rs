//! Which bytes of a blob are on disk, and how a partial file says so.
//!
//! A partial file that grew from its start says it by its length. One that is filled in several places at once has its
//! full length from the beginning, and a map behind the last byte: `MAGIC`, a count, then start and end of each extent,
//! all as little-endian 64-bit numbers, [`MAP_LEN`] bytes in all. The map is written after the bytes it tells of.

use std::ops::Range;

const MAGIC: &[u8; 8] = b"rdockmap";
/// More extents than streams can ever leave.
const MOST: usize = 254;
pub(in crate::store) const MAP_LEN: usize = 16 + MOST * 16;

/// Sorted, apart, none empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::store) struct Extents(Vec<Range<u64>>);

impl Extents {
    pub(in crate::store) fn add(&mut self, new: Range<u64>) {
        if new.is_empty() {
            return;
        }
        let from = self.0.partition_point(|it| it.end < new.start);
        let to = self.0.partition_point(|it| it.start <= new.end);
        let merged = self.0[from..to]
            .iter()
            .fold(new, |all, it| all.start.min(it.start)..all.end.max(it.end));
        self.0.splice(from..to, [merged]);
    }

    /// How many bytes there are without a gap from the start.
    pub(in crate::store) fn front(&self) -> u64 {
        match self.0.first() {
            Some(first) if first.start == 0 => first.end,
            _ => 0,
        }
    }

    pub(in crate::store) fn total(&self) -> u64 {
        self.0.iter().map(|it| it.end - it.start).sum()
    }

    /// Whether there is nothing behind the front.
    pub(in crate::store) fn is_one(&self) -> bool {
        self.total() == self.front()
    }

    /// The first gap below `size` that begins at or after `from`.
    pub(in crate::store) fn gap(&self, from: u64, size: u64) -> Option<Range<u64>> {
        let mut start = from;
        for extent in &self.0 {
            if extent.start > start {
                return Some(start..extent.start.min(size)).filter(|gap| !gap.is_empty());
            }
            start = start.max(extent.end);
        }
        Some(start..size).filter(|gap| !gap.is_empty())
    }

    /// How many bytes below `size` are missing.
    pub(in crate::store) fn missing(&self, size: u64) -> u64 {
        size.saturating_sub(self.total())
    }

    /// The map without the padding behind it.
    pub(in crate::store) fn to_map(&self) -> Vec<u8> {
        let kept = &self.0[..self.0.len().min(MOST)];
        let numbers = kept.iter().flat_map(|it| [it.start, it.end]);
        let mut map = MAGIC.to_vec();
        for number in std::iter::once(kept.len() as u64).chain(numbers) {
            map.extend_from_slice(&number.to_le_bytes());
        }
        map
    }

    /// Reads a map; `None` where it is none for a blob of this size.
    pub(in crate::store) fn of_map(map: &[u8], size: u64) -> Option<Self> {
        let rest = map.strip_prefix(MAGIC)?;
        let mut numbers = rest.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
        let count = usize::try_from(numbers.next()?).ok().filter(|&count| count <= MOST)?;
        let mut extents = Self::default();
        for _ in 0..count {
            let (start, end) = (numbers.next()?, numbers.next()?);
            if start >= end || end > size {
                return None;
            }
            extents.add(start..end);
        }
        Some(extents)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ranges: &[Range<u64>]) -> Extents {
        let mut extents = Extents::default();
        for range in ranges {
            extents.add(range.clone());
        }
        extents
    }

    #[test]
    fn extents_that_meet_become_one_and_gaps_are_found() {
        let extents = of(&[10..20, 40..50, 20..30, 5..12, 60..60]);
        assert_eq!(extents.0, [5..30, 40..50]);
        assert_eq!((extents.front(), extents.total(), extents.missing(100)), (0, 35, 65));
        assert_eq!(extents.gap(0, 100), Some(0..5));
        assert_eq!(extents.gap(7, 100), Some(30..40));
        assert_eq!(extents.gap(33, 100), Some(33..40));
        assert_eq!(extents.gap(45, 100), Some(50..100));
        assert_eq!(extents.gap(45, 50), None);
        let all = of(&[5..30, 40..50, 0..5, 30..40]);
        assert_eq!((all.front(), all.is_one(), all.gap(0, 50)), (50, true, None));
        assert!(!extents.is_one());
    }

    #[test]
    fn random_extents_agree_with_a_table_of_bytes() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..200 {
            let mut table = [false; 64];
            let mut extents = Extents::default();
            for _ in 0..random.usize(1..12) {
                let start = random.u64(0..64);
                let end = random.u64(start..=64);
                extents.add(start..end);
                for byte in start..end {
                    table[usize::try_from(byte).unwrap()] = true;
                }
            }
            assert_eq!(extents.total(), table.iter().filter(|&&it| it).count() as u64);
            assert_eq!(extents.front(), table.iter().take_while(|&&it| it).count() as u64);
            let first_gap = table.iter().position(|&it| !it).map(|at| at as u64);
            assert_eq!(extents.gap(0, 64).map(|gap| gap.start), first_gap);
            assert_eq!(Extents::of_map(&extents.to_map(), 64), Some(extents));
        }
    }

    #[test]
    fn nonsense_is_no_map() {
        let map = of(&[0..10, 20..30]).to_map();
        assert!(map.len() <= MAP_LEN);
        assert!(Extents::of_map(&map, 29).is_none());
        assert!(Extents::of_map(&map[1..], 30).is_none());
        let mut turned = map.clone();
        turned[16] = 11;
        assert!(Extents::of_map(&turned, 30).is_none());
        let mut endless = map;
        endless[8] = 255;
        assert!(Extents::of_map(&endless, 30).is_none());
    }
}
