//! Archives that lie, from people who mean harm: a clear error, the store as it was, memory flat.

use std::fs;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use tar::{Builder, EntryType, Header};

use crate::support::archive_maker::{ArchiveMaker, image, state_of};
use crate::support::layer::digest;
use crate::support::process::{Run, finish};

/// An archive to be made entry by entry, each as bad as the test wants it.
pub(super) struct Bad(Builder<Vec<u8>>);

impl Bad {
    pub(super) fn new() -> Self {
        Self(Builder::new(Vec::new()))
    }

    /// The honest archive of an image, to be spoiled by what is added.
    fn after(honest: &[u8]) -> Self {
        let end = honest.len() - 1024;
        Self(Builder::new(honest[..end].to_vec()))
    }

    /// A name as it is, which the tar crate would refuse.
    fn entry(mut self, name: &str, sort: EntryType, link: &str, bytes: &[u8]) -> Self {
        let mut header = header(name, sort, bytes.len() as u64);
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_cksum();
        self.0.append(&header, bytes).unwrap();
        self
    }

    pub(super) fn file(self, name: &str, bytes: &[u8]) -> Self {
        self.entry(name, EntryType::Regular, "", bytes)
    }

    /// A header without what it promises.
    fn claim(mut self, name: &str, sort: EntryType, size: u64) -> Self {
        let header = header(name, sort, size);
        self.0.get_mut().extend_from_slice(header.as_bytes());
        self
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

fn header(name: &str, sort: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(sort);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

/// A store with one image, and the honest archive of another.
pub(super) struct Target {
    maker: ArchiveMaker,
    honest: Vec<u8>,
}

impl Target {
    pub(super) fn new() -> Self {
        let maker = ArchiveMaker::new();
        let other = ArchiveMaker::new();
        maker.stock("app:1", &image(41));
        other.stock("app:2", &image(42));
        let honest = other.sandbox.rdock(&["save", "app:2"]).ok().bytes;
        Self { maker, honest }
    }

    /// Whatever the archive, the store stays and the reason is said in one sentence with a hint.
    #[track_caller]
    pub(super) fn refuses(&self, archive: &[u8], words: &str) -> Run {
        let before = state_of(&self.maker.sandbox.store());
        let run = self.maker.sandbox.rdock_stdin(&["load"], archive).fails(1);
        assert_eq!(run.stdout, "", "{run}");
        let first = run.stderr.lines().next().unwrap();
        assert!(first.contains(words), "{words}: {run}");
        assert_eq!(state_of(&self.maker.sandbox.store()), before, "{words}");
        run
    }

    fn spoiled(&self) -> Bad {
        Bad::after(&self.honest)
    }
}

#[test]
fn names_that_lead_out_of_an_archive_are_refused() {
    let target = Target::new();
    let (file, soft, hard) = (EntryType::Regular, EntryType::Symlink, EntryType::Link);
    for name in ["../evil", "a/../../evil", "/../evil", "blobs/sha256/../../../evil"] {
        let run = target.refuses(&target.spoiled().entry(name, file, "", b"x").bytes(), "leads out of it");
        assert!(run.stderr.contains(&format!("{name:?}")), "{run}");
    }
    for (sort, to) in [
        (soft, "/etc/passwd"),
        (soft, "../../etc/passwd"),
        (hard, "/etc/passwd"),
        (hard, "../x"),
    ] {
        target.refuses(
            &target.spoiled().entry("a/link", sort, to, b"").bytes(),
            "leads out of it",
        );
    }
    for sort in [EntryType::Char, EntryType::Block, EntryType::Fifo, EntryType::GNUSparse] {
        let words = "neither a file, a folder nor a link";
        target.refuses(&target.spoiled().entry("device", sort, "", b"").bytes(), words);
    }
    // A link to where the bytes are written through it later.
    let through = target.spoiled().entry("blobs/sha256", soft, "a", b"").bytes();
    target.refuses(&through, "two different entries named \"blobs/sha256\"");
    for (document, words) in [
        (json!([{"Config": "../x", "Layers": []}]), "leads out of it"),
        (json!([{"Config": "/etc/passwd", "Layers": []}]), "which is not in it"),
        (json!([{"Config": "loop", "Layers": []}]), "leads nowhere"),
    ] {
        let bad = Bad::new()
            .entry("loop", soft, "loop", b"")
            .file("manifest.json", document.to_string().as_bytes());
        target.refuses(&bad.bytes(), words);
    }
}

#[test]
fn an_archive_that_means_two_things_at_once_is_refused() {
    let target = Target::new();
    let index = br#"{"schemaVersion":2,"manifests":[]}"#;
    target.refuses(
        &target.spoiled().file("index.json", index).bytes(),
        "two different entries named \"index.json\"",
    );
    target.refuses(
        &target.spoiled().file("./index.json", index).bytes(),
        "two different entries",
    );
    target.refuses(
        &target.spoiled().file("Index.JSON", index).bytes(),
        "differ in the case of letters only",
    );
    // The same file twice is no contradiction.
    let copy = &target.honest[512..512 + 30];
    let run = target
        .maker
        .sandbox
        .rdock_stdin(&["load"], target.spoiled().file("oci-layout", copy).bytes())
        .ok();
    assert_eq!(run.stdout, "Loaded image: app:2\n");
}

#[test]
fn a_blob_that_is_not_its_name_is_refused() {
    let target = Target::new();
    let zeros = "0".repeat(64);
    let named = |name: &str| target.spoiled().file(name, b"x").bytes();
    target.refuses(&named(&format!("blobs/sha256/{zeros}")), "is not what its name says");
    for name in ["blobs/sha256/abc", "blobs/md5/abc", "blobs/sha256/", "blobs/x"] {
        target.refuses(&named(name), "is named after no digest");
    }
    // One bit of each blob of an honest archive.
    let mut position = 0;
    while position + 512 < target.honest.len() {
        let header = Header::from_byte_slice(&target.honest[position..position + 512]);
        let Ok(size) = header.entry_size() else { break };
        let name = header.path().unwrap().display().to_string();
        if name.starts_with("blobs/sha256/") && size > 0 {
            let mut damaged = target.honest.clone();
            damaged[position + 512 + 20] ^= 1;
            target.refuses(&damaged, "is not what its name says");
        }
        position += 512 + usize::try_from(size.div_ceil(512) * 512).unwrap();
    }
}

/// An archive of docker's with one layer.
fn docker_archive(config: &serde_json::Value, layer: &[u8]) -> Bad {
    let items = json!([{"Config": "c.json", "RepoTags": ["evil:1"], "Layers": ["l/layer.tar"]}]);
    Bad::new()
        .file("l/layer.tar", layer)
        .file("c.json", config.to_string().as_bytes())
        .file("manifest.json", items.to_string().as_bytes())
}

pub(super) fn config(diff_ids: &[&str]) -> serde_json::Value {
    json!({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": diff_ids}})
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn what_a_config_says_of_its_layers_must_be_true() {
    let target = Target::new();
    let layer = Bad::new().file("etc/motd", b"hi").bytes();
    let (right, zeros) = (digest(&layer), format!("sha256:{}", "0".repeat(64)));
    for packed in [layer.clone(), gzip(&layer)] {
        let words = format!("invalid diffID for layer 0: expected \"{zeros}\", got \"{right}\"");
        target.refuses(&docker_archive(&config(&[&zeros]), &packed).bytes(), &words);
    }
    let words = "invalid manifest, layers length mismatch: expected 2, got 1";
    target.refuses(&docker_archive(&config(&[&right, &right]), &layer).bytes(), words);
    for digest in ["sha256:../../x", "sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e"] {
        target.refuses(
            &docker_archive(&config(&[digest]), &layer).bytes(),
            "the image's config is not valid",
        );
    }
    for document in ["", "[", "{}", "[{}]", "[{\"Config\":1}]"] {
        let bad = Bad::new().file("manifest.json", document.as_bytes()).bytes();
        let run = target.maker.sandbox.rdock_stdin(&["load"], bad).fails(1);
        assert!(
            run.stderr.contains("manifest.json is not valid") || run.stderr.contains("unexpected EOF"),
            "{run}"
        );
    }
    let tag = json!([{"Config": "c.json", "RepoTags": ["Evil"], "Layers": []}]).to_string();
    let bad = Bad::new()
        .file("c.json", config(&[]).to_string().as_bytes())
        .file("manifest.json", tag.as_bytes());
    target.refuses(&bad.bytes(), "must be lowercase");
    let run = target
        .maker
        .sandbox
        .rdock_stdin(&["load"], docker_archive(&config(&[&right]), &gzip(&layer)).bytes());
    assert_eq!(run.ok().stdout, "Loaded image: evil:1\n");
}

#[test]
fn an_archive_that_ends_too_early_is_refused_wherever_it_is_cut() {
    let target = Target::new();
    let packed = gzip(&target.honest);
    for whole in [&target.honest, &packed] {
        for tenth in 1..10 {
            let before = state_of(&target.maker.sandbox.store());
            let cut = &whole[..whole.len() * tenth / 10];
            let run = target.maker.sandbox.rdock_stdin(&["load"], cut).fails(1);
            assert!(run.stderr.contains("\nhint: nothing "), "{run}");
            assert_eq!(state_of(&target.maker.sandbox.store()), before);
        }
    }
    let mut damaged = packed.clone();
    let last = damaged.len() - 6;
    damaged[last] ^= 1;
    target.refuses(&damaged, "the archive cannot be read");
}

/// Runs load with at most this much memory of its own, in KiB; the archive is far larger.
const MEMORY: u64 = 96 << 10;

#[track_caller]
pub(super) fn load_in_little_memory(target: &Target, archive: &[u8]) -> Run {
    let rdock = target.maker.sandbox.command(&["load"]);
    let script = format!("ulimit -d {MEMORY}; exec \"$@\"");
    let mut limited = target.maker.sandbox.program("sh", &["-c", &script, "sh"]);
    limited.arg(rdock.get_program()).args(rdock.get_args());
    finish(limited, archive)
}

#[test]
fn a_bomb_does_not_grow_in_memory() {
    let target = Target::new();
    let zeros = vec![0; 160 << 20];
    let mut bomb = Bad::new().file("junk/layer.tar", &zeros).bytes();
    bomb.truncate(bomb.len() - 1024);
    bomb.extend_from_slice(&target.honest);
    let run = load_in_little_memory(&target, &gzip(&bomb)).ok();
    assert_eq!(run.stdout, "Loaded image: app:2\n");
    // What no image needed is gone.
    assert_eq!(
        fs::read_dir(target.maker.sandbox.store().join("ingest"))
            .unwrap()
            .count(),
        0
    );

    // What must be held in memory is refused before.
    let bomb = &zeros[..9 << 20];
    for bad in [
        Bad::new().file("manifest.json", bomb),
        Bad::new().file("index.json", bomb),
        docker_archive(&config(&[]), b"").claim("manifest.json", EntryType::Regular, 1 << 63),
    ] {
        target.refuses(&gzip(&bad.bytes()), "bytes: too many");
    }
    let items = json!([{"Config": "c.json", "Layers": []}]).to_string();
    let bad = Bad::new().file("c.json", bomb).file("manifest.json", items.as_bytes());
    target.refuses(&gzip(&bad.bytes()), "c.json has 9437184 bytes: too many");
    for sort in [
        EntryType::GNULongName,
        EntryType::GNULongLink,
        EntryType::XHeader,
        EntryType::XGlobalHeader,
    ] {
        let bad = Bad::new().claim("long", sort, 1 << 40);
        target.refuses(&bad.bytes(), "an extended header of more than 1 MiB");
    }
}

#[test]
fn a_size_that_no_disk_has_is_refused_before_anything_is_written() {
    let target = Target::new();
    for size in [1 << 62, 1 << 63, u64::MAX] {
        let run = target.refuses(&Bad::new().claim("l/layer.tar", EntryType::Regular, size).bytes(), "");
        assert!(
            run.stderr
                .starts_with(&format!("storing {size} bytes of the archive where ")),
            "{run}"
        );
        assert!(run.stderr.contains("\nhint: the disk that holds "), "{run}");
    }
    // The manifest's own sizes are compared with what is there.
    let maker = ArchiveMaker::new();
    let built = image(43).write(&maker.path("layout"));
    let size = built.layers[0].size.to_string();
    for wrong in [
        "18446744073709551615",
        "9223372036854775808",
        "1",
        "99999999999999999999999",
    ] {
        let text = String::from_utf8(built.manifest.clone()).unwrap().replace(&size, wrong);
        let index = json!({"schemaVersion": 2, "manifests": [{
            "mediaType": built.media_type, "digest": digest(text.as_bytes()), "size": text.len()
        }]});
        let blob = |digest: &str| fs::read(built.blob(digest)).unwrap();
        let mut bad = Bad::new().file("index.json", index.to_string().as_bytes());
        bad = bad.file(
            &digest(text.as_bytes()).replace("sha256:", "blobs/sha256/"),
            text.as_bytes(),
        );
        for known in built.layers.iter().map(|it| &it.digest).chain([&built.config_digest]) {
            bad = bad.file(&known.replace("sha256:", "blobs/sha256/"), &blob(known));
        }
        target.refuses(
            &bad.bytes(),
            if wrong.len() > 20 { "is not valid" } else { "bytes, not" },
        );
    }
}

#[test]
fn nothing_is_nested_or_repeated_without_an_end() {
    let target = Target::new();
    let deep = "[".repeat(1 << 20);
    target.refuses(
        &Bad::new().file("manifest.json", deep.as_bytes()).bytes(),
        "is not valid",
    );
    target.refuses(
        &Bad::new().file("index.json", deep.as_bytes()).bytes(),
        "index.json is not valid",
    );
    // More entries than any archive has.
    let folder = |number: u32| header(&format!("folder-{number}/"), EntryType::Directory, 0);
    let many: Vec<u8> = (0..100_002).flat_map(|number| *folder(number).as_bytes()).collect();
    target.refuses(&gzip(&many), "more than 100000 entries");
}
