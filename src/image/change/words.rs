//! The words of a Dockerfile line: split at blanks, freed of their quotes, with variables filled in.
//!
//! <https://github.com/moby/buildkit/blob/v0.8.3/frontend/dockerfile/shell/lex.go> and `parser/line_parsers.go` there.

use std::iter::Peekable;
use std::str::Chars;

use crate::error::{Error, Kind, Result};

/// A JSON array of strings; anything else is no exec form.
pub(super) fn array(rest: &str) -> Option<Vec<String>> {
    rest.starts_with('[').then(|| serde_json::from_str(rest).ok()).flatten()
}

/// The line cannot be understood.
pub(super) fn wrong(why: impl Into<String>) -> Error {
    Error::new(Kind::Usage, why)
}

/// Words with their quotes; blanks in quotes divide nothing.
pub(super) fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (None, letter) if letter.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), letter) if open == letter => quote = None,
            (None | Some('"'), '\\') => {
                word.push(letter);
                word.extend(letters.next());
                continue;
            }
            _ => {}
        }
        word.push(letter);
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// `KEY=VALUE ...`, or `KEY REST` as it was written once.
pub(super) fn pairs(instruction: &str, rest: &str) -> Result<Vec<(String, String)>> {
    let words = split(rest);
    let two = || wrong(format!("{instruction} must have two arguments"));
    let first = words
        .first()
        .ok_or_else(|| wrong(format!("{instruction} requires at least one argument")))?;
    let mut pairs = Vec::new();
    if first.contains('=') {
        for word in &words {
            let (key, value) = word.split_once('=').ok_or_else(|| {
                wrong(format!(
                    "Syntax error - can't find = in {word:?}. Must be of the form: name=value"
                ))
            })?;
            pairs.push((key.to_owned(), value.to_owned()));
        }
    } else {
        let (key, value) = rest.split_once(char::is_whitespace).ok_or_else(two)?;
        pairs.push((key.to_owned(), value.trim().to_owned()));
    }
    if pairs.iter().any(|(key, _)| key.is_empty()) {
        return Err(wrong(format!("{instruction} names can not be blank")));
    }
    Ok(pairs)
}

/// The word as a shell sees it: without quotes, with the variables of `env`.
pub(super) fn process(word: &str, env: &[String]) -> Result<String> {
    let failed = |why: &str| wrong(format!("failed to process {word:?}: {why}"));
    let mut result = String::new();
    let mut letters = word.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => loop {
                match letters.next() {
                    Some('\'') => break,
                    Some(letter) => result.push(letter),
                    None => {
                        return Err(failed(
                            "unexpected end of statement while looking for matching single-quote",
                        ));
                    }
                }
            },
            '"' => loop {
                match letters.next() {
                    Some('"') => break,
                    Some('$') => result += &variable(&mut letters, env).ok_or_else(|| failed("syntax error"))?,
                    Some('\\') => match letters.next() {
                        Some(escaped @ ('"' | '$' | '\\')) => result.push(escaped),
                        other => {
                            result.push('\\');
                            result.extend(other);
                        }
                    },
                    Some(letter) => result.push(letter),
                    None => {
                        return Err(failed(
                            "unexpected end of statement while looking for matching double-quote",
                        ));
                    }
                }
            },
            '\\' => result.extend(letters.next()),
            '$' => result += &variable(&mut letters, env).ok_or_else(|| failed("syntax error"))?,
            letter => result.push(letter),
        }
    }
    Ok(result)
}

/// What stands behind a `$`: a name, `{name}`, `{name:-default}` or `{name:+instead}`.
fn variable(letters: &mut Peekable<Chars<'_>>, env: &[String]) -> Option<String> {
    let value = |name: &str| {
        let mut entries = env.iter().filter_map(|entry| entry.split_once('='));
        entries.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
    };
    if letters.next_if_eq(&'{').is_none() {
        let mut name = String::new();
        while let Some(letter) = letters.next_if(|it| it.is_ascii_alphanumeric() || *it == '_') {
            name.push(letter);
        }
        if name.is_empty() {
            return Some("$".to_owned());
        }
        return Some(value(&name).unwrap_or_default());
    }
    let mut inside = String::new();
    loop {
        match letters.next()? {
            '}' => break,
            letter => inside.push(letter),
        }
    }
    let set = |name: &str| value(name).filter(|value| !value.is_empty());
    Some(match (inside.split_once(":-"), inside.split_once(":+")) {
        (Some((name, default)), _) => set(name).unwrap_or_else(|| default.to_owned()),
        (_, Some((name, instead))) => set(name).map(|_| instead.to_owned()).unwrap_or_default(),
        _ if inside.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_') && !inside.is_empty() => {
            value(&inside).unwrap_or_default()
        }
        _ => return None,
    })
}
