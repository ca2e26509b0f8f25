//! The `Range` of a request: one part, or everything.

use hyper::header::{HeaderMap, IF_RANGE, RANGE};

/// What of `size` bytes a client wants.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::server) enum Wanted {
    All,
    /// The bytes from the first offset up to the second, which is not included.
    Part(u64, u64),
    Unsatisfiable,
}

/// Several ranges at once, and what is no range, may be ignored: RFC 9110, section 14.2.
pub(in crate::server) fn wanted(headers: &HeaderMap, size: u64, etag: &str) -> Wanted {
    if headers
        .get(IF_RANGE)
        .is_some_and(|value| value.as_bytes() != etag.as_bytes())
    {
        return Wanted::All;
    }
    let text = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let Some((first, last)) = text
        .and_then(|text| text.strip_prefix("bytes="))
        .filter(|ranges| !ranges.contains(','))
        .and_then(|range| range.trim().split_once('-'))
    else {
        return Wanted::All;
    };
    match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if last < first => Wanted::Unsatisfiable,
        (Ok(first), Ok(last)) if first < size => Wanted::Part(first, last.saturating_add(1).min(size)),
        (Ok(first), Err(_)) if last.is_empty() && first < size => Wanted::Part(first, size),
        (Err(_), Ok(last)) if first.is_empty() && last > 0 && size > 0 => Wanted::Part(size.saturating_sub(last), size),
        (Ok(_), Ok(_)) => Wanted::Unsatisfiable,
        (Ok(_), Err(_)) if last.is_empty() => Wanted::Unsatisfiable,
        (Err(_), Ok(_)) if first.is_empty() => Wanted::Unsatisfiable,
        _ => Wanted::All,
    }
}

#[cfg(test)]
mod tests {
    mod fuzz;

    use super::*;

    #[test]
    fn a_part_is_what_http_says() {
        let of = |range: &str| {
            let headers = HeaderMap::from_iter([(RANGE, range.parse().unwrap())]);
            wanted(&headers, 10, "\"x\"")
        };
        for (range, expected) in [
            ("bytes=0-", Wanted::Part(0, 10)),
            ("bytes=3-", Wanted::Part(3, 10)),
            ("bytes=3-4", Wanted::Part(3, 5)),
            ("bytes=3-99", Wanted::Part(3, 10)),
            ("bytes=9-9", Wanted::Part(9, 10)),
            ("bytes=-4", Wanted::Part(6, 10)),
            ("bytes=-99", Wanted::Part(0, 10)),
            ("bytes=10-", Wanted::Unsatisfiable),
            ("bytes=10-12", Wanted::Unsatisfiable),
            ("bytes=-0", Wanted::Unsatisfiable),
            ("bytes=4-3", Wanted::Unsatisfiable),
            ("bytes=1-2,4-5", Wanted::All),
            ("bytes=x-", Wanted::All),
            ("bytes=0-18446744073709551615", Wanted::Part(0, 10)),
            ("lines=1-2", Wanted::All),
        ] {
            assert_eq!(of(range), expected, "{range}");
        }
    }
}
