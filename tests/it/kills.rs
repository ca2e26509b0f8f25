//! Killed at any point, the next run fetches and sends only what is missing.

use std::fs;
use std::ops::Range;
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::http;
use crate::support::image::Image;
use crate::support::layer::Layer;
use crate::support::line::Line;
use crate::support::recorder::{Recorded, Recorder};
use crate::support::registry::Registry;
use crate::support::runtime::wait_for;
use crate::support::sandbox::Sandbox;
use crate::support::serve::Serve;

const MEBIBYTE: u64 = 1 << 20;
/// Kills in each round; there are four rounds.
const KILLS: usize = 25;
/// The length of a map behind a partial file, as the store documents it.
const MAP: u64 = 16 + 254 * 16;

/// One layer that is fetched over several streams, and two that are not.
fn image() -> Image {
    Image::new()
        .layer(Layer::seeded(1, 8, 4 << 20))
        .layer(Layer::seeded(2, 1, 3 << 20))
        .layer(Layer::seeded(3, 1, 300_000))
}

impl Line {
    fn start(&self) -> Child {
        self.sandbox.spawn(&["pull", "-q", &self.name()])
    }

    /// The bytes of each layer that the store lacks.
    fn missing(&self) -> Vec<Vec<Range<u64>>> {
        let gaps = |(digest, size): (&str, u64)| {
            if self.sandbox.blob(digest).exists() {
                return Vec::new();
            }
            let hex = &digest["sha256:".len()..];
            let partial = fs::read(self.sandbox.store().join(format!("ingest/sha256-{hex}"))).unwrap_or_default();
            gaps(&partial, size)
        };
        self.image.layers.iter().map(|it| gaps((&it.digest, it.size))).collect()
    }

    /// What the requests since the last clearing asked for was missing before.
    #[track_caller]
    fn assert_only_missing_was_asked_for(&self, missing: &[Vec<Range<u64>>]) {
        for (blob, gaps) in self.image.layers.iter().zip(missing) {
            for request in self.recorder.requests().iter().filter(|it| it.is("GET", &blob.digest)) {
                let asked = asked(request, blob.size);
                let fits = gaps.iter().any(|gap| gap.start <= asked.start && asked.end <= gap.end);
                assert!(fits, "{asked:?} was asked for, missing were {gaps:?}");
            }
        }
    }
}

/// What a partial file lacks of a blob of this size.
fn gaps(partial: &[u8], size: u64) -> Vec<Range<u64>> {
    let len = partial.len() as u64;
    let mut held: Vec<Range<u64>> = std::iter::once(0..len).collect();
    if len == size + MAP {
        let map = &partial[usize::try_from(size).unwrap()..];
        let number = |at: usize| u64::from_le_bytes(map[at..at + 8].try_into().unwrap());
        assert_eq!(&map[..8], b"rdockmap");
        let count = usize::try_from(number(8)).unwrap();
        held = (0..count).map(|n| number(16 + n * 16)..number(24 + n * 16)).collect();
    }
    let mut gaps = Vec::new();
    let mut front = 0;
    for extent in held {
        gaps.push(front..extent.start);
        front = extent.end;
    }
    gaps.push(front..size);
    gaps.retain(|gap| gap.start < gap.end);
    gaps
}

fn asked(request: &Recorded, size: u64) -> Range<u64> {
    let Some(range) = request.header("range") else {
        return 0..size;
    };
    let (start, end) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    let end = end.parse::<u64>().map_or(size, |last| last + 1);
    start.parse().unwrap()..end
}

fn kill(child: &mut Child) {
    let _ = kill_process(Pid::from_child(child), Signal::KILL);
    child.wait().unwrap();
}

#[test]
fn a_hundred_kills_cost_no_byte_twice() {
    let mut random = fastrand::Rng::with_seed(5);
    let line = Line::new(&image());
    for cut in 0..60 {
        let bytes = random.u64(1..6 * MEBIBYTE);
        let every_third = line.recorder.on_path("GET", "/blobs/").after(cut * 2).times(1);
        every_third.cut_after(bytes);
    }
    let big = line.image.layers[0].digest.clone();
    for round in 0..4 {
        let _ = fs::remove_dir_all(line.sandbox.store());
        // The first kill of a round comes while several streams bring the large layer.
        line.recorder.clear();
        line.recorder.throttle(Some(6 * MEBIBYTE));
        let mut child = line.start();
        wait_for("several streams", || {
            let requests = line.recorder.requests();
            let ranges = requests
                .iter()
                .filter(|it| it.is("GET", &big) && it.header("range").is_some() && it.sent > MEBIBYTE);
            (ranges.count() > 2 || child.try_wait().unwrap().is_some()).then_some(())
        });
        kill(&mut child);
        line.recorder.throttle(Some(24 * MEBIBYTE));
        for _ in 1..KILLS {
            let missing = line.missing();
            line.recorder.clear();
            let target = random.u64(1..2 * MEBIBYTE);
            let mut child = line.start();
            wait_for("a point to kill at", || {
                let is_there = line.recorder.body_bytes_down() >= target || child.try_wait().unwrap().is_some();
                is_there.then_some(())
            });
            kill(&mut child);
            line.assert_only_missing_was_asked_for(&missing);
        }
        line.recorder.throttle(None);
        let left: u64 = line.missing().iter().flatten().map(|gap| gap.end - gap.start).sum();
        line.recorder.clear();
        assert!(line.start().wait().unwrap().success(), "round {round}");
        let fetched = line.recorder.body_bytes_down();
        assert!(fetched <= left + MEBIBYTE, "round {round}: {fetched} bytes for {left}");
        line.assert_whole();
        assert_eq!(fs::read_dir(line.sandbox.store().join("ingest")).unwrap().count(), 0);
    }
}

/// Pushes through a recorder, is killed when so much has gone up, and pushes again. How many bytes the second run sent.
pub(crate) fn push_twice(host: &str) -> (u64, Recorder, Sandbox) {
    let (sandbox, registry) = (Sandbox::new(), Registry::open());
    let image = Image::new()
        .layer(Layer::seeded(4, 1, 12 << 20))
        .write(&sandbox.root().join("image"));
    registry.push("team/big", "latest", &image);
    let source = format!("{}/team/big", registry.host());
    sandbox.rdock(&["pull", "-q", &source]).ok();
    let recorder = Recorder::front(host);
    let target = format!("{}/team/copy", recorder.host());
    sandbox.rdock(&["tag", &source, &target]).ok();
    recorder.throttle(Some(8 * MEBIBYTE));
    let mut child = sandbox.spawn(&["push", "-q", &target]);
    wait_for("a part of the layer to go up", || {
        (recorder.body_bytes_up() > 6 * MEBIBYTE).then_some(())
    });
    kill(&mut child);
    recorder.throttle(None);
    recorder.clear();
    sandbox.rdock(&["push", "-q", &target]).ok();
    let sent = recorder.body_bytes_up();
    let copy = format!("{host}/team/copy:latest");
    assert_eq!(http::manifest(&copy), image.manifest);
    let left = fs::read_dir(sandbox.store().join("ingest")).unwrap().count();
    assert_eq!(left, 0, "what was remembered of the upload is gone");
    (sent, recorder, sandbox)
}

#[test]
fn a_killed_push_goes_on_where_the_registry_stands() {
    let server = Serve::open();
    let (sent, recorder, _sandbox) = push_twice(&server.host());
    assert!(sent < 8 * MEBIBYTE, "{sent} bytes");
    assert_eq!(
        recorder.count(|it| it.is("GET", "/blobs/uploads/") && it.status == 204),
        1
    );
}
