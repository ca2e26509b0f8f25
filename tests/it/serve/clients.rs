//! Real clients push to it and pull from it, with equal digests.

use serde_json::json;

use crate::support::docker_engine::DockerEngine;
use crate::support::image::Image;
use crate::support::index::Index;
use crate::support::layer::{Layer, digest};
use crate::support::sandbox::Sandbox;
use crate::support::serve::Serve;
use crate::support::skopeo;

#[test]
fn skopeo_and_rdock_share_one_registry() {
    let (serve, sandbox) = (Serve::open(), Sandbox::new());
    let index = Index::multi_platform().write(&sandbox.root().join("index"));
    let from = format!("oci:{}:latest", index.folder.display());
    let place = format!("docker://{}/team/multi:1", serve.host());
    skopeo::copy(&from, &place);
    assert_eq!(digest(&skopeo::inspect_raw(&place)), index.digest);
    // The children came by digest; now that the index leads to them they are no images of their own.
    let text = std::fs::read_to_string(serve.root().join("index.json")).unwrap();
    assert_eq!(text.matches("\"size\"").count(), 2, "{text}");

    let name = format!("{}/team/multi:1", serve.host());
    let pull = sandbox.rdock(&["pull", &name]).ok();
    assert!(pull.stdout.contains(&format!("Digest: {}", index.digest)), "{pull}");
    let target = format!("{}/other:2", serve.host());
    sandbox.rdock(&["tag", &name, &target]).ok();
    let push = sandbox.rdock(&["push", &target]).ok();
    assert!(push.stdout.contains("Layer already exists"), "{push}");
    assert_eq!(
        serve.get("/v2/_catalog").json(),
        json!({"repositories": ["other", "team/multi"]})
    );
    let again = format!("docker://{}/library/other:2", serve.host());
    assert!(!skopeo::inspect_raw(&again).is_empty());
}

#[test]
fn a_real_engine_pushes_pulls_and_searches() {
    let (serve, sandbox) = (Serve::open(), Sandbox::new());
    let image = Image::new()
        .docker()
        .layer(Layer::files(3, 2000))
        .write(&sandbox.root().join("image"));
    serve.push("team/engine", "1", &image);
    let host = serve.host();
    let engine = DockerEngine::shared();
    let (name, target) = (format!("{host}/team/engine:1"), format!("{host}/team/again:2"));
    engine.docker(&["pull", &name]).ok();
    engine.docker(&["tag", &name, &target]).ok();
    engine.docker(&["push", &target]).ok();
    let id = engine.docker(&["inspect", "--format", "{{.Id}}", &target]).ok();
    let pull = sandbox.rdock(&["pull", &target]).ok();
    assert!(pull.stderr.is_empty(), "{pull}");
    let ours = sandbox.rdock(&["images", "-q", "--no-trunc", &target]).ok();
    assert_eq!(ours.stdout, id.stdout);
    engine.docker(&["rmi", &name, &target]).ok();
    engine.docker(&["pull", &target]).ok();
    engine.docker(&["rmi", &target]).ok();
    let search = engine.docker(&["search", &format!("{host}/again")]).ok();
    assert!(search.stdout.contains("team/again"), "{search}");
    assert!(!search.stdout.contains("team/engine"), "{search}");
    let ours = sandbox.rdock(&["search", &format!("{host}/team")]).ok();
    assert!(ours.stdout.contains("team/engine"), "{ours}");
}
