//! Layouts and archives as the ends of a copy.

use std::fs;

use super::{Scene, remote_digest};
use crate::support::layer::digest;
use crate::support::skopeo;

#[test]
fn a_layout_is_a_place_like_any_other() {
    let scene = Scene::new();
    let folder = scene.sandbox.root().join("layout");
    let there = format!("oci:{}:v1", folder.display());
    scene.copy(&["FROM/team/app:v1", &there]).ok();
    assert_eq!(digest(&skopeo::inspect_raw(&there)), scene.index.digest);
    let out = format!("dir:{}", scene.sandbox.root().join("out").display());
    skopeo::copy(&there, &out);
    scene.copy(&[&there, "TO/back:v1"]).ok();
    assert_eq!(remote_digest(&scene.to.host(), "back:v1"), scene.index.digest);
    // What another tool wrote.
    let theirs = format!("oci:{}", scene.index.folder.display());
    scene.copy(&[&theirs, "TO/theirs:v1"]).ok();
    assert_eq!(remote_digest(&scene.to.host(), "theirs:v1"), scene.index.digest);
    let again = scene.copy(&["FROM/team/app:v1", &there]).ok();
    assert!(again.stdout.contains("Status: Image is up to date for oci:"), "{again}");
    let none = scene
        .copy(&[&format!("oci:{}:v9", folder.display()), "TO/x:1"])
        .fails(1);
    assert!(
        none.stderr.ends_with("is not there\nhint: existing tags: v1\n"),
        "{none}"
    );
    let stranger = scene.copy(&["dir:/x", "TO/x:1"]).fails(1);
    assert_eq!(
        stranger.stderr,
        "rdock copies no dir: images: name a registry, oci:DIR or oci-archive:FILE\n"
    );
}

#[test]
fn an_archive_is_written_and_read_with_every_digest_kept() {
    let scene = Scene::new();
    let file = scene.sandbox.root().join("app.tar");
    let there = format!("oci-archive:{}", file.display());
    let child = &scene.index.children[0].layers[0];
    // A cut in the middle of a layer: a tar has no way back, so the layer is gone on with.
    scene
        .from
        .on_path("GET", &child.digest)
        .times(1)
        .cut_after(child.size / 2);
    let run = scene.copy(&["FROM/team/app:v1", &there]).ok();
    assert!(
        run.stdout
            .ends_with(&format!("Status: Copied image to {there}\n{there}\n")),
        "{run}"
    );
    assert_eq!(digest(&skopeo::inspect_raw(&there)), scene.index.digest);
    let single = format!("docker-archive:{}", file.display());
    let out = format!("dir:{}", scene.sandbox.root().join("out").display());
    skopeo::skopeo(&["copy", "--quiet", &single, &out]);

    let back = scene.copy(&[&there, "TO/back:v1"]).ok();
    assert!(back.stdout.contains(": Pushed\n"), "{back}");
    assert_eq!(remote_digest(&scene.to.host(), "back:v1"), scene.index.digest);
    let by_name = format!("{single}:{}/team/app:v1", scene.from.host());
    scene.copy(&[&by_name, "TO/named:v1"]).ok();
    let none = scene.copy(&[&format!("{single}:other:v1"), "TO/x:1"]).fails(1);
    assert!(
        none.stderr.contains("other:v1 is not there\nhint: existing tags: "),
        "{none}"
    );
    for part in ["blobs/sha256", "ingest"] {
        let kept = fs::read_dir(scene.sandbox.store().join(part)).map_or(0, Iterator::count);
        assert_eq!(kept, 0, "nothing of it stays in the store's {part}");
    }

    let folder = scene.sandbox.root();
    let leftovers = |prefix: &str| {
        let names = fs::read_dir(folder)
            .unwrap()
            .map(|it| it.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with(prefix)).count()
    };
    scene.from.on_path("GET", &child.digest).answer(404, &[], "");
    let failed = scene.sandbox.root().join("failed.tar");
    scene
        .copy(&["FROM/team/app:v1", &format!("oci-archive:{}", failed.display())])
        .fails(1);
    assert!(!failed.exists());
    assert_eq!(leftovers(".tmp"), 0);
    let many = scene.copy(&["-a", "FROM/team/app", &there]).fails(1);
    assert!(
        many.stderr
            .starts_with("an archive takes one image and nothing that refers to it"),
        "{many}"
    );
}

#[test]
fn the_store_is_a_place_like_any_other() {
    let scene = Scene::new();
    let run = scene.copy(&["FROM/team/app:v1", "rdock-store:kept/app:v1"]).ok();
    let end = "Status: Copied image to rdock-store:kept/app:v1\nrdock-store:docker.io/kept/app:v1\n";
    assert!(run.stdout.ends_with(end), "{run}");
    let images = scene
        .sandbox
        .rdock(&["images", "--format", "{{.Repository}}:{{.Tag}} {{.Digest}}"])
        .ok();
    assert_eq!(images.stdout, format!("kept/app:v1 {}\n", scene.index.digest));
    let again = scene.copy(&["FROM/team/app:v1", "rdock-store:kept/app:v1"]).ok();
    assert!(again.stdout.contains("Status: Image is up to date for"), "{again}");
    scene.copy(&["rdock-store:kept/app:v1", "TO/back:v1"]).ok();
    assert_eq!(remote_digest(&scene.to.host(), "back:v1"), scene.index.digest);
    let folder = format!("oci:{}", scene.sandbox.root().join("all").display());
    scene.copy(&["--all-tags", "rdock-store:kept/app", &folder]).ok();
    scene.copy(&[&format!("{folder}:v1"), "TO/all:v1"]).ok();
    assert_eq!(remote_digest(&scene.to.host(), "all:v1"), scene.index.digest);
    let none = scene.copy(&["rdock-store:kept/app:v2", "TO/x:1"]).fails(1);
    assert_eq!(
        none.stderr,
        "No such image: kept/app:v2\nhint: there is kept/app:v1; rdock images lists all\n"
    );
}
