use hyper::header::HeaderValue;

use super::super::*;
use crate::tests::fuzz::Target;

#[test]
fn a_part_never_leaves_the_whole() {
    let seeds = [
        "bytes=0-",
        "bytes=3-4",
        "bytes=-4",
        "bytes=1-2,4-5",
        "bytes=0-18446744073709551615",
    ];
    let words = ["bytes=", "-", ",", " ", "0", "+1"];
    Target::text("range", seeds, &words).check(|input| {
        let value = HeaderValue::from_bytes(input).ok()?;
        let headers = HeaderMap::from_iter([(RANGE, value)]);
        Some([0, 1, 10, u64::MAX].map(|size| match wanted(&headers, size, "\"x\"") {
            Wanted::Part(from, to) => {
                assert!(from < to && to <= size, "{from} {to} {size}");
                1
            }
            Wanted::All => 0,
            Wanted::Unsatisfiable => 2,
        }))
    });
}
