//! Uploads to registries that cut, refuse, or answer in their own way.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::support::fault::Reply;
use crate::support::image::Image;
use crate::support::layer::Layer;
use crate::support::line::Line;
use crate::support::process::Run;
use crate::support::recorder::{Recorded, Recorder};
use crate::support::registry::Registry;
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

/// How long a body the request has, or would have.
fn length_of(request: &Recorded) -> u64 {
    let length = request.header("content-length").and_then(|length| length.parse().ok());
    length.unwrap_or_default()
}

/// Lets no longer bodies pass than these, in bytes.
fn refuse_above(front: &Recorder, limit: u64) {
    front.on(move |request| length_of(request) > limit).answer(
        413,
        &[("Connection", "close")],
        "<html>nginx: 413 Request Entity Too Large</html>",
    );
}

#[test]
fn a_body_too_large_for_the_front_is_sent_in_pieces() {
    let line = wide();
    refuse_above(&line.recorder, 1 << 20);
    let pushed = line.push();
    assert_arrived(&line, &pushed);
    let pieces = line.recorder.requests();
    let pieces = pieces
        .iter()
        .filter(|r| r.method == "PATCH" && r.header("content-range").is_some() && r.status == 202);
    assert!(pieces.count() >= 8);
}

#[test]
fn chunks_go_on_by_our_own_count_where_the_registry_s_stands_still() {
    let line = wide();
    refuse_above(&line.recorder, 1 << 20);
    line.recorder
        .on_path("PATCH", "/blobs/uploads/")
        .set_header("Range", "0-1048575");
    line.recorder
        .on_path("GET", "/blobs/uploads/")
        .answer(404, &[], r#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}"#);
    let pushed = line.push();
    assert_arrived(&line, &pushed);
    assert!(!pushed.stdout.contains("Retrying"), "{pushed}");
    assert!(line.recorder.count(|r| r.is("GET", "/blobs/uploads/")) > 0);
}

#[test]
fn the_next_run_knows_what_the_front_lets_pass_until_that_is_old_or_lost() {
    let line = wide();
    refuse_above(&line.recorder, 3 << 20);
    line.push().ok();
    let limits = line.sandbox.store().join("body-limits");
    let known = fs::read_to_string(&limits).unwrap();
    let (elsewhere, host) = (format!("{}/team/app", line.registry.host()), line.recorder.host());
    let mut copies = 0;
    let mut is_refused = || {
        copies += 1;
        line.recorder.clear();
        let copy = format!("{host}/team/copy-{copies}");
        line.sandbox.rdock(&["copy", &elsewhere, &copy]).ok();
        let sent = line
            .recorder
            .count(|request| request.status == 202 && length_of(request) > 1 << 20);
        assert!(sent >= 4, "the layer went in {sent} pieces");
        line.recorder.count(|request| request.status == 413) > 0
    };
    assert!(!is_refused());
    assert_eq!(fs::read_to_string(&limits).unwrap(), known);
    // A limit that was raised is noticed in the end.
    let (limit, _) = known.rsplit_once(' ').unwrap();
    for spoilt in [&format!("{limit} 1700000000\n"), "\0 nonsense\n"] {
        fs::write(&limits, spoilt).unwrap();
        assert!(is_refused());
        assert!(!is_refused());
    }
    assert!(fs::read_to_string(&limits).unwrap().starts_with(limit));
    // What can be neither read nor written.
    fs::remove_file(&limits).unwrap();
    fs::create_dir(&limits).unwrap();
    assert!(is_refused());
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
    for status in [400, 401, 403, 404, 405, 429, 500, 503] {
        let (line, pushed) = push_unmounted(status);
        assert_arrived(&line, &pushed);
        assert!(pushed.stdout.contains(": Pushed\n"), "{status}: {pushed}");
        assert!(!pushed.stdout.contains("Mounted"), "{status}: {pushed}");
        // It is to save an upload: one try for each blob at most.
        let tries = line.recorder.count(|request| request.is("POST", "mount="));
        assert!(tries <= line.image.layers.len() + 1, "{status}: {tries}");
    }
}

#[test]
fn a_mount_that_wants_more_than_the_token_is_good_for_becomes_an_upload() {
    let line = Line::small();
    line.pull().ok();
    let challenge = format!(
        "Bearer realm=\"{}/token\",service=\"x\",scope=\"repository:team/app:pull repository:team/copy:pull,push\"",
        line.recorder.url()
    );
    line.recorder
        .on_path("POST", "mount=")
        .answer(401, &[("WWW-Authenticate", &challenge)], "");
    line.recorder.on_path("GET", "/token").answer(403, &[], "{}");
    let copy = format!("{}/team/copy", line.recorder.host());
    line.sandbox.rdock(&["tag", &line.name(), &copy]).ok();
    let pushed = line.sandbox.rdock(&["push", &copy]);
    assert_arrived(&line, &pushed);
}

#[test]
fn a_mount_that_never_answers_becomes_an_upload() {
    let line = Line::small();
    line.pull().ok();
    line.recorder.on_path("POST", "mount=").delay(Duration::from_mins(10));
    let copy = format!("{}/team/copy", line.recorder.host());
    line.sandbox.rdock(&["tag", &line.name(), &copy]).ok();
    let pushed = line.sandbox.rdock(&["push", "--stall-timeout", "3s", &copy]);
    assert_arrived(&line, &pushed);
}

#[test]
fn an_upload_whose_place_lost_its_port_is_told_with_the_way_out() {
    let line = Line::small();
    line.recorder
        .on_path("POST", "/blobs/uploads/")
        .set_header("Location", "http://127.0.0.1/v2/team/copy/blobs/uploads/1?_state=x");
    let pushed = line.push().fails(1);
    let host = line.recorder.host();
    assert!(
        pushed
            .stderr
            .starts_with(&format!("{host} wants the upload at a URL that lacks its port: ")),
        "{pushed}"
    );
    assert!(
        pushed.stderr.contains("hint: ") && pushed.stderr.contains("proxy_set_header Host $http_host"),
        "{pushed}"
    );
    assert!(!pushed.stdout.contains("Retrying"), "{pushed}");
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
        odd.on_path("HEAD", "/blobs/").respond(|request| {
            let digest = request.path.rsplit('/').next().unwrap_or_default();
            Some(Reply::new(200, "").header("Docker-Content-Digest", digest))
        });
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
        .on(|request| length_of(request) > 5_000_000)
        .reset_upload_after(4_000_000);
    let pushed = line.push();
    assert_arrived(&line, &pushed);
}

#[test]
fn a_push_survives_a_server_that_stumbles() {
    let line = Line::new(&Image::new().layer(Layer::files(4, 700_000)));
    for (method, part) in [
        ("HEAD", "/blobs/"),
        ("POST", "/blobs/uploads/"),
        ("PATCH", "/blobs/uploads/"),
        ("PUT", "/blobs/uploads/"),
        ("PUT", "/manifests/"),
    ] {
        line.recorder
            .on_path(method, part)
            .times(1)
            .answer(503, &[("Retry-After", "0")], "");
    }
    line.push().ok();
    assert_eq!(line.recorder.count(|request| request.status == 503), 5);
}

#[test]
fn a_killed_push_begins_anew_where_the_registry_has_forgotten() {
    let registry = Registry::open();
    let (sent, recorder, _sandbox) = crate::kills::push_twice(&registry.host());
    assert!(sent > 12 * (1 << 20), "{sent} bytes");
    assert_eq!(
        recorder.count(|it| it.is("GET", "/blobs/uploads/") && it.status == 404),
        1
    );
}

#[test]
fn json_lines_tell_of_a_mount() {
    let line = Line::small();
    let here = format!("{}/team/app", line.registry.host());
    let copy = format!("{}/team/copy", line.registry.host());
    line.sandbox.rdock(&["pull", "-q", &here]).ok();
    line.sandbox.rdock(&["tag", &here, &copy]).ok();
    let pushed = line.sandbox.rdock(&["push", "-q", "--progress", "json", &copy]).ok();
    let events = pushed
        .stderr
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mounted = events
        .filter(|event| event["outcome"] == "mounted" && event["from"] == "team/app")
        .count();
    assert!(mounted >= line.image.layers.len(), "{pushed}");
}
