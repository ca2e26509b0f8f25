//! Has the disk take what is written while more of it comes, so that at the end there is little left to wait for: the
//! disk works beside the line, not after it.

use std::fs::File;
use std::num::NonZeroU64;
use std::ops::Range;

use rustix::fs::{Advice, fadvise};

/// Bytes that are written before the disk is asked to take them.
const EACH: u64 = 2 << 20;

/// What of one file the disk was not asked to take yet.
#[derive(Debug, Default)]
pub(in crate::store) struct Writeback {
    waiting: Range<u64>,
}

impl Writeback {
    /// These bytes were written. Nothing here waits or fails: a sync at the end does both.
    pub(in crate::store) fn wrote(&mut self, bytes: Range<u64>, file: &File) {
        if let Some(due) = self.add(bytes) {
            // Linux begins to write a range that nobody needs any more, and keeps it in memory until it is written;
            // sync_file_range(2) says so more plainly, but without a safe way to call it.
            let _ = fadvise(file, due.start, NonZeroU64::new(due.end - due.start), Advice::DontNeed);
        }
    }

    /// What the disk should take now: enough in a row, or what came before a jump.
    fn add(&mut self, bytes: Range<u64>) -> Option<Range<u64>> {
        let before = self.waiting.clone();
        if bytes.start != before.end {
            self.waiting = bytes;
            return (!before.is_empty()).then_some(before);
        }
        self.waiting.end = bytes.end;
        if bytes.end - before.start < EACH {
            return None;
        }
        self.waiting = bytes.end..bytes.end;
        Some(before.start..bytes.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_flushed_once_and_in_large_steps() {
        let mut writeback = Writeback::default();
        assert_eq!(writeback.add(0..10), None);
        assert_eq!(writeback.add(10..EACH), Some(0..EACH));
        assert_eq!(writeback.add(EACH..EACH + 5), None);
        assert_eq!(writeback.add(900..900 + EACH), Some(EACH..EACH + 5), "a jump");
        assert_eq!(writeback.add(0..7), Some(900..900 + EACH));
        assert_eq!(writeback.add(3 * EACH..3 * EACH + 1), Some(0..7));
    }
}
