//! `tests/sbom`, against what cargo says of the same sources in other words.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::process::{Run, finish};

const TARGET: &str = "x86_64-unknown-linux-gnu";
const TOP: &str = env!("CARGO_MANIFEST_DIR");

fn sbom(arguments: &[&str]) -> Run {
    let mut command = Command::new(Path::new(TOP).join("tests/sbom"));
    // What is built is on this machine already.
    command
        .args(arguments)
        .env("CARGO", env!("CARGO"))
        .env("CARGO_NET_OFFLINE", "true");
    finish(command, b"")
}

fn document(arguments: &[&str]) -> Value {
    serde_json::from_str(&sbom(&[&["--target", TARGET], arguments].concat()).ok().stdout).unwrap()
}

/// `NAME@VERSION` of what `cargo tree` finds along these edges.
fn tree(edges: &str) -> BTreeSet<String> {
    let mut command = Command::new(env!("CARGO"));
    command
        .current_dir(TOP)
        .args(["tree", "--locked", "--offline", "--target", TARGET, "--edges", edges])
        .args(["--prefix", "none", "--format", "{p}"]);
    let name_and_version = |line: &str| {
        let mut words = line.split(' ');
        format!("{}@{}", words.next().unwrap(), &words.next().unwrap()[1..])
    };
    finish(command, b"").ok().stdout.lines().map(name_and_version).collect()
}

/// The checksum that stands in Cargo.lock for `NAME@VERSION`.
fn locked() -> BTreeMap<String, String> {
    let text = fs::read_to_string(Path::new(TOP).join("Cargo.lock")).unwrap();
    let field = |entry: &str, name: &str| {
        let line = entry.lines().find_map(|l| l.strip_prefix(&format!("{name} = \"")));
        line.map(|rest| rest.trim_end_matches('"').to_owned())
    };
    let of = |entry: &str| {
        let name = format!("{}@{}", field(entry, "name")?, field(entry, "version")?);
        Some((name, field(entry, "checksum")?))
    };
    text.split("[[package]]").filter_map(of).collect()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("{pointer} of {value}"))
}

fn components(document: &Value) -> &[Value] {
    document["components"].as_array().unwrap()
}

fn name_of(component: &Value) -> String {
    format!("{}@{}", text(component, "/name"), text(component, "/version"))
}

#[test]
fn a_bill_of_materials_lists_every_crate_of_the_binary_and_no_other() {
    let document = document(&[]);
    let root = name_of(&document["metadata"]["component"]);
    assert_eq!(root, concat!("rdock@", env!("CARGO_PKG_VERSION")));
    let named = |scope: &str| -> BTreeSet<String> {
        let wanted = components(&document).iter().filter(|c| text(c, "/scope") == scope);
        wanted.map(name_of).collect()
    };
    let (mut all, mut linked) = (tree("normal"), tree("normal,no-proc-macro"));
    assert!(all.remove(&root) && linked.remove(&root));
    assert_eq!(named("required"), linked);
    assert_eq!(named("excluded"), &all - &linked);
    assert_eq!(components(&document).len(), all.len(), "one entry each");
    // Neither what writes the man pages, nor what compiles C.
    assert!(
        all.iter()
            .all(|c| !c.starts_with("clap_mangen@") && !c.starts_with("cc@"))
    );
}

#[test]
fn each_crate_of_a_bill_has_its_address_licence_and_hash() {
    let (document, locked) = (document(&[]), locked());
    for component in components(&document) {
        let name = name_of(component);
        assert_eq!(
            text(component, "/purl"),
            format!("pkg:cargo/{}", name.replace('+', "%2B"))
        );
        assert_eq!(text(component, "/bom-ref"), text(component, "/purl"));
        let licence = text(component, "/licenses/0/expression");
        assert!(!licence.is_empty() && !licence.contains('/'), "{name}: {licence}");
        assert_eq!(text(component, "/hashes/0/alg"), "SHA-256", "{name}");
        assert_eq!(text(component, "/hashes/0/content"), locked[&name], "{name}");
    }
    let purls: Vec<&str> = components(&document).iter().map(|c| text(c, "/purl")).collect();
    assert!(
        purls
            .iter()
            .any(|p| p.starts_with("pkg:cargo/zstd-sys@") && p.contains("%2Bzstd."))
    );
}

#[test]
fn the_graph_of_a_bill_leads_from_rdock_to_every_crate() {
    let document = document(&[]);
    let mut graph: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for entry in document["dependencies"].as_array().unwrap() {
        let leaves = entry["dependsOn"].as_array().unwrap();
        let leaves = leaves.iter().map(|leaf| leaf.as_str().unwrap()).collect();
        assert!(graph.insert(text(entry, "/ref"), leaves).is_none(), "{entry}");
    }
    let mut reached = BTreeSet::new();
    let mut open = vec![text(&document, "/metadata/component/bom-ref")];
    while let Some(next) = open.pop() {
        if reached.insert(next) {
            open.extend(&graph[next]);
        }
    }
    let listed = components(&document).iter().map(|c| text(c, "/bom-ref"));
    let listed: BTreeSet<&str> = listed.chain([text(&document, "/metadata/component/bom-ref")]).collect();
    assert_eq!(reached, listed);
    // One of them by hand: the hash of every pull, and what TLS is made of.
    let leaves = |name: &str| {
        let found = graph
            .iter()
            .find(|(key, _)| key.starts_with(&format!("pkg:cargo/{name}@")));
        found.map(|(_, leaves)| leaves.join(" ")).unwrap_or_default()
    };
    assert!(leaves("rdock").contains("pkg:cargo/sha2@") && leaves("rdock").contains("pkg:cargo/rustls@"));
    assert!(leaves("rustls").contains("pkg:cargo/ring@") && !leaves("rdock").contains("pkg:cargo/ring@"));
}

#[test]
fn a_bill_names_the_binary_it_is_for_and_is_the_same_each_time() {
    let program = env!("CARGO_BIN_EXE_rdock");
    let (first, again) = (document(&[program]), document(&[program]));
    assert_eq!(first, again);
    let mut command = Command::new("sha256sum");
    command.arg(program);
    let sum = finish(command, b"").ok().stdout;
    let hash = text(&first, "/metadata/component/hashes/0/content");
    assert_eq!(hash, sum.split(' ').next().unwrap());
    let other = document(&[]);
    assert_ne!(text(&first, "/serialNumber"), text(&other, "/serialNumber"));
}

#[test]
fn a_bill_that_cannot_be_made_says_why_and_prints_nothing() {
    for (arguments, reason) in [
        (
            &["/no/such/rdock"][..],
            "read /no/such/rdock: No such file or directory",
        ),
        (&["--target", "no-such-machine"], "cargo tree failed"),
    ] {
        let run = sbom(arguments).fails(1);
        assert!(run.stdout.is_empty() && run.stderr.contains(reason), "{run}");
    }
}
