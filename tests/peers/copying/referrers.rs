//! Signatures and SBOMs, copied along.

use serde_json::Value;

use super::{Scene, remote_digest};
use crate::support::image::Image;
use crate::support::serve::Serve;
use crate::support::{referrer, skopeo};

#[test]
fn signatures_and_sboms_come_along() {
    let scene = Scene::new();
    let sbom = referrer::of(&scene.index.children[0], "application/x-sbom");
    let signature = referrer::of(&sbom, "application/x-signature");
    // As a client does whose registry has no list of referrers.
    for (subject, it) in [(&scene.index.children[0], &sbom), (&sbom, &signature)] {
        scene.source.push("team/app", "", it);
        let tag = subject.digest.replace(':', "-");
        scene.source.push("team/app", &tag, &referrer::list(&[it]));
    }
    let cosign = format!("{}.sig", scene.index.digest.replace(':', "-"));
    scene.source.push(
        "team/app",
        &cosign,
        &Image::small().write(&scene.sandbox.root().join("sig")),
    );

    let run = scene.copy(&["--referrers", "FROM/team/app:v1", "TO/app:v1"]).ok();
    assert!(run.stdout.contains("v1: copied with 3 referrers\n"), "{run}");
    let there = scene.to.host();
    for (subject, it) in [(&scene.index.children[0], &sbom), (&sbom, &signature)] {
        let tag = subject.digest.replace(':', "-");
        let raw = skopeo::inspect_raw(&format!("docker://{there}/app:{tag}"));
        let list: Value = serde_json::from_slice(&raw).unwrap();
        assert_eq!(list["manifests"].as_array().unwrap().len(), 1);
        assert_eq!(list["manifests"][0]["digest"], it.digest.as_str());
        assert!(
            list["manifests"][0]["artifactType"]
                .as_str()
                .unwrap()
                .starts_with("application/x-")
        );
        assert_eq!(remote_digest(&there, &format!("app@{}", it.digest)), it.digest);
    }
    remote_digest(&there, &format!("app:{cosign}"));

    scene.to.clear();
    let again = scene.copy(&["--referrers", "FROM/team/app:v1", "TO/app:v1"]).ok();
    assert!(again.stdout.contains("Status: Image is up to date for"), "{again}");
    assert_eq!(scene.to.count(|it| it.method == "PUT" || it.method == "POST"), 0);

    let folder = format!("oci:{}:v1", scene.sandbox.root().join("layout").display());
    scene.copy(&["--referrers", "FROM/team/app:v1", &folder]).ok();
    let back = scene.copy(&["--referrers", &folder, "TO/back:v1"]).ok();
    assert!(back.stdout.contains("v1: copied with 3 referrers\n"), "{back}");
    remote_digest(&there, &format!("back@{}", signature.digest));
}

#[test]
fn signatures_within_an_index_of_indexes_come_along() {
    let (scene, serve) = (Scene::new(), Serve::open());
    serve.push("app", "", &scene.index);
    serve.push("app", "nested", &referrer::list(&[&scene.index]));
    for subject in [&scene.index, &scene.index.children[1]] {
        let signature = referrer::of(subject, "application/x-signature");
        serve.push("app", &signature.digest, &signature);
    }
    let from = format!("{}/app:nested", serve.host());
    let run = scene.copy(&["--referrers", &from, "TO/mirror/app:1"]).ok();
    assert!(run.stdout.contains("1: copied with 2 referrers\n"), "{run}");
}

#[test]
fn a_registry_that_lists_referrers_by_itself_gets_no_tags_for_them() {
    let (scene, serve) = (Scene::new(), Serve::open());
    let sbom = referrer::of(&scene.index, "application/x-sbom");
    serve.push("app", "1", &scene.index);
    serve.push("app", &sbom.digest, &sbom);
    let (from, to) = (
        format!("{}/app:1", serve.host()),
        format!("{}/mirror/app:1", serve.host()),
    );
    let run = scene.sandbox.rdock(&["copy", "--referrers", &from, &to]).ok();
    assert!(run.stdout.contains("1: copied with 1 referrer\n"), "{run}");
    let listed = serve
        .get(&format!("/v2/mirror/app/referrers/{}", scene.index.digest))
        .is(200)
        .body;
    let listed: Value = serde_json::from_slice(&listed).unwrap();
    assert_eq!(listed["manifests"][0]["digest"], sbom.digest.as_str());
    let tags = scene
        .sandbox
        .rdock(&["tags", "-q", &format!("{}/mirror/app", serve.host())])
        .ok();
    assert_eq!(tags.stdout, "1\n");
}
