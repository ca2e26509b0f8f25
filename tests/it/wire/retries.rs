//! What may pass is tried again, what will not is told at once.

use std::time::{Duration, Instant};

use super::{Line, ask_for_token, first_line};
use crate::support::fault::Reply;
use crate::support::image::Image;
use crate::support::layer::Layer;
use crate::support::raw::{RawServer, pass_on, read_head, reset};
use crate::support::recorder::Recorder;
use crate::support::sandbox::Sandbox;
use serde_json::json;

const SOON: [(&str, &str); 1] = [("Retry-After", "0")];

#[test]
fn a_server_that_stumbles_is_asked_again() {
    for status in [500, 502, 503] {
        let line = Line::small();
        for (method, part) in [("GET", "/manifests/"), ("GET", "/blobs/"), ("HEAD", "/manifests/")] {
            line.recorder
                .on_path(method, part)
                .times(1)
                .answer(status, &SOON, "<html>oops</html>");
        }
        line.pull().ok();
        let again = line.pull().ok();
        assert!(again.stdout.contains("Image is up to date"), "{again}");
        assert_eq!(line.recorder.count(|request| request.status == status), 3);
    }
}

#[test]
fn a_token_server_that_stumbles_or_has_too_many_requests_is_asked_again() {
    for (status, headers) in [(503, &SOON[..]), (429, &[])] {
        let (line, tokens) = (Line::small(), Recorder::alone());
        ask_for_token(&line.recorder, &format!("{}/token", tokens.url()));
        tokens.on(|_| true).times(1).answer(status, headers, "slow down");
        tokens
            .on(|_| true)
            .respond(|_| Some(Reply::json(200, &json!({"token": "good"}))));
        line.pull().ok();
        assert_eq!(tokens.requests().len(), 2, "{status}");
    }
}

#[test]
fn a_server_that_stays_down_is_told_in_docker_s_words() {
    let line = Line::small();
    line.recorder
        .on_path("GET", "/manifests/")
        .answer(500, &SOON, "<html>oops</html>");
    let pulled = line.pull().fails(1);
    assert_eq!(
        first_line(&pulled),
        "received unexpected HTTP status: 500 Internal Server Error"
    );
    assert_eq!(line.recorder.count(|request| request.status == 500), 6);
}

#[test]
fn a_quota_with_a_date_is_waited_for() {
    let line = Line::small();
    let headers = [("Retry-After", "1")];
    line.recorder
        .on_path("GET", "/manifests/")
        .times(1)
        .answer(429, &headers, "");
    line.recorder
        .on_path("GET", "/blobs/")
        .times(1)
        .answer(429, &headers, "");
    let began = Instant::now();
    line.pull().ok();
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(line.recorder.count(|request| request.status == 429), 2);
}

#[test]
fn too_many_requests_without_a_date_are_tried_again_a_little_later() {
    let body = json!({"errors": [{"code": "TOOMANYREQUESTS", "message": "Rate exceeded"}]}).to_string();
    let line = Line::new(&Image::new().layer(Layer::files(4, 700_000)));
    for (method, part) in [
        ("GET", "/manifests/"),
        ("GET", "/blobs/"),
        ("HEAD", "/manifests/"),
        ("GET", "/tags/"),
        ("HEAD", "/blobs/"),
        ("POST", "/blobs/uploads/"),
        ("PATCH", "/blobs/uploads/"),
        ("PUT", "/blobs/uploads/"),
        ("PUT", "/manifests/"),
    ] {
        let limited = line.recorder.on_path(method, part).times(1);
        limited.answer(429, &[], body.as_str());
    }
    line.recorder.on_path("HEAD", "/blobs/").answer(404, &[], "");
    line.pull().ok();
    line.pull().ok();
    line.sandbox
        .rdock(&["tags", &format!("{}/team/app", line.recorder.host())])
        .ok();
    line.push().ok();
    assert_eq!(line.recorder.count(|request| request.status == 429), 9);
}

#[test]
fn a_quota_that_is_used_up_is_told_at_once() {
    let words = "You have reached your pull rate limit. You may increase the limit by authenticating";
    let body = json!({"errors": [{"code": "TOOMANYREQUESTS", "message": words}]}).to_string();
    for part in ["/manifests/", "/blobs/"] {
        let line = Line::small();
        let used_up = [("ratelimit-remaining", "0;w=21600"), ("Retry-After", "1")];
        line.recorder.on_path("GET", part).answer(429, &used_up, body.as_str());
        let pulled = line.pull().fails(1);
        assert_eq!(first_line(&pulled), format!("toomanyrequests: {words}"));
        assert!(line.recorder.count(|request| request.status == 429) <= line.image.layers.len() + 1);
    }
}

#[test]
fn a_quota_that_ends_tomorrow_is_not_waited_for() {
    let line = Line::small();
    line.recorder
        .on_path("GET", "/manifests/")
        .answer(429, &[("Retry-After", "86400")], "");
    line.pull().fails(1);
    assert_eq!(line.recorder.count(|request| request.status == 429), 1);
}

#[test]
fn what_will_not_pass_is_asked_once() {
    for status in [400, 403, 404, 410, 418] {
        let line = Line::small();
        line.recorder.on_path("GET", "/manifests/").answer(status, &[], "");
        line.pull().fails(1);
        assert_eq!(
            line.recorder.count(|request| request.is("GET", "/manifests/")),
            1,
            "{status}"
        );
    }
}

#[test]
fn a_first_request_that_is_cut_off_is_sent_again() {
    type Cut = fn(&mut std::net::TcpStream);
    let cuts: [Cut; 3] = [
        |stream| reset(stream),
        |stream| drop(read_head(stream)),
        |stream| {
            read_head(stream);
            reset(stream);
        },
    ];
    for cut in cuts {
        let line = Line::small();
        let upstream = line.recorder.host();
        // The second one asks whether it is TLS that is spoken there.
        let server = RawServer::start(move |number, stream| match number {
            0..2 => cut(stream),
            _ => pass_on(stream, &upstream),
        });
        line.sandbox
            .rdock(&["pull", &format!("{}/team/app", server.host())])
            .ok();
        line.assert_whole();
    }
}

#[test]
fn a_first_request_that_meets_silence_is_sent_again() {
    let line = Line::small();
    let upstream = line.recorder.host();
    let server = RawServer::start(move |number, stream| match number {
        0..2 => {
            let _ = std::io::copy(stream, &mut std::io::sink());
        }
        _ => pass_on(stream, &upstream),
    });
    let name = format!("{}/team/app", server.host());
    line.sandbox.rdock(&["pull", "--stall-timeout", "3s", &name]).ok();
}

#[test]
fn a_host_that_only_hangs_up_is_tried_three_times() {
    let server = RawServer::start(|_, stream| drop(read_head(stream)));
    let run = Sandbox::new()
        .rdock(&["pull", &format!("{}/x", server.host())])
        .fails(1);
    assert!(first_line(&run).ends_with("/v2/\": EOF"), "{run}");
    // Each with a look at whether it is TLS that is spoken there.
    assert!((3..=6).contains(&server.connections()), "{}", server.connections());
}

#[test]
fn tries_of_one_layer_are_not_tried_again_by_another() {
    let line = Line::new(&Image::new().layer(Layer::files(1, 10)));
    line.recorder.on_path("POST", "/blobs/uploads/").answer(503, &SOON, "");
    line.recorder.on_path("HEAD", "/blobs/").answer(404, &[], "");
    line.push_with(&["--max-concurrent", "1"]).fails(1);
    assert_eq!(line.recorder.count(|request| request.is("POST", "/blobs/uploads/")), 6);
}
