//! JSON as docker prints it.

use std::fmt::Write;

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

fn escaped(json: &str, is_it: fn(char) -> bool) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if is_it(c) {
            let _ = write!(text, "\\u{:04x}", u32::from(c));
        } else {
            text.push(c);
        }
    }
    text
}
