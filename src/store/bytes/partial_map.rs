//! How a partial file says which bytes of its blob are on disk.
//!
//! A partial file that grew from its start says it by its length. One that is filled in several places at once has its
//! full length from the beginning, and a map behind the last byte: `MAGIC`, a count, then start and end of each extent,
//! all as little-endian 64-bit numbers, [`MAP_LEN`] bytes in all. The map is written after the bytes it tells of.

use crate::content::Extents;

const MAGIC: &[u8; 8] = b"rdockmap";
/// The most extents of a map: more than streams can ever leave.
const MOST: usize = 254;
pub(in crate::store) const MAP_LEN: usize = 16 + MOST * 16;

/// The map without the padding behind it.
pub(in crate::store) fn write(extents: &Extents) -> Vec<u8> {
    let kept: Vec<_> = extents.iter().take(MOST).collect();
    let numbers = kept.iter().flat_map(|it| [it.start, it.end]);
    let mut map = MAGIC.to_vec();
    for number in std::iter::once(kept.len() as u64).chain(numbers) {
        map.extend_from_slice(&number.to_le_bytes());
    }
    map
}

/// Reads a map; `None` where it is none for a blob of this size.
pub(in crate::store) fn read(map: &[u8], size: u64) -> Option<Extents> {
    let rest = map.strip_prefix(MAGIC)?;
    let mut numbers = rest.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
    let count = usize::try_from(numbers.next()?).ok().filter(|&count| count <= MOST)?;
    let mut extents = Extents::default();
    for _ in 0..count {
        let (start, end) = (numbers.next()?, numbers.next()?);
        if start >= end || end > size {
            return None;
        }
        extents.add(start..end);
    }
    Some(extents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_tells_what_was_written_into_it() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..200 {
            let ranges = (0..random.usize(1..12)).map(|_| {
                let start = random.u64(0..64);
                start..random.u64(start..=64)
            });
            let extents: Extents = ranges.collect();
            assert_eq!(read(&write(&extents), 64), Some(extents));
        }
    }

    #[test]
    fn nonsense_is_no_map() {
        let map = write(&[0..10, 20..30].into_iter().collect());
        assert!(map.len() <= MAP_LEN);
        assert!(read(&map, 29).is_none());
        assert!(read(&map[1..], 30).is_none());
        let mut turned = map.clone();
        turned[16] = 11;
        assert!(read(&turned, 30).is_none());
        let mut endless = map;
        endless[8] = 255;
        assert!(read(&endless, 30).is_none());
    }
}
