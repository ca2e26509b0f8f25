//! Archives whose manifests lie about one another: too deep, listed many times, of another size than is said.

use std::fs;

use serde_json::json;

use super::hostile::{Bad, Target};
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
