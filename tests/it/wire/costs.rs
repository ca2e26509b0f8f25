//! How much is asked of a registry: no more than the work needs.

use super::{Line, ask_for_password, ask_for_token, log_in};
use crate::support::fault::Reply;
use crate::support::hub::Hub;
use crate::support::image::Image;
use crate::support::recorder::Recorder;
use crate::support::sandbox::Sandbox;
use serde_json::json;

/// The methods of all requests for this repository, and what of it they asked for.
fn asked(recorder: &Recorder) -> Vec<String> {
    let mut asked: Vec<String> = recorder
        .requests()
        .iter()
        .filter(|request| request.path != "/v2/")
        .map(|request| {
            let kind = request.path.split('/').rev().nth(1).unwrap_or_default();
            format!("{} {kind} {}", request.method, request.status)
        })
        .collect();
    asked.sort();
    asked
}

#[test]
fn a_cold_pull_asks_for_the_manifest_the_config_and_the_layers_once() {
    let line = Line::small();
    line.pull().ok();
    let mut expected = vec!["GET blobs 200"; line.image.layers.len() + 1];
    expected.push("GET manifests 200");
    assert_eq!(asked(&line.recorder), expected);
    assert!(line.recorder.requests().len() <= expected.len() + 1);
}

#[test]
fn a_pull_of_what_is_there_costs_one_head() {
    let line = Line::small();
    line.pull().ok();
    line.recorder.clear();
    line.pull().ok();
    assert_eq!(asked(&line.recorder), ["HEAD manifests 200"]);
}

#[test]
fn a_push_of_what_was_pushed_and_stands_costs_one_head() {
    let line = Line::small();
    line.push().ok();
    line.recorder.clear();
    let again = line.push().ok();
    assert_eq!(asked(&line.recorder), ["HEAD manifests 200"]);
    assert_eq!(
        again.stdout.matches("Layer already exists").count(),
        line.image.layers.len(),
        "{again}"
    );
}

#[test]
fn a_push_of_what_somebody_else_has_put_there_costs_a_head_for_each_blob_and_the_manifest() {
    let line = Line::small();
    line.push().ok();
    let store = line.sandbox.store();
    std::fs::remove_file(store.join("locations")).unwrap();
    line.recorder.clear();
    line.push().ok();
    let mut expected = vec!["HEAD blobs 200"; line.image.layers.len() + 1];
    expected.push("PUT manifests 201");
    assert_eq!(asked(&line.recorder), expected);
    assert_eq!(line.recorder.requests().len(), expected.len());
}

#[test]
fn a_push_puts_a_tag_that_is_gone_or_was_moved() {
    let line = Line::small();
    let moved = format!("sha256:{}", "0".repeat(64));
    for (status, headers) in [(404, vec![]), (200, vec![("docker-content-digest", moved.as_str())])] {
        line.push().ok();
        line.recorder.clear();
        line.recorder
            .on_path("HEAD", "/manifests/")
            .times(1)
            .answer(status, &headers, "");
        line.push().ok();
        let asked = asked(&line.recorder);
        assert_eq!(asked.last().map(String::as_str), Some("PUT manifests 201"), "{asked:?}");
        assert!(asked.contains(&"HEAD blobs 200".to_owned()), "{asked:?}");
    }
}

#[test]
fn a_push_to_nowhere_is_told_at_once() {
    let line = Line::small();
    line.pull().ok();
    let nowhere = format!("127.0.0.1:{}/team/app", crate::support::registry::free_port());
    line.sandbox.rdock(&["tag", &line.name(), &nowhere]).ok();
    let pushed = line.sandbox.rdock(&["push", &nowhere]).fails(1);
    assert!(pushed.stderr.contains("connection refused"), "{pushed}");
    assert!(!pushed.stdout.contains("Retrying"), "{pushed}");
}

#[test]
fn a_password_costs_one_refusal() {
    let line = Line::small();
    ask_for_password(&line.recorder);
    log_in(&line.sandbox, &line.recorder.host());
    line.pull().ok();
    line.recorder.clear();
    line.pull().ok();
    assert_eq!(asked(&line.recorder), ["HEAD manifests 200", "HEAD manifests 401"]);
}

#[test]
fn a_token_serves_a_whole_pull() {
    let (line, tokens) = (Line::small(), Recorder::alone());
    ask_for_token(&line.recorder, &format!("{}/token", tokens.url()));
    tokens
        .on(|_| true)
        .respond(|_| Some(Reply::json(200, &json!({"access_token": "good"}))));
    line.pull().ok();
    assert_eq!(tokens.requests().len(), 1);
    assert_eq!(
        line.recorder
            .count(|request| request.status == 401 && request.path != "/v2/"),
        1
    );
}

#[test]
fn an_up_to_date_pull_from_the_hub_costs_a_refusal_a_token_and_one_head() {
    let hub = Hub::new();
    let mut sandbox = Sandbox::new();
    hub.internet().apply(&mut sandbox);
    let image = Image::small().write(&sandbox.root().join("image"));
    hub.seed("library/nginx", "latest", &image);
    sandbox.rdock(&["pull", "nginx"]).ok();
    hub.registry().clear();
    hub.auth().clear();
    sandbox.rdock(&["pull", "nginx"]).ok();
    assert_eq!(asked(hub.registry()), ["HEAD manifests 200", "HEAD manifests 401"]);
    assert_eq!(hub.registry().requests().len(), 2);
    assert_eq!(hub.auth().requests().len(), 1);
}
