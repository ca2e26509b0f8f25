//! `copy`: straight from one place to another, as it is, and never a byte twice.

mod places;
mod referrers;
mod registries;

use std::fs;

use crate::support::image::{Built, Image};
use crate::support::index::Index;
use crate::support::layer::{Layer, digest};
use crate::support::process::Run;
use crate::support::recorder::Recorder;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;
use crate::support::skopeo;

/// The digest of what stands at a registry under a name, as skopeo sees it.
fn remote_digest(host: &str, name: &str) -> String {
    digest(&skopeo::inspect_raw(&format!("docker://{host}/{name}")))
}

/// Two registries, each behind a recorder, the first with an image of three platforms as `team/app:v1`.
struct Scene {
    sandbox: Sandbox,
    from: Recorder,
    to: Recorder,
    index: Built,
    source: Registry,
    _destination: Registry,
}

impl Scene {
    fn new() -> Self {
        let (sandbox, source, destination) = (Sandbox::new(), Registry::open(), Registry::open());
        let index = Index::multi_platform().write(&sandbox.root().join("image"));
        source.push("team/app", "v1", &index);
        Self {
            from: Recorder::front(&source.host()),
            to: Recorder::front(&destination.host()),
            sandbox,
            index,
            source,
            _destination: destination,
        }
    }

    /// Runs `rdock copy` with `FROM` and `TO` in its arguments filled in.
    #[track_caller]
    fn copy(&self, arguments: &[&str]) -> Run {
        let fill = |it: &&str| it.replace("FROM", &self.from.host()).replace("TO", &self.to.host());
        let arguments: Vec<String> = arguments.iter().map(fill).collect();
        let arguments: Vec<&str> = std::iter::once("copy")
            .chain(arguments.iter().map(String::as_str))
            .collect();
        self.sandbox.rdock(&arguments)
    }

    fn shown(&self, text: &str) -> String {
        text.replace(&self.from.host(), "FROM").replace(&self.to.host(), "TO")
    }

    fn clear(&self) {
        self.from.clear();
        self.to.clear();
    }
}

#[test]
fn a_whole_index_is_copied_once_and_then_costs_a_handful_of_small_requests() {
    let scene = Scene::new();
    let run = scene.copy(&["FROM/team/app:v1", "TO/other/app:v2"]).ok();
    let told: Vec<String> = run.stdout.lines().map(|line| scene.shown(line)).collect();
    assert_eq!(told[0], "Copying FROM/team/app:v1 to TO/other/app:v2", "{run}");
    let pushed = told.iter().filter(|line| line.ends_with(": Pushed")).count();
    assert_eq!(pushed, 4, "three layers and one of the attestation: {run}");
    let size = scene.index.manifest.len();
    let end = [
        format!("v2: digest: {} size: {size}", scene.index.digest),
        "Status: Copied image to TO/other/app:v2".to_owned(),
        "TO/other/app:v2".to_owned(),
    ];
    assert_eq!(told[told.len() - 3..], end, "{run}");
    assert_eq!(run.stderr, "");
    assert_eq!(remote_digest(&scene.to.host(), "other/app:v2"), scene.index.digest);
    let out = format!("dir:{}", scene.sandbox.root().join("out").display());
    skopeo::copy(&format!("docker://{}/other/app:v2", scene.to.host()), &out);
    for part in ["blobs/sha256", "ingest"] {
        let kept = fs::read_dir(scene.sandbox.store().join(part)).map_or(0, Iterator::count);
        assert_eq!(kept, 0, "nothing of it came to the store's {part}");
    }

    scene.clear();
    let again = scene.copy(&["FROM/team/app:v1", "TO/other/app:v2"]).ok();
    assert!(again.stdout.contains("Status: Image is up to date for"), "{again}");
    assert_eq!(scene.from.count(|it| it.method == "GET" && it.path != "/v2/"), 1);
    let asked = |method: &str| scene.to.count(|it| it.method == method && it.path != "/v2/");
    assert_eq!([asked("HEAD"), asked("GET"), asked("POST"), asked("PUT")], [5, 0, 0, 0]);
}

#[test]
fn a_second_copy_moves_only_what_the_first_did_not() {
    let scene = Scene::new();
    let last = scene.index.children[2].layers[0].digest.clone();
    scene
        .from
        .on_path("GET", &last)
        .answer(404, &[], "{\"errors\":[{\"code\":\"BLOB_UNKNOWN\"}]}");
    scene.copy(&["FROM/team/app:v1", "TO/team/app:v1"]).fails(1);
    assert_eq!(
        scene
            .to
            .count(|it| it.method == "PUT" && it.path.ends_with("/manifests/v1")),
        0
    );
    let fresh = Recorder::front(&scene.source.host());
    let here = fresh.host();
    scene.to.clear();
    let run = scene
        .copy(&["-q", &format!("{here}/team/app:v1"), "TO/team/app:v1"])
        .ok();
    assert_eq!(run.stdout, format!("{}/team/app:v1\n", scene.to.host()));
    assert!(fresh.count(|it| it.is("GET", "/blobs/")) <= 8, "{:?}", fresh.requests());
    assert_eq!(fresh.count(|it| it.is("GET", &last)), 1);
    assert_eq!(remote_digest(&scene.to.host(), "team/app:v1"), scene.index.digest);
}

#[test]
fn a_cut_connection_does_not_end_a_copy() {
    let scene = Scene::new();
    let big = Image::new().layer(Layer::files(1, 3_000_000)).uncompressed();
    let big = big.write(&scene.sandbox.root().join("big"));
    scene.source.push("team/big", "1", &big);
    let layer = big.layers[0].digest.clone();
    scene.from.on_path("GET", &layer).times(1).cut_after(1_000_000);
    scene.copy(&["FROM/team/big:1", "TO/team/big:1"]).ok();
    assert_eq!(remote_digest(&scene.to.host(), "team/big:1"), big.digest);
}

#[test]
fn within_one_registry_blobs_are_mounted_and_a_second_tag_moves_nothing() {
    let scene = Scene::new();
    let run = scene.copy(&["FROM/team/app:v1", "FROM/mirror/app:v1"]).ok();
    assert!(run.stdout.contains(": Mounted from team/app\n"), "{run}");
    assert_eq!(
        scene.from.count(|it| it.is("GET", "/blobs/") || it.method == "PATCH"),
        0
    );
    scene.clear();
    scene.copy(&["FROM/team/app:v1", "FROM/team/app:v2"]).ok();
    assert_eq!(scene.from.count(|it| it.path.contains("/blobs/")), 0);
    assert_eq!(remote_digest(&scene.from.host(), "team/app:v2"), scene.index.digest);
}

#[test]
fn one_platform_can_be_copied_alone() {
    let scene = Scene::new();
    let arm = &scene.index.children[1].digest;
    let run = scene
        .copy(&["--platform", "linux/arm64", "FROM/team/app:v1", "TO/arm"])
        .ok();
    assert!(
        run.stdout
            .starts_with("Using default tag for the destination: latest\n"),
        "{run}"
    );
    assert_eq!(&remote_digest(&scene.to.host(), "arm:latest"), arm);
    let wrong = scene
        .copy(&["--platform", "s390x", "FROM/team/app:v1", "TO/x:1"])
        .fails(1);
    assert!(
        wrong.stderr.starts_with("no matching manifest for linux/s390x"),
        "{wrong}"
    );
    let single = scene.copy(&["--platform", "s390x", "TO/arm", "TO/x:1"]).fails(1);
    let words = "the image is not for linux/s390x\n\
                 hint: the image exists for linux/arm64/v8: choose one with --platform\n";
    assert_eq!(single.stderr, words);
}

#[test]
fn all_tags_go_even_past_one_that_cannot() {
    let scene = Scene::new();
    let small = Image::small().write(&scene.sandbox.root().join("small"));
    for tag in ["1.9", "1.10", "edge"] {
        scene.source.push("team/app", tag, &small);
    }
    scene.from.on_path("GET", "/manifests/edge").answer(
        200,
        &[(
            "Content-Type",
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
        )],
        "{\"schemaVersion\":1,\"fsLayers\":[]}",
    );
    let run = scene.copy(&["--all-tags", "FROM/team/app", "TO/mirror/app"]).fails(1);
    assert!(
        scene
            .shown(&run.stderr)
            .starts_with("copying FROM/team/app:edge: this is a schema 1 manifest"),
        "{run}"
    );
    let tags = scene
        .sandbox
        .rdock(&["tags", "-q", &format!("{}/mirror/app", scene.to.host())])
        .ok();
    assert_eq!(tags.stdout, "1.9\n1.10\nv1\n");
    scene.to.clear();
    scene.copy(&["-a", "--filter", "1.*", "FROM/team/app", "TO/few"]).ok();
    let tags = scene
        .sandbox
        .rdock(&["tags", "-q", &format!("{}/few", scene.to.host())])
        .ok();
    assert_eq!(tags.stdout, "1.9\n1.10\n");
    let layer = &small.layers[0].digest;
    let asked = |method: &str| scene.to.count(|it| it.method == method && it.path.contains(layer));
    assert_eq!(
        asked("HEAD"),
        1,
        "what the first tag brought is not asked for by the second"
    );
}

#[test]
fn a_whole_registry_moves_below_a_path() {
    let scene = Scene::new();
    let small = Image::small().write(&scene.sandbox.root().join("small"));
    scene.source.push("hello", "1", &small);
    scene.copy(&["-q", "--all", "FROM", "TO/old"]).ok();
    assert_eq!(remote_digest(&scene.to.host(), "old/hello:1"), small.digest);
    assert_eq!(remote_digest(&scene.to.host(), "old/team/app:v1"), scene.index.digest);
}

#[test]
fn a_whole_registry_and_a_path_do_not_go_together_and_the_way_out_works() {
    let scene = Scene::new();
    for place in ["docker-archive:x.tar", "oci-archive:x.tar", "oci:out"] {
        let run = scene.copy(&["--all", "FROM", place]).fails(1);
        let words = "--all copies from registry to registry: to a folder, copy one repository after the other, as with";
        assert!(run.stderr.starts_with(words), "{run}");
    }
    let folder = format!("oci:{}", scene.sandbox.root().join("out").display());
    scene.copy(&["--all-tags", "FROM/team/app", &folder]).ok();
    scene.copy(&[&format!("{folder}:v1"), "TO/back:v1"]).ok();
    assert_eq!(remote_digest(&scene.to.host(), "back:v1"), scene.index.digest);
}

#[test]
fn all_repositories_of_a_run_share_a_few_connections() {
    let scene = Scene::new();
    let small = Image::small().write(&scene.sandbox.root().join("small"));
    for number in 0..12 {
        scene.source.push(&format!("hello/{number}"), "1", &small);
    }
    scene.copy(&["-q", "--all", "--max-concurrent", "1", "FROM", "TO"]).ok();
    let there = format!("{}/hello/11:1", scene.to.host());
    assert_eq!(
        scene.sandbox.rdock(&["digest", &there]).ok().stdout.trim(),
        small.digest
    );
    let connections = [scene.from.connections(), scene.to.connections()];
    assert!(connections.iter().all(|count| *count <= 8), "{connections:?}");
}

#[test]
fn a_warning_is_told_once_whatever_number_of_repositories_are_met() {
    let scene = Scene::new();
    let small = Image::small().write(&scene.sandbox.root().join("small"));
    scene.source.push("hello", "1", &small);
    let config = scene.sandbox.home().join(".config/docker");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("daemon.json"), "{\"insecure-registries\": 1}").unwrap();
    let run = scene.copy(&["-q", "--all", "FROM", "TO"]).ok();
    assert_eq!(run.stderr.matches("daemon.json").count(), 1, "{run}");
}

#[test]
fn a_copy_whose_source_falls_silent_reconnects_and_goes_on() {
    let scene = Scene::new();
    let big = Image::new().layer(Layer::files(1, 3_000_000)).uncompressed();
    let big = big.write(&scene.sandbox.root().join("big"));
    scene.source.push("team/big", "1", &big);
    let layer = big.layers[0].digest.clone();
    scene.from.on_path("GET", &layer).times(2).stall_after(1_000_000);
    scene
        .copy(&[
            "--stall-timeout",
            "2s",
            "--timeout",
            "250s",
            "FROM/team/big:1",
            "TO/team/big:1",
        ])
        .ok();
    assert_eq!(remote_digest(&scene.to.host(), "team/big:1"), big.digest);
}

#[test]
fn a_dry_run_tells_the_bytes_and_writes_nothing() {
    let scene = Scene::new();
    let first = &scene.index.children[0];
    scene.source.push("x", "1", first);
    scene.copy(&["FROM/x:1", "TO/team/app:x"]).ok();
    scene.to.clear();
    let run = scene.copy(&["--dry-run", "FROM/team/app:v1", "TO/team/app:v1"]).ok();
    assert_eq!(scene.to.count(|it| it.method != "GET" && it.method != "HEAD"), 0);
    let blobs: Vec<u64> = scene.index.children[1..]
        .iter()
        .flat_map(|child| {
            let config = fs::metadata(child.blob(&child.config_digest)).unwrap().len();
            child
                .layers
                .iter()
                .map(|layer| layer.size)
                .chain([config])
                .collect::<Vec<_>>()
        })
        .collect();
    let bytes: u64 = blobs.iter().sum();
    let count = blobs.len();
    let told = format!("To copy:       {count} blobs, ");
    let line = run
        .stdout
        .lines()
        .find(|line| line.starts_with(&told))
        .unwrap_or_default();
    assert!(line.ends_with(&format!("({bytes} bytes)")), "{bytes}: {run}");
    assert!(run.stdout.contains("To write:      4 manifests, "), "{run}");
    let mounted = scene.copy(&["--dry-run", "FROM/team/app:v1", "FROM/other:v1"]).ok();
    assert!(mounted.stdout.contains("mount from team/app\n"), "{mounted}");
}

#[test]
fn what_does_not_fit_together_is_refused_before_anything_moves() {
    let scene = Scene::new();
    let zeros = crate::support::three_images::ZEROS;
    let other = format!("TO/app@{zeros}");
    for (arguments, words) in [
        (
            vec!["-a", "FROM/team/app:v1", "TO/app"],
            "tag can't be used with --all-tags/-a\n",
        ),
        (
            vec!["--filter", "x", "FROM/team/app", "TO/app"],
            "--filter goes with --all-tags or --all\n",
        ),
        (
            vec!["-a", "--filter", "[", "FROM/team/app", "TO/app"],
            "syntax error in pattern\n",
        ),
        (vec!["FROM/team/app:v2", "TO/app:v2"], "hint: existing tags: v1\n"),
        (vec!["FROM/team/app:v1", &other], "FROM/team/app:v1 has the digest "),
    ] {
        let run = scene.copy(&arguments).fails(1);
        assert!(scene.shown(&run.stderr).contains(words), "{words}: {run}");
    }
    assert_eq!(scene.to.count(|it| it.method == "POST" || it.method == "PUT"), 0);
    let exact = format!("TO/app@{}", scene.index.digest);
    scene.copy(&["FROM/team/app:v1", &exact]).ok();
    assert_eq!(
        remote_digest(&scene.to.host(), &format!("app@{}", scene.index.digest)),
        scene.index.digest
    );
}
