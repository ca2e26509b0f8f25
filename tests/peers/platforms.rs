//! Images for several platforms: kept whole, shown once, pushed whole or in part; and several pulls in one.

use crate::support::image::{Built, Image};
use crate::support::index::Index;
use crate::support::layer::Layer;
use crate::support::recorder::Recorder;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;
use crate::support::skopeo::inspect_raw;

struct Shop {
    sandbox: Sandbox,
    recorder: Recorder,
    registry: Registry,
    index: Built,
}

impl Shop {
    /// A registry with `team/multi`, seen through a recorder.
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let registry = Registry::open();
        let recorder = Recorder::front(&registry.host());
        let index = Index::multi_platform().write(&sandbox.root().join("index"));
        registry.push("team/multi", "latest", &index);
        Self {
            sandbox,
            recorder,
            registry,
            index,
        }
    }

    fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.recorder.host())
    }

    /// Repository and tag of each row.
    fn rows(&self) -> Vec<String> {
        let images = self.sandbox.rdock(&["images"]).ok();
        assert_eq!(images.stderr, "", "{images}");
        let row = |line: &str| line.split_whitespace().take(2).collect::<Vec<_>>().join(":");
        images.stdout.lines().skip(1).map(row).collect()
    }

    fn digests(&self) -> Vec<String> {
        let whole = |image: &Built| {
            let layers = image.layers.iter().map(|layer| layer.digest.clone());
            let documents = [image.digest.clone(), image.config_digest.clone()];
            layers.chain(documents).collect::<Vec<_>>()
        };
        let mut all: Vec<String> = self.index.children.iter().flat_map(whole).collect();
        all.retain(|digest| !digest.is_empty());
        all.push(self.index.digest.clone());
        all
    }

    fn has(&self, digest: &str) -> bool {
        self.sandbox
            .store()
            .join("blobs")
            .join(digest.replace(':', "/"))
            .is_file()
    }
}

#[test]
fn an_image_for_all_platforms_is_kept_whole_shown_once_and_pushed_as_it_came() {
    let shop = Shop::new();
    let name = shop.name("team/multi");
    // A platform that was pulled alone before is a part of the whole afterwards.
    shop.sandbox
        .rdock(&["pull", "-q", "--platform", "linux/arm64", &name])
        .ok();
    let run = shop.sandbox.rdock(&["pull", "--all-platforms", &name]).ok();
    let end = format!(
        "Digest: {}\nStatus: Downloaded newer image for {name}:latest\n{name}:latest\n",
        shop.index.digest
    );
    assert!(run.stdout.ends_with(&end), "{run}");
    for digest in shop.digests() {
        assert!(shop.has(&digest), "{digest}: {run}");
    }
    assert_eq!(shop.rows(), [format!("{name}:latest")]);

    shop.recorder.clear();
    let again = shop.sandbox.rdock(&["pull", "--all-platforms", &name]).ok();
    assert!(again.stdout.contains("Status: Image is up to date for "), "{again}");
    assert_eq!(shop.recorder.count(|_| true), 1, "one HEAD and nothing else");
    // One of the platforms is here already, so nothing has to come for it.
    let same = shop.sandbox.rdock(&["pull", &name]).ok();
    assert!(same.stdout.contains("Status: Image is up to date for "), "{same}");

    // A lost blob of another platform is fetched again, and no other.
    let layer = &shop.index.children[1].layers[0].digest;
    std::fs::remove_file(shop.sandbox.store().join("blobs").join(layer.replace(':', "/"))).unwrap();
    shop.recorder.clear();
    shop.sandbox.rdock(&["pull", "-q", "--all-platforms", &name]).ok();
    assert!(shop.has(layer));
    assert_eq!(shop.recorder.count(|request| request.is("GET", "/blobs/")), 1);

    let other = Registry::open();
    let target = format!("{}/mine/multi:v2", other.host());
    shop.sandbox.rdock(&["tag", &name, &target]).ok();
    let push = shop.sandbox.rdock(&["push", &target]).ok();
    let last = format!(
        "v2: digest: {} size: {}\n",
        shop.index.digest,
        shop.index.manifest.len()
    );
    assert!(push.stdout.ends_with(&last), "{push}");
    assert_eq!(inspect_raw(&format!("docker://{target}")), shop.index.manifest);
    for child in &shop.index.children {
        let at = format!("docker://{}/mine/multi@{}", other.host(), child.digest);
        assert_eq!(inspect_raw(&at), child.manifest);
    }
    shop.sandbox.rdock(&["rmi", &name, &target]).ok();
    assert!(shop.rows().is_empty());
    for digest in shop.digests() {
        assert!(!shop.has(&digest), "{digest} stayed");
    }
}

#[test]
fn push_sends_one_platform_when_asked_to() {
    let shop = Shop::new();
    let name = shop.name("team/multi");
    shop.sandbox.rdock(&["pull", "-q", "--all-platforms", &name]).ok();
    let arm64 = &shop.index.children[1];
    let part = shop.name("team/part:arm");
    shop.sandbox.rdock(&["tag", &name, &part]).ok();
    let run = shop.sandbox.rdock(&["push", "--platform", "linux/arm64", &part]).ok();
    let last = format!("arm: digest: {} size: {}\n", arm64.digest, arm64.manifest.len());
    assert!(run.stdout.ends_with(&last), "{run}");
    let pushed = format!("docker://{}/team/part:arm", shop.registry.host());
    assert_eq!(inspect_raw(&pushed), arm64.manifest);
    assert_eq!(shop.rows().len(), 2, "the part is no image of its own");

    let run = shop
        .sandbox
        .rdock(&["push", "-q", "--platform", "windows/amd64", &part])
        .fails(1);
    let words = format!(
        "image with reference {part} was found but does not provide the specified platform (windows/amd64)\n\
         hint: the image exists for linux/amd64, linux/arm64/v8, linux/arm/v7: choose one with --platform\n"
    );
    assert_eq!(run.stderr, words, "{run}");
    shop.sandbox.rdock(&["rmi", &name]).ok();
    shop.sandbox
        .rdock(&["pull", "-q", "--platform", "linux/arm64", &name])
        .ok();
    let run = shop
        .sandbox
        .rdock(&["push", "-q", "--platform", "linux/amd64", &name])
        .fails(1);
    let words = format!(
        "image with reference {name}:latest was found but its platform (linux/arm64/v8) does not match the specified \
         platform (linux/amd64)\n"
    );
    assert_eq!(run.stderr, words, "{run}");
    shop.sandbox
        .rdock(&["push", "-q", "--platform", "linux/arm64/v8", &name])
        .ok();
    let run = shop.sandbox.rdock(&["push", "--platform", "nosuchos", &name]).fails(1);
    assert!(
        run.stderr.starts_with("invalid platform: \"nosuchos\": unknown operating system"),
        "{run}"
    );
}

#[test]
fn a_whole_image_is_not_made_less_by_a_pull_of_one_platform() {
    let mut shop = Shop::new();
    let name = shop.name("team/multi");
    shop.registry.push("team/multi", "again", &shop.index);
    shop.sandbox.rdock(&["pull", "-q", "--all-platforms", &name]).ok();
    let run = shop.sandbox.rdock(&["pull", "--platform", "linux/arm64", &name]).ok();
    assert!(run.stdout.contains("Status: Image is up to date for "), "{run}");
    // Another tag of the same image, and one of its platforms damaged here.
    let layer = &shop.index.children[2].layers[0].digest;
    std::fs::remove_file(shop.sandbox.blob(layer)).unwrap();
    let again = shop.name("team/multi:again");
    shop.sandbox.set_env("DOCKER_DEFAULT_PLATFORM", "linux/arm64");
    for name in [&again, &name] {
        shop.sandbox.rdock(&["pull", "-q", name]).ok();
        let run = shop.sandbox.rdock(&["push", name]).ok();
        let size = shop.index.manifest.len();
        let end = format!(": digest: {} size: {size}\n", shop.index.digest);
        assert!(run.stdout.ends_with(&end), "{run}");
    }
    let wrong = ["pull", "-q", "--platform", "linux/s390x", &name];
    let run = shop.sandbox.rdock(&wrong).fails(1);
    assert!(run.stderr.starts_with("no matching manifest for linux/s390x"), "{run}");
    for digest in shop.digests() {
        assert!(shop.has(&digest), "{digest}");
    }
}

#[test]
fn of_all_tags_one_for_other_machines_is_passed_over_by_name() {
    let shop = Shop::new();
    let arm = Index::new().image(Image::new().layer(Layer::seeded(1, 2, 500)).platform("linux/s390x"));
    let arm = arm.write(&shop.sandbox.root().join("foreign"));
    shop.registry.push("team/multi", "a", &arm);
    let name = shop.name("team/multi");
    let run = shop.sandbox.rdock(&["pull", "-a", &name]).fails(1);
    let words = format!("{name}:a is passed over: no matching manifest for linux/");
    assert!(run.stderr.starts_with(&words), "{run}");
    let end = format!("Status: Downloaded newer image for {name}\n{name}\n");
    assert!(run.stdout.ends_with(&end), "{run}");
    assert_eq!(shop.rows(), [format!("{name}:latest")]);
    // What is wrong with the registry ends it, as in docker.
    shop.recorder.on_path("GET", "/manifests/").answer(500, &[], "");
    shop.recorder.on_path("HEAD", "/manifests/").answer(500, &[], "");
    let run = shop.sandbox.rdock(&["pull", "-a", "-q", &name]).fails(1);
    assert!(!run.stderr.contains("passed over"), "{run}");
}

#[test]
fn of_all_tags_each_that_cannot_be_pulled_is_passed_over_by_name() {
    let shop = Shop::new();
    let image = |seed: u64| Image::new().layer(Layer::seeded(seed, 2, 500));
    for (tag, seed) in [("a-gone", 1), ("b-schema1", 2), ("c-layergone", 3), ("z-good", 4)] {
        let built = image(seed).write(&shop.sandbox.root().join(tag));
        shop.registry.push("team/multi", tag, &built);
        if tag == "c-layergone" {
            shop.recorder.on_path("GET", &built.layers[0].digest).answer(
                404,
                &[],
                r#"{"errors":[{"code":"BLOB_UNKNOWN"}]}"#,
            );
        }
    }
    shop.recorder
        .on_path("GET", "/manifests/a-gone")
        .answer(404, &[], r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#);
    let old = (
        "Content-Type",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    );
    let schema1 = r#"{"schemaVersion":1,"name":"team/multi","tag":"x","fsLayers":[],"history":[],"signatures":[]}"#;
    shop.recorder
        .on_path("GET", "/manifests/b-schema1")
        .answer(200, &[old], schema1);
    let name = shop.name("team/multi");
    let run = shop.sandbox.rdock(&["pull", "-a", &name]).fails(1);
    let mut told: Vec<&str> = run.stderr.lines().collect();
    told.sort_unstable();
    assert_eq!(told.len(), 3, "{run}");
    for (line, tag) in told.iter().zip(["a-gone", "b-schema1", "c-layergone"]) {
        assert!(line.starts_with(&format!("{name}:{tag} is passed over: ")), "{run}");
    }
    let mut rows = shop.rows();
    rows.sort();
    assert_eq!(rows, [format!("{name}:latest"), format!("{name}:z-good")]);
}

#[test]
fn several_images_are_pulled_one_after_the_other_whatever_becomes_of_one() {
    let shop = Shop::new();
    let web = Image::new()
        .layer(Layer::seeded(1, 2, 500))
        .write(&shop.sandbox.root().join("web"));
    shop.registry.push("team/web", "v1", &web);
    let (web, multi) = (shop.name("team/web:v1"), shop.name("team/multi:latest"));
    let missing = shop.name("team/web:v2");
    let run = shop.sandbox.rdock(&["pull", &web, &missing, &multi]).fails(1);
    let last = |name: &str| {
        run.stdout
            .contains(&format!("Status: Downloaded newer image for {name}\n{name}\n"))
    };
    assert!(last(&web) && last(&multi), "{run}");
    assert!(
        run.stderr.starts_with(&format!("manifest for {missing} not found: ")),
        "{run}"
    );
    let quiet = shop.sandbox.rdock(&["pull", "-q", &web, &multi]).ok();
    assert_eq!(quiet.stdout, format!("{web}\n{multi}\n"));
    assert_eq!(shop.rows().len(), 2);
    let run = shop
        .sandbox
        .rdock(&["pull", "--all-platforms", "--platform", "linux/arm64", &multi])
        .fails(1);
    assert_eq!(
        run.stderr,
        "conflicting options: cannot specify both --all-platforms and --platform\n"
    );
}
