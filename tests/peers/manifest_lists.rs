//! `manifest`: the same words, files and digests as the real docker client, and each goes on where the other stopped.

use std::fs;
use std::path::PathBuf;

use crate::support::image::{Built, Image};
use crate::support::index::Index;
use crate::support::layer::Layer;
use crate::support::process::Run;
use crate::support::registry::{Registry, free_port};
use crate::support::sandbox::Sandbox;
use crate::support::skopeo::inspect_raw;

/// A registry with images of several platforms in two repositories, and a home.
struct Setup {
    sandbox: Sandbox,
    registry: Registry,
    amd64: Built,
    arm64: Built,
}

impl Setup {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let registry = Registry::open();
        let push = |repository: &str, tag: &str, platform: &str, seed| {
            let image = Image::new()
                .docker()
                .layer(Layer::seeded(seed, 2, 500))
                .platform(platform);
            let built = image.write(&sandbox.root().join(format!("image{seed}")));
            registry.push(repository, tag, &built);
            built
        };
        Self {
            amd64: push("team/app", "amd64", "linux/amd64", 1),
            arm64: push("other/app", "arm64", "linux/arm64/v8", 2),
            sandbox,
            registry,
        }
    }

    fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.registry.host())
    }

    /// The arguments with `HOST` as this registry.
    fn arguments(&self, line: &str) -> Vec<String> {
        let line = line.replace("HOST", &self.registry.host());
        line.split(' ').map(str::to_owned).collect()
    }

    fn rdock(&self, line: &str) -> Run {
        let arguments = self.arguments(&format!("manifest {line}"));
        self.sandbox
            .rdock(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Docker's own client, in the same home.
    fn docker(&self, line: &str) -> Run {
        let arguments = self.arguments(&format!("manifest {line}"));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.sandbox.run("docker", &arguments)
    }

    fn lists(&self) -> Vec<(String, String)> {
        let Ok(lists) = fs::read_dir(self.folder()) else {
            return Vec::new();
        };
        let images = lists.flat_map(|list| fs::read_dir(list.unwrap().path()).unwrap());
        let mut files: Vec<_> = images
            .map(|file| {
                let path = file.unwrap().path();
                (path.display().to_string(), fs::read_to_string(path).unwrap())
            })
            .collect();
        files.sort();
        files
    }

    fn folder(&self) -> PathBuf {
        self.sandbox.home().join(".docker/manifests")
    }
}

#[test]
fn every_step_of_a_list_is_docker_s_word_for_word() {
    let setup = Setup::new();
    let list = "HOST/team/list:1";
    let steps = [
        format!("create --insecure {list} HOST/team/app:amd64 HOST/other/app:arm64"),
        format!("create --insecure {list} HOST/team/app:amd64"),
        format!("create --insecure --amend {list} HOST/team/app:nosuch"),
        format!("create --insecure --amend {list} HOST/team/app:amd64"),
        "create --insecure a:b:c HOST/team/app:amd64".to_owned(),
        "create --insecure x Bad".to_owned(),
        format!("inspect {list}"),
        format!("inspect {list} HOST/other/app:arm64"),
        format!("inspect {list} HOST/other/app:nosuch"),
        format!("annotate {list} HOST/other/app:arm64 --arch arm --variant v7 --os-features a,b --os-features b,c"),
        format!("annotate {list} HOST/team/app:amd64 --os windows --os-version 10.0"),
        format!("annotate {list} HOST/team/app:amd64 --arch bogus"),
        format!("annotate {list} HOST/team/app:nosuch --arch arm"),
        "annotate nosuch HOST/team/app:amd64 --arch arm".to_owned(),
        format!("inspect {list}"),
        format!("push --insecure {list}"),
        "inspect --insecure HOST/team/list:1".to_owned(),
        format!("push --insecure --purge {list}"),
        format!("push --insecure {list}"),
        format!("rm {list}"),
        "inspect --insecure HOST/team/list:1".to_owned(),
        "inspect --insecure HOST/team/app:amd64".to_owned(),
        "inspect --insecure HOST/team/app:nosuch".to_owned(),
        "create --insecure elsewhere.example/x HOST/team/app:amd64".to_owned(),
        "push --insecure elsewhere.example/x".to_owned(),
        "create --insecure HOST/team/nested HOST/team/list:1".to_owned(),
        "rm elsewhere.example/x".to_owned(),
    ];
    for step in &steps {
        let before = setup.lists();
        let docker = setup.docker(step);
        let by_docker: Vec<String> = setup.lists().into_iter().map(|(path, _)| path).collect();
        // The same step from the same state.
        let _ = fs::remove_dir_all(setup.folder());
        for (path, text) in &before {
            fs::create_dir_all(PathBuf::from(path).parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let rdock = setup.rdock(step);
        assert_eq!(
            (&rdock.stdout, rdock.code),
            (&docker.stdout, docker.code),
            "{rdock}\n{docker}"
        );
        assert_eq!(rdock.stderr, docker.stderr, "{rdock}");
        let by_rdock: Vec<String> = setup.lists().into_iter().map(|(path, _)| path).collect();
        assert_eq!(by_rdock, by_docker, "{step}");
    }
}

#[test]
fn docker_and_rdock_work_on_one_list_in_turns() {
    let setup = Setup::new();
    setup
        .docker("create --insecure HOST/team/list HOST/team/app:amd64")
        .ok();
    setup.rdock("create --amend HOST/team/list HOST/other/app:arm64").ok();
    setup
        .docker("annotate HOST/team/list HOST/other/app:arm64 --variant v9")
        .ok();
    setup
        .rdock("annotate HOST/team/list HOST/team/app:amd64 --os-version 6")
        .ok();
    let listed = setup.rdock("inspect HOST/team/list").ok();
    assert_eq!(listed.stdout, setup.docker("inspect HOST/team/list").ok().stdout);
    let pushed = setup.rdock("push HOST/team/list").ok();
    let pulled = inspect_raw(&format!("docker://{}", setup.name("team/list:latest")));
    assert_eq!(String::from_utf8(pulled).unwrap() + "\n", listed.stdout, "{pushed}");
    assert_eq!(
        setup.docker("push --insecure HOST/team/list").ok().stdout,
        pushed.stdout
    );
    // The image of the other repository came over, whole.
    let arm64 = format!("docker://{}@{}", setup.name("team/list"), setup.arm64.digest);
    assert_eq!(inspect_raw(&arm64), setup.arm64.manifest);
    let run = setup
        .sandbox
        .rdock(&["pull", "--platform", "linux/amd64", &setup.name("team/list")])
        .ok();
    assert!(run.stdout.contains("Status: Downloaded newer image"), "{run}");
    assert!(setup.registry.log().contains("mount="), "blobs are mounted, not sent");

    // What an old docker has not kept is fetched again.
    for (path, text) in setup.lists() {
        let mut old: serde_json::Value = serde_json::from_str(&text).unwrap();
        old.as_object_mut().unwrap().remove("Raw");
        fs::write(path, old.to_string()).unwrap();
    }
    assert_eq!(setup.rdock("push HOST/team/list").ok().stdout, pushed.stdout);
    let verbose = setup.rdock("inspect -v HOST/team/list").ok();
    assert!(verbose.stdout.contains("\t\t\"Raw\": \""), "{verbose}");

    let broken = setup.lists()[0].0.clone();
    fs::write(&broken, "{").unwrap();
    let run = setup.rdock("push HOST/team/list").fails(1);
    assert!(run.stderr.starts_with(&format!("{broken} cannot be used: ")), "{run}");
    let two = setup.rdock("rm HOST/team/list nosuch:1 nosuch:2").fails(1);
    let words = "No such manifest: docker.io/library/nosuch:1\nNo such manifest: docker.io/library/nosuch:2\n";
    assert_eq!(two.stderr, words, "{two}");
    assert!(setup.lists().is_empty());
}

#[test]
fn inspect_shows_an_index_of_any_sort_as_docker_28_does() {
    let setup = Setup::new();
    let index = Index::multi_platform().write(&setup.sandbox.root().join("index"));
    setup.registry.push("team/oci", "latest", &index);
    let plain = setup.rdock("inspect HOST/team/oci").ok();
    let document: serde_json::Value = serde_json::from_str(&plain.stdout).unwrap();
    assert_eq!(document["mediaType"], "application/vnd.oci.image.index.v1+json");
    let digests = document["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["digest"].as_str().unwrap());
    assert!(
        digests.eq(index.children.iter().map(|child| child.digest.as_str())),
        "{plain}"
    );
    let arm64 = &index.children[1];
    let member = format!(
        "      {{\n         \"mediaType\": \"application/vnd.oci.image.manifest.v1+json\",\n         \"size\": {},\n         \
         \"digest\": \"{}\",\n         \"platform\": {{\n            \"architecture\": \"arm64\",\n            \
         \"os\": \"linux\",\n            \"variant\": \"v8\"\n         }}\n      }},\n",
        arm64.manifest.len(),
        arm64.digest
    );
    assert!(plain.stdout.contains(&member), "{plain}");

    let verbose = setup.rdock("inspect -v HOST/team/oci").ok();
    let ref_line = format!(
        "\n\t\t\"Ref\": \"{}:latest@{}\",\n",
        setup.name("team/oci"),
        arm64.digest
    );
    assert!(verbose.stdout.contains(&ref_line), "{verbose}");
    let members: serde_json::Value = serde_json::from_str(&verbose.stdout).unwrap();
    for (member, child) in members.as_array().unwrap().iter().zip(&index.children) {
        let manifest: serde_json::Value = serde_json::from_slice(&child.manifest).unwrap();
        assert_eq!(member["OCIManifest"], manifest);
        assert_eq!(member["Descriptor"]["size"], child.manifest.len());
    }
    let image = setup.rdock("inspect -v HOST/team/app:amd64").ok();
    let document: serde_json::Value = serde_json::from_str(&image.stdout).unwrap();
    assert_eq!(document["Descriptor"]["digest"], setup.amd64.digest);
    assert_eq!(document["Descriptor"]["platform"]["architecture"], "amd64");
    assert!(image.stdout.starts_with("{\n\t\"Ref\": \""), "{image}");

    let closed = free_port();
    let run = setup.rdock(&format!("inspect 127.0.0.1:{closed}/x")).fails(1);
    let words = "failed to configure transport: error pinging v2 registry: Get \"http";
    assert!(run.stderr.starts_with(words), "{run}");
}

#[test]
fn an_amended_list_takes_an_image_as_it_is_now_and_says_so() {
    let setup = Setup::new();
    setup.rdock("create HOST/team/list:1 HOST/team/app:amd64").ok();
    setup
        .rdock("annotate HOST/team/list:1 HOST/team/app:amd64 --os-version 7")
        .ok();
    let unchanged = setup.rdock("create --amend HOST/team/list:1 HOST/team/app:amd64").ok();
    assert_eq!(unchanged.stderr, "");
    let rebuilt = Image::new()
        .docker()
        .layer(Layer::seeded(9, 2, 500))
        .platform("linux/amd64");
    let rebuilt = rebuilt.write(&setup.sandbox.root().join("rebuilt"));
    setup.registry.push("team/app", "amd64", &rebuilt);
    let amended = setup.rdock("create --amend HOST/team/list:1 HOST/team/app:amd64").ok();
    let (old, new) = (&setup.amd64.digest, &rebuilt.digest);
    assert!(amended.stderr.starts_with("WARNING: "), "{amended}");
    assert!(
        amended.stderr.contains(&format!("takes {new} instead of {old}")),
        "{amended}"
    );
    setup.rdock("push HOST/team/list:1").ok();
    let list = setup.rdock("inspect HOST/team/list:1").ok();
    assert!(
        list.stdout.contains(new.as_str()) && !list.stdout.contains(old.as_str()),
        "{list}"
    );
    assert!(
        list.stdout.contains("\"os.version\": \"7\""),
        "what annotate said stays: {list}"
    );
}
