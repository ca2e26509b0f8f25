//! Uploads to registries that cut, refuse, or answer in their own way.

use super::Line;
use crate::support::image::Image;
use crate::support::layer::Layer;
use crate::support::process::Run;
use crate::support::recorder::Recorder;
use crate::support::skopeo;

/// The copy that was pushed is the image, byte for byte, as another client sees it.
#[track_caller]
fn assert_arrived(line: &Line, pushed: &Run) {
    assert_eq!(pushed.code, 0, "{pushed}");
    let copy = format!("docker://{}/team/copy:latest", line.registry.host());
    assert_eq!(skopeo::inspect_raw(&copy), line.image.manifest);
}

/// A layer larger than the buffers of sockets.
fn wide() -> Line {
    Line::new(&Image::new().layer(Layer::files(4, 2_000_000)))
}

#[test]
fn an_upload_that_is_cut_off_is_done_anew() {
    let line = wide();
    line.recorder
        .on_path("PATCH", "/blobs/uploads/")
        .times(2)
        .reset_upload_after(1_000_000);
    let pushed = line.push();
    assert_arrived(&line, &pushed);
    assert!(pushed.stdout.contains("Retrying in "), "{pushed}");
}

#[test]
fn a_body_too_large_for_the_front_is_sent_in_pieces() {
    let line = wide();
    line.recorder
        .on(|request| {
            let length = request.header("content-length").and_then(|length| length.parse().ok());
            request.method == "PATCH" && length.unwrap_or(0u64) > 1 << 20
        })
        .answer(
            413,
            &[("Connection", "close")],
            "<html>nginx: 413 Request Entity Too Large</html>",
        );
    let pushed = line.push();
    assert_arrived(&line, &pushed);
    let pieces = line.recorder.requests();
    let pieces = pieces
        .iter()
        .filter(|r| r.method == "PATCH" && r.header("content-range").is_some() && r.status == 202);
    assert!(pieces.count() >= 8);
}

/// Pushes to a registry that is known to hold the blobs under another name, but answers the mount so.
#[track_caller]
fn push_unmounted(status: u16) -> (Line, Run) {
    let line = Line::small();
    line.pull().ok();
    line.recorder.on_path("POST", "mount=").answer(status, &[], "");
    let copy = format!("{}/team/copy", line.recorder.host());
    line.sandbox.rdock(&["tag", &line.name(), &copy]).ok();
    let pushed = line.sandbox.rdock(&["push", &copy]);
    assert!(line.recorder.count(|request| request.is("POST", "mount=")) > 0);
    (line, pushed)
}

#[test]
fn a_refused_mount_becomes_an_upload() {
    for status in [401, 403, 404] {
        let (line, pushed) = push_unmounted(status);
        assert_arrived(&line, &pushed);
        assert!(pushed.stdout.contains(": Pushed\n"), "{status}: {pushed}");
        assert!(!pushed.stdout.contains("Mounted"), "{status}: {pushed}");
    }
}

#[test]
fn the_session_that_an_unheeded_mount_opened_is_used() {
    let line = Line::small();
    line.pull().ok();
    let copy = format!("{}/team/copy", line.recorder.host());
    line.sandbox.rdock(&["tag", &line.name(), &copy]).ok();
    // The source is gone when the registry looks: it answers 202 with a session.
    let source = line.registry.storage().join("docker/registry/v2/repositories/team/app");
    std::fs::remove_dir_all(source).unwrap();
    let pushed = line.sandbox.rdock(&["push", &copy]);
    assert_arrived(&line, &pushed);
    let blobs = line.image.layers.len() + 1;
    assert_eq!(
        line.recorder.count(|request| request.is("POST", "/blobs/uploads/")),
        blobs
    );
}

#[test]
fn an_upload_follows_relative_locations_and_takes_any_answer_that_is_good() {
    for status in [200, 201, 202, 204] {
        let large = Image::new().layer(Layer::files(4, 700_000));
        let (line, odd) = (Line::new(&large), Recorder::alone());
        // Not every good answer means that the blob is there: it is looked for then.
        odd.on_path("HEAD", "/blobs/").times(2).answer(404, &[], "");
        odd.on_path("HEAD", "/blobs/").answer(200, &[], "");
        let begin = [("Location", "session-1?_state=a%3D")];
        odd.on_path("POST", "/v2/team/copy/blobs/uploads/")
            .answer(202, &begin, "");
        let next = [("Location", "/sessions/2?_state=b")];
        odd.on_path("PATCH", "/v2/team/copy/blobs/uploads/session-1?_state=a%3D")
            .answer(status, &next, "");
        odd.on_path("PUT", "/sessions/2?_state=b&digest=sha256")
            .answer(201, &[], "");
        odd.on_path("PUT", "/v2/team/copy/blobs/uploads/session-1?_state=a%3D&digest=sha256")
            .answer(status, &[], "");
        odd.on_path("PUT", "/manifests/latest").answer(201, &[], "");
        let elsewhere = format!("{}/team/app", line.registry.host());
        line.sandbox.rdock(&["pull", &elsewhere]).ok();
        let copy = format!("{}/team/copy", odd.host());
        line.sandbox.rdock(&["tag", &elsewhere, &copy]).ok();
        line.sandbox.rdock(&["push", &copy]).ok();
        // The layer as a stream that is closed, the small config in one request.
        for (method, part) in [("PATCH", "session-1"), ("PUT", "/sessions/2"), ("PUT", "session-1")] {
            assert_eq!(odd.count(|request| request.is(method, part)), 1, "{status}: {part}");
        }
        let size: u64 = line.image.layers.iter().map(|layer| layer.size).sum();
        assert!(odd.body_bytes_up() > size, "{status}");
    }
}

#[test]
fn a_manifest_that_is_stored_as_another_is_an_error() {
    let line = Line::small();
    let other = format!("sha256:{}", "0".repeat(64));
    line.recorder
        .on_path("PUT", "/manifests/")
        .set_header("Docker-Content-Digest", &other);
    let pushed = line.push().fails(1);
    assert!(pushed.stderr.contains(&format!(" as {other}")), "{pushed}");
}

#[test]
fn a_manifest_whose_blobs_are_not_seen_yet_is_put_again() {
    let body = "{\"errors\":[{\"code\":\"DIGEST_INVALID\",\"message\":\"x\"},\
        {\"code\":\"MANIFEST_BLOB_UNKNOWN\",\"message\":\"blob unknown to registry\"}]}";
    for (times, tries, code) in [(2, 3, 0), (3, 3, 1)] {
        let line = Line::small();
        let refusing = line.recorder.on_path("PUT", "/manifests/").times(times);
        refusing.answer(400, &[], body);
        let pushed = line.push();
        assert_eq!(pushed.code, code, "{pushed}");
        assert_eq!(pushed.stderr.contains("manifest blob unknown"), code != 0, "{pushed}");
        assert_eq!(line.recorder.count(|request| request.is("PUT", "/manifests/")), tries);
    }
}

#[test]
fn a_registry_that_wants_no_single_put_gets_a_patch_and_is_remembered() {
    let line = Line::small();
    line.recorder
        .on(|request| request.is("PUT", "/blobs/uploads/") && request.header("content-length") != Some("0"))
        .answer(405, &[], "");
    let pushed = line.push_with(&["--max-concurrent", "1"]);
    assert_arrived(&line, &pushed);
    assert_eq!(line.recorder.count(|request| request.status == 405), 1);
    let blobs = line.image.layers.len() + 1;
    assert_eq!(line.recorder.count(|request| request.method == "PATCH"), blobs);
}

#[test]
fn a_front_that_cuts_long_bodies_gets_short_ones() {
    let line = wide();
    line.recorder
        .on(|request| {
            let length = request.header("content-length").and_then(|length| length.parse().ok());
            request.method == "PATCH" && length.unwrap_or(0u64) > 5_000_000
        })
        .reset_upload_after(4_000_000);
    let pushed = line.push();
    assert_arrived(&line, &pushed);
}
