//! Text that comes from servers may not steer the terminal.

use std::borrow::Cow;

const SUBSTITUTE: &str = "\u{fffd}";

/// The text with everything that could move the cursor, change colours or reorder letters made visible and
/// harmless. Line ends and tabs stay.
pub fn sanitize(text: &str) -> Cow<'_, str> {
    neutralise(text, |c| is_control(c) && c != '\n' && c != '\t')
}

/// The same for text that must stay on one line: line ends and tabs become blanks.
pub fn one_line(text: &str) -> Cow<'_, str> {
    if is_plain(text) || !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let blank = text.replace(['\n', '\r', '\t'], " ");
    Cow::Owned(neutralise(&blank, is_control).into_owned())
}

/// Whether there are letters, digits and signs of ASCII only, each one column wide: nearly always, and quick to see.
pub(super) fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b' '..=b'~'))
}

fn neutralise(text: &str, harmful: fn(char) -> bool) -> Cow<'_, str> {
    if text.contains(harmful) {
        Cow::Owned(text.replace(harmful, SUBSTITUTE))
    } else {
        Cow::Borrowed(text)
    }
}

/// The C0 and C1 codes, and what Unicode offers to reorder text (CVE-2021-42574) or to break lines.
pub(super) fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_passes() {
        assert_eq!(
            sanitize("a\u{1b}[31mb\rc\u{9b}2Jd\u{202e}e\u{7f}"),
            "a\u{fffd}[31mb\u{fffd}c\u{fffd}2Jd\u{fffd}e\u{fffd}"
        );
    }

    #[test]
    fn ordinary_text_is_left_alone() {
        for text in ["errors:\n\tdenied", "nginx 官方镜像 é …", ""] {
            assert!(matches!(sanitize(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn one_line_is_one_line() {
        assert_eq!(one_line("a\r\nb\tc\u{1b}"), "a  b c\u{fffd}");
        assert_eq!(one_line("a\u{2028}b"), "a\u{fffd}b");
    }
}
