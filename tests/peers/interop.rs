//! Other implementations read what rdock wrote and the other way round, with equal digests.

use crate::support::docker_engine::DockerEngine;
use crate::support::image::{Built, Image};
use crate::support::index::Index;
use crate::support::layer::Layer;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;
use crate::support::skopeo;

/// What the registry holds under a name, as skopeo sees it.
fn remote_digest(registry: &Registry, name: &str) -> String {
    let raw = skopeo::inspect_raw(&format!("docker://{}/{name}", registry.host()));
    crate::support::layer::digest(&raw)
}

/// Pulls what skopeo seeded, pushes it elsewhere, and compares.
fn goes_round(image: &Built) {
    let (sandbox, registry) = (Sandbox::new(), Registry::open());
    registry.push("team/app", "1", image);
    let host = registry.host();
    sandbox.rdock(&["pull", &format!("{host}/team/app:1")]).ok();
    sandbox
        .rdock(&["tag", &format!("{host}/team/app:1"), &format!("{host}/other/app:2")])
        .ok();
    sandbox.rdock(&["push", &format!("{host}/other/app:2")]).ok();
    assert_eq!(remote_digest(&registry, "other/app:2"), image.digest);
    let target = format!("dir:{}", sandbox.root().join("out").display());
    skopeo::copy(&format!("docker://{host}/other/app:2"), &target);
}

#[test]
fn every_kind_of_image_keeps_its_digest() {
    let folder = tempfile::tempdir().unwrap();
    let base = || Image::new().layer(Layer::files(5, 4000)).layer(Layer::text("a", "b"));
    goes_round(&base().write(folder.path()));
    goes_round(&base().docker().write(folder.path()));
    goes_round(&base().zstd().write(folder.path()));
    goes_round(&base().uncompressed().write(folder.path()));
}

#[test]
fn skopeo_opens_the_store_by_name() {
    let (sandbox, registry) = (Sandbox::new(), Registry::open());
    let image = Image::small().write(&sandbox.root().join("image"));
    registry.push("team/app", "1", &image);
    let name = format!("{}/team/app:1", registry.host());
    sandbox.rdock(&["pull", &name]).ok();
    let place = format!("oci:{}:{name}", sandbox.store().display());
    let raw = skopeo::inspect_raw(&place);
    assert_eq!(crate::support::layer::digest(&raw), image.digest);
}

#[test]
fn skopeo_pushes_and_rdock_pulls() {
    let (sandbox, registry) = (Sandbox::new(), Registry::open());
    let image = Index::multi_platform().write(&sandbox.root().join("image"));
    let from = format!("oci:{}:latest", image.folder.display());
    skopeo::copy(&from, &format!("docker://{}/team/multi:latest", registry.host()));
    let name = format!("{}/team/multi", registry.host());
    let pulled = sandbox.rdock(&["pull", &name]).ok();
    assert!(
        pulled.stdout.contains(&format!("Digest: {}\n", image.digest)),
        "{pulled}"
    );
    let images = sandbox.rdock(&["images", "-q", "--no-trunc"]).ok();
    assert_eq!(images.stdout.trim(), image.children[0].config_digest);
    let arm = sandbox.rdock(&["pull", "--platform", "linux/arm64", &name]).ok();
    assert!(arm.stdout.contains("Downloaded newer image"), "{arm}");
    let images = sandbox.rdock(&["images", "-q", "--no-trunc", &name]).ok();
    assert!(images.stdout.contains(&image.children[1].config_digest), "{images}");
    let none = sandbox.rdock(&["pull", "--platform", "linux/s390x", &name]).fails(1);
    assert_eq!(
        none.stderr,
        "no matching manifest for linux/s390x in the manifest list entries\n\
         hint: the image exists for linux/amd64, linux/arm64/v8, linux/arm/v7: choose one with --platform\n"
    );
}

#[test]
fn a_real_docker_engine_pulls_what_rdock_pushed_and_back() {
    let (sandbox, registry) = (Sandbox::new(), Registry::open());
    let image = Image::small().docker().write(&sandbox.root().join("image"));
    registry.push("team/seed", "1", &image);
    let host = registry.host();
    sandbox.rdock(&["pull", &format!("{host}/team/seed:1")]).ok();
    sandbox
        .rdock(&["tag", &format!("{host}/team/seed:1"), &format!("{host}/team/app:1")])
        .ok();
    sandbox.rdock(&["push", &format!("{host}/team/app:1")]).ok();

    let engine = DockerEngine::shared();
    let pulled = engine.docker(&["pull", &format!("{host}/team/app:1")]).ok();
    assert!(
        pulled.stdout.contains(&format!("Digest: {}\n", image.digest)),
        "{pulled}"
    );
    let theirs = engine
        .docker(&[
            "images",
            "--no-trunc",
            "--format",
            "{{.ID}} {{.Size}}",
            &format!("{host}/team/app"),
        ])
        .ok();
    let ours = sandbox
        .rdock(&["images", "--no-trunc", &format!("{host}/team/app")])
        .ok();
    let (id, size) = theirs.stdout.trim().split_once(' ').unwrap();
    assert!(ours.stdout.contains(id), "{ours}{theirs}");
    assert!(
        ours.stdout.trim_end().ends_with(&format!(" {size}")),
        "docker's SIZE is {size}: {ours}"
    );

    engine
        .docker(&["tag", &format!("{host}/team/app:1"), &format!("{host}/theirs/app:1")])
        .ok();
    engine.docker(&["push", &format!("{host}/theirs/app:1")]).ok();
    sandbox.rdock(&["pull", &format!("{host}/theirs/app:1")]).ok();
    let again = sandbox
        .rdock(&["images", "-q", "--no-trunc", &format!("{host}/theirs/app")])
        .ok();
    assert_eq!(again.stdout.trim(), image.config_digest);
}
