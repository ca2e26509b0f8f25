//! `manifest create`: a list is made whole or not at all.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::support::image::Image;
use crate::support::layer::Layer;
use crate::support::recorder::Recorder;
use crate::support::sandbox::Sandbox;
use crate::support::serve::Serve;

/// A registry with images of two platforms in two repositories, and a home.
struct Lists {
    sandbox: Sandbox,
    registry: Serve,
    amd64: String,
}

impl Lists {
    fn new() -> Self {
        let (sandbox, registry) = (Sandbox::new(), Serve::open());
        let push = |repository: &str, tag: &str, platform: &str, seed| {
            let image = Image::new()
                .docker()
                .layer(Layer::seeded(seed, 2, 500))
                .platform(platform);
            let built = image.write(&sandbox.root().join(format!("image{seed}")));
            registry.push(repository, tag, &built);
            built.digest
        };
        let amd64 = push("team/app", "amd64", "linux/amd64", 1);
        push("other/app", "arm64", "linux/arm64/v8", 2);
        Self {
            sandbox,
            registry,
            amd64,
        }
    }

    /// The words with `HOST` as this host.
    fn run(&self, host: &str, words: &str) -> crate::support::process::Run {
        let words = words.replace("HOST", host);
        self.sandbox.rdock(&words.split(' ').collect::<Vec<_>>())
    }

    fn folder(&self) -> PathBuf {
        self.sandbox.home().join(".docker/manifests")
    }

    /// Each file of a list, and what is in it.
    fn files(&self) -> Vec<(PathBuf, String)> {
        let lists = fs::read_dir(self.folder()).into_iter().flatten();
        let files = lists.flat_map(|list| fs::read_dir(list.unwrap().path()).unwrap());
        let mut files: Vec<_> = files
            .map(|file| file.unwrap().path())
            .map(|path| (path.clone(), fs::read_to_string(path).unwrap()))
            .collect();
        files.sort();
        files
    }
}

#[test]
fn a_refused_image_leaves_the_list_as_it_was() {
    let lists = Lists::new();
    let host = lists.registry.host();
    let refused = lists
        .run(
            &host,
            "manifest create HOST/team/new HOST/team/app:amd64 HOST/team/app:nosuch",
        )
        .fails(1);
    assert!(refused.stderr.contains("no such manifest: "), "{refused}");
    assert_eq!(lists.files(), []);
    lists
        .run(&host, "manifest create HOST/team/list HOST/team/app:amd64")
        .ok();
    let before = lists.files();
    let amend = "manifest create --amend HOST/team/list HOST/other/app:arm64 HOST/team/app:nosuch";
    lists.run(&host, amend).fails(1);
    assert_eq!(lists.files(), before);
    lists
        .run(&host, "manifest create --amend HOST/team/list HOST/other/app:arm64")
        .ok();
    assert_eq!(lists.files().len(), 2);
    assert_eq!(fs::read_dir(lists.folder()).unwrap().count(), 1);
}

#[test]
fn a_killed_step_leaves_the_list_as_it_was() {
    let lists = Lists::new();
    let front = Recorder::front(&lists.registry.host());
    front.on_path("GET", "/other/app/manifests/").stall_after(0);
    let host = front.host();
    lists
        .run(&host, "manifest create HOST/team/list HOST/team/app:amd64")
        .ok();
    let before = lists.files();
    let [list, new, hanging] = [
        "team/list".to_owned(),
        format!("team/app@{}", lists.amd64),
        "other/app:arm64".to_owned(),
    ]
    .map(|name| format!("{host}/{name}"));
    let mut child = lists
        .sandbox
        .spawn(&["manifest", "create", "--amend", &list, &new, &hanging]);
    front.wait_for(|request| request.is("GET", "/other/app/manifests/"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(lists.files(), before);
    assert_eq!(fs::read_dir(lists.folder()).unwrap().count(), 1);
}

#[test]
fn what_a_killed_step_left_is_swept_up_when_it_is_old() {
    let lists = Lists::new();
    let host = lists.registry.host();
    lists
        .run(&host, "manifest create HOST/team/list HOST/team/app:amd64")
        .ok();
    let (old, new) = (lists.folder().join(".new-old"), lists.folder().join(".new-new"));
    for left in [&old, &new] {
        fs::create_dir(left).unwrap();
    }
    let long_ago = SystemTime::now() - Duration::from_hours(2);
    fs::File::open(&old).unwrap().set_modified(long_ago).unwrap();
    lists
        .run(&host, "manifest create HOST/team/second HOST/team/app:amd64")
        .ok();
    assert!(!old.exists() && new.exists());
}
