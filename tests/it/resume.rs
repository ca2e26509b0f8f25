//! What has arrived is never fetched again: after a cut, a stall, a kill or a ctrl-C.

use crate::support::image::Image;
use crate::support::layer::Layer;
use crate::support::line::Line;
use crate::support::runtime::wait_for;

impl Line {
    /// An image with a layer of 100 MB.
    fn big() -> Self {
        Self::new(
            &Image::new()
                .layer(Layer::big())
                .layer(Layer::text("etc/motd", "hello\n")),
        )
    }

    fn total(&self) -> u64 {
        self.image.layers.iter().map(|blob| blob.size).sum()
    }

    /// Starts a pull, waits until so many bytes have come, and ends it with the signal.
    fn pull_and_stop(&self, bytes: u64, signal: rustix::process::Signal) {
        self.recorder.throttle(Some(40 << 20));
        let mut child = self.sandbox.spawn(&["pull", &self.name()]);
        wait_for("the first part of the layer", || {
            (self.recorder.body_bytes_down() >= bytes).then_some(())
        });
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, signal).unwrap();
        child.wait().unwrap();
        self.recorder.throttle(None);
    }
}

#[test]
fn a_killed_pull_fetches_only_the_rest() {
    let line = Line::big();
    line.pull_and_stop(50 << 20, rustix::process::Signal::KILL);
    let first = line.recorder.body_bytes_down();
    line.recorder.clear();
    line.sandbox.rdock(&["pull", &line.name()]).ok();
    let second = line.recorder.body_bytes_down();
    let slack = 12 << 20; // what was on its way when the kill came, and the manifests
    assert!(
        first + second <= line.total() + slack,
        "{first} + {second} bytes for {}",
        line.total()
    );
    let resumed = line.recorder.count(|r| r.header("range").is_some() && r.status == 206);
    assert!(resumed > 0);
    line.assert_whole();
}

#[test]
fn ctrl_c_keeps_what_has_come() {
    let line = Line::big();
    line.pull_and_stop(30 << 20, rustix::process::Signal::INT);
    line.recorder.clear();
    line.sandbox.rdock(&["pull", &line.name()]).ok();
    assert!(line.recorder.body_bytes_down() < line.total() - (20 << 20));
    line.assert_whole();
}

#[test]
fn a_cut_download_resumes_in_the_same_run() {
    let line = Line::new(&Image::new().layer(Layer::files(4, 700_000)));
    let size = line.total();
    line.recorder
        .on_path("GET", "/blobs/")
        .after(0)
        .times(2)
        .cut_after(size / 3);
    let pulled = line.sandbox.rdock(&["pull", &line.name()]).ok();
    assert!(pulled.stdout.contains("Retrying in "), "{pulled}");
    assert!(pulled.stdout.contains("Pull complete"), "{pulled}");
    line.assert_whole();
}

#[test]
fn a_server_that_ignores_range_costs_a_fresh_start_only() {
    let line = Line::new(&Image::new().layer(Layer::files(4, 700_000)));
    let digest = line.image.layers[0].digest.clone();
    let layer = digest.clone();
    line.recorder
        .on(move |r| r.is("GET", &layer))
        .times(1)
        .cut_after(line.total() / 2);
    line.recorder.on(move |r| r.is("GET", &digest)).ignore_range();
    line.sandbox.rdock(&["pull", &line.name()]).ok();
    line.assert_whole();
}

#[test]
fn a_layer_that_does_not_hash_to_its_name_is_refused_and_leaves_nothing() {
    let line = Line::new(&Image::new().layer(Layer::files(4, 70_000)));
    let digest = line.image.layers[0].digest.clone();
    let layer = digest.clone();
    line.recorder.on(move |r| r.is("GET", &layer)).corrupt_at(1000);
    let pulled = line.sandbox.rdock(&["pull", &line.name()]).fails(1);
    assert!(
        pulled
            .stderr
            .starts_with(&format!("filesystem layer verification failed for digest {digest}\n")),
        "{pulled}"
    );
    let images = line.sandbox.rdock(&["images", "-q"]).ok();
    assert_eq!(images.stdout, "");
    line.recorder.clear();
    assert!(!line.sandbox.blob(&digest).exists());
}
