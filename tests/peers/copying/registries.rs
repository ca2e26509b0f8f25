//! Copies through registries' habits and faults.

use super::{Scene, remote_digest};
use crate::support::image::Image;
use crate::support::layer::Layer;
use crate::support::personality::Personality;
use crate::support::recorder::Recorder;
use crate::support::serve::Serve;

#[test]
fn a_registry_that_does_not_take_a_type_is_told_of_in_one_sentence() {
    let scene = Scene::new();
    scene.to.on_path("PUT", "/manifests/v1").answer(
        415,
        &[],
        "{\"errors\":[{\"code\":\"MANIFEST_INVALID\",\"message\":\"manifest type not supported\"}]}",
    );
    let run = scene.copy(&["FROM/team/app:v1", "TO/app:v1"]).fails(1);
    let index = "application/vnd.oci.image.index.v1+json";
    let words = format!(
        "the registry does not take this manifest, of type {index}: manifest invalid: manifest type not supported\n\
         hint: rdock sends a manifest as it is, so that its digest stays: the registry has to be set up to take \
         {index}\n"
    );
    assert_eq!(run.stderr, words);
}

#[test]
fn a_killed_copy_goes_on_in_the_middle_of_a_blob() {
    const MEBIBYTE: u64 = 1 << 20;
    let (scene, serve) = (Scene::new(), Serve::open());
    let big = Image::new().layer(Layer::seeded(7, 1, 12 << 20)).uncompressed();
    let big = big.write(&scene.sandbox.root().join("big"));
    let size = big.layers[0].size;
    scene.source.push("team/big", "1", &big);
    let to = Recorder::front(&serve.host());
    to.throttle(Some(8 * MEBIBYTE));
    let (from, there) = (
        format!("{}/team/big:1", scene.from.host()),
        format!("{}/big:1", to.host()),
    );
    let mut child = scene.sandbox.command(&["copy", "-q", &from, &there]).spawn().unwrap();
    to.wait_for(|request| request.method == "PATCH" && request.body_bytes > 6 * MEBIBYTE);
    child.kill().unwrap();
    child.wait().unwrap();
    to.throttle(None);
    scene.clear();
    to.clear();
    scene.sandbox.rdock(&["copy", "-q", &from, &there]).ok();
    assert_eq!(remote_digest(&to.host(), "big:1"), big.digest);
    // What was on its way when it was killed may not have come to be stored.
    assert!(
        to.body_bytes_up() < size - 4 * MEBIBYTE,
        "{} of {size}",
        to.body_bytes_up()
    );
    let came = scene.from.body_bytes_down();
    assert!(came < size - 4 * MEBIBYTE, "{came} of {size}");
}

#[test]
fn every_registry_s_habits_are_lived_with() {
    let scene = Scene::new();
    let docker = Image::new()
        .layer(Layer::text("a", "b"))
        .docker()
        .write(&scene.sandbox.root().join("docker"));
    scene.source.push("team/docker", "1", &docker);
    let zot = Personality::zot();
    zot.introduce(&scene.sandbox);
    let to = format!("{}/docker:1", zot.host());
    let refused = scene.copy(&["FROM/team/docker:1", &to]).fails(1);
    let media_type = &docker.media_type;
    let words = format!("the registry does not take this manifest, of type {media_type}: ");
    assert!(refused.stderr.starts_with(&words), "{refused}");
    assert!(
        refused.stderr.contains("\nhint: rdock sends a manifest as it is"),
        "{refused}"
    );
    for registry in [
        zot,
        Personality::docker_hub(),
        Personality::harbor(),
        Personality::gitlab(),
        Personality::ghcr(),
        Personality::ecr(),
        Personality::google(),
        Personality::azure(),
        Personality::quay(),
    ] {
        let host = registry.host();
        registry.introduce(&scene.sandbox);
        registry.seed("alice/app", "1", &scene.index);
        let (here, there) = (format!("{host}/alice/app:1"), format!("{host}/alice/new:1"));
        scene.copy(&["FROM/team/app:v1", &there]).ok();
        let seen = registry.backend().get("/v2/alice/new/manifests/1").is(200).body;
        assert!(seen == scene.index.manifest, "{host}");
        scene.copy(&["-q", &here, "TO/x:1"]).ok();
        scene.copy(&["-q", &here, &format!("{host}/alice/other:1")]).ok();
    }
    assert_eq!(remote_digest(&scene.to.host(), "x:1"), scene.index.digest);
}
