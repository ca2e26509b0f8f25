//! The files below `src/`, and the part of each that ships.

use std::fs;
use std::path::{Path, PathBuf};

/// A file below `src/`.
pub(super) struct Source {
    /// As it stands below `src/`.
    pub(super) path: String,
    /// The path of its module, without `crate`; of `main.rs` and `lib.rs` their own name.
    pub(super) module: Vec<String>,
    /// How many lines it has, tests and all.
    pub(super) lines: usize,
    /// What ships of it: without comments, the insides of texts, and tests. Lines stay where they are.
    pub(super) code: String,
    pub(super) is_test: bool,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let module: Vec<String> = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        Self {
            is_test: module.iter().any(|it| it == "tests"),
            path: path.to_owned(),
            module,
            lines: text.lines().count(),
            code: without_tests(&code_of(text)),
        }
    }

    /// The module below `src/` that it belongs to.
    pub(super) fn house(&self) -> &str {
        &self.module[0]
    }
}

/// All files below `src/`.
pub(super) fn sources() -> Vec<Source> {
    sources_in("src")
}

/// All sources below this folder of the repository.
pub(super) fn sources_in(folder: &str) -> Vec<Source> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    paths.sort();
    let read = |path: &PathBuf| {
        let inside = path.strip_prefix(&root).unwrap().to_str().unwrap();
        Source::new(inside, &fs::read_to_string(path).unwrap())
    };
    paths.iter().map(read).collect()
}

/// A file with its comments and the insides of its texts blanked out.
fn code_of(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let rest = &chars[at..];
        let end = at + length_of_blank(rest, code.chars().last());
        if end == at {
            code.push(chars[at]);
            at += 1;
        }
        for &blanked in &chars[at.min(end)..end] {
            code.push(if blanked == '\n' { '\n' } else { ' ' });
        }
        at = at.max(end);
    }
    code
}

/// How many characters a comment, a text or a character has that begins here; nothing where none does.
fn length_of_blank(rest: &[char], before: Option<char>) -> usize {
    let until = |from: usize, end: &[char]| {
        let found = rest[from..].windows(end.len()).position(|window| window == end);
        found.map_or(rest.len(), |found| from + found + end.len())
    };
    match rest {
        ['/', '/', ..] => until(2, &['\n']) - 1,
        ['/', '*', ..] => until(2, &['*', '/']),
        ['"', ..] => escaped(rest, '"'),
        ['\'', '\\', ..] => escaped(rest, '\''),
        ['\'', _, '\'', ..] => 3,
        ['r', '"' | '#', ..] if !before.is_some_and(|c| c.is_alphanumeric() && c != 'b' || c == '_') => {
            let hashes = rest[1..].iter().take_while(|&&c| c == '#').count();
            if rest.get(1 + hashes) != Some(&'"') {
                return 0;
            }
            let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
            until(2 + hashes, &end)
        }
        _ => 0,
    }
}

fn escaped(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while let Some(&c) = rest.get(at) {
        match c {
            '\\' => at += 2,
            c if c == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Code with each item blanked out that is compiled for tests alone.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut shipped = String::new();
    let mut rest = code;
    while let Some(start) = rest.find(MARK) {
        let end = start + MARK.len() + item_length(&rest[start + MARK.len()..]);
        shipped.push_str(&rest[..start]);
        shipped.extend(rest[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = &rest[end..];
    }
    shipped + rest
}

/// How far the item reaches that begins here: to its semicolon, or to the end of its braces.
pub(super) fn item_length(code: &str) -> usize {
    let mut depth = 0_usize;
    let mut inner = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => inner += 1,
            ')' | ']' => inner -= 1,
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            ';' if depth == 0 && inner == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}
