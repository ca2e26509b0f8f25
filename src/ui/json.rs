//! JSON as docker prints it.

use serde_json::Value;

use super::sanitize::is_control;
use crate::image::go_json;

/// The value over several lines, four blanks a step, as docker's `inspect` has it.
pub fn indented(value: &Value) -> String {
    go_json::indented(&printable(&value.to_string()), "    ")
}

/// JSON without characters that steer terminals: they can only stand in its strings, and there may be escaped.
pub fn printable(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(place) = rest.find(is_control) {
        let mut after = rest[place..].chars();
        text.push_str(&rest[..place]);
        text.extend(after.next().map(|c| format!("\\u{:04x}", u32::from(c))));
        rest = after.as_str();
    }
    text + rest
}
