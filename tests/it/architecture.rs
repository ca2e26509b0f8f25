//! The house keeps its shape: who may use whom, which module alone names a crate, and how long a file and a
//! function are, and how large a type.

mod faces;
mod imports;
mod source;

use imports::Imports;
use source::{Source, item_length, sources, sources_in};

/// The longest file below `src/`, in lines, its tests beside it counted.
const MAX_FILE: usize = 400;
/// The longest function that ships, in lines of code from its name to its last brace.
const MAX_FUNCTION: usize = 60;

/// What each module below `src/` may use of the others.
const MAY_USE: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("backoff", &[]),
    ("units", &[]),
    ("image", &["error"]),
    ("content", &["error", "image"]),
    ("progress", &["error", "image", "content"]),
    ("manifest_lists", &["error", "image"]),
    ("tarball", &["error", "image"]),
    ("credentials", &["error", "image"]),
    (
        "registry",
        &["error", "image", "content", "progress", "backoff", "credentials"],
    ),
    (
        "store",
        &["error", "image", "content", "progress", "backoff", "tarball"],
    ),
    ("archive", &["error", "image", "content", "progress", "tarball"]),
    ("transfer", &["error", "image", "content", "progress", "backoff"]),
    (
        "server",
        // What a cache fetches is named as what a job brings: by the one commit point.
        &["error", "image", "content", "registry", "store", "transfer", "jobs"],
    ),
    ("ui", &["error", "image", "content", "progress", "units"]),
    ("places", PLACES),
    ("jobs", JOBS),
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
            "manifest_lists",
            "registry",
            "server",
            "store",
            "archive",
            "transfer",
            "places",
            "jobs",
            "ui",
            "settings",
        ],
    ),
    ("cli", &["error", "commands", "settings", "ui"]),
    ("lib", &[]),
    ("main", &[]),
    ("signals", &[]),
];

/// A place brings registry, store or archive under one face.
const PLACES: &[&str] = &[
    "error", "image", "content", "progress", "registry", "store", "archive", "transfer", "units",
];
/// A job moves images between places. It knows no screen and no command line.
const JOBS: &[&str] = &[
    "error", "image", "content", "progress", "registry", "store", "archive", "transfer", "places",
];

/// Names that may stand in these places only.
const DOORS: &[(&str, &[&str])] = &[
    ("clap_complete::", &["cli"]),
    ("reqwest::", &["registry"]),
    ("rustls::", &["registry"]),
    ("psl2::", &["registry"]),
    ("hyper::", &["server"]),
    ("bcrypt::", &["server"]),
    ("indicatif::", &["ui"]),
    ("gotmpl::", &["ui"]),
    ("rpassword::", &["ui"]),
    ("env::var", &["settings"]),
    ("flate2::", &["store", "archive", "tarball"]),
    ("zstd::", &["tarball"]),
    ("tar::", &["archive", "tarball"]),
    ("bzip2::", &["tarball"]),
    ("lzma_rust2::", &["tarball"]),
];

/// Rooms inside a module, and what each may use of the same module: other rooms, or by the module's own name its files
/// that are in no room.
const ROOMS: &[(&str, &[&str])] = &[
    ("registry/wire", &[]),
    ("store/bytes", &["store"]),
    ("store/notes", &["store"]),
    ("store/images", &["store", "store/bytes", "store/notes"]),
    ("server/http", &[]),
    ("server/backing", &[]),
    ("server/auth", &["server/http"]),
    ("server/api", &["server/auth", "server/backing", "server/http"]),
];

/// What commands share: their context, and how arguments and listings are read and shown.
const SHARED: &[&str] = &[
    "context", "document", "filter", "limits", "listing", "platform", "switch",
];

/// What a command still borrows from another. This list only shrinks.
const BORROWED: &[(&str, &str)] = &[];

/// Modules whose files still use one another in circles. This list only shrinks.
const CIRCULAR: &[&str] = &[];

#[test]
fn modules_use_only_what_is_below_them() {
    let files = sources();
    let imports = Imports::of(&files);
    let mut wrong = Vec::new();
    for (at, file) in shipped(&files) {
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == file.house()) else {
            panic!("src/{} belongs to no layer: add it to MAY_USE", file.path);
        };
        for used in imports.named_by(at).iter().flatten().map(|&used| &files[used]) {
            if used.house() != file.house() && !allowed.contains(&used.house()) {
                wrong.push(format!("src/{} uses src/{}", file.path, used.path));
            }
        }
    }
    assert!(wrong.is_empty(), "against the layers of lib.rs:\n{}", wrong.join("\n"));
}

#[test]
fn rooms_use_only_what_they_may() {
    let files = sources();
    let imports = Imports::of(&files);
    let mut wrong = Vec::new();
    for (room, allowed) in ROOMS {
        let within: Vec<_> = shipped(&files).filter(|(_, file)| room_of(file) == *room).collect();
        assert!(!within.is_empty(), "there is no room src/{room}");
        for (at, file) in within {
            for used in imports.named_by(at).iter().flatten().map(|&used| &files[used]) {
                let theirs = room_of(used);
                if used.house() == file.house() && theirs != *room && !allowed.contains(&theirs.as_str()) {
                    wrong.push(format!("src/{} uses src/{}", file.path, used.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "against the rooms:\n{}", wrong.join("\n"));
}

#[test]
fn no_command_borrows_from_its_sister() {
    let files = sources();
    let imports = Imports::of(&files);
    let command = |file: &Source| {
        (file.house() == "commands")
            .then(|| file.module.get(1).cloned())
            .flatten()
    };
    let (mut wrong, mut known) = (Vec::new(), BORROWED.to_vec());
    for (at, file) in shipped(&files) {
        let Some(own) = command(file) else { continue };
        for used in imports.named_by(at).iter().flatten().map(|&used| &files[used]) {
            let Some(theirs) = command(used).filter(|it| *it != own && !SHARED.contains(&it.as_str())) else {
                continue;
            };
            if BORROWED.contains(&(own.as_str(), theirs.as_str())) {
                known.retain(|it| *it != (own.as_str(), theirs.as_str()));
            } else {
                wrong.push(format!("src/{} uses src/{}", file.path, used.path));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "what two commands need lies below them:\n{}",
        wrong.join("\n")
    );
    assert!(
        known.is_empty(),
        "not borrowed any more: take it off BORROWED: {known:?}"
    );
}

#[test]
fn no_file_leads_back_to_itself() {
    let files = sources();
    let circles = Imports::of(&files).circles();
    let is_known = |circle: &[&Source]| CIRCULAR.contains(&circle[0].house());
    let mended = CIRCULAR
        .iter()
        .filter(|known| circles.iter().all(|circle| circle[0].house() != **known));
    let mut wrong: Vec<String> = mended
        .map(|mended| format!("none in src/{mended} any more: take it off CIRCULAR"))
        .collect();
    for circle in circles.iter().filter(|circle| !is_known(circle)) {
        let paths: Vec<&str> = circle.iter().map(|file| &*file.path).collect();
        wrong.push(paths.join(" "));
    }
    assert!(
        wrong.is_empty(),
        "files use one another in circles:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn files_and_functions_are_short() {
    let mut wrong = Vec::new();
    for (folder, file) in ["src", "tests"]
        .into_iter()
        .flat_map(|it| sources_in(it).into_iter().map(move |file| (it, file)))
    {
        if file.lines > MAX_FILE {
            wrong.push(format!("{folder}/{} has {} lines", file.path, file.lines));
        }
        if folder == "src" && !file.is_test {
            let long = functions(&file.code)
                .into_iter()
                .filter(|(_, lines)| *lines > MAX_FUNCTION);
            wrong.extend(long.map(|(name, lines)| format!("{name} in src/{} has {lines} lines", file.path)));
        }
    }
    assert!(wrong.is_empty(), "too long to be read:\n{}", wrong.join("\n"));
}

#[test]
fn types_and_functions_have_faces() {
    let wrong = faces::faults(&sources());
    assert!(wrong.is_empty(), "too much to be seen at once:\n{}", wrong.join("\n"));
}

#[test]
fn each_foreign_crate_has_its_doors() {
    let files = sources();
    let mut wrong = Vec::new();
    for (_, file) in shipped(&files) {
        for line in file.code.lines() {
            for (name, places) in DOORS {
                let names_it = line.split(name).next().is_some_and(|before| {
                    before.len() < line.len()
                        && !before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
                });
                if names_it && !places.contains(&file.house()) {
                    wrong.push(format!("src/{}: {}", file.path, line.trim()));
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

fn shipped(files: &[Source]) -> impl Iterator<Item = (usize, &Source)> {
    files.iter().enumerate().filter(|(_, file)| !file.is_test)
}

/// The room that a file is in, else its module.
fn room_of(file: &Source) -> String {
    let is_within = |room: &&str| {
        let room: Vec<&str> = room.split('/').collect();
        file.module.len() >= room.len() && file.module.iter().zip(&room).all(|(a, b)| a == b)
    };
    let room = ROOMS.iter().map(|(room, _)| *room).find(is_within);
    room.unwrap_or(file.house()).to_owned()
}

#[test]
fn what_is_against_the_rules_is_seen() {
    let files = [
        Source::new(
            "a.rs",
            "mod b;\nmod c;\npub use b::Thing;\npub use c::f;\npub struct Own(Thing);",
        ),
        Source::new("a/b.rs", "use super::c;\n// use super::d;\npub struct Thing;"),
        Source::new(
            "a/c.rs",
            "fn f(it: &super::Thing) -> &str { \"crate::d::G\" }\n#[cfg(test)]\nuse crate::d::G;",
        ),
        Source::new("d.rs", "use crate::{a::{Own as It, self}, d::G};"),
    ];
    let imports = Imports::of(&files);
    let named = |file: usize| -> Vec<Vec<usize>> { imports.named_by(file).into_iter().collect() };
    assert_eq!(named(0), [[1]]);
    assert_eq!(named(1), [[2]]);
    assert_eq!(named(2), [[0, 1]]);
    assert_eq!(named(3), [[0], [3]]);
    let circles = imports.circles();
    assert_eq!(circles.len(), 1);
    assert_eq!(
        circles[0].iter().map(|file| &*file.path).collect::<Vec<_>>(),
        ["a/b.rs", "a/c.rs"]
    );
    let code = "#[derive(Args)]\nstruct M { a: u8, b: u8 }\npub struct S<T> { a: Vec<(u8, T)>, b: u8, }\n\
                impl<T: Fn(u8) -> u8> S<T> { fn f<F: Fn(u8, u8)>(&mut self, a: (u8, u8), b: F) -> u8 { fn g() {} } }\n\
                impl Clone for S { fn clone(&self) {} }";
    assert_eq!(faces::structs(code), [("S", 2)]);
    assert_eq!(faces::functions(code), [("f", 2), ("g", 0), ("clone", 0)]);
    assert_eq!(faces::impls(code), [("S", 1)]);
    let long = format!(
        "impl A {{ fn short() {{}}\nfn long(\n) {{\n{}}} }}",
        "x;\n\n// y\n".repeat(70)
    );
    assert_eq!(
        functions(&Source::new("x.rs", &long).code),
        [("short", 1), ("long", 73)]
    );
}

/// The functions of a file, each with its lines of code.
fn functions(code: &str) -> Vec<(&str, usize)> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let starts = code.match_indices("fn ").map(|(at, _)| at);
    let starts = starts.filter(|&at| !code[..at].ends_with(is_part));
    let measured = starts.map(|at| {
        let function = &code[at..at + item_length(&code[at..])];
        let name = function[3..].split(|c| !is_part(c)).next().unwrap_or_default();
        (name, function.lines().filter(|line| !line.trim().is_empty()).count())
    });
    measured.collect()
}
