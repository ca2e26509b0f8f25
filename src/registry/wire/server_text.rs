//! What a server says, made fit to be shown.

use std::fmt::Write as _;

/// A server's words without the means to steer a terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The longest part of an unreadable body that is shown.
const SHOWN: usize = 512;

/// A body between quotes, as Go's `%q` prints it.
pub(super) fn quoted(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut quoted = String::from("\"");
    for c in text.chars().take(SHOWN) {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\x{:02x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push_str(if text.chars().count() > SHOWN { "...\"" } else { "\"" });
    quoted
}
