//! Archives and sizes beside a real docker engine.

use std::fs;

use serde_json::{Value, json};

use crate::support::archive_maker::{ArchiveMaker, image, state_of};
use crate::support::docker_engine::DockerEngine;
use crate::support::layer::{Layer, Packing, digest};
use crate::support::sandbox::Sandbox;

#[test]
fn a_root_file_system_becomes_an_image_however_it_is_packed() {
    let maker = ArchiveMaker::new();
    let sandbox = &maker.sandbox;
    let tar = Layer::files(3, 3000).pack(Packing::Plain);
    let crate::support::layer::Bytes::Memory(bytes) = tar.bytes else {
        unreachable!()
    };
    let plain = maker.path("root.tar");
    fs::write(&plain, &bytes).unwrap();
    let plain = plain.to_str().unwrap();
    for (number, program) in ["cat", "gzip", "zstd", "xz", "bzip2"].iter().enumerate() {
        let packed = sandbox.run("sh", &["-c", &format!("{program} < {plain}")]).ok().bytes;
        let name = format!("root/fs:{number}");
        let run = sandbox.rdock_stdin(&["import", "-", &name], &packed).ok();
        let id = sandbox.rdock(&["images", "-q", "--no-trunc", &name]).ok();
        assert_eq!((run.stdout, run.stderr.as_str()), (id.stdout, ""), "{program}");
        // A plain, a zstd, an xz and a bzip2 archive give the same layer, and a gzip archive is kept as it is.
        let archive = sandbox.rdock(&["save", &name]).ok().bytes;
        let held = packed.len() < archive.len() && archive.windows(packed.len()).any(|part| part == packed);
        assert_eq!(held, *program == "gzip", "{program}");
    }

    let run = sandbox.rdock(&[
        "image",
        "import",
        "-m",
        "from a test",
        "--platform",
        "linux/arm64",
        "-c",
        "CMD [\"a\"]",
        "--change",
        "ENV A=1",
        plain,
        "changed",
    ]);
    let id = run.ok().stdout;
    let config = fs::read(sandbox.store().join(id.trim().replace("sha256:", "blobs/sha256/"))).unwrap();
    let config: Value = serde_json::from_slice(&config).unwrap();
    assert_eq!(config["config"], json!({"Env": ["A=1"], "Cmd": ["a"]}));
    assert_eq!(
        (&config["comment"], &config["history"][0]["comment"]),
        (&json!("from a test"), &json!("from a test"))
    );
    assert_eq!(
        (&config["os"], &config["architecture"], &config["variant"]),
        (&json!("linux"), &json!("arm64"), &json!("v8"))
    );
    assert_eq!(config["rootfs"]["diff_ids"], json!([digest(&bytes)]));

    let archive = maker.save("root.tar.saved", &["root/fs:0", "changed:latest"]);
    let engine = DockerEngine::shared();
    engine.docker(&["load", "-i", &archive]).ok();
    assert_eq!(engine.docker(&["inspect", "-f", "{{.Id}}", "changed"]).ok().stdout, id);
    let nameless = sandbox.rdock(&["import", plain]).ok().stdout;
    let listed = sandbox.rdock(&["images", "--no-trunc"]).ok().stdout;
    assert!(
        listed
            .lines()
            .any(|line| line.starts_with("<none>") && line.contains(nameless.trim())),
        "{listed}"
    );
}

#[test]
fn what_docker_saved_long_ago_gets_the_manifest_of_the_image_that_is_here_already() {
    let maker = ArchiveMaker::new();
    let built = maker.stock("app/known:1", &image(9));
    let ours = maker.save("ours.tar", &["app/known:1"]);
    let engine = DockerEngine::shared();
    engine.docker(&["load", "-i", &ours]).ok();
    let theirs = maker.path("theirs.tar");
    engine
        .docker(&["save", "-o", theirs.to_str().unwrap(), "app/known:1"])
        .ok();
    let before = state_of(&maker.sandbox.store());
    maker.sandbox.rdock(&["load", "-i", theirs.to_str().unwrap()]).ok();
    assert_eq!(state_of(&maker.sandbox.store()), before);
    let far = Sandbox::new();
    far.rdock(&["load", "-i", theirs.to_str().unwrap()]).ok();
    let index = fs::read_to_string(far.store().join("index.json")).unwrap();
    assert!(!index.contains(&built.digest));
    for layer in &built.diff_ids {
        assert!(far.store().join(layer.replace("sha256:", "blobs/sha256/")).is_file());
    }
}
