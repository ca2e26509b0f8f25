//! What came into docker's command line with 28: empty platforms, digests of manifests as IDs, full names in filters,
//! fields of templates.

use crate::support::image::Built;
use crate::support::index::Index;
use crate::support::process::Run;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;
use crate::support::shelf::{Shelf, short};

/// A whole image for several platforms in the store, and its registry.
struct Whole {
    sandbox: Sandbox,
    registry: Registry,
    index: Built,
}

impl Whole {
    fn pulled() -> Self {
        let (sandbox, registry) = (Sandbox::new(), Registry::open());
        let index = Index::multi_platform().write(&sandbox.root().join("index"));
        registry.push("team/multi", "1", &index);
        let it = Self {
            sandbox,
            registry,
            index,
        };
        it.rdock("pull -q --all-platforms HOST/team/multi:1").ok();
        it
    }

    /// Runs rdock with the words of a line, `HOST` filled in and `''` for an empty word.
    fn rdock(&self, line: &str) -> Run {
        let line = line.replace("HOST", &self.registry.host());
        let words: Vec<&str> = line
            .split(' ')
            .map(|word| if word == "''" { "" } else { word })
            .collect();
        self.sandbox.rdock(&words)
    }
}

#[test]
fn an_empty_platform_is_none() {
    let it = Whole::pulled();
    let archive = it.sandbox.root().join("multi.tar");
    let archive = archive.display();
    for line in [
        &format!("save --platform '' -o {archive} HOST/team/multi:1"),
        &format!("load -q --platform '' -i {archive}"),
        "pull -q --platform '' HOST/team/multi:1",
        "push -q --platform '' HOST/team/multi:1",
        "copy --progress none --platform '' HOST/team/multi:1 HOST/team/copy:1",
        "history -q --platform '' HOST/team/multi:1",
        "image inspect --platform '' HOST/team/multi:1",
        "inspect --remote HOST/team/multi:1",
        "digest --platform= HOST/team/multi:1",
        "pull -q --all-platforms --platform '' HOST/team/multi:1",
    ] {
        it.rdock(line).ok();
    }
    // Nothing was left out on any of these ways.
    let copied = it.rdock("digest HOST/team/copy:1").ok().stdout;
    assert_eq!(copied.trim(), it.index.digest);
}

#[test]
fn the_digest_of_a_manifest_is_as_good_as_an_id() {
    let it = Whole::pulled();
    let digest = &it.index.digest;
    let id = it.rdock("inspect -f {{.Id}} HOST/team/multi:1").ok().stdout;
    for typed in [
        digest.as_str(),
        &digest["sha256:".len()..],
        &digest["sha256:".len()..][..12],
    ] {
        assert_eq!(it.rdock(&format!("inspect -f {{{{.Id}}}} {typed}")).ok().stdout, id);
        it.rdock(&format!("history -q {typed}")).ok();
        it.rdock(&format!("tag {typed} other:{}", typed.len())).ok();
    }
    // The tag means the whole.
    let target = it.rdock("inspect -f {{.Descriptor.Digest}} other:12").ok().stdout;
    assert_eq!(target.trim(), digest);
    for child in &it.index.children[..3] {
        let seen = it
            .rdock(&format!("inspect -f {{{{.Id}}}} {}", child.digest))
            .ok()
            .stdout;
        assert_eq!(seen.trim(), child.config_digest);
    }
    let shelf = Shelf::new();
    let gone = shelf.rdock(&["rmi", &shelf.hello.digest]).ok().stdout;
    assert!(
        gone.contains(&format!("Deleted: {}\n", shelf.hello.config_digest)),
        "{gone}"
    );
}

#[test]
fn filters_take_full_names_and_numbers_for_switches() {
    let shelf = Shelf::new();
    shelf.rdock(&["tag", "HOST/hello", "hello:1"]).ok();
    let hello = format!("hello:1 {}", short(&shelf.hello));
    for arguments in [
        ["-f", "reference=docker.io/library/hello"].as_slice(),
        &["-f", "reference=docker.io/library/hello:1"],
        &["-f", "reference=docker.io/*/hell*"],
        &["docker.io/library/hello"],
        &["docker.io/library/hello:1"],
    ] {
        assert_eq!(shelf.rows(arguments), [hello.as_str()], "{arguments:?}");
    }
    assert!(shelf.rows(&["-f", "dangling=1"]).is_empty());
    assert_eq!(shelf.rows(&["-f", "dangling=0"]).len(), 4);
}

#[test]
fn templates_have_the_names_of_go_s_fields() {
    let shelf = Shelf::new();
    let filled = |template: &str| shelf.rdock(&["inspect", "-f", template, "HOST/hello"]).ok().stdout;
    let hello = &shelf.hello;
    assert_eq!(filled("{{.ID}}"), format!("{}\n", hello.config_digest));
    let size = hello.manifest.len();
    assert_eq!(
        filled("{{.Descriptor.Digest}} {{.Descriptor.Size}}"),
        format!("{} {size}\n", hello.digest)
    );
    let json = filled("{{json .Descriptor}}");
    assert!(json.starts_with("{\"mediaType\":\"application/vnd."), "{json}");
    assert_eq!(filled("{{.Manifests}} {{json .Manifests}}"), "[] null\n");
    let df = shelf.rdock(&["system", "df", "--format", "raw"]).ok().stdout;
    assert!(df.starts_with("type: Images\ntotal: 3\nactive: 0\nsize: "), "{df}");
    assert!(df.ends_with("\n\ntype: Build Cache\ntotal: 0\nactive: 0\nsize: 0B\nreclaimable: 0B\n\n"));
    let verbose = shelf.rdock(&["system", "df", "-v", "--format", "raw"]).ok().stdout;
    assert!(
        verbose.contains(&format!("\nimage_id: {}\n", hello.config_digest)),
        "{verbose}"
    );
}

#[test]
fn a_tree_shows_the_platforms_of_each_image() {
    let it = Whole::pulled();
    let tree = it.rdock("images --tree").ok().stdout;
    let lines: Vec<&str> = tree.lines().collect();
    assert!(lines[0].starts_with("WARNING: This is an experimental feature."));
    assert!(lines[3].starts_with("IMAGE ") && lines[3].ends_with("EXTRA"), "{tree}");
    let host = it.registry.host();
    assert!(lines[4].starts_with(&format!("{host}/team/multi:1 ")), "{tree}");
    let platforms: Vec<&str> = lines[5..8]
        .iter()
        .map(|line| line.split("  ").next().unwrap())
        .collect();
    assert_eq!(
        platforms,
        ["├─ linux/amd64", "├─ linux/arm64/v8", "└─ linux/arm/v7"],
        "{tree}"
    );
    let child = &it.index.children[1].digest["sha256:".len()..][..12];
    assert!(lines[6].contains(child), "{tree}");
    assert_eq!(it.rdock("images --tree nosuch").ok().stdout.lines().count(), 4);
    for (flag, name) in [
        ("-q", "quiet"),
        ("--no-trunc", "no-trunc"),
        ("--digests", "show-digest"),
        ("--format=json", "format"),
    ] {
        let refused = it.rdock(&format!("images --tree {flag}")).fails(1).stderr;
        assert_eq!(refused, format!("--{name} is not yet supported with --tree\n"));
    }
}
