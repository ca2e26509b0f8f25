//! Which file names which: the paths in the code, followed to the file that holds what they name.

use std::collections::{BTreeMap, BTreeSet};

use super::source::Source;

/// All files and what each names of the others.
pub(super) struct Imports<'a> {
    files: &'a [Source],
    by_module: BTreeMap<&'a [String], usize>,
    paths: Vec<Paths>,
}

/// The paths of this crate that stand in a file, from its root.
#[derive(Default)]
struct Paths {
    all: BTreeSet<Vec<String>>,
    /// What its `use` lines bring into it, by the name that it has here.
    brought: BTreeMap<String, Vec<String>>,
}

impl<'a> Imports<'a> {
    pub(super) fn of(files: &'a [Source]) -> Self {
        let by_module = files.iter().enumerate().map(|(at, file)| (&file.module[..], at));
        let by_module: BTreeMap<_, _> = by_module.collect();
        let children = |file: &Source| -> BTreeSet<String> {
            let below = by_module.keys().filter(|it| it.len() == file.module.len() + 1);
            let own = below.filter(|it| it.starts_with(&file.module));
            own.filter_map(|it| it.last().cloned()).collect()
        };
        let paths = files.iter().map(|file| paths_in(file, &children(file))).collect();
        Self {
            files,
            by_module,
            paths,
        }
    }

    /// The files that a file names, each with the others that lead to it; itself aside.
    pub(super) fn named_by(&self, file: usize) -> BTreeSet<Vec<usize>> {
        let ways = self.paths[file].all.iter().map(|path| self.way(path));
        ways.filter(|way| !way.is_empty()).collect()
    }

    /// The files that a path leads through: the one that re-exports it, then the one that holds it.
    fn way(&self, path: &[String]) -> Vec<usize> {
        let mut way = Vec::new();
        let mut path = path.to_vec();
        loop {
            let lengths = (1..=path.len()).rev();
            let Some((length, at)) = lengths
                .map(|length| (length, self.by_module.get(&path[..length])))
                .find_map(|(length, at)| at.map(|at| (length, *at)))
            else {
                return way;
            };
            if way.contains(&at) {
                return way;
            }
            way.push(at);
            let item = path.get(length).and_then(|item| self.paths[at].brought.get(item));
            match item {
                Some(elsewhere) => path = [elsewhere, &path[length + 1..]].concat(),
                None => return way,
            }
        }
    }

    /// Files that lead back to themselves, in groups.
    pub(super) fn circles(&self) -> Vec<Vec<&'a Source>> {
        let reached: Vec<BTreeSet<usize>> = (0..self.files.len()).map(|file| self.reach(file)).collect();
        let mut circles = BTreeSet::new();
        for (file, reach) in reached.iter().enumerate().filter(|(file, reach)| reach.contains(file)) {
            let together = reach.iter().filter(|&&other| reached[other].contains(&file));
            circles.insert(together.copied().collect::<Vec<usize>>());
        }
        let files = |circle: Vec<usize>| circle.into_iter().map(|file| &self.files[file]).collect();
        circles.into_iter().map(files).collect()
    }

    /// The files that one leads to, near and far.
    fn reach(&self, from: usize) -> BTreeSet<usize> {
        let mut reached = BTreeSet::new();
        let mut open = vec![from];
        while let Some(file) = open.pop() {
            let held = self.named_by(file).into_iter().filter_map(|way| way.last().copied());
            open.extend(held.filter(|&other| other != file && reached.insert(other)));
        }
        reached
    }
}

fn paths_in(file: &Source, children: &BTreeSet<String>) -> Paths {
    let words = words(&file.code);
    let mut paths = Paths::default();
    let mut at = 0;
    while at < words.len() {
        let before = at.checked_sub(1).map_or("", |before| words[before]);
        if words[at] == "use" {
            let is_handed_on = ["pub", ")"].contains(&before);
            let mut trees = Vec::new();
            at = use_tree(&words, at + 1, &[], &mut trees);
            for (path, name) in trees {
                if let Some(path) = from_root(file, children, &path) {
                    // What a file hands on is not what it uses, unless it names it again.
                    if !is_handed_on || words.iter().filter(|word| **word == name).count() > 1 {
                        paths.all.insert(path.clone());
                    }
                    paths.brought.insert(name, path);
                }
            }
        } else if !["::", ".", "in", "fn", "mod"].contains(&before) && words.get(at + 1) == Some(&"::") {
            let mut path = vec![words[at]];
            while let ["::", next, ..] = &words[at + 1..]
                && is_name(next)
            {
                path.push(next);
                at += 2;
            }
            paths.all.extend(from_root(file, children, &path));
            at += 1;
        } else {
            at += 1;
        }
    }
    paths
}

/// The leaves of a `use` tree with the names they get, and where it ends.
fn use_tree<'w>(words: &[&'w str], from: usize, before: &[&'w str], leaves: &mut Vec<(Vec<&'w str>, String)>) -> usize {
    let mut path = before.to_vec();
    let mut at = from;
    while let Some(&word) = words.get(at) {
        match word {
            "::" => {}
            "{" => {
                at += 1;
                while words.get(at).is_some_and(|&word| word != "}") {
                    at = use_tree(words, at, &path, leaves);
                    at += usize::from(words.get(at) == Some(&","));
                }
                return at + 1;
            }
            "as" => {
                leaves.push((path, words[at + 1].to_owned()));
                return at + 2;
            }
            "self" if !path.is_empty() => {}
            "," | "}" | ";" => break,
            word => path.push(word),
        }
        at += 1;
    }
    let name = path.last().copied().unwrap_or_default().to_owned();
    leaves.push((path, name));
    at
}

/// A path from the root of the crate; none for what is of another crate.
fn from_root(file: &Source, children: &BTreeSet<String>, path: &[&str]) -> Option<Vec<String>> {
    let mut base = file.module.clone();
    let mut rest = path;
    match rest.first()? {
        &"crate" => {
            base.clear();
            rest = &rest[1..];
        }
        &"self" => rest = &rest[1..],
        &"super" => {
            while rest.first() == Some(&"super") {
                base.pop();
                rest = &rest[1..];
            }
        }
        first if children.contains(*first) => {}
        _ => return None,
    }
    base.extend(rest.iter().map(|&it| it.to_owned()));
    Some(base)
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names, `::`, and every other sign by itself.
fn words(code: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let length = if is_part(first) {
            rest.find(|c| !is_part(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        words.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    words
}
