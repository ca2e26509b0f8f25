//! How hard a transfer may use the line, and for how long: rates and times as they are typed.

use std::num::NonZeroU64;
use std::time::Duration;

use clap::Args;

use super::Context;
use crate::error::{Error, Kind, Result};
use crate::image::go_duration;
use crate::transfer::Limits;
use crate::ui::ProgressMode;

/// The flags of every command that moves blobs.
#[derive(Debug, Args)]
pub struct TransferArgs {
    /// Connections at once at most (default: as many as help, up to 20)
    #[arg(long, value_name = "int")]
    pub max_concurrent: Option<u16>,
    /// Bytes a second at most, such as 500k or 2.5m
    #[arg(long, value_name = "rate", value_parser = parse_rate)]
    pub limit_rate: Option<NonZeroU64>,
    /// Reconnect when no byte has come for so long (default 30s)
    #[arg(long, value_name = "duration", default_value = "30s", hide_default_value = true, value_parser = parse_duration)]
    pub stall_timeout: Duration,
    /// Give up after so long, such as 90s or 10m
    #[arg(long, value_name = "duration", value_parser = parse_duration)]
    pub timeout: Option<Duration>,
    /// How to show progress: auto, tty, plain, json or none
    #[arg(long, value_name = "mode", default_value = "auto", hide_default_value = true)]
    pub progress: ProgressMode,
}

impl TransferArgs {
    pub fn limits(&self) -> Limits {
        Limits {
            streams: self.max_concurrent.map(usize::from),
            bytes_per_second: self.limit_rate,
        }
    }

    /// Does the work, unless the user's time for all of it ends first.
    pub async fn in_time<T>(&self, context: &Context, work: impl Future<Output = Result<T>>) -> Result<T> {
        let Some(time) = self.timeout else {
            return work.await;
        };
        // Another process's lock is waited for where no timer is heard.
        context.end_in(time);
        match tokio::time::timeout(time, work).await {
            Ok(result) => result,
            Err(_) => Err(Error::new(
                Kind::Unavailable,
                format!(
                    "not done after {time:?} (--timeout): what has arrived is kept, the same command goes on from there"
                ),
            )),
        }
    }
}

/// Bytes a second: a number with `k`, `m` or `g` (powers of 1000), as curl has it, or `ki`, `mi`, `gi` (of 1024).
pub(super) fn parse_rate(text: &str) -> Result<NonZeroU64, String> {
    let wrong = || format!("invalid rate {text:?}: use bytes a second, such as 500k, 2.5m or 1Mi");
    let lower = text.to_ascii_lowercase();
    let lower = lower.trim_end_matches("/s").trim_end_matches('b');
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u32 = match &lower[digits.len()..] {
        "" => 1,
        "k" => 1000,
        "m" => 1_000_000,
        "g" => 1_000_000_000,
        "ki" => 1 << 10,
        "mi" => 1 << 20,
        "gi" => 1 << 30,
        _ => return Err(wrong()),
    };
    let number: f64 = digits.parse().map_err(|_| wrong())?;
    let bytes = number * f64::from(unit);
    if !bytes.is_finite() || !(1.0..1e15).contains(&bytes) {
        return Err(wrong());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "in the range that was just checked"
    )]
    NonZeroU64::new(bytes as u64).ok_or_else(wrong)
}

/// A time as Go writes it, `1m30s`; a bare number is seconds.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("invalid duration {text:?}: use a number with a unit, such as 30s, 10m or 1h30m");
    let is_bare = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let total = if is_bare {
        let seconds = text.parse().ok();
        seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    } else {
        go_duration::parse(text)
    };
    let total = total.ok_or_else(wrong)?;
    // Longer than a year is a slip of the finger, and clocks cannot count it.
    if total.is_zero() || total > Duration::from_hours(24 * 366) {
        return Err(wrong());
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    mod fuzz;

    use super::*;

    #[test]
    fn rates_are_read_and_nonsense_is_not() {
        let rate = |text: &str| parse_rate(text).map(NonZeroU64::get);
        for (text, bytes) in [
            ("1", 1),
            ("500k", 500_000),
            ("2.5m", 2_500_000),
            ("1Mi", 1 << 20),
            ("3MB/s", 3_000_000),
            ("1g", 1_000_000_000),
        ] {
            assert_eq!(rate(text), Ok(bytes), "{text}");
        }
        for bad in ["", "k", "0", "-1", "0.1", "1x", "1e400", "inf", "nan", "1 k k"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for (text, millis) in [
            ("30", 30_000),
            ("30s", 30_000),
            ("1m30s", 90_000),
            ("250ms", 250),
            ("1.5h", 5_400_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "s", "0", "-5s", "1x", "1m30", "infs", "1e300s", "99999h"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
