//! The spans of one blob: who fetches which, and how long each should be.

use std::ops::Range;
use std::time::Duration;

use crate::content::Extents;

/// The first span shows whether the server knows ranges at all.
const FIRST: u64 = 16 << 20;
const LEAST: u64 = 2 << 20;
const MOST: u64 = 64 << 20;
/// A span should take about so long: short enough to share the rest well, long enough that asking does not matter.
const TIME: u64 = 4;
/// What comes over one stream within a second is asked for at once, since each request costs docker-registry 3 ms; but only
/// so many times what has come already, since a line may be quick at first only.
const TRUST: u64 = 8;

/// The spans that are fetched, and by whom.
pub(super) struct Spans {
    /// What has been handed to the writer or was there before.
    pub(super) done: Extents,
    /// What is being fetched.
    pub(super) active: Vec<Range<u64>>,
    /// How many bytes were there before.
    pub(super) kept: u64,
    /// Whether the server gives whole blobs only.
    pub(super) is_whole_only: bool,
    pub(super) are_used: bool,
}

impl Spans {
    /// The next gap that nobody fetches, and of it no more than `most`.
    pub(super) fn next(&mut self, size: u64, most: u64) -> Option<Range<u64>> {
        let mut taken = self.done.clone();
        self.active.iter().for_each(|span| taken.add(span.clone()));
        let gap = taken.gap(0, size)?;
        let span = gap.start..gap.end.min(gap.start.saturating_add(most));
        self.active.push(span.clone());
        Some(span)
    }

    /// Makes a span longer, for a server that gives more than it is asked for, up to what somebody else fetches or has.
    pub(super) fn take_more(&mut self, span: &Range<u64>, end: u64) -> Range<u64> {
        self.is_whole_only = true;
        self.active.retain(|it| it != span);
        let mut taken = self.done.clone();
        self.active.iter().for_each(|span| taken.add(span.clone()));
        let longer = taken.gap(span.start, end).unwrap_or_else(|| span.clone());
        self.active.push(longer.clone());
        longer
    }

    /// How long the next span should be, in bytes, when so many streams share what is missing.
    pub(super) fn length(&self, size: u64, width: usize, elapsed: Duration) -> u64 {
        let came = self.done.total().saturating_sub(self.kept);
        if came == 0 {
            return FIRST;
        }
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
        let each = came.saturating_mul(1000) / millis / width as u64;
        let length = each.saturating_mul(TIME).clamp(2 * LEAST, MOST);
        if width == 1 {
            return length.max(each.min(TRUST.saturating_mul(came)));
        }
        let share = self.done.missing(size) / (2 * width as u64);
        length.min(share.max(LEAST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn length(came: u64, width: usize, millis: u64) -> u64 {
        let mut done = Extents::default();
        done.add(0..came);
        let spans = Spans {
            done,
            active: Vec::new(),
            kept: 0,
            is_whole_only: false,
            are_used: true,
        };
        spans.length(1 << 30, width, Duration::from_millis(millis))
    }

    #[test]
    fn a_span_takes_a_few_seconds_and_a_quick_line_is_asked_seldom() {
        assert_eq!(length(0, 1, 0), 16 * MIB);
        assert_eq!(length(16 * MIB, 1, 4000), 16 * MIB, "4 MiB a second");
        assert_eq!(length(16 * MIB, 1, 500), 64 * MIB, "32 MiB a second");
        assert_eq!(length(16 * MIB, 1, 20), 128 * MIB, "800 MiB a second, for 20 ms so far");
        assert_eq!(length(144 * MIB, 1, 180), 800 * MIB);
    }

    #[test]
    fn streams_beside_one_another_share_what_is_missing() {
        assert_eq!(length(16 * MIB, 2, 20), 64 * MIB);
        assert_eq!(length(960 * MIB, 4, 2000), 8 * MIB);
        assert_eq!(length(1020 * MIB, 4, 2000), 2 * MIB);
    }
}
