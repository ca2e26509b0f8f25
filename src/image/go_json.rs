//! JSON text as Go's encoding/json lays it out, token by token: numbers and escapes stay as they were written.

use std::fmt::Write as _;

/// The text with the blanks between its tokens as Go's `Indent` puts them.
pub fn indented(text: &str, indent: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth: usize = 0;
    let mut tokens = Tokens::new(text).peekable();
    while let Some(token) = tokens.next() {
        let is_empty = matches!((token, tokens.peek()), ("{", Some(&"}")) | ("[", Some(&"]")));
        match token {
            _ if is_empty => {
                out.push_str(token);
                out.extend(tokens.next());
            }
            "{" | "[" => {
                depth += 1;
                out.push_str(token);
                new_line(&mut out, depth, indent);
            }
            "}" | "]" => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth, indent);
                out.push_str(token);
            }
            "," => {
                out.push_str(token);
                new_line(&mut out, depth, indent);
            }
            ":" => out.push_str(": "),
            other => out.push_str(other),
        }
    }
    out
}

fn new_line(out: &mut String, depth: usize, indent: &str) {
    out.push('\n');
    for _ in 0..depth {
        out.push_str(indent);
    }
}

/// The text without blanks between its tokens, and with the characters that mean something in HTML escaped, as Go
/// writes a document inside another.
pub fn embedded(text: &str) -> String {
    let compact: String = Tokens::new(text).collect();
    let mut out = String::with_capacity(compact.len());
    for c in compact.chars() {
        match c {
            // They stand in strings only.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => drop(write!(out, "\\u{:04x}", u32::from(c))),
            other => out.push(other),
        }
    }
    out
}

/// The tokens of a JSON text that is known to be valid: strings, punctuation, and what else stands between blanks.
struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        let bytes = self.rest.as_bytes();
        let end = match bytes.first()? {
            b'"' => string_end(bytes),
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            _ => bytes
                .iter()
                .position(|b| b" \t\r\n{}[],:\"".contains(b))
                .unwrap_or(bytes.len()),
        };
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(token)
    }
}

/// The end of the string that begins here.
fn string_end(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "{ \"a\" : [1.50,{}, [ ] ,\"x \\\" < é\\u003e\"],\n\"b\":{\"c\":null}}";

    #[test]
    fn tokens_stay_and_blanks_are_go_s() {
        let expected = "{\n  \"a\": [\n    1.50,\n    {},\n    [],\n    \"x \\\" < é\\u003e\"\n  ],\n  \"b\": {\n    \
                        \"c\": null\n  }\n}";
        assert_eq!(indented(TEXT, "  "), expected);
        assert_eq!(indented(expected, "  "), expected);
        let compact = "{\"a\":[1.50,{},[],\"x \\\" \\u003c é\\u003e\"],\"b\":{\"c\":null}}";
        assert_eq!(embedded(TEXT), compact);
        assert_eq!(embedded("\"a&b\""), "\"a\\u0026b\"");
    }

    #[test]
    fn what_ends_too_early_ends_there() {
        for text in ["", "\"", "\"\\", "{", "[1"] {
            let _ = (indented(text, "\t"), embedded(text));
        }
    }
}
