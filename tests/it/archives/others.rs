//! Archives as other tools write them, and what a reader of ours does that has had enough.

use std::fs;

use serde_json::json;
use tar::{Builder, EntryType, Header};

use crate::support::archive_maker::{ArchiveMaker, image};
use crate::support::layer::digest;
use crate::support::sandbox::Sandbox;

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        archive.append(&header, *bytes).unwrap();
    }
    archive.into_inner().unwrap()
}

/// The archive of docker's form with these layers under these names.
fn docker_archive(tag: &str, layers: &[(&str, &[u8])]) -> Vec<u8> {
    let diff_ids: Vec<String> = layers.iter().map(|(_, bytes)| digest(bytes)).collect();
    let config = json!({
        "os": "linux", "architecture": "amd64", "config": null, "history": null, "variant": null,
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let config = config.to_string();
    let names: Vec<&str> = layers.iter().map(|(name, _)| *name).collect();
    let items = json!([{"Config": "c.json", "RepoTags": [tag], "Layers": names}]).to_string();
    let mut files = vec![("c.json", config.as_bytes()), ("manifest.json", items.as_bytes())];
    files.extend(layers.iter().filter(|(name, _)| !name.is_empty()));
    archive(&files)
}

#[test]
fn layers_that_are_here_already_may_be_left_out() {
    let (base, top) = (archive(&[("base", b"1")]), archive(&[("top", b"2")]));
    let whole = docker_archive("base:1", &[("0.tar", &base)]);
    let rest = docker_archive("app:1", &[("", &base), ("/1.tar", &top)]);
    let sandbox = Sandbox::new();
    let refused = sandbox.rdock_stdin(&["load"], &rest).fails(1);
    let words = format!(
        "the archive leaves out layer 0 ({}), which the store does not have",
        digest(&base)
    );
    assert!(refused.stderr.starts_with(&words), "{refused}");
    assert_eq!(sandbox.rdock(&["images", "-q"]).ok().stdout, "");
    sandbox.rdock_stdin(&["load"], &whole).ok();
    let loaded = sandbox.rdock_stdin(&["load"], &rest).ok();
    assert_eq!(loaded.stdout, "Loaded image: app:1\n");
    sandbox.rdock(&["system", "check"]).ok();
    // The base may be packed here.
    let maker = ArchiveMaker::new();
    let built = maker.stock("app:2", &image(70));
    let diff_id = built.diff_ids[0].clone();
    let config = json!({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [diff_id]}});
    let items = json!([{"Config": "c.json", "RepoTags": ["same:1"], "Layers": [null]}]).to_string();
    let config = config.to_string();
    let lone = archive(&[("c.json", config.as_bytes()), ("manifest.json", items.as_bytes())]);
    maker.sandbox.rdock_stdin(&["load"], &lone).ok();
    maker.sandbox.rdock(&["system", "check"]).ok();
}

#[test]
fn names_in_an_archive_may_begin_with_a_slash_or_a_dot() {
    let layer = archive(&[("file", b"1")]);
    for name in ["/0.tar", "./0.tar", "0.tar"] {
        let sandbox = Sandbox::new();
        let loaded = sandbox
            .rdock_stdin(&["load"], docker_archive("app:1", &[(name, &layer)]))
            .ok();
        assert_eq!(loaded.stdout, "Loaded image: app:1\n", "{name}");
    }
}

#[test]
fn an_archive_without_an_image_is_an_error() {
    let sandbox = Sandbox::new();
    for (name, text) in [
        ("manifest.json", "[]"),
        ("index.json", r#"{"schemaVersion":2,"manifests":[]}"#),
        ("index.json", r#"{"schemaVersion":2,"manifests":null}"#),
    ] {
        let refused = sandbox
            .rdock_stdin(&["load"], archive(&[(name, text.as_bytes())]))
            .fails(1);
        assert!(refused.stderr.starts_with("the archive lists no image\n"), "{refused}");
    }
}

#[test]
fn zstd_that_begins_with_a_frame_to_skip_is_read() {
    let maker = ArchiveMaker::new();
    maker.stock("app:1", &image(71));
    let whole = maker.sandbox.rdock(&["save", "app:1"]).ok().bytes;
    let skipped = [0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];
    let packed = |bytes: &[u8]| [&skipped[..], &zstd::encode_all(bytes, 1).unwrap()].concat();
    let (one, two) = whole.split_at(whole.len() / 2);
    let sandbox = Sandbox::new();
    let loaded = sandbox.rdock_stdin(&["load"], [packed(one), packed(two)].concat()).ok();
    assert_eq!(loaded.stdout, "Loaded image: app:1\n");
    let root = archive(&[("etc/motd", b"hi")]);
    sandbox.rdock_stdin(&["import", "-", "root:1"], packed(&root)).ok();
    let diff_ids = sandbox
        .rdock(&["inspect", "-f", "{{json .RootFS.Layers}}", "root:1"])
        .ok();
    assert_eq!(diff_ids.stdout.trim(), format!("[{:?}]", digest(&root)));
}

#[test]
fn a_name_by_digest_is_kept_and_one_that_is_not_true_is_not() {
    let maker = ArchiveMaker::new();
    let built = maker.stock("app:1", &image(72));
    let name = format!("app@{}", built.digest);
    maker.sandbox.rdock(&["tag", "app:1", "other:1"]).ok();
    let index = maker.sandbox.store().join("index.json");
    let text = fs::read_to_string(&index).unwrap();
    let mut list: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut entry = list["manifests"][0].clone();
    for key in ["io.containerd.image.name", "org.opencontainers.image.ref.name"] {
        entry["annotations"][key] = json!(format!("docker.io/library/{name}"));
    }
    list["manifests"].as_array_mut().unwrap().push(entry);
    fs::write(&index, list.to_string()).unwrap();
    let archive = maker.save("by-digest.tar", &[&name]);
    let far = Sandbox::new();
    let loaded = far.rdock(&["load", "-i", &archive]).ok();
    assert_eq!(loaded.stdout, format!("Loaded image: {name}\n"));
    let listed = far
        .rdock(&["images", "--digests", "--format", "{{.Repository}}@{{.Digest}}"])
        .ok();
    assert_eq!(listed.stdout, format!("{name}\n"));
    // Another digest of the same length in the archive's list.
    let mut liar = fs::read(&archive).unwrap();
    let said = format!("library/{name}");
    let at = liar
        .windows(said.len())
        .position(|window| window == said.as_bytes())
        .unwrap();
    let digits = at + said.len() - 64..at + said.len();
    liar[digits].fill(b'1');
    let loaded = Sandbox::new().rdock_stdin(&["load"], liar).ok();
    assert_eq!(loaded.stdout, format!("Loaded image ID: {}\n", built.config_digest));
}

#[test]
fn a_manifest_json_is_understood_as_docker_understands_it() {
    let layer = archive(&[("file", b"1")]);
    let diff_id = digest(&layer);
    let config = json!({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [diff_id]}});
    let config = config.to_string();
    for items in [
        json!([{"config": "c.json", "repoTags": ["app:1"], "layers": ["d/layer.tar"]}]),
        json!([{"Config": "c.json", "RepoTags": [null, "app:1"], "Layers": ["d/layer.tar"], "Parent": null}]),
        // Docker on Windows
        json!([{"Config": "c.json", "RepoTags": ["app:1"], "Layers": ["d\\layer.tar"]}]),
    ] {
        let items = items.to_string();
        let files: [(&str, &[u8]); 3] = [
            ("c.json", config.as_bytes()),
            ("d/layer.tar", &layer),
            ("manifest.json", items.as_bytes()),
        ];
        let loaded = Sandbox::new().rdock_stdin(&["load"], archive(&files)).ok();
        assert_eq!(loaded.stdout, "Loaded image: app:1\n", "{items}");
    }
}

#[test]
fn a_reader_that_has_had_enough_ends_save_without_a_word() {
    let maker = ArchiveMaker::new();
    maker.stock("app:1", &image(73));
    let rdock = maker.sandbox.command(&["save", "app:1"]);
    let program = rdock.get_program().to_str().unwrap().to_owned();
    let store = maker.sandbox.store();
    let script = format!(
        "export RDOCK_HOME={}; {program} save app:1 | head -c 10 | wc -c; {program} save app:1 >/dev/null; echo $?; \
         {program} save app:1 >&-; echo $?",
        store.display()
    );
    let run = maker.sandbox.run("bash", &["-c", &script]).ok();
    assert_eq!(run.stdout, "10\n0\n1\n", "{run}");
    assert_eq!(
        run.stderr, "write /dev/stdout: bad file descriptor: standard output is closed\n",
        "{run}"
    );
}
