//! Archives whose manifests lie about one another: too deep, listed many times, of another size than is said.

use std::fs;

use serde_json::json;

use super::hostile::{Bad, Target, config, load_in_little_memory};
use crate::support::archive_maker::image;
use crate::support::layer::digest;
use crate::support::sandbox::Sandbox;

#[test]
fn a_manifest_that_is_shorter_than_it_is_said_to_be_is_loaded_as_it_is_pulled() {
    let sandbox = Sandbox::new();
    let built = image(44).write(&sandbox.root().join("layout"));
    let index = json!({"schemaVersion": 2, "manifests": [{
        "mediaType": built.media_type, "digest": built.digest, "size": built.manifest.len() + 1
    }]});
    let mut archive = Bad::new().file("index.json", index.to_string().as_bytes());
    let blobs = built.layers.iter().map(|it| &it.digest);
    for known in blobs.chain([&built.config_digest, &built.digest]) {
        let bytes = fs::read(built.blob(known)).unwrap();
        archive = archive.file(&known.replace("sha256:", "blobs/sha256/"), &bytes);
    }
    let run = sandbox.rdock_stdin(&["load"], archive.bytes()).ok();
    assert!(run.stdout.starts_with("Loaded image ID: "), "{run}");
}

#[test]
fn an_index_in_an_index_in_an_index_comes_to_an_end() {
    Target::new().refuses(&nested(20, 1), "nested too deeply");
}

#[test]
fn children_that_are_listed_many_times_are_read_once() {
    let target = Target::new();
    target.refuses(&nested(6, 30), "does not hold it");
}

/// Together they are larger than all the memory there is.
#[test]
fn many_large_manifests_take_no_more_memory_than_few() {
    let target = Target::new();
    let layer = [0; 1024];
    let config = config(&[&digest(&layer)]).to_string();
    let (oci, text) = ("application/vnd.oci.image", "x".repeat(7 << 20));
    let described = |kind: &str, bytes: &[u8]| json!({"mediaType": format!("{oci}.{kind}"), "digest": digest(bytes), "size": bytes.len()});
    let blob = |bytes: &[u8]| digest(bytes).replace("sha256:", "blobs/sha256/");
    let mut archive = Bad::new()
        .file(&blob(&layer), &layer)
        .file(&blob(config.as_bytes()), config.as_bytes());
    let mut children = Vec::new();
    for number in 0..16 {
        let manifest = json!({"schemaVersion": 2, "mediaType": format!("{oci}.manifest.v1+json"), "annotations": {"n": format!("{number} {text}")},
            "config": described("config.v1+json", config.as_bytes()), "layers": [described("layer.v1.tar", &layer)]});
        let manifest = manifest.to_string();
        archive = archive.file(&blob(manifest.as_bytes()), manifest.as_bytes());
        let mut child = described("manifest.v1+json", manifest.as_bytes());
        child["platform"] = json!({"os": "linux", "architecture": format!("a{number}")});
        children.push(child);
    }
    let index =
        json!({"schemaVersion": 2, "mediaType": format!("{oci}.index.v1+json"), "manifests": children}).to_string();
    let mut root = described("index.v1+json", index.as_bytes());
    root["annotations"] = json!({"io.containerd.image.name": "docker.io/library/large:1"});
    let archive = archive
        .file(&blob(index.as_bytes()), index.as_bytes())
        .file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)
        .file(
            "index.json",
            json!({"schemaVersion": 2, "manifests": [root]}).to_string().as_bytes(),
        );
    let run = load_in_little_memory(&target, &archive.bytes()).ok();
    assert_eq!(run.stdout, "Loaded image: large:1\n");
}

/// Indexes in one another, so deep, each of so many copies of the one below. The image that they lead to is not there.
fn nested(depth: usize, copies: usize) -> Vec<u8> {
    let mut bad = Bad::new();
    let mut child = json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 2,
        "digest": format!("sha256:{}", "0".repeat(64)), "platform": {"os": "linux", "architecture": "amd64"}});
    for _ in 0..depth {
        let kind = "application/vnd.oci.image.index.v1+json";
        let index = json!({"schemaVersion": 2, "mediaType": kind, "manifests": vec![child; copies]}).to_string();
        let digest = digest(index.as_bytes());
        bad = bad.file(&digest.replace("sha256:", "blobs/sha256/"), index.as_bytes());
        child = json!({"mediaType": kind, "size": index.len(), "digest": digest,
            "platform": {"os": "linux", "architecture": "amd64"}});
    }
    let index = json!({"schemaVersion": 2, "manifests": [child]}).to_string();
    bad.file("index.json", index.as_bytes()).bytes()
}
