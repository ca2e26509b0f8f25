//! The house keeps its shape: who may use whom, and which module alone names a crate.

use std::fs;
use std::path::{Path, PathBuf};

/// What each module below `src/` may use of the others.
const MAY_USE: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("backoff", &[]),
    ("image", &["error"]),
    ("content", &["error", "image"]),
    ("progress", &["error", "image", "content"]),
    ("drafts", &["error", "image"]),
    ("credentials", &["error", "image"]),
    (
        "registry",
        &["error", "image", "content", "progress", "backoff", "credentials"],
    ),
    ("store", &["error", "image", "content", "progress", "backoff"]),
    ("archive", &["error", "image", "content", "progress"]),
    ("transfer", &["error", "image", "content", "progress", "backoff"]),
    ("server", &["error", "image", "content", "registry", "store"]),
    ("ui", &["error", "image", "content", "progress"]),
    ("settings", &["error", "image", "credentials"]),
    (
        "commands",
        &[
            "error",
            "image",
            "content",
            "progress",
            "backoff",
            "credentials",
            "drafts",
            "registry",
            "server",
            "store",
            "archive",
            "transfer",
            "ui",
            "settings",
        ],
    ),
    ("cli", &["error", "commands", "ui"]),
    ("lib", &[]),
    ("main", &[]),
    ("signals", &[]),
];

/// Names that may stand in these places only.
const DOORS: &[(&str, &[&str])] = &[
    ("clap_complete::", &["cli"]),
    ("reqwest::", &["registry"]),
    ("rustls::", &["registry"]),
    ("hyper::", &["server"]),
    ("bcrypt::", &["server"]),
    ("indicatif::", &["ui"]),
    ("gotmpl::", &["ui"]),
    ("rpassword::", &["ui"]),
    ("env::var", &["settings"]),
    ("flate2::", &["store", "archive"]),
    ("zstd::", &["store", "archive"]),
    ("tar::", &["store", "archive"]),
    ("bzip2::", &["archive"]),
    ("lzma_rust2::", &["archive"]),
];

fn sources() -> Vec<(String, PathBuf, String)> {
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
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    paths
        .into_iter()
        .map(|path| {
            let inside = path.strip_prefix(&root).unwrap().to_owned();
            let module = inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
            (module.to_owned(), inside, fs::read_to_string(&path).unwrap())
        })
        .collect()
}

/// The part of a file that ships: what stands before its unit tests, without comments.
fn product(text: &str) -> impl Iterator<Item = &str> {
    text.split("#[cfg(test)]")
        .next()
        .unwrap_or_default()
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
}

#[test]
fn modules_use_only_what_is_below_them() {
    let mut wrong = Vec::new();
    for (module, path, text) in sources() {
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == module) else {
            panic!("src/{} belongs to no layer: add it to MAY_USE", path.display());
        };
        for line in product(&text) {
            for used in line.split("crate::").skip(1) {
                let name: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if !name.is_empty() && name != module && !allowed.contains(&name.as_str()) {
                    wrong.push(format!("src/{}: {}", path.display(), line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "against the layers of lib.rs:\n{}", wrong.join("\n"));
}

#[test]
fn each_foreign_crate_has_its_doors() {
    let mut wrong = Vec::new();
    for (module, path, text) in sources() {
        for line in product(&text) {
            for (name, places) in DOORS {
                let names_it = line.split(name).next().is_some_and(|before| {
                    before.len() < line.len()
                        && !before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
                });
                if names_it && !places.contains(&module.as_str()) {
                    wrong.push(format!("src/{}: {}", path.display(), line.trim()));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "a crate is named outside its module:\n{}",
        wrong.join("\n")
    );
}
