//! What may pass is tried again, what will not is told at once.

use std::time::{Duration, Instant};

use super::{Line, ask_for_token, first_line};
use crate::support::fault::Reply;
use crate::support::recorder::Recorder;
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
fn a_token_server_that_stumbles_is_asked_again() {
    let (line, tokens) = (Line::small(), Recorder::alone());
    ask_for_token(&line.recorder, &format!("{}/token", tokens.url()));
    tokens.on(|_| true).times(1).answer(503, &SOON, "");
    tokens
        .on(|_| true)
        .respond(|_| Some(Reply::json(200, &json!({"token": "good"}))));
    line.pull().ok();
    assert_eq!(tokens.requests().len(), 2);
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
fn a_token_server_with_too_many_requests_is_asked_again() {
    let (line, tokens) = (Line::small(), Recorder::alone());
    ask_for_token(&line.recorder, &format!("{}/token", tokens.url()));
    tokens.on(|_| true).times(1).answer(429, &[], "slow down");
    tokens
        .on(|_| true)
        .respond(|_| Some(Reply::json(200, &json!({"token": "good"}))));
    line.pull().ok();
    assert_eq!(tokens.requests().len(), 2);
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
    let began = Instant::now();
    line.pull().fails(1);
    assert!(began.elapsed() < Duration::from_secs(5));
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
