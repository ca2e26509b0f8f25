//! What a server says, made fit to be shown.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::image::Digest;

/// A server's words without the means to steer a terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The longest message that is shown, in characters: more than people read.
const LONGEST: usize = 2000;

/// The message as far as it is shown.
pub(super) fn shortened(message: &str) -> Cow<'_, str> {
    match message.char_indices().nth(LONGEST) {
        None => Cow::Borrowed(message),
        Some((end, _)) => Cow::Owned(format!("{}...", &message[..end])),
    }
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

/// The digests that stand in a text, or in that of a JSON value.
pub(super) fn digests_in(text: &str) -> impl Iterator<Item = Digest> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == ':'));
    words.filter_map(|word| {
        // No digest has this in its digits: of several it is the last.
        let at = word.rfind("sha")?;
        Digest::parse(word[at..].trim_end_matches(':')).ok()
    })
}
