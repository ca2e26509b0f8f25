//! How much a type has to show: methods, fields, parameters, and files that it is read in.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Source, item_length};

const MAX_METHODS: usize = 20;
const MAX_FIELDS: usize = 8;
/// `self` aside.
const MAX_PARAMETERS: usize = 6;
const MAX_FILES: usize = 2;

/// What mirrors the command line, or a document of somebody else's making, is as long as that is.
const MIRRORS: [&str; 4] = ["Args", "Parser", "Serialize", "Deserialize"];

/// All that is too large, in words.
pub(super) fn faults(files: &[Source]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut methods: BTreeMap<(&str, &str), (usize, BTreeSet<&str>)> = BTreeMap::new();
    for file in files.iter().filter(|file| !file.is_test) {
        for (name, fields) in structs(&file.code) {
            if fields > MAX_FIELDS {
                wrong.push(format!("{name} in src/{} has {fields} fields", file.path));
            }
        }
        for (name, parameters) in functions(&file.code) {
            if parameters > MAX_PARAMETERS {
                wrong.push(format!("{name} in src/{} has {parameters} parameters", file.path));
            }
        }
        for (name, count) in impls(&file.code) {
            let (all, paths) = methods.entry((file.house(), name)).or_default();
            *all += count;
            paths.insert(&file.path);
        }
    }
    // Types of one name in two rooms are two types.
    for ((house, name), (count, paths)) in methods {
        let rooms: BTreeSet<_> = paths
            .iter()
            .map(|path| path.rsplit_once('/').map(|(room, _)| room))
            .collect();
        if rooms.len() == 1 && count > MAX_METHODS {
            wrong.push(format!("{name} in src/{house} has {count} methods"));
        }
        if paths.len() > MAX_FILES {
            wrong.push(format!("{name} in src/{house} is spread over {paths:?}"));
        }
    }
    wrong
}

/// Each struct with its number of fields; none that mirrors something.
pub(super) fn structs(code: &str) -> Vec<(&str, usize)> {
    let named = starts(code, "struct ").filter(|(at, _)| {
        let before = &code[..*at];
        let attributes = &before[before.rfind([';', '}']).map_or(0, |end| end + 1)..];
        !words(attributes).any(|word| MIRRORS.contains(&word))
    });
    let counted = named.filter_map(|(at, name)| {
        let item = &code[at..at + item_length(&code[at..])];
        let open = item.find('{')?;
        Some((name, parts(&item[open + 1..item.len() - 1]).len()))
    });
    counted.collect()
}

/// Each function with its number of parameters, `self` aside.
pub(super) fn functions(code: &str) -> Vec<(&str, usize)> {
    let counted = starts(code, "fn ").map(|(at, name)| {
        let rest = &code[at + "fn ".len() + name.len()..];
        let rest = rest
            .strip_prefix('<')
            .map_or(rest, |generic| &generic[closing(generic, '>') + 1..]);
        let inside = rest.strip_prefix('(').map_or("", |list| &list[..closing(list, ')')]);
        let parameters = parts(inside);
        (name, parameters.iter().filter(|it| !is_self(it)).count())
    });
    counted.collect()
}

/// Each type with the methods that one of its own `impl` blocks gives it.
pub(super) fn impls(code: &str) -> Vec<(&str, usize)> {
    let begins = code.match_indices("impl").map(|(at, _)| at);
    let blocks = begins.filter(|at| *at == 0 || code[..*at].ends_with('\n'));
    let counted = blocks.filter_map(|at| {
        let block = &code[at..at + item_length(&code[at..])];
        let (head, body) = block.split_once('{')?;
        let head = head["impl".len()..].trim_start();
        let head = head
            .strip_prefix('<')
            .map_or(head, |generic| &generic[closing(generic, '>') + 1..]);
        let is_of_trait = words(head).any(|word| word == "for");
        let name = head.trim_start().split(|c| !is_part(c)).next()?;
        let methods = starts(body, "fn ").filter(|(at, _)| {
            let before = &body[..*at];
            before.matches('{').count() == before.matches('}').count()
        });
        (!is_of_trait).then(|| (name, methods.count()))
    });
    counted.collect()
}

/// Where the word stands, and the name behind it.
fn starts<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    let places = code.match_indices(word).map(|(at, _)| at);
    let whole = places.filter(|&at| !code[..at].ends_with(is_part));
    whole.filter_map(move |at| {
        let name = code[at + word.len()..].split(|c| !is_part(c)).next()?;
        (!name.is_empty()).then_some((at, name))
    })
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c| !is_part(c))
}

/// Where what is open comes to its end.
fn closing(code: &str, end: char) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            '>' if code[..at].ends_with('-') => {}
            c if c == end && depth == 0 => return at,
            '(' | '[' | '{' | '<' => depth += 1,
            ')' | ']' | '}' | '>' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    code.len()
}

/// What stands between commas that are in no brackets.
fn parts(code: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = code;
    while !rest.trim().is_empty() {
        let end = closing(rest, ',');
        parts.push(rest[..end].trim());
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    parts
}

fn is_self(parameter: &str) -> bool {
    let named = parameter.split(':').next().unwrap_or_default();
    words(named).any(|word| word == "self")
}
