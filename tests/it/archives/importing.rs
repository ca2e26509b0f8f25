//! `import`: a root file system becomes an image that docker takes for one of its own.

use std::fs;

use serde_json::{Value, json};

use super::{Bench, state_of};
use crate::support::docker_engine::DockerEngine;
use crate::support::layer::{Layer, Packing, digest};
use crate::support::process::Run;

#[test]
fn a_root_file_system_becomes_an_image_however_it_is_packed() {
    let bench = Bench::new();
    let sandbox = &bench.sandbox;
    let tar = Layer::files(3, 3000).pack(Packing::Plain);
    let crate::support::layer::Bytes::Memory(bytes) = tar.bytes else {
        unreachable!()
    };
    let plain = bench.path("root.tar");
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

    let archive = bench.save("root.tar.saved", &["root/fs:0", "changed:latest"]);
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
fn import_refuses_what_is_no_root_file_system_and_leaves_the_store_as_it_was() {
    let bench = Bench::new();
    let sandbox = &bench.sandbox;
    let good = bench.path("good.tar");
    let crate::support::layer::Bytes::Memory(tar) = Layer::files(3, 3000).pack(Packing::Plain).bytes else {
        unreachable!()
    };
    fs::write(&good, &tar).unwrap();
    let good = good.to_str().unwrap();
    sandbox.rdock(&["import", good, "first:1"]).ok();
    let before = state_of(&sandbox.store());
    let says = |run: Run, words: &str| {
        let run = run.fails(1);
        assert_eq!(
            (run.stdout.as_str(), run.stderr.lines().next()),
            ("", Some(words)),
            "{run}"
        );
        assert_eq!(state_of(&sandbox.store()), before);
    };
    says(
        sandbox.rdock(&["import", "nosuch.tar"]),
        "open nosuch.tar: no such file or directory",
    );
    let lower = "invalid reference format: repository name (library/Bad) must be lowercase";
    says(sandbox.rdock(&["import", good, "Bad"]), lower);
    let by_digest = format!("x@sha256:{}", "0".repeat(64));
    says(
        sandbox.rdock(&["import", good, &by_digest]),
        "cannot import digest reference",
    );
    says(
        sandbox.rdock(&["import", "-c", "RUN x", good]),
        "run is not a valid change command",
    );
    let junk = "importing the root file system: it is no tar archive";
    for bytes in ["junk\n", "", &"x".repeat(3000)] {
        says(sandbox.rdock_stdin(&["import", "-"], bytes), junk);
    }
    let cut = "importing the root file system: the tar archive is damaged: it ends too early";
    says(sandbox.rdock_stdin(&["import", "-"], &tar[..4000]), cut);
    let packed = sandbox.run("gzip", &["-c", good]).ok().bytes;
    let run = sandbox.rdock_stdin(&["import", "-"], &packed[..packed.len() / 2]);
    says(run, "Error processing tar file(exit status 1): unexpected EOF");
    let url = "rdock does not download what it imports: curl -fL https://x/y | rdock import -";
    says(sandbox.rdock(&["import", "https://x/y"]), url);
}
