//! One store under many rdocks at once.

use std::fs;
use std::process::Child;
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::image::{Built, Image};
use crate::support::layer::Layer;
use crate::support::layout::Layout;
use crate::support::line::Line;
use crate::support::recorder::Recorder;
use crate::support::registry::Registry;
use crate::support::runtime::wait_for;
use crate::support::sandbox::Sandbox;

/// All of them end well.
#[track_caller]
fn assert_done(children: impl IntoIterator<Item = Child>) {
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn two_pulls_of_the_same_image_fetch_each_blob_once() {
    let line = Line::new(&(0..4).fold(Image::new(), |image, seed| image.layer(Layer::seeded(seed, 2, 200_000))));
    line.recorder.throttle(Some(1 << 20));
    let pulls = [(); 2].map(|()| line.sandbox.spawn(&["pull", &line.name()]));
    assert_done(pulls);
    let gets: Vec<_> = line
        .recorder
        .requests()
        .into_iter()
        .filter(|it| it.is("GET", "/blobs/"))
        .collect();
    let layers = line.image.layers.iter().map(|blob| &blob.digest);
    for digest in layers.chain([&line.image.config_digest]) {
        assert_eq!(gets.iter().filter(|it| it.is("GET", digest)).count(), 1, "{digest}");
    }
    let config = std::fs::metadata(line.sandbox.blob(&line.image.config_digest))
        .unwrap()
        .len();
    let size: u64 = line.image.layers.iter().map(|blob| blob.size).sum();
    assert_eq!(gets.iter().map(|it| it.sent).sum::<u64>(), size + config);
    line.assert_whole();
    let images = line.sandbox.rdock(&["images", "-q"]).ok();
    assert_eq!(images.stdout.lines().count(), 1);
}

#[test]
fn a_pull_goes_on_where_another_that_it_waited_for_was_killed() {
    let line = Line::new(&Image::new().layer(Layer::seeded(7, 1, 1 << 20)));
    let (recorder, layer) = (&line.recorder, &line.image.layers[0]);
    recorder.throttle(Some(1 << 20));
    let mut first = line.sandbox.spawn(&["pull", &line.name()]);
    wait_for("a good part of the layer", || {
        (recorder.body_bytes_down() > 512 << 10).then_some(())
    });
    let mut second = line.sandbox.spawn(&["pull", &line.name()]);
    let manifests = |recorder: &Recorder| recorder.count(|request| request.path.contains("/manifests/"));
    let before = manifests(recorder);
    wait_for("the second pull", || (manifests(recorder) > before).then_some(()));
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
    line.assert_whole();
}

#[test]
fn fifty_pulls_into_one_store_lose_nothing() {
    const COUNT: usize = 50;
    let (sandbox, registry) = (Sandbox::new(), Registry::open());
    let layout = Layout::open(&sandbox.root().join("images"));
    let images: Vec<Built> = (0..COUNT)
        .map(|number| {
            let image = Image::new()
                .layer(Layer::text("base", "the same below all\n"))
                .layer(Layer::text("group", &format!("the same below ten: {}\n", number / 10)))
                .layer(Layer::text("own", &format!("{number}\n")))
                .write(layout.folder());
            layout.list(&image, &format!("v{number}"));
            image
        })
        .collect();
    let name = |number: usize| format!("{}/team/app:v{number}", registry.host());
    let source = |number: usize| format!("oci:{}:v{number}", layout.folder().display());
    let all = |start: &dyn Fn(usize) -> Child| assert_done((0..COUNT).map(start).collect::<Vec<_>>());
    all(&|number| sandbox.spawn(&["copy", &source(number), &name(number)]));
    all(&|number| sandbox.spawn(&["pull", &name(number)]));
    let listed = sandbox.rdock(&["images", "--no-trunc"]).ok();
    for (number, image) in images.iter().enumerate() {
        let row = listed
            .stdout
            .lines()
            .find(|line| line.contains(&format!(" v{number} ")));
        assert!(row.is_some_and(|row| row.contains(&image.config_digest)), "{listed}");
        sandbox.assert_holds(image);
    }
    // A manifest, a config and a layer of each one's own, and what they share.
    let checked = sandbox.rdock(&["system", "check"]).ok();
    assert!(
        checked
            .stdout
            .starts_with(&format!("Checked {} blobs, ", 3 * COUNT + 5 + 1)),
        "{checked}"
    );
    assert!(checked.stdout.ends_with(": 0 faults\n"), "{checked}");
    // And as many tags, removals and listings at once leave what was not removed.
    let changes: Vec<Child> = (1..COUNT)
        .map(|number| match number % 2 {
            0 => sandbox.spawn(&["tag", &name(number), &format!("kept:v{number}")]),
            _ => sandbox.spawn(&["rmi", &name(number)]),
        })
        .collect();
    assert_done(changes);
    let rows = sandbox.rdock(&["images", "-q"]).ok().stdout.lines().count();
    assert_eq!(rows, 1 + 2 * (COUNT / 2 - 1));
    for image in images.iter().step_by(2) {
        sandbox.assert_holds(image);
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
    let mut pull = sandbox.spawn(&["pull", &name("new")]);
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
    sandbox.assert_holds(&new);
}

#[test]
fn an_index_survives_any_number_of_kills() {
    let (sandbox, registry) = (Sandbox::new(), Registry::open());
    let image = Image::small().write(&sandbox.root().join("image"));
    registry.push("team/app", "latest", &image);
    let name = format!("{}/team/app", registry.host());
    sandbox.rdock(&["pull", &name]).ok();
    for round in 0..20_u64 {
        let child = sandbox.spawn(&["tag", &name, &format!("t:{round}")]);
        thread::sleep(std::time::Duration::from_micros(round * 300));
        let mut child = child;
        let _ = kill_process(Pid::from_child(&child), Signal::KILL);
        child.wait().unwrap();
        let listed = sandbox.rdock(&["images", "-q", "*/*/*"]).ok();
        assert_eq!(listed.stdout.lines().count(), 1, "{listed}");
    }
    sandbox.rdock(&["tag", &name, "t:last"]).ok();
    sandbox.assert_holds(&image);
}

#[test]
fn a_lock_that_is_waited_for_is_told_with_its_holder_and_timeout_ends_the_wait() {
    let line = Line::small();
    line.pull().ok();
    let path = line.sandbox.store().join("index.lock");
    let lock = fs::File::open(&path).unwrap();
    lock.lock().unwrap();
    fs::remove_file(line.sandbox.store().join("index.json")).unwrap();
    let pull = ["pull", "--timeout", "8s", &line.tagged()];
    let run = line.sandbox.rdock(&pull).fails(1);
    let (path, process) = (path.display(), std::process::id());
    let told = run.stderr.lines().find(|told| told.starts_with("Waiting for "));
    let told = told.unwrap_or_else(|| panic!("{run}"));
    assert!(told.starts_with(&format!("Waiting for process {process} (")), "{run}");
    assert!(told.ends_with(&format!("), which holds {path} ...")), "{run}");
    let failure = format!("{path} is still locked by process {process} (");
    assert!(run.stderr.contains(&failure), "{run}");
    drop(lock);
    line.pull().ok();
}

#[test]
fn an_image_that_is_whole_is_pulled_though_nothing_can_be_noted_of_it() {
    let line = Line::small();
    line.pull().ok();
    let notes = line.sandbox.store().join("locations");
    fs::remove_file(&notes).unwrap();
    fs::create_dir(&notes).unwrap();
    line.sandbox.rdock(&["rmi", &line.tagged()]).ok();
    let run = line.pull().ok();
    let told = "WARNING: the store could not note where the image is: ";
    assert!(
        run.stderr.contains(told) && run.stderr.contains(notes.to_str().unwrap()),
        "{run}"
    );
    line.assert_whole();
}
