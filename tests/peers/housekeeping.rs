//! What stands on a registry, looked at and removed without a pull: `digest`, `tags --long`, `rmi --remote`.

use serde_json::{Value, json};

use crate::support::image::{Built, Image};
use crate::support::index::Index;
use crate::support::layer::Layer;
use crate::support::process::Run;
use crate::support::recorder::Recorder;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;
use crate::support::serve::Serve;
use crate::support::{referrer, skopeo};

/// A registry behind a recorder with `app:1.9` and `app:1.10`, which are one image, and the index `app:multi`.
struct Scene {
    sandbox: Sandbox,
    registry: Registry,
    recorder: Recorder,
    old: Built,
    index: Built,
}

impl Scene {
    fn new() -> Self {
        let (sandbox, registry) = (Sandbox::new(), Registry::open());
        let old = Image::new()
            .layer(Layer::text("etc/motd", "hi\n"))
            .created("2018-11-06T16:11:33Z")
            .write(&sandbox.root().join("old"));
        let index = Index::multi_platform().write(&sandbox.root().join("index"));
        for (tag, image) in [("1.10", &old), ("1.9", &old), ("multi", &index)] {
            registry.push("app", tag, image);
        }
        Self {
            recorder: Recorder::front(&registry.host()),
            sandbox,
            registry,
            old,
            index,
        }
    }

    /// Runs rdock with `HOST` in its arguments filled in, and shown as `HOST` in what it prints.
    #[track_caller]
    fn rdock(&self, arguments: &[&str]) -> Run {
        let host = self.recorder.host();
        let arguments: Vec<String> = arguments.iter().map(|it| it.replace("HOST", &host)).collect();
        let mut run = self
            .sandbox
            .rdock(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        run.stdout = run.stdout.replace(&host, "HOST");
        run.stderr = run.stderr.replace(&host, "HOST");
        run
    }

    fn asked(&self, method: &str, part: &str) -> usize {
        self.recorder.count(|it| it.is(method, part))
    }

    fn tags(&self) -> String {
        self.rdock(&["tags", "-q", "HOST/app"]).ok().stdout
    }
}

#[test]
fn a_digest_costs_one_head() {
    let scene = Scene::new();
    let digest = scene.rdock(&["digest", "HOST/app:multi"]).ok();
    assert_eq!(digest.stdout, format!("{}\n", scene.index.digest));
    assert_eq!(
        (scene.asked("HEAD", "/manifests/"), scene.asked("GET", "/manifests/")),
        (1, 0)
    );
    let arm = &scene.index.children[1].digest;
    let full = scene
        .rdock(&["digest", "--full-ref", "--platform", "linux/arm64", "HOST/app:multi"])
        .ok();
    assert_eq!(full.stdout, format!("HOST/app@{arm}\n"));
    let both = scene
        .rdock(&["digest", "HOST/app:1.9", "HOST/app:1.7", "HOST/app:1.10"])
        .fails(1);
    assert_eq!(both.stdout, format!("{0}\n{0}\n", scene.old.digest));
    assert_eq!(
        both.stderr,
        "manifest for HOST/app:1.7 not found: manifest unknown: manifest unknown\n\
         hint: existing tags: 1.9, 1.10, multi\n"
    );
    let wrong = scene.rdock(&["digest", "--platform", "arm64", "HOST/app:1.9"]).fails(1);
    assert!(
        wrong
            .stderr
            .starts_with("the image is not for linux/arm64/v8\nhint: the image exists for linux/amd64")
    );
}

#[test]
fn long_tags_are_one_table_for_few_requests() {
    let scene = Scene::new();
    let run = scene.rdock(&["tags", "--long", "HOST/app"]).ok();
    let rows: Vec<Vec<&str>> = run
        .stdout
        .lines()
        .map(|line| {
            line.split("   ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .collect()
        })
        .collect();
    let short = |image: &Built| image.digest["sha256:".len()..][..12].to_owned();
    assert_eq!(rows[0], ["TAG", "DIGEST", "CREATED", "SIZE", "PLATFORMS"]);
    assert_eq!(rows[1][..2], ["1.9", &short(&scene.old)]);
    assert_eq!(rows[2][..2], ["1.10", &short(&scene.old)]);
    assert!(
        rows[1][2].ends_with(" years ago") && rows[1][4] == "linux/amd64",
        "{run}"
    );
    assert_eq!(rows[3][..2], ["multi", &short(&scene.index)]);
    assert_eq!(rows[3][4], "linux/amd64, linux/arm64/v8, linux/arm/v7 (+1 attestation)");
    // A manifest each, the index's child for this machine, and the config of each of the two images.
    assert_eq!(
        (scene.asked("GET", "/manifests/"), scene.asked("GET", "/blobs/")),
        (4, 2)
    );

    let json = scene
        .rdock(&["tags", "-l", "--json", "--limit", "2", "HOST/app"])
        .ok()
        .stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    let bytes: u64 = scene.old.layers.iter().map(|layer| layer.size).sum();
    assert_eq!(json["tags"].as_array().unwrap().len(), 2);
    let first = &json["tags"][0];
    assert_eq!(first["tag"], "1.10");
    assert_eq!(first["digest"], scene.old.digest.as_str());
    assert_eq!(first["created"], "2018-11-06T16:11:33Z");
    assert!(first["size"].as_u64().unwrap() > bytes);
    assert_eq!(
        json["tags"][1]["platforms"],
        json!(["linux/amd64", "linux/arm64/v8", "linux/arm/v7"])
    );
}

#[test]
fn tags_are_filtered_sorted_and_limited() {
    let scene = Scene::new();
    let list = |arguments: &[&str]| {
        scene
            .rdock(&[&["tags", "-q", "HOST/app"][..], arguments].concat())
            .ok()
            .stdout
    };
    assert_eq!(list(&["--filter", "1.*"]), "1.9\n1.10\n");
    assert_eq!(list(&["-f", "1.9", "-f", "m*"]), "1.9\nmulti\n");
    assert_eq!(list(&["--limit", "1"]), "multi\n");
    assert_eq!(list(&["--reverse"]), "multi\n1.10\n1.9\n");
    assert_eq!(scene.asked("GET", "/manifests/"), 0);
    // The index was made in 2019, the image before.
    assert_eq!(list(&["--sort", "date", "--limit", "1"]), "multi\n");
    assert_eq!(list(&["--sort", "size", "--reverse"]), "multi\n1.10\n1.9\n");
    let bad = scene.rdock(&["tags", "--filter", "[", "HOST/app"]).fails(1);
    assert_eq!(bad.stderr, "syntax error in pattern\n");
    scene.rdock(&["tags", "--sort", "beauty", "HOST/app"]).fails(125);
}

#[test]
fn a_tag_that_cannot_be_read_does_not_hide_the_others() {
    let scene = Scene::new();
    scene.recorder.on_path("GET", "/manifests/1.9").answer(
        200,
        &[(
            "Content-Type",
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
        )],
        "{\"schemaVersion\":1,\"fsLayers\":[]}",
    );
    let run = scene.rdock(&["tags", "-l", "HOST/app"]).ok();
    assert!(
        run.stderr.starts_with("WARNING: 1.9: this is a schema 1 manifest"),
        "{run}"
    );
    assert!(run.stdout.contains("\n1.9       N/A "), "{run}");
    assert!(
        run.stdout.contains(&scene.index.digest["sha256:".len()..][..12]),
        "{run}"
    );
}

#[test]
fn a_tag_is_removed_alone_where_the_registry_can() {
    let scene = Scene::new();
    scene.recorder.on_path("DELETE", "/manifests/1.9").answer(202, &[], "");
    let run = scene.rdock(&["rmi", "--remote", "HOST/app:1.9"]).ok();
    assert_eq!(run.stdout, "Untagged: HOST/app:1.9\n");
    assert_eq!((scene.asked("DELETE", ""), scene.asked("GET", "/tags/")), (1, 0));
}

#[test]
fn where_only_digests_can_go_other_tags_are_kept_unless_forced() {
    let scene = Scene::new();
    let digest = &scene.old.digest;
    let refused = scene.rdock(&["rmi", "--remote", "HOST/app:1.9"]).fails(1);
    assert_eq!(
        refused.stderr,
        format!(
            "unable to remove HOST/app:1.9 alone: HOST deletes whole digests only, and {digest} is also 1.10\n\
             hint: to take it from 1.10 as well, pass --force\n"
        )
    );
    assert_eq!(scene.tags(), "1.9\n1.10\nmulti\n");
    // A part of an index is as much in use.
    let child = &scene.index.children[1].digest;
    let part = scene.rdock(&["rmi", "--remote", &format!("HOST/app@{child}")]).fails(1);
    assert!(
        part.stderr.contains(&format!("{child} is part of multi\nhint: ")),
        "{part}"
    );

    let forced = scene
        .rdock(&["image", "rm", "--remote", "--force", "HOST/app:1.9"])
        .ok();
    assert_eq!(
        forced.stdout,
        format!("Untagged: HOST/app:1.9\nUntagged: HOST/app:1.10\nDeleted: HOST/app@{digest}\n")
    );
    assert_eq!(scene.tags(), "multi\n");
    let alone = scene.rdock(&["rmi", "--remote", "HOST/app:multi"]).ok();
    let gone = format!("Untagged: HOST/app:multi\nDeleted: HOST/app@{}\n", scene.index.digest);
    assert_eq!(alone.stdout, gone);
    assert!(scene.registry.storage().exists());
}

#[test]
fn what_speaks_of_an_image_is_taken_from_its_list_too() {
    let scene = Scene::new();
    let [sbom, signature] = ["application/x-sbom", "application/x-signature"].map(|it| referrer::of(&scene.old, it));
    for it in [&sbom, &signature] {
        scene.registry.push("app", "", it);
    }
    let tag = scene.old.digest.replace(':', "-");
    scene.registry.push("app", &tag, &referrer::list(&[&sbom, &signature]));
    let listed = || {
        let raw = skopeo::inspect_raw(&format!("docker://{}/app:{tag}", scene.registry.host()));
        serde_json::from_slice::<Value>(&raw).unwrap()
    };
    for (gone, left) in [(&sbom, json!([signature.descriptor()])), (&signature, json!([]))] {
        scene.recorder.clear();
        let name = format!("HOST/app@{}", gone.digest);
        let run = scene.rdock(&["rmi", "--remote", &name]).ok();
        assert_eq!((run.stdout, run.stderr), (format!("Deleted: {name}\n"), String::new()));
        let list = listed();
        assert_eq!(list["manifests"], left);
        assert_eq!(list["annotations"], json!({"by": "hand"}), "the rest of it stays");
        assert_eq!((scene.asked("PUT", ""), scene.asked("DELETE", "")), (1, 1));
    }
    // A registry with a list of its own needs no help.
    let serve = Serve::open();
    serve.push("app", "1", &scene.old);
    serve.push("app", &sbom.digest, &sbom);
    let recorder = Recorder::front(&serve.host());
    let name = format!("{}/app@{}", recorder.host(), sbom.digest);
    scene.sandbox.rdock(&["rmi", "--remote", &name]).ok();
    let list = serve
        .get(&format!("/v2/app/referrers/{}", scene.old.digest))
        .is(200)
        .json();
    assert_eq!(list["manifests"], json!([]));
    assert_eq!(recorder.count(|it| it.is("PUT", "")), 0);
}

#[test]
fn a_list_of_referrers_that_cannot_be_mended_is_told_of() {
    let scene = Scene::new();
    let sbom = referrer::of(&scene.old, "application/x-sbom");
    scene.registry.push("app", "", &sbom);
    let tag = scene.old.digest.replace(':', "-");
    scene.registry.push("app", &tag, &referrer::list(&[&sbom]));
    let body = "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"requested access to the resource is denied\"}]}";
    scene.recorder.on_path("PUT", "/manifests/").answer(403, &[], body);
    let run = scene
        .rdock(&["rmi", "--remote", &format!("HOST/app@{}", sbom.digest)])
        .fails(1);
    let said = format!("{} is removed; taking it from the list {tag}: ", sbom.digest);
    assert!(run.stderr.starts_with(&said) && run.stderr.contains("denied"), "{run}");
}

#[test]
fn a_registry_that_deletes_nothing_is_told_of() {
    let scene = Scene::new();
    let body = "{\"errors\":[{\"code\":\"UNSUPPORTED\",\"message\":\"The operation is unsupported.\"}]}";
    scene.recorder.on_path("DELETE", "/manifests/").answer(405, &[], body);
    let run = scene.rdock(&["rmi", "--remote", "HOST/app:multi"]).fails(1);
    assert!(
        run.stderr
            .starts_with("HOST does not let images be deleted: unsupported\nhint: whoever runs HOST"),
        "{run}"
    );
    let absent = scene
        .rdock(&["rmi", "--remote", "HOST/app:2", "HOST/nosuch:1"])
        .fails(1);
    assert!(
        absent.stderr.starts_with("manifest for HOST/app:2 not found: "),
        "{absent}"
    );
    let forgiven = scene.rdock(&["rmi", "-f", "--remote", "HOST/app:2"]).ok();
    assert_eq!(forgiven.stdout, "");
    let hub = scene.rdock(&["rmi", "--remote", "nginx:1"]).fails(1);
    assert!(
        hub.stderr
            .starts_with("Docker Hub lets images be deleted on its web pages only"),
        "{hub}"
    );
}

#[test]
fn an_image_is_inspected_on_its_registry_without_a_layer() {
    let scene = Scene::new();
    let run = scene.rdock(&["inspect", "--remote", "HOST/app:multi"]).ok();
    let told: Value = serde_json::from_str(&run.stdout).unwrap();
    let child = &scene.index.children[0];
    let told = &told[0];
    assert_eq!(told["Id"], child.config_digest.as_str());
    assert_eq!(told["RepoTags"], json!(["HOST/app:multi"]));
    assert_eq!(told["RepoDigests"], json!([format!("HOST/app@{}", scene.index.digest)]));
    assert_eq!(told["Architecture"], "amd64");
    assert_eq!(told["Descriptor"]["digest"], scene.index.digest.as_str());
    assert_eq!(told["Manifest"]["digest"], child.digest.as_str());
    assert_eq!(
        told["Platforms"],
        json!(["linux/amd64", "linux/arm64/v8", "linux/arm/v7"])
    );
    assert_eq!(told["Layers"][0]["digest"], child.layers[0].digest.as_str());
    assert_eq!(
        (scene.asked("GET", "/manifests/"), scene.asked("GET", "/blobs/")),
        (2, 1)
    );

    let arm = &scene.index.children[1];
    let platform = ["image", "inspect", "--remote", "--platform", "linux/arm64"];
    let arguments = [
        &platform[..],
        &["-f", "{{.Id}} {{.Variant}} {{.Manifest.digest}}", "HOST/app:multi"],
    ]
    .concat();
    let run = scene.rdock(&arguments).ok();
    assert_eq!(run.stdout, format!("{} v8 {}\n", arm.config_digest, arm.digest));
    let wrong = scene.rdock(&[&platform[..], &["HOST/app:1.9"]].concat()).fails(1);
    assert!(
        wrong
            .stderr
            .contains("does not provide the specified platform (linux/arm64/v8)"),
        "{wrong}"
    );
    let absent = scene
        .rdock(&["inspect", "--remote", "HOST/app:1.9", "HOST/app:2"])
        .fails(1);
    assert!(absent.stdout.contains(&scene.old.config_digest), "{absent}");
    assert!(
        absent.stderr.starts_with("manifest for HOST/app:2 not found: "),
        "{absent}"
    );
}
