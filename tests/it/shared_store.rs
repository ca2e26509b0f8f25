//! One store under many rdocks at once.

use std::process::{Child, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::image::{Built, Image};
use crate::support::layer::{self, Layer};
use crate::support::recorder::Recorder;
use crate::support::registry::Registry;
use crate::support::runtime::wait_for;
use crate::support::sandbox::{LIMIT, Sandbox};

fn spawn(sandbox: &Sandbox, arguments: &[&str]) -> Child {
    let mut command = sandbox.command(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

#[track_caller]
fn assert_whole(sandbox: &Sandbox, image: &Built) {
    let blobs = image.layers.iter().map(|blob| &blob.digest);
    for digest in blobs.chain([&image.config_digest, &image.digest]) {
        let path = sandbox.store().join("blobs/sha256").join(&digest["sha256:".len()..]);
        assert_eq!(&layer::digest(&std::fs::read(path).unwrap()), digest);
    }
}

#[test]
fn two_pulls_of_the_same_image_fetch_each_blob_once() {
    let (sandbox, registry) = (Sandbox::new(), Registry::open());
    let layers = (0..4).fold(Image::new(), |image, seed| image.layer(Layer::seeded(seed, 2, 200_000)));
    let image = layers.write(&sandbox.root().join("image"));
    registry.push("team/app", "latest", &image);
    let recorder = Recorder::front(&registry.host());
    recorder.throttle(Some(1 << 20));
    let name = format!("{}/team/app", recorder.host());
    let pulls = [(); 2].map(|()| spawn(&sandbox, &["pull", &name]));
    recorder.wait_for(|request| request.is("GET", "/blobs/"));
    for mut pull in pulls {
        assert!(pull.wait().unwrap().success());
    }
    for blob in &image.layers {
        assert_eq!(
            recorder.count(|request| request.is("GET", &blob.digest)),
            1,
            "{}",
            blob.digest
        );
    }
    assert_whole(&sandbox, &image);
    let images = sandbox.rdock(&["images", "-q"]).ok();
    assert_eq!(images.stdout.lines().count(), 1);
}

#[test]
fn a_pull_goes_on_where_another_that_it_waited_for_was_killed() {
    let (sandbox, registry) = (Sandbox::new(), Registry::open());
    let image = Image::new()
        .layer(Layer::seeded(7, 1, 1 << 20))
        .write(&sandbox.root().join("image"));
    registry.push("team/app", "latest", &image);
    let recorder = Recorder::front(&registry.host());
    recorder.throttle(Some(1 << 20));
    let name = format!("{}/team/app", recorder.host());
    let layer = &image.layers[0];
    let mut first = spawn(&sandbox, &["pull", &name]);
    wait_for("a good part of the layer", LIMIT, || {
        (recorder.body_bytes_down() > 512 << 10).then_some(())
    });
    let mut second = spawn(&sandbox, &["pull", &name]);
    let manifests = |recorder: &Recorder| recorder.count(|request| request.path.contains("/manifests/"));
    let before = manifests(&recorder);
    wait_for("the second pull", LIMIT, || {
        (manifests(&recorder) > before).then_some(())
    });
    first.kill().unwrap();
    first.wait().unwrap();
    recorder.throttle(None);
    assert!(second.wait().unwrap().success());
    let gets: Vec<_> = recorder
        .requests()
        .into_iter()
        .filter(|it| it.is("GET", &layer.digest))
        .collect();
    assert_eq!(gets.len(), 2);
    assert!(
        gets[1].header("range").is_some() && gets[1].sent < layer.size,
        "{:?}",
        gets[1].headers
    );
    assert_whole(&sandbox, &image);
}

#[test]
fn twelve_pulls_into_one_store_are_all_named() {
    let (sandbox, registry) = (Sandbox::new(), Registry::open());
    let base = || Image::new().layer(Layer::text("base", "the same below all\n"));
    let images: Vec<Built> = (0..12)
        .map(|number| {
            let image = base().layer(Layer::text("own", &format!("{number}\n")));
            let image = image.write(&sandbox.root().join(format!("image{number}")));
            registry.push("team/app", &format!("v{number}"), &image);
            image
        })
        .collect();
    let name = |number: usize| format!("{}/team/app:v{number}", registry.host());
    let pulls: Vec<Child> = (0..12)
        .map(|number| spawn(&sandbox, &["pull", &name(number)]))
        .collect();
    for mut pull in pulls {
        assert!(pull.wait().unwrap().success());
    }
    let listed = sandbox.rdock(&["images", "--no-trunc"]).ok();
    for (number, image) in images.iter().enumerate() {
        let row = listed
            .stdout
            .lines()
            .find(|line| line.contains(&format!(" v{number} ")));
        assert!(row.is_some_and(|row| row.contains(&image.config_digest)), "{listed}");
        assert_whole(&sandbox, image);
    }
    // And as many tags, removals and listings at once leave what was not removed.
    let removals: Vec<Child> = (1..12)
        .map(|number| match number % 2 {
            0 => spawn(&sandbox, &["tag", &name(number), &format!("kept:v{number}")]),
            _ => spawn(&sandbox, &["rmi", &name(number)]),
        })
        .collect();
    for mut removal in removals {
        assert!(removal.wait().unwrap().success());
    }
    let rows = sandbox.rdock(&["images", "-q"]).ok().stdout.lines().count();
    assert_eq!(rows, 1 + 2 * 5);
    for image in images.iter().step_by(2) {
        assert_whole(&sandbox, image);
    }
}

#[test]
fn rmi_in_the_middle_of_a_pull_takes_nothing_from_it() {
    let (sandbox, registry) = (Sandbox::new(), Registry::open());
    let shared = || Layer::seeded(1, 1, 100_000);
    let old = Image::new().layer(shared()).write(&sandbox.root().join("old"));
    let new = Image::new().layer(shared()).layer(Layer::seeded(2, 1, 1 << 20));
    let new = new.write(&sandbox.root().join("new"));
    registry.push("team/app", "old", &old);
    registry.push("team/app", "new", &new);
    let recorder = Recorder::front(&registry.host());
    let name = |tag: &str| format!("{}/team/app:{tag}", recorder.host());
    sandbox.rdock(&["pull", &name("old")]).ok();
    recorder.throttle(Some(2 << 20));
    let mut pull = spawn(&sandbox, &["pull", &name("new")]);
    recorder.wait_for(|request| request.is("GET", &new.layers[1].digest));
    let removed = sandbox.rdock(&["rmi", &name("old")]).ok();
    assert!(
        removed.stdout.contains(&format!("Deleted: {}\n", old.config_digest)),
        "{removed}"
    );
    recorder.throttle(None);
    assert!(pull.wait().unwrap().success());
    assert_eq!(
        recorder.count(|request| request.is("GET", &old.layers[0].digest)),
        1,
        "it was there and stayed"
    );
    assert_whole(&sandbox, &new);
}

#[test]
fn an_index_survives_any_number_of_kills() {
    let (sandbox, registry) = (Sandbox::new(), Registry::open());
    let image = Image::small().write(&sandbox.root().join("image"));
    registry.push("team/app", "latest", &image);
    let name = format!("{}/team/app", registry.host());
    sandbox.rdock(&["pull", &name]).ok();
    for round in 0..20_u64 {
        let child = spawn(&sandbox, &["tag", &name, &format!("t:{round}")]);
        thread::sleep(std::time::Duration::from_micros(round * 300));
        let mut child = child;
        let _ = kill_process(Pid::from_child(&child), Signal::KILL);
        child.wait().unwrap();
        let listed = sandbox.rdock(&["images", "-q", "*/*/*"]).ok();
        assert_eq!(listed.stdout.lines().count(), 1, "{listed}");
    }
    sandbox.rdock(&["tag", &name, "t:last"]).ok();
    assert_whole(&sandbox, &image);
}
