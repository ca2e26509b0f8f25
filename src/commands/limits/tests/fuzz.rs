use super::super::*;
use crate::tests::fuzz::Target;

#[test]
fn rates_and_times_are_within_what_clocks_can_count() {
    let seeds = ["500k", "2.5m", "1Mi", "3MB/s", "1m30s", "250ms", "30", "1e3"];
    let words = ["k", "mi", "gi", "/s", "b", "s", "h", ".", "e9", "inf", "nan", "-", "+"];
    Target::text("rates", seeds, &words).check_texts(|text| {
        let rate = parse_rate(text).map(NonZeroU64::get).ok();
        assert!(rate.is_none_or(|rate| rate < 1_000_000_000_000_000));
        let time = parse_duration(text).ok();
        assert!(time.is_none_or(|time| !time.is_zero() && time <= Duration::from_hours(24 * 366)));
        (rate.map(u64::ilog2), time.map(|time| time.as_secs().checked_ilog2()))
    });
}
