//! `tests/advisories`, on small databases of `RustSec`'s form.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::process::{Run, finish};
use crate::support::sandbox::Sandbox;

/// A database with one advisory about tokio, which is in Cargo.lock.
fn database(sandbox: &Sandbox, facts: &str, versions: &str) -> PathBuf {
    let folder = sandbox.root().join("advisory-db");
    let about = folder.join("crates/tokio");
    fs::create_dir_all(&about).unwrap();
    let text = format!(
        "```toml\n[advisory]\nid = \"RUSTSEC-2026-9999\"\npackage = \"tokio\"\ndate = \"2026-11-01\"\n{facts}\n\
         [versions]\n{versions}\n```\n\n# It leaks\n\nAt times.\n"
    );
    fs::write(about.join("RUSTSEC-2026-9999.md"), text).unwrap();
    folder
}

fn look_up(folder: &Path) -> Run {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/advisories"));
    command.arg(folder);
    finish(command, b"")
}

/// Whether an advisory with these facts and versions is told.
fn is_told(facts: &str, versions: &str) -> bool {
    let sandbox = Sandbox::new();
    let run = look_up(&database(&sandbox, facts, versions));
    assert!(run.stderr.contains("the newest of 2026-11-01"), "{run}");
    match run.code {
        0 => assert!(run.stdout.is_empty(), "{run}"),
        1 => assert!(run.stdout.starts_with("RUSTSEC-2026-9999: tokio 1."), "{run}"),
        _ => panic!("{run}"),
    }
    run.code == 1
}

#[test]
fn an_advisory_about_a_locked_version_is_told() {
    assert!(is_told("", "patched = []"));
    assert!(is_told("informational = \"unmaintained\"", "patched = []"));
    assert!(is_told("", "patched = [\">= 1.999.0\"]\nunaffected = [\"< 0.2.5\"]"));
    assert!(is_told("", "patched = [\"2.0.0\", \"0.9\", \"^0.2\"]"));
    assert!(is_told("", "patched = [\">= 0.1.0, < 1.0.0\", \"= 1.0.0\"]"));
    assert!(is_told("[affected]\nos = [\"linux\", \"windows\"]", "patched = []"));
}

#[test]
fn an_advisory_that_does_not_concern_the_locked_version_is_not_told() {
    assert!(!is_told("", "patched = [\">= 1.2.0\"]"));
    assert!(!is_told("", "patched = [\"1.2\"]"));
    assert!(!is_told(
        "",
        "patched = [\">= 99.0.0\"]\nunaffected = [\"> 1.0.0, < 2.0.0-alpha.1\"]"
    ));
    assert!(!is_told("withdrawn = \"2026-11-02\"", "patched = []"));
    assert!(!is_told("[affected]\nos = [\"windows\"]", "patched = []"));
}

#[test]
fn without_a_database_the_check_says_that_nothing_was_checked() {
    let sandbox = Sandbox::new();
    let run = look_up(&sandbox.root().join("nowhere")).fails(2);
    assert!(
        run.stderr
            .contains("nothing was checked: there is no advisory database in"),
        "{run}"
    );
    assert!(run.stdout.is_empty(), "{run}");
    // A part that cannot be read is not taken for good news.
    let broken = database(&sandbox, "", "patched = [\"whatever\"]");
    let run = look_up(&broken).fails(2);
    assert!(
        run.stderr.contains("nothing was checked") && run.stderr.contains("'whatever'"),
        "{run}"
    );
    fs::write(broken.join("crates/tokio/RUSTSEC-2026-9999.md"), "no facts").unwrap();
    assert!(look_up(&broken).fails(2).stderr.contains("is no advisory"));
}
