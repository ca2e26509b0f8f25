//! Learns how many streams at once bring a blob quickest.
//!
//! It begins with one. While much is still to come it doubles them, looks at the rate, and goes back when that did not
//! grow: then the line, the host or this machine is at its end, and more connections only cost.

use std::time::{Duration, Instant};

/// Streams at once when the user sets no limit.
const MOST: usize = 8;
/// How long the rate is watched before it counts.
const WINDOW: Duration = Duration::from_millis(200);
/// The windows in which the gain may show: one may fall into a pause of the line or of this machine.
const WINDOWS: u32 = 3;
/// How long new connections may take until they count as useless.
const OPENING_TIMEOUT: Duration = Duration::from_secs(3);
/// The least that more streams must bring, in percent of the rate before.
const GAIN: u64 = 120;
/// The time after which the line may have changed.
const RETRY: Duration = Duration::from_secs(5);

/// How many streams each blob may have. Rates are of all blobs together.
#[derive(Debug)]
pub(super) struct Width {
    each: usize,
    most: usize,
    phase: Phase,
    mark: Mark,
}

#[derive(Debug, Clone, Copy)]
struct Mark {
    at: Instant,
    bytes: u64,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Nothing has come yet.
    Waiting,
    /// Watching the rate as it is.
    Watching,
    /// Twice as many streams were allowed; not all of them flow yet.
    Widening { before: u64 },
    /// All flow; whether the rate has grown is seen soon.
    Comparing { before: u64, windows: u32 },
    /// More streams do not help.
    Settled,
}

/// What is known from outside at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) now: Instant,
    /// All bytes that have passed.
    pub(super) passed: u64,
    /// Streams that flow.
    pub(super) streams: usize,
    /// Blobs that are under way.
    pub(super) blobs: usize,
    /// Bytes of the blob that are still to come.
    pub(super) left: u64,
}

impl Width {
    pub(super) fn new(limit: Option<usize>) -> Self {
        Self {
            each: 1,
            most: limit.unwrap_or(MOST).max(1),
            phase: Phase::Waiting,
            mark: Mark {
                at: Instant::now(),
                bytes: 0,
            },
        }
    }

    /// How many streams a blob should have now.
    pub(super) fn advise(&mut self, moment: Moment) -> usize {
        self.learn(moment);
        self.each.min(self.most / moment.blobs.max(1)).max(1)
    }

    /// The server refused a stream, or would not take another connection.
    pub(super) fn narrow(&mut self, now: Instant) {
        self.each = (self.each / 2).max(1);
        self.most = self.most.min((self.each * 2).max(1));
        self.phase = Phase::Settled;
        self.mark.at = now;
    }

    fn learn(&mut self, moment: Moment) {
        let since = moment.now.saturating_duration_since(self.mark.at);
        match self.phase {
            Phase::Waiting if moment.passed > 0 => self.turn(Phase::Watching, moment),
            Phase::Widening { before } if moment.streams >= self.each * moment.blobs || since > OPENING_TIMEOUT => {
                self.turn(
                    Phase::Comparing {
                        before,
                        windows: WINDOWS,
                    },
                    moment,
                );
            }
            Phase::Watching if since >= WINDOW => self.widen(moment),
            Phase::Comparing { before, windows } if since >= WINDOW => {
                if self.rate(moment) >= (before / 100).saturating_mul(GAIN) {
                    self.widen(moment);
                } else if windows > 1 {
                    let windows = windows - 1;
                    self.turn(Phase::Comparing { before, windows }, moment);
                } else {
                    self.each /= 2;
                    self.turn(Phase::Settled, moment);
                }
            }
            Phase::Settled if since >= RETRY => self.turn(Phase::Watching, moment),
            _ => {}
        }
    }

    /// Allows twice as many, where there is room and something to win: not when the rest comes within a second.
    fn widen(&mut self, moment: Moment) {
        let rate = self.rate(moment);
        let has_room = self.each * 2 * moment.blobs <= self.most;
        if has_room && rate > 0 && moment.left > rate {
            self.each *= 2;
            self.turn(Phase::Widening { before: rate }, moment);
        } else {
            self.turn(Phase::Watching, moment);
        }
    }

    fn turn(&mut self, phase: Phase, moment: Moment) {
        self.phase = phase;
        self.mark = Mark {
            at: moment.now,
            bytes: moment.passed,
        };
    }

    /// Bytes a second since the mark.
    fn rate(&self, moment: Moment) -> u64 {
        let millis = moment.now.saturating_duration_since(self.mark.at).as_millis().max(1);
        let bytes = u128::from(moment.passed.saturating_sub(self.mark.bytes));
        u64::try_from(bytes * 1000 / millis).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a line with this rate in MB/s for so many streams lets the width come to within ten seconds.
    fn learnt(limit: Option<usize>, blobs: usize, rate: impl Fn(usize) -> u64) -> usize {
        let mut width = Width::new(limit);
        let mut moment = Moment {
            now: Instant::now(),
            passed: 1,
            streams: blobs,
            blobs,
            left: 100_000_000_000,
        };
        for _ in 0..200 {
            moment.streams = width.advise(moment) * blobs;
            moment.now += Duration::from_millis(50);
            moment.passed += rate(moment.streams) * 50_000;
        }
        moment.streams / blobs
    }

    #[test]
    fn as_many_streams_as_help_and_no_more() {
        assert_eq!(learnt(None, 1, |streams| 40 * streams as u64), 8);
        assert_eq!(learnt(None, 1, |_| 40), 1);
        assert_eq!(learnt(None, 1, |streams| 40 * streams.min(3) as u64), 4);
        assert_eq!(learnt(Some(1), 1, |streams| 40 * streams as u64), 1);
        assert_eq!(learnt(Some(16), 1, |streams| 40 * streams as u64), 16);
        assert_eq!(learnt(None, 4, |streams| 40 * streams as u64), 2);
    }

    #[test]
    fn what_comes_within_a_second_is_left_to_one_stream() {
        assert_eq!(learnt(None, 1, |streams| 200_000 * streams as u64), 1);
    }

    #[test]
    fn a_server_that_refuses_gets_fewer() {
        let mut width = Width::new(None);
        width.each = 8;
        let now = Instant::now();
        width.narrow(now);
        let moment = Moment {
            now,
            passed: 1,
            streams: 1,
            blobs: 1,
            left: 1 << 40,
        };
        assert_eq!(width.advise(moment), 4);
        width.narrow(now);
        width.narrow(now);
        assert_eq!(width.advise(moment), 1);
    }
}
