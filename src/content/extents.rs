//! Ranges of bytes, some of which are there.

use std::ops::Range;

/// The bytes of a blob that there are: ranges that are sorted, apart, and none of them empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extents(Vec<Range<u64>>);

impl Extents {
    pub fn add(&mut self, new: Range<u64>) {
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
    pub fn front(&self) -> u64 {
        match self.0.first() {
            Some(first) if first.start == 0 => first.end,
            _ => 0,
        }
    }

    /// How many bytes there are.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|it| it.end - it.start).sum()
    }

    /// Whether there is nothing behind the front.
    pub fn is_one(&self) -> bool {
        self.total() == self.front()
    }

    /// The first gap below `size` that begins at or after `from`.
    pub fn gap(&self, from: u64, size: u64) -> Option<Range<u64>> {
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
    pub fn missing(&self, size: u64) -> u64 {
        size.saturating_sub(self.total())
    }

    /// One after the other, lowest first.
    pub fn iter(&self) -> impl Iterator<Item = &Range<u64>> {
        self.0.iter()
    }
}

impl FromIterator<Range<u64>> for Extents {
    fn from_iter<I: IntoIterator<Item = Range<u64>>>(ranges: I) -> Self {
        let mut extents = Self::default();
        ranges.into_iter().for_each(|range| extents.add(range));
        extents
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extents_that_meet_become_one_and_gaps_are_found() {
        let extents = Extents::from_iter([10..20, 40..50, 20..30, 5..12, 60..60]);
        assert_eq!(extents.0, [5..30, 40..50]);
        assert_eq!((extents.front(), extents.total(), extents.missing(100)), (0, 35, 65));
        assert_eq!(extents.gap(0, 100), Some(0..5));
        assert_eq!(extents.gap(7, 100), Some(30..40));
        assert_eq!(extents.gap(33, 100), Some(33..40));
        assert_eq!(extents.gap(45, 100), Some(50..100));
        assert_eq!(extents.gap(45, 50), None);
        let all = Extents::from_iter([5..30, 40..50, 0..5, 30..40]);
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
        }
    }
}
