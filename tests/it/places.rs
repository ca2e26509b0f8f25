//! What every place promises that takes in images, asked of each: a registry, the store, a layout, an archive.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::image::{Built, Image};
use crate::support::layer::Layer;
use crate::support::process::Run;
use crate::support::recorder::Recorder;
use crate::support::sandbox::Sandbox;
use crate::support::serve::Serve;

/// Where in the layer the line breaks or lies.
const MIDDLE: u64 = 300_000;

/// What is different about a place.
struct Place {
    /// As it is typed, in a folder or on a host of its own.
    spelled: fn(&Path, &str) -> String,
    /// Whether what has come is there for the next run.
    keeps_parts: bool,
}

/// A new place comes here, and nowhere else.
const PLACES: [Place; 4] = [
    Place {
        spelled: |_, host| format!("{host}/to/app:1"),
        keeps_parts: false,
    },
    Place {
        spelled: |_, _| "rdock-store:to/app:1".to_owned(),
        keeps_parts: true,
    },
    Place {
        spelled: |folder, _| format!("oci:{}:1", folder.join("layout").display()),
        keeps_parts: true,
    },
    Place {
        spelled: |folder, _| format!("oci-archive:{}:to/app:1", folder.join("a.tar").display()),
        keeps_parts: false,
    },
];

/// A source with an old image and a new one, behind a line that can break, and one place to copy them to.
struct Scene {
    sandbox: Sandbox,
    source: Recorder,
    old: Built,
    new: Built,
    to: String,
    keeps_parts: bool,
    _source: Serve,
    _target: Serve,
}

impl Scene {
    fn of(place: &Place) -> Self {
        let (sandbox, source, target) = (Sandbox::new(), Serve::open(), Serve::open());
        let image = |name: &str, seed: u64| {
            let image = Image::new()
                .layer(Layer::seeded(seed, 1, 800_000))
                .layer(Layer::text("a", name));
            let built = image.write(&sandbox.root().join(name));
            source.push("app", name, &built);
            built
        };
        Self {
            old: image("old", 1),
            new: image("new", 2),
            to: (place.spelled)(sandbox.root(), &target.host()),
            keeps_parts: place.keeps_parts,
            source: Recorder::front(&source.host()),
            sandbox,
            _source: source,
            _target: target,
        }
    }

    fn layer(&self) -> &str {
        &self.new.layers[0].digest
    }

    fn command(&self, tag: &str) -> Command {
        let from = format!("{}/app:{tag}", self.source.host());
        self.sandbox.command(&["copy", "-q", &from, &self.to])
    }

    fn copy(&self, tag: &str) -> Run {
        let from = format!("{}/app:{tag}", self.source.host());
        self.sandbox.rdock(&["copy", "-q", &from, &self.to])
    }

    /// The digest that the place's name stands for, with all of it copied out and verified; none where there is none.
    fn stands(&self) -> Option<String> {
        let folder = self.sandbox.root().join(format!("out-{}", fastrand::u64(..)));
        let out = format!("oci:{}:x", folder.display());
        let run = self.sandbox.rdock(&["copy", "-q", &self.to, &out]);
        if run.code != 0 {
            assert!(!folder.join("index.json").exists(), "{run}");
            return None;
        }
        let index: Value = serde_json::from_slice(&fs::read(folder.join("index.json")).unwrap()).unwrap();
        Some(index["manifests"][0]["digest"].as_str().unwrap().to_owned())
    }
}

/// Asks the promise of each place.
fn each(promise: impl Fn(&Scene)) {
    for place in &PLACES {
        promise(&Scene::of(place));
    }
}

#[test]
fn a_cut_stream_is_gone_on_with() {
    each(|scene| {
        scene.source.on_path("GET", scene.layer()).times(1).cut_after(MIDDLE);
        scene.copy("new").ok();
        assert_eq!(scene.stands().as_ref(), Some(&scene.new.digest), "{}", scene.to);
        let resumed = scene
            .source
            .count(|it| it.path.contains(scene.layer()) && it.status == 206);
        // An upload goes on from what its registry has, which may be nothing.
        assert!(resumed > 0 || scene.to.starts_with("127."), "{}", scene.to);
    });
}

#[test]
fn what_is_cut_off_for_good_is_not_seen_and_the_next_run_ends_it() {
    each(|scene| {
        let layer = scene.layer().to_owned();
        scene.source.on_path("GET", &layer).times(1).cut_after(MIDDLE);
        scene
            .source
            .on_path("GET", &layer)
            .after(1)
            .times(1)
            .answer(404, &[], "{}");
        scene.copy("new").fails(1);
        assert_eq!(scene.stands(), None, "{}", scene.to);
        scene.source.clear();
        scene.copy("new").ok();
        assert_eq!(scene.stands().as_ref(), Some(&scene.new.digest), "{}", scene.to);
        let resumed = scene.source.count(|it| it.path.contains(&layer) && it.status == 206);
        assert_eq!(resumed > 0, scene.keeps_parts, "{}", scene.to);
    });
}

#[test]
fn wrong_bytes_are_never_taken_in() {
    each(|scene| {
        scene.source.on_path("GET", scene.layer()).corrupt_at(MIDDLE);
        scene.copy("new").fails(1);
        assert_eq!(scene.stands(), None, "{}", scene.to);
    });
}

#[test]
fn the_old_image_stands_until_the_new_one_is_whole() {
    each(|scene| {
        scene.copy("old").ok();
        let layer = scene.layer().to_owned();
        scene.source.on_path("GET", &layer).times(1).answer(404, &[], "{}");
        scene.copy("new").fails(1);
        assert_eq!(scene.stands().as_ref(), Some(&scene.old.digest), "{}", scene.to);
        scene.copy("new").ok();
        assert_eq!(scene.stands().as_ref(), Some(&scene.new.digest), "{}", scene.to);
    });
}

#[test]
fn two_may_bring_the_same_image_at_once() {
    each(|scene| {
        let mut both: Vec<_> = (0..2)
            .map(|_| {
                scene
                    .command("new")
                    .stdout(Stdio::null())
                    .stdin(Stdio::null())
                    .spawn()
                    .unwrap()
            })
            .collect();
        for one in &mut both {
            assert!(one.wait().unwrap().success(), "{}", scene.to);
        }
        assert_eq!(scene.stands().as_ref(), Some(&scene.new.digest), "{}", scene.to);
    });
}
