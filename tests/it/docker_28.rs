//! What came into docker's command line with 28: empty platforms, digests of manifests as IDs, full names in filters,
//! fields of templates.

use crate::support::image::Built;
use crate::support::index::Index;
use crate::support::process::Run;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;
use crate::support::three_images::{ThreeImages, short};

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
fn a_platform_that_cannot_be_read_blames_the_flag() {
    let it = Whole::pulled();
    for (line, words) in [
        ("push", "invalid platform: "),
        ("save -o x.tar", "invalid platform: "),
        ("history", "invalid platform: "),
        ("pull", ""),
        ("rmi", ""),
        ("image inspect", ""),
    ] {
        let run = it.rdock(&format!("{line} --platform bogus HOST/team/multi:1")).fails(1);
        let why = "\"bogus\": unknown operating system or architecture: invalid argument";
        assert_eq!(run.stderr, format!("{words}{why}\n"), "{line}");
    }
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
    // One platform is no image of its own, and an index never shrinks by accident.
    let host = it.registry.host();
    let part = &it.index.children[0].digest;
    let kept = it.rdock(&format!("rmi {part}")).fails(1);
    let (image, words) = (format!("{host}/team/multi:1"), "rdock rmi --platform linux/amd64");
    assert_eq!(
        kept.stderr,
        format!("No such image: {part}\nhint: it is {image} for linux/amd64: {words} {image} removes it alone\n")
    );
    it.rdock(&format!("rmi --platform linux/amd64 {image}")).ok();
    let shelf = ThreeImages::new();
    let gone = shelf.rdock(&["rmi", &shelf.hello.digest]).ok().stdout;
    assert!(
        gone.contains(&format!("Deleted: {}\n", shelf.hello.config_digest)),
        "{gone}"
    );
}

#[test]
fn filters_take_full_names_and_numbers_for_switches() {
    let shelf = ThreeImages::new();
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
    let shelf = ThreeImages::new();
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

#[test]
fn several_platforms_of_an_image_are_saved_and_loaded() {
    let it = Whole::pulled();
    let [amd64, arm64, v7, _] = it.index.children.as_slice() else {
        panic!("three images and an attestation")
    };
    let archive = it.sandbox.root().join("multi.tar");
    for platforms in [
        "--platform linux/amd64,linux/arm64",
        "--platform linux/amd64 --platform linux/arm64",
    ] {
        it.rdock(&format!("save {platforms} -o {} HOST/team/multi:1", archive.display()))
            .ok();
        it.rdock(&format!("copy oci-archive:{} HOST/team/part:1", archive.display()))
            .ok();
        let part = it.rdock("manifest inspect HOST/team/part:1").ok().stdout;
        assert!(part.contains(&amd64.digest) && part.contains(&arm64.digest), "{part}");
        assert!(!part.contains(&v7.digest), "{part}");
    }
    // The same from an archive that has them all.
    it.rdock(&format!("save -o {} HOST/team/multi:1", archive.display()))
        .ok();
    let far = Sandbox::new();
    let load = [
        "load",
        "-q",
        "--platform",
        "linux/arm64,linux/arm/v7",
        "-i",
        archive.to_str().unwrap(),
    ];
    far.rdock(&load).ok();
    let tree = far.rdock(&["images", "--tree"]).ok().stdout;
    assert!(
        tree.contains("├─ linux/arm64") && tree.contains("└─ linux/arm/v7"),
        "{tree}"
    );
    assert!(!tree.contains("linux/amd64"), "{tree}");
    let missing = it
        .rdock("save --platform linux/amd64,linux/s390x HOST/team/multi:1")
        .fails(1)
        .stderr;
    assert!(
        missing.contains("does not provide the specified platform (linux/s390x)"),
        "{missing}"
    );
    let missing = far
        .rdock(&[
            "load",
            "--platform",
            "linux/amd64,linux/s390x",
            "-i",
            archive.to_str().unwrap(),
        ])
        .fails(1);
    assert!(missing.stderr.contains("linux/s390x"), "{missing}");
}

#[test]
fn platforms_are_removed_one_by_one() {
    let it = Whole::pulled();
    let [amd64, arm64, v7, _] = it.index.children.as_slice() else {
        panic!("three images and an attestation")
    };
    it.rdock("tag HOST/team/multi:1 other:1").ok();
    let missing = it.rdock("rmi --platform linux/s390x other:1").fails(1).stderr;
    let words = "image with reference other:1 was found but does not provide the specified platform (linux/s390x)\n";
    assert_eq!(missing, words);
    let gone = it.rdock("rmi --platform linux/amd64 other:1").ok().stdout;
    assert_eq!(gone, format!("Deleted: {}\n", amd64.digest));
    let held = it.rdock("load --have").ok().stdout;
    assert!(!held.contains(&amd64.digest) && held.contains(&arm64.digest), "{held}");
    // Both names mean what is left, and nothing is left over without a name.
    let rows = it.rdock("images").ok().stdout;
    assert!(!rows.contains("<none>") && rows.lines().count() == 3, "{rows}");
    it.rdock("tag other:1 HOST/team/left:1").ok();
    it.rdock("push -q HOST/team/left:1").ok();
    let left = it.rdock("manifest inspect HOST/team/left:1").ok().stdout;
    assert!(left.contains(&arm64.digest) && left.contains(&v7.digest), "{left}");
    it.rdock("rmi --platform linux/arm64 other:1").ok();
    let id = it.rdock("inspect -f {{.Id}} other:1").ok().stdout;
    assert_eq!(id.trim(), v7.config_digest);
    // The last one takes the image with it.
    let last = it.rdock("rmi -f --platform linux/arm/v7 other:1").ok().stdout;
    assert!(last.starts_with("Untagged: other:1\n"), "{last}");
    let bogus = it.rdock("rmi --platform bogus other:1").fails(1).stderr;
    assert_eq!(
        bogus,
        "\"bogus\": unknown operating system or architecture: invalid argument\n"
    );
}
