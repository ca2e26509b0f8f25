//! The order in which people read version numbers: `1.9` before `1.10`.

use std::cmp::Ordering;

/// Compares runs of digits as numbers and all else as text.
pub fn compare(a: &str, b: &str) -> Ordering {
    let mut left = runs(a);
    let mut right = runs(b);
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return a.cmp(b),
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => compare_runs(x, y),
        };
        if order.is_ne() {
            return order;
        }
    }
}

fn compare_runs(x: &str, y: &str) -> Ordering {
    let is_number = |run: &str| run.as_bytes()[0].is_ascii_digit();
    match (is_number(x), is_number(y)) {
        (true, true) => {
            let (x, y) = (x.trim_start_matches('0'), y.trim_start_matches('0'));
            // Without leading zeros the longer number is the greater; no number is too long.
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        }
        _ => x.cmp(y),
    }
}

/// Splits into runs of digits and runs of other characters, none of them empty.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.bytes().next()?;
        let end = rest
            .bytes()
            .position(|b| b.is_ascii_digit() != first.is_ascii_digit())
            .unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        Some(run)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_sort_as_people_count() {
        let mut tags = [
            "latest",
            "1.10",
            "1.9",
            "1.9.1",
            "1.9-alpine",
            "v2",
            "v10",
            "1",
            "01.9",
            "20191012",
            "3.0",
        ];
        tags.sort_by(|a, b| compare(a, b));
        let sorted = [
            "1",
            "01.9",
            "1.9",
            "1.9-alpine",
            "1.9.1",
            "1.10",
            "3.0",
            "20191012",
            "latest",
            "v2",
            "v10",
        ];
        assert_eq!(tags, sorted);
    }

    #[test]
    fn numbers_of_any_length_compare() {
        let huge = "9".repeat(100);
        assert_eq!(compare(&huge, &format!("1{}", "0".repeat(100))), Ordering::Less);
        assert_eq!(compare("", ""), Ordering::Equal);
    }
}
