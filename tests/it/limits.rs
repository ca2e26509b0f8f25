//! What people set bounds to: connections, rate, silence, time.

use std::time::{Duration, Instant};

use crate::support::image::Image;
use crate::support::layer::Layer;
use crate::support::line::Line;
use crate::support::registry::Registry;
use crate::support::sandbox::{Sandbox, bytes_below};

/// An image whose layers do not compress.
fn line(layers: u64, bytes: usize) -> Line {
    let image = (0..layers).fold(Image::new(), |image, seed| image.layer(Layer::seeded(seed, 1, bytes)));
    Line::new(&image)
}

#[test]
fn no_more_connections_than_allowed_and_many_small_layers_share_them() {
    let line = line(12, 10_000);
    let blobs = |gathered: usize, most: &[&str]| {
        line.recorder.clear();
        line.recorder.clear_rules();
        line.recorder.on_path("GET", "/blobs/").gather(gathered);
        // Time for more than are allowed.
        line.recorder.on_path("GET", "/blobs/").delay(Duration::from_millis(50));
        let _ = std::fs::remove_dir_all(line.sandbox.store());
        let name = line.name();
        line.sandbox.rdock(&[&["pull", &name], most].concat()).ok();
        line.recorder.most_at_once(|request| request.is("GET", "/blobs/"))
    };
    assert_eq!(blobs(1, &["--max-concurrent", "1"]), 1);
    assert_eq!(blobs(3, &["--max-concurrent", "3"]), 3);
    assert!(blobs(9, &[]) > 8);
}

#[test]
fn a_rate_is_kept_up_and_down() {
    let line = line(1, 300_000);
    let timed = |arguments: &[&str]| {
        let began = Instant::now();
        line.sandbox.rdock(arguments).ok();
        began.elapsed()
    };
    let elsewhere = Registry::open();
    let copy = format!("{}/team/copy", elsewhere.host());
    let down = timed(&["pull", "--limit-rate", "300k", &line.name()]);
    line.sandbox.rdock(&["tag", &line.name(), &copy]).ok();
    let up = timed(&["push", "--limit-rate", "300k", &copy]);
    assert!(
        down >= Duration::from_millis(900) && up >= Duration::from_millis(900),
        "{down:?} {up:?}"
    );
}

#[test]
fn a_stalled_download_reconnects_and_goes_on() {
    let line = line(1, 3_000_000);
    line.recorder.on_path("GET", "/blobs/").times(2).stall_after(1_000_000);
    line.sandbox
        .rdock(&["pull", "--stall-timeout", "2s", &line.name()])
        .ok();
    let layer = &line.image.layers[0];
    let asked = line.recorder.requests();
    let ranges: Vec<_> = asked
        .iter()
        .filter(|it| it.is("GET", &layer.digest))
        .map(|it| it.header("range"))
        .collect();
    assert!(
        ranges.len() >= 2 && ranges[0].is_none() && ranges[1..].iter().all(Option::is_some),
        "{ranges:?}"
    );
}

#[test]
fn a_pull_that_takes_too_long_ends_and_keeps_what_came() {
    let line = line(1, 4_000_000);
    line.recorder.throttle(Some(1 << 20));
    let pulled = line
        .sandbox
        .rdock(&["pull", "--timeout", "1500ms", &line.name()])
        .fails(1);
    assert!(
        pulled
            .stderr
            .starts_with("not done after 1.5s (--timeout): what has arrived is kept"),
        "{pulled}"
    );
    let kept = bytes_below(&line.sandbox.store().join("ingest"));
    line.recorder.throttle(None);
    line.recorder.clear();
    line.sandbox.rdock(&["pull", &line.name()]).ok();
    let layer = &line.image.layers[0];
    let again = line
        .recorder
        .requests()
        .into_iter()
        .filter(|it| it.is("GET", &layer.digest));
    let again: u64 = again.map(|request| request.sent).sum();
    assert_eq!(again, layer.size - kept);
}

#[test]
fn bounds_that_make_no_sense_are_refused() {
    let sandbox = Sandbox::new();
    for (flag, value) in [
        ("--limit-rate", "fast"),
        ("--timeout", "0"),
        ("--stall-timeout", "soon"),
        ("--max-concurrent", "many"),
    ] {
        let run = sandbox.rdock(&["pull", flag, value, "127.0.0.1:1/x"]);
        assert!(
            run.code == 125 && run.stderr.contains(flag.trim_start_matches('-')),
            "{run}"
        );
    }
}
