//! JSON as docker prints it.

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

use super::sanitize::is_control;

/// The value over several lines, four blanks a step, as docker's `inspect` has it.
pub fn indented(value: &Value) -> String {
    let mut text = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(b"    "));
    // A value that is JSON already, into memory: neither can fail.
    let _ = value.serialize(&mut serializer);
    escaped(&String::from_utf8_lossy(&text), |c| c != '\n' && is_control(c))
}

/// JSON without characters that steer terminals: they can only stand in its strings, and there may be escaped.
pub fn printable(json: &str) -> String {
    escaped(json, is_control)
}

/// JSON as Go's encoder writes it when it is not told otherwise.
pub(super) fn for_html(json: &str) -> String {
    escaped(json, |c| matches!(c, '<' | '>' | '&'))
}

fn escaped(json: &str, is_it: impl Fn(char) -> bool) -> String {
    let mut text = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(place) = rest.find(&is_it) {
        let mut after = rest[place..].chars();
        text.push_str(&rest[..place]);
        text.extend(after.next().map(|c| format!("\\u{:04x}", u32::from(c))));
        rest = after.as_str();
    }
    text + rest
}
