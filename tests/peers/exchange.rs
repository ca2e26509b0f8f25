//! Archives go both ways between rdock, docker, podman and skopeo.

use crate::support::archive_maker::{ArchiveMaker, image, state_of};
use crate::support::docker_engine::DockerEngine;
use crate::support::index::Index;
use crate::support::layer;
use crate::support::podman::Podman;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;
use crate::support::skopeo;

fn said(names: &[impl std::fmt::Display]) -> String {
    let lines: Vec<String> = names.iter().map(|name| format!("Loaded image: {name}\n")).collect();
    lines.concat()
}

#[test]
fn pull_save_load_tag_push_keeps_the_digest_byte_for_byte() {
    let (maker, registry) = (ArchiveMaker::new(), Registry::open());
    let host = registry.host();
    let built = [
        image(11).write(&maker.path("oci")),
        image(12).docker().write(&maker.path("docker")),
        image(13).zstd().write(&maker.path("zstd")),
        image(14)
            .uncompressed()
            .annotations(serde_json::json!({"a": "b"}))
            .write(&maker.path("plain")),
    ];
    let name = |n: usize| format!("{host}/team/app{n}:1");
    for (n, image) in built.iter().enumerate() {
        registry.push(&format!("team/app{n}"), "1", image);
        maker.sandbox.rdock(&["pull", "-q", &name(n)]).ok();
    }
    let names: Vec<String> = (0..built.len()).map(name).collect();
    let archive = maker.save("all.tar", &names.iter().map(String::as_str).collect::<Vec<_>>());

    let far = Sandbox::new();
    let loaded = far.rdock(&["load", "-i", &archive]).ok();
    let lines = said(&names);
    assert_eq!((loaded.stdout, loaded.stderr), (lines, String::new()));
    for (n, image) in built.iter().enumerate() {
        let target = format!("{host}/copy/app{n}:2");
        far.rdock(&["tag", &name(n), &target]).ok();
        far.rdock(&["push", "-q", &target]).ok();
        let raw = skopeo::inspect_raw(&format!("docker://{target}"));
        assert_eq!(raw, image.manifest);
    }
}

#[test]
fn docker_podman_and_skopeo_read_what_rdock_saved() {
    let maker = ArchiveMaker::new();
    let oci = maker.stock("arch/oci:1", &image(21));
    let docker = maker.stock("arch/docker:1", &image(22).docker());
    let multi = Index::multi_platform().write(&maker.path("multi"));
    maker.adopt("arch/multi:1", &multi);
    let archive = maker.save("a.tar", &["arch/oci:1", "arch/docker:1", "arch/multi:1"]);
    let names = ["arch/oci:1", "arch/docker:1", "arch/multi:1"];
    let ids = [
        &oci.config_digest,
        &docker.config_digest,
        &multi.children[0].config_digest,
    ];

    let engine = DockerEngine::shared();
    let loaded = engine.docker(&["load", "-i", &archive]).ok();
    let lines = said(&names);
    assert_eq!(loaded.stdout, lines);
    let podman = Podman::new();
    podman.podman(&["load", "-q", "-i", &archive]).ok();
    for (name, id) in names.iter().zip(ids) {
        let seen = engine.docker(&["inspect", "-f", "{{.Id}}", name]).ok();
        assert_eq!(seen.stdout.trim(), id);
        let seen = podman
            .podman(&["inspect", "-f", "{{.Id}}", &format!("localhost/{name}")])
            .ok();
        assert_eq!(format!("sha256:{}", seen.stdout.trim()), *id);
        let target = maker.path("from-docker-archive");
        skopeo::copy_as_is(
            &format!("docker-archive:{archive}:{name}"),
            &format!("dir:{}", target.display()),
        );
        assert!(target.join(&id["sha256:".len()..]).is_file());
        std::fs::remove_dir_all(target).unwrap();
    }
    // One image in an archive needs no name.
    let single = maker.save("single.tar", &["arch/oci:1"]);
    for place in [format!("oci-archive:{single}"), format!("oci-archive:{single}:1")] {
        let target = maker.path("from-oci-archive");
        skopeo::copy(&place, &format!("dir:{}", target.display()));
        let manifest = std::fs::read(target.join("manifest.json")).unwrap();
        assert_eq!(layer::digest(&manifest), oci.digest);
    }
}

#[test]
fn rdock_loads_what_docker_podman_and_skopeo_saved() {
    let maker = ArchiveMaker::new();
    let first = maker.stock("theirs/first:1", &image(31));
    // The same layer twice: docker saves a link for it.
    let second = maker.stock(
        "theirs/second:1",
        &image(32).layer(crate::support::layer::Layer::text("etc/seed", "32")),
    );
    let ours = maker.save("ours.tar", &["theirs/first:1", "theirs/second:1"]);
    let engine = DockerEngine::shared();
    engine.docker(&["load", "-i", &ours]).ok();
    let podman = Podman::new();
    podman.podman(&["load", "-q", "-i", &ours]).ok();
    let path = |name: &str| maker.path(name).to_str().unwrap().to_owned();
    let docker = path("docker.tar");
    engine
        .docker(&["save", "-o", &docker, "theirs/first:1", "theirs/second:1"])
        .ok();
    // The same layer on top of another one is a link in docker's archives.
    assert!(maker.sandbox.run("tar", &["tvf", &docker]).ok().stdout.contains(" -> "));
    let (docker_archive, oci_archive) = (path("podman-docker.tar"), path("podman-oci.tar"));
    for (format, file) in [("docker-archive", &docker_archive), ("oci-archive", &oci_archive)] {
        podman
            .podman(&["save", "-q", "--format", format, "-o", file, "localhost/theirs/first:1"])
            .ok();
    }
    let both = path("podman-both.tar");
    podman
        .podman(&[
            "save",
            "-q",
            "-m",
            "-o",
            &both,
            "localhost/theirs/first:1",
            "localhost/theirs/second:1",
        ])
        .ok();
    let skopeo_oci = path("skopeo.tar");
    let layout = format!("oci:{}:latest", first.folder.display());
    skopeo::copy(&layout, &format!("oci-archive:{skopeo_oci}:theirs/first:9"));

    for (archive, names) in [
        (&docker, &["theirs/first:1", "theirs/second:1"][..]),
        (&docker_archive, &["localhost/theirs/first:1"]),
        (&oci_archive, &["localhost/theirs/first:1"]),
        (&both, &["localhost/theirs/first:1", "localhost/theirs/second:1"]),
        (&skopeo_oci, &["theirs/first:9"]),
    ] {
        let far = Sandbox::new();
        let mut loaded: Vec<String> = far
            .rdock(&["load", "-i", archive])
            .ok()
            .stdout
            .lines()
            .map(str::to_owned)
            .collect();
        loaded.sort();
        let lines: Vec<String> = names.iter().map(|name| format!("Loaded image: {name}")).collect();
        assert_eq!(loaded, lines, "{archive}");
        for name in names {
            let built = if name.contains("first") { &first } else { &second };
            let id = far.rdock(&["images", "-q", "--no-trunc", name]).ok();
            assert_eq!(id.stdout.trim(), built.config_digest, "{archive}");
        }
        // Loading twice gives the same, and what was made for old archives is the same everywhere.
        let before = state_of(&far.store());
        far.rdock(&["load", "-i", archive]).ok();
        assert_eq!(state_of(&far.store()), before);
    }
}

#[test]
fn what_docker_saved_is_pushed_by_rdock_and_pulled_by_docker_as_the_same_image() {
    let (maker, registry) = (ArchiveMaker::new(), Registry::open());
    let built = maker.stock("theirs/app:1", &image(33));
    let ours = maker.save("ours.tar", &["theirs/app:1"]);
    let engine = DockerEngine::shared();
    engine.docker(&["load", "-i", &ours]).ok();
    let theirs = maker.path("theirs.tar");
    engine
        .docker(&["save", "-o", theirs.to_str().unwrap(), "theirs/app:1"])
        .ok();
    let far = Sandbox::new();
    far.rdock(&["load", "-q", "-i", theirs.to_str().unwrap()]).ok();
    let name = format!("{}/back/app:1", registry.host());
    far.rdock(&["tag", "theirs/app:1", &name]).ok();
    far.rdock(&["push", "-q", &name]).ok();
    engine.docker(&["rmi", "theirs/app:1"]).ok();
    engine.docker(&["pull", "-q", &name]).ok();
    let id = engine.docker(&["inspect", "-f", "{{.Id}}", &name]).ok();
    assert_eq!(id.stdout.trim(), built.config_digest);
}
