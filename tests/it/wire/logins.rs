//! A stored login is shown where it helps, and nowhere else.

use serde_json::json;

use super::{HOST, Line, PASSWORD, World, ask_for_token, assert_discreet, basic_of_alice, first_line, log_in};
use crate::support::fault::Reply;
use crate::support::recorder::Recorder;
use crate::support::sandbox::Sandbox;

/// Gives the token `good` to alice, or to everybody.
fn serve_tokens(recorder: &Recorder, anonymous: bool) {
    let right = basic_of_alice();
    recorder.on(|r| r.path.starts_with("/token")).respond(move |r| {
        let is_known = r.header("authorization") == Some(&right) || (anonymous && r.header("authorization").is_none());
        Some(if is_known {
            Reply::json(200, &json!({"token": "good"}))
        } else {
            Reply::json(403, &json!({"errors": [{"code": "DENIED", "message": "denied"}]}))
        })
    });
}

#[test]
fn what_is_hidden_from_strangers_is_shown_to_whoever_has_a_login() {
    for (status, code) in [(404, "NAME_UNKNOWN"), (403, "DENIED")] {
        let line = Line::small();
        let recorder = &line.recorder;
        log_in(&line.sandbox, &recorder.host());
        serve_tokens(recorder, false);
        let challenge = format!("Bearer realm=\"{}/token\",service=\"x\"", recorder.url());
        recorder
            .on(|r| r.path == "/v2/" && r.header("authorization").is_none())
            .answer(401, &[("WWW-Authenticate", &challenge)], "");
        let refusal = json!({"errors": [{"code": code, "message": "no"}]});
        recorder
            .on(|r| r.path.starts_with("/v2/team") && r.header("authorization") != Some("Bearer good"))
            .respond(move |_| Some(Reply::json(status, &refusal)));
        line.push().ok();
        let name = format!("{}/team/app", recorder.host());
        let tags = line.sandbox.rdock(&["tags", "-q", &name]).ok();
        assert_eq!(tags.stdout, "latest\n");
        assert!(recorder.count(|r| r.path == "/v2/") <= 4);
    }
}

#[test]
fn what_is_not_there_costs_one_question_more_and_shows_no_password() {
    let line = Line::small();
    log_in(&line.sandbox, &line.recorder.host());
    let name = format!("{}/team/none", line.recorder.host());
    let run = line.sandbox.rdock(&["tags", &name]).fails(1);
    assert!(first_line(&run).starts_with("repository "), "{run}");
    assert_eq!(line.recorder.count(|r| r.path == "/v2/"), 1);
    assert_eq!(line.recorder.count(|r| r.header("authorization").is_some()), 0);
}

#[test]
fn a_catalog_shows_what_the_login_may_see_and_a_stale_login_does_not_hide_the_rest() {
    for (password, count) in [(PASSWORD, 2), ("stale", 1)] {
        let (sandbox, recorder) = (Sandbox::new(), Recorder::alone());
        let auth = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("alice:{password}"));
        super::configure(&sandbox, &json!({"auths": {recorder.host(): {"auth": auth}}}));
        let right = basic_of_alice();
        recorder.on_path("GET", "/v2/_catalog").respond(move |r| {
            Some(match r.header("authorization") {
                None => Reply::json(200, &json!({"repositories": ["public/app"]})),
                Some(shown) if shown == right => {
                    Reply::json(200, &json!({"repositories": ["private/app", "public/app"]}))
                }
                Some(_) => Reply::new(401, "").header("WWW-Authenticate", "Basic realm=\"zot\""),
            })
        });
        recorder.on_path("GET", "/v2/").answer(200, &[], "{}");
        let run = sandbox.rdock(&["catalog", "-q", &recorder.host()]).ok();
        assert_eq!(run.stdout.lines().count(), count, "{password}: {run}");
        assert_discreet(&run);
    }
}

#[test]
fn a_name_that_leads_to_another_registry_needs_that_one_s_token_and_no_password() {
    let world = World::new();
    log_in(&world.sandbox, HOST);
    world.front.on(|_| true).redirect_to_host(307, "https://other.test");
    serve_tokens(&world.other, true);
    ask_for_token(&world.other, "https://other.test/token");
    world.pull().ok();
    let tags = world.sandbox.rdock(&["tags", "-q", &format!("{HOST}/team/app")]).ok();
    assert_eq!(tags.stdout, "latest\n");
    let right = basic_of_alice();
    assert_eq!(world.other.count(|r| r.header("authorization") == Some(&right)), 0);
}

#[test]
fn the_registry_that_a_name_leads_to_is_named_when_it_wants_a_login() {
    let world = World::new();
    log_in(&world.sandbox, HOST);
    world.front.on(|_| true).redirect_to_host(307, "https://other.test");
    serve_tokens(&world.other, false);
    ask_for_token(&world.other, "https://other.test/token");
    let run = world.pull().fails(1);
    assert!(run.stderr.contains("rdock login other.test"), "{run}");
    world.assert_others_know_nothing();
}

#[test]
fn another_scheme_than_the_one_just_shown_is_tried_once() {
    for is_right in [true, false] {
        let line = Line::small();
        log_in(&line.sandbox, &line.recorder.host());
        serve_tokens(&line.recorder, false);
        let bearer = format!("Bearer realm=\"{}/token\",service=\"x\"", line.recorder.url());
        let right = basic_of_alice();
        let reads = |r: &crate::support::recorder::Recorded| r.path.starts_with("/v2/team");
        line.recorder
            .on(move |r| reads(r) && r.header("authorization").is_none())
            .answer(401, &[("WWW-Authenticate", &bearer)], "");
        line.recorder
            .on(move |r| reads(r) && !(is_right && r.header("authorization") == Some(&right)))
            .answer(401, &[("WWW-Authenticate", "Basic realm=\"x\"")], "");
        let run = line.pull();
        if is_right {
            run.ok();
        } else {
            run.fails(1);
            assert!(line.recorder.count(|r| r.path.contains("/manifests/")) <= 6);
        }
    }
}

#[test]
fn a_token_server_that_denies_a_stored_login_says_that_it_may_be_stale() {
    let line = Line::small();
    log_in(&line.sandbox, &line.recorder.host());
    line.recorder.on(|r| r.path.starts_with("/token")).answer(
        403,
        &[],
        r#"{"errors":[{"code":"DENIED","message":"denied"}]}"#,
    );
    ask_for_token(&line.recorder, &format!("{}/token", line.recorder.url()));
    let run = line.pull().fails(1);
    let host = line.recorder.host();
    assert!(
        run.stderr.contains("may have expired") && run.stderr.contains(&format!("rdock logout {host}")),
        "{run}"
    );
}

#[test]
fn a_realm_that_forgot_the_encryption_is_asked_over_it() {
    let world = World::new();
    log_in(&world.sandbox, HOST);
    serve_tokens(&world.front, false);
    ask_for_token(&world.front, &format!("http://{HOST}/token"));
    world.pull().ok();
    assert_eq!(world.plain.requests().len(), 0);
}
