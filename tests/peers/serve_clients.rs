//! Real clients push to it and pull from it, with equal digests.

use serde_json::json;

use crate::support::docker_engine::DockerEngine;
use crate::support::image::Image;
use crate::support::index::Index;
use crate::support::layer::{Layer, digest, noise};
use crate::support::podman::Podman;
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

#[test]
fn podman_and_buildah_push_and_pull() {
    let (serve, sandbox, pod) = (Serve::open(), Sandbox::new(), Podman::new());
    let image = Image::small().write(&sandbox.root().join("image"));
    let host = serve.host();
    serve.push("team/pod", "1", &image);
    let name = format!("{host}/team/pod:1");
    let pulled = pod.podman(&["pull", "-q", "--tls-verify=false", &name]).ok();
    assert_eq!(pulled.stdout.trim(), &image.config_digest[7..]);
    let pushed = |name: &str| {
        let (repository, tag) = name.rsplit_once('/').unwrap().1.split_once(':').unwrap();
        let manifest = serve.get(&format!("/v2/{repository}/manifests/{tag}")).is(200);
        manifest.json()["config"]["digest"].as_str().unwrap().to_owned()
    };
    let (by_podman, by_buildah) = (format!("{host}/podman:1"), format!("{host}/buildah:1"));
    pod.podman(&["push", "-q", "--tls-verify=false", &name, &by_podman])
        .ok();
    assert_eq!(pushed(&by_podman), image.config_digest);
    pod.buildah(&[
        "push",
        "-q",
        "--tls-verify=false",
        &name,
        &format!("docker://{by_buildah}"),
    ])
    .ok();
    assert_eq!(pushed(&by_buildah), image.config_digest);
    pod.podman(&["rmi", &name]).ok();
    let pulled = pod.buildah(&["pull", "-q", "--tls-verify=false", &by_buildah]).ok();
    assert_eq!(pulled.stdout.trim(), &image.config_digest[7..]);
}

#[test]
fn fifty_pulls_at_once_are_all_whole() {
    let (serve, sandbox) = (Serve::open(), Sandbox::new());
    let bytes = noise(50, 1_000_000);
    let path = format!("/v2/big/blobs/{}", serve.put_blob("big", &bytes));
    let image = Image::small().write(&sandbox.root().join("image"));
    serve.push("app", "1", &image);
    std::thread::scope(|scope| {
        for n in 0..50 {
            let (serve, path, bytes, image) = (&serve, &path, &bytes, &image);
            scope.spawn(move || match n % 10 {
                0 => {
                    let sandbox = Sandbox::new();
                    let pull = sandbox.rdock(&["pull", &format!("{}/app:1", serve.host())]).ok();
                    assert!(pull.stdout.contains(&image.digest), "{pull}");
                }
                _ => assert!(serve.get(path).is(200).body == *bytes, "pull {n}"),
            });
        }
    });
}
