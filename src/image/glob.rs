//! Shell patterns over names, as Go's `path.Match` reads them (<https://pkg.go.dev/path#Match>): `*` stops at a slash.

use crate::error::{Error, Kind, Result};

/// Whether the whole of `name` fits the pattern. A malformed pattern is an error in docker's words.
///
/// As Go has it, what stands between two stars is taken at the first place where it fits and never tried elsewhere: no
/// pattern takes longer than its own length times the name's.
pub fn matches(pattern: &str, name: &str) -> Result<bool> {
    let parts = parse(pattern).ok_or_else(|| Error::new(Kind::Usage, "syntax error in pattern"))?;
    let name: Vec<char> = name.chars().collect();
    let mut chunks = parts.split(|part| matches!(part, Part::Star)).peekable();
    let first = chunks.next().unwrap_or_default();
    let Some(mut rest) = begins(first, &name) else {
        return Ok(false);
    };
    if chunks.peek().is_none() {
        return Ok(rest.is_empty());
    }
    while let Some(chunk) = chunks.next() {
        let is_last = chunks.peek().is_none();
        // Several stars in a row are one.
        if chunk.is_empty() && !is_last {
            continue;
        }
        let reach = rest.iter().position(|c| *c == '/').unwrap_or(rest.len());
        let after = match (chunk.is_empty(), is_last) {
            (true, _) => (reach == rest.len()).then_some(&rest[reach..]),
            // The last one has only one place, at the end.
            (false, true) => (rest.len().checked_sub(chunk.len()))
                .filter(|skipped| *skipped <= reach)
                .and_then(|skipped| begins(chunk, &rest[skipped..])),
            (false, false) => (0..=reach).find_map(|skipped| begins(chunk, &rest[skipped..])),
        };
        match after {
            Some(after) => rest = after,
            None => return Ok(false),
        }
    }
    Ok(rest.is_empty())
}

/// What fits one character of a name, or any number of them.
enum Part {
    Star,
    /// Any character but a slash.
    Any,
    Literal(char),
    /// Ranges, and whether the character must be in none of them.
    Class(Vec<(char, char)>, bool),
}

/// The name behind as many of its characters as there are parts, if each fits.
fn begins<'a>(parts: &[Part], name: &'a [char]) -> Option<&'a [char]> {
    let (own, rest) = name.split_at_checked(parts.len())?;
    let fits = |(part, c): (&Part, &char)| match part {
        Part::Star => false,
        Part::Any => *c != '/',
        Part::Literal(literal) => c == literal,
        Part::Class(ranges, is_negated) => {
            let is_inside = ranges.iter().any(|(low, high)| low <= c && c <= high);
            is_inside != *is_negated
        }
    };
    parts.iter().zip(own).all(fits).then_some(rest)
}

/// The pattern's parts; `None` where it is malformed.
fn parse(pattern: &str) -> Option<Vec<Part>> {
    let pattern: Vec<char> = pattern.chars().collect();
    let mut rest = pattern.as_slice();
    let mut parts = Vec::new();
    while let [first, after @ ..] = rest {
        let (part, after) = match (first, after) {
            ('*', after) => (Part::Star, after),
            ('?', after) => (Part::Any, after),
            ('[', after) => class(after)?,
            ('\\', [escaped, after @ ..]) => (Part::Literal(*escaped), after),
            ('\\', []) => return None,
            (literal, after) => (Part::Literal(*literal), after),
        };
        parts.push(part);
        rest = after;
    }
    Some(parts)
}

/// Reads what follows the bracket of `[abc]`, `[a-z]`, `[^a-z]`.
fn class(pattern: &[char]) -> Option<(Part, &[char])> {
    let (is_negated, mut rest) = match pattern {
        ['^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut ranges = Vec::new();
    loop {
        if let [']', after @ ..] = rest
            && !ranges.is_empty()
        {
            return Some((Part::Class(ranges, is_negated), after));
        }
        let (low, after) = class_char(rest)?;
        let (high, after) = match after {
            ['-', after @ ..] => class_char(after)?,
            _ => (low, after),
        };
        ranges.push((low, high));
        rest = after;
    }
}

fn class_char(rest: &[char]) -> Option<(char, &[char])> {
    match rest {
        [] | ['-' | ']', ..] | ['\\'] => None,
        ['\\', escaped, after @ ..] => Some((*escaped, after)),
        [plain, after @ ..] => Some((*plain, after)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_stars_on_a_long_name_take_no_longer_than_their_product() {
        let name = "a".repeat(20_000);
        assert!(!matches(&format!("{}b", "*a".repeat(50)), &name).unwrap());
        assert!(matches(&"*a".repeat(50), &name).unwrap());
        assert!(matches(&"*".repeat(20_000), &name).unwrap());
    }

    #[test]
    fn patterns_read_as_go_reads_them() {
        for (pattern, name, fits) in [
            ("nginx", "nginx", true),
            ("ngin", "nginx", false),
            ("*", "nginx", true),
            ("*", "a/nginx", false),
            ("*/*", "a/nginx", true),
            ("nginx:1.1*", "nginx:1.14", true),
            ("ng?nx", "nginx", true),
            ("a?b", "a/b", false),
            ("[a-n]ginx", "nginx", true),
            ("[^a-m]ginx", "nginx", true),
            ("[^n]ginx", "nginx", false),
            ("\\*", "*", true),
            ("*x", "xxx", true),
            ("", "", true),
            ("", "a", false),
            ("a*", "a", true),
            ("*a*b*", "xaxxbx", true),
            ("**a", "xa", true),
            ("*a*a", "a", false),
            ("a*/b", "ax/b", true),
            ("a*/b", "a/x/b", false),
            ("*/*", "a/b/c", false),
            ("*b", "a/b", false),
            // Go does not go back to an earlier star: what `[^a]` fits first is "b".
            ("*[^a]*x", "b/x", false),
        ] {
            assert_eq!(matches(pattern, name).unwrap(), fits, "{pattern} {name}");
        }
        for bad in ["[", "[]a]", "a[", "[a-", "\\", "[-x]"] {
            assert_eq!(
                matches(bad, "a").unwrap_err().to_string(),
                "syntax error in pattern",
                "{bad}"
            );
        }
    }
}
