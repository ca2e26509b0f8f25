//! Shell patterns over names, as Go's `path.Match` reads them (<https://pkg.go.dev/path#Match>): `*` stops at a slash.

use crate::error::{Error, Kind, Result};

/// Whether the whole of `name` fits the pattern. A malformed pattern is an error in docker's words.
pub fn matches(pattern: &str, name: &str) -> Result<bool> {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    check(&pattern)?;
    Ok(fits(&pattern, &name))
}

fn malformed() -> Error {
    Error::new(Kind::Usage, "syntax error in pattern")
}

/// Walks the pattern once, so that a malformed one is refused whatever the name.
fn check(mut pattern: &[char]) -> Result<()> {
    while let Some(first) = pattern.first() {
        pattern = match first {
            '[' => class(pattern, None).ok_or_else(malformed)?.1,
            '\\' => pattern.get(2..).ok_or_else(malformed)?,
            _ => &pattern[1..],
        };
    }
    Ok(())
}

fn fits(pattern: &[char], name: &[char]) -> bool {
    let Some(first) = pattern.first() else {
        return name.is_empty();
    };
    match first {
        '*' => {
            let reach = name.iter().position(|c| *c == '/').unwrap_or(name.len());
            (0..=reach).any(|skipped| fits(&pattern[1..], &name[skipped..]))
        }
        '?' => name.first().is_some_and(|c| *c != '/') && fits(&pattern[1..], &name[1..]),
        '[' => match (name.first(), class(pattern, name.first().copied())) {
            (Some(_), Some((true, rest))) => fits(rest, &name[1..]),
            _ => false,
        },
        '\\' => name.first() == pattern.get(1) && !name.is_empty() && fits(&pattern[2..], &name[1..]),
        literal => name.first() == Some(literal) && fits(&pattern[1..], &name[1..]),
    }
}

/// Reads `[abc]`, `[a-z]`, `[^a-z]`: whether `c` is in it, and the pattern behind it. `None` if malformed.
fn class(pattern: &[char], c: Option<char>) -> Option<(bool, &[char])> {
    let mut rest = &pattern[1..];
    let negated = rest.first() == Some(&'^');
    if negated {
        rest = &rest[1..];
    }
    let mut inside = false;
    let mut ranges = 0;
    loop {
        if rest.first() == Some(&']') && ranges > 0 {
            return Some((inside != negated, &rest[1..]));
        }
        let (low, after) = class_char(rest)?;
        let (high, after) = match after {
            ['-', after @ ..] => class_char(after)?,
            _ => (low, after),
        };
        inside |= c.is_some_and(|c| low <= c && c <= high);
        rest = after;
        ranges += 1;
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
