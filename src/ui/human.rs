//! Ages and durations, and the sizes of `units`, in docker's words (github.com/docker/go-units).

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use crate::units::{precise_size, size};

/// How long ago that was, `7 years ago`; `N/A` for an image that does not say when it was made.
pub fn age(created: Option<Timestamp>, now: Timestamp) -> String {
    match created {
        Some(created) => {
            let seconds = now.duration_since(created).as_secs();
            format!("{} ago", duration(Duration::from_secs(seconds.try_into().unwrap_or(0))))
        }
        None => "N/A".to_owned(),
    }
}

/// A time as Go prints it, in the local zone: `2019-03-26 23:14:53 +0000 UTC`. No time is Go's zero time.
pub fn local_time(time: Option<Timestamp>) -> String {
    local(time, "%Y-%m-%d %H:%M:%S %z %Z")
}

/// A time in RFC 3339, in the local zone: `2019-03-26T23:14:53Z`. No time is Go's zero time.
pub fn local_rfc3339(time: Option<Timestamp>) -> String {
    let text = local(time, "%Y-%m-%dT%H:%M:%S%:z");
    match text.strip_suffix("+00:00") {
        Some(utc) => format!("{utc}Z"),
        None => text,
    }
}

fn local(time: Option<Timestamp>, format: &str) -> String {
    // Like Go, which takes UTC where the system says nothing it knows.
    let zone = TimeZone::try_system().unwrap_or(TimeZone::UTC);
    let zero = || Timestamp::from_second(GO_ZERO_TIME).unwrap_or(Timestamp::MIN);
    time.unwrap_or_else(zero)
        .to_zoned_datetime(zone)
        .strftime(format)
        .to_string()
}

/// 0001-01-01T00:00:00Z in seconds since 1970.
const GO_ZERO_TIME: i64 = -62_135_596_800;

/// The warning about an image whose size was counted to a limit only.
pub fn uncounted(id: &str, bytes: u64) -> String {
    let most = size(bytes);
    format!("WARNING: image {id} unpacks to more than {most}: its size was not counted any further")
}

/// A duration in one rough unit: `About an hour`, `3 weeks`.
pub fn duration(length: Duration) -> String {
    let seconds = length.as_secs();
    let minutes = seconds / 60;
    let hours = (seconds + 1800) / 3600;
    match () {
        () if seconds < 1 => "Less than a second".to_owned(),
        () if seconds == 1 => "1 second".to_owned(),
        () if seconds < 60 => format!("{seconds} seconds"),
        () if minutes == 1 => "About a minute".to_owned(),
        () if minutes < 60 => format!("{minutes} minutes"),
        () if hours == 1 => "About an hour".to_owned(),
        () if hours < 48 => format!("{hours} hours"),
        () if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        () if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        () if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        () => format!("{} years", seconds / 3600 / 24 / 365),
    }
}

/// The time that is left, short and exact: `3s`, `1m05s`, `2h10m`.
pub fn time_left(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits_rounded_half_to_even_on_the_binary_value() {
        for (bytes, text) in [
            (0, "0B"),
            (1, "1B"),
            (999, "999B"),
            (1000, "1kB"),
            (1125, "1.12kB"),
            (1375, "1.38kB"),
            (1500, "1.5kB"),
            (1800, "1.8kB"),
            (9990, "9.99kB"),
            (9995, "9.99kB"),
            (99_900, "99.9kB"),
            (99_950, "100kB"),
            (100_000, "100kB"),
            (420_000, "420kB"),
            (999_499, "999kB"),
            (999_500, "1MB"),
            (1_260_000, "1.26MB"),
            (1_680_000, "1.68MB"),
            (2_500_000, "2.5MB"),
            (21_500_000, "21.5MB"),
            (999_500_000, "1GB"),
            (u64::MAX, "18.4EB"),
        ] {
            assert_eq!(size(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn precise_sizes_have_four_digits() {
        for (bytes, text) in [
            (0, "0B"),
            (380, "380B"),
            (1_062_500, "1.062MB"),
            (21_530, "21.53kB"),
            (421_800, "421.8kB"),
            (501_760, "501.8kB"),
            (999_950, "1000kB"),
            (3_002_000, "3.002MB"),
            (3_433_000, "3.433MB"),
            (12_000_000, "12MB"),
        ] {
            assert_eq!(precise_size(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn durations_follow_docker_s_table() {
        const HOUR: u64 = 3600;
        const DAY: u64 = 24 * HOUR;
        for (seconds, text) in [
            (0, "Less than a second"),
            (1, "1 second"),
            (2, "2 seconds"),
            (59, "59 seconds"),
            (60, "About a minute"),
            (119, "About a minute"),
            (120, "2 minutes"),
            (HOUR - 1, "59 minutes"),
            (HOUR, "About an hour"),
            (90 * 60 - 1, "About an hour"),
            (90 * 60, "2 hours"),
            (47 * HOUR + 1799, "47 hours"),
            (47 * HOUR + 1800, "2 days"),
            (14 * DAY - 1801, "13 days"),
            (14 * DAY, "2 weeks"),
            (60 * DAY - 1801, "8 weeks"),
            (60 * DAY, "2 months"),
            (729 * DAY, "24 months"),
            (730 * DAY, "2 years"),
            (7 * 365 * DAY, "7 years"),
        ] {
            assert_eq!(duration(Duration::from_secs(seconds)), text, "{seconds}");
        }
    }

    #[test]
    fn ages_of_the_future_and_of_no_date_are_told() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let at = |text: &str| age(Some(text.parse().unwrap()), now);
        assert_eq!(at("2019-03-26T23:14:53Z"), "7 years ago");
        assert_eq!(at("1970-01-01T00:00:00Z"), "56 years ago");
        assert_eq!(at("2026-11-23T11:59:59.5Z"), "Less than a second ago");
        assert_eq!(at("2030-01-01T00:00:00Z"), "Less than a second ago");
        assert_eq!(age(None, now), "N/A");
    }

    #[test]
    fn the_time_left_is_short() {
        let left = |seconds| time_left(Duration::from_secs(seconds));
        assert_eq!(left(3), "3s");
        assert_eq!(left(65), "1m05s");
        assert_eq!(left(7800), "2h10m");
    }
}
