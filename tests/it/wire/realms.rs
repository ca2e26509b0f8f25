//! The registry alone names its token server, so a password goes there only when it has the same owner.

use super::{HOST, World, ask_for_token, assert_discreet, first_line, log_in, log_in_by_token};
use crate::support::fault::Reply;
use crate::support::recorder::Recorder;
use serde_json::json;

/// Serves the token `good`, to those with a proof or to all.
fn serve_tokens(recorder: &Recorder) {
    recorder
        .on(|request| request.path.starts_with("/token"))
        .respond(|_| Some(Reply::json(200, &json!({"token": "good"}))));
}

#[test]
fn a_token_server_of_the_same_owner_sees_the_password() {
    let world = World::new();
    log_in(&world.sandbox, HOST);
    ask_for_token(&world.front, "https://auth.reg.example.test/token");
    serve_tokens(&world.other);
    world.pull().ok();
    let asked = world.other.requests();
    assert_eq!(asked.len(), 1);
    assert!(
        asked[0]
            .header("authorization")
            .is_some_and(|proof| proof.starts_with("Basic ")),
        "{asked:?}"
    );
    assert!(
        world
            .front
            .requests()
            .iter()
            .all(|r| r.header("authorization").is_none_or(|p| p.starts_with("Bearer ")))
    );
}

#[test]
fn a_token_server_of_someone_else_sees_no_password() {
    for store_login in [log_in, log_in_by_token] {
        let world = World::new();
        store_login(&world.sandbox, HOST);
        ask_for_token(&world.front, "https://other.test/token");
        world
            .other
            .on_path("GET", "/token")
            .answer(401, &[], r#"{"details":"who are you"}"#);
        let pulled = world.pull().fails(1);
        assert!(pulled.stderr.contains("who are you"), "{pulled}");
        assert!(
            pulled
                .stderr
                .contains("the password was not sent to other.test, which names say is not of reg.example.test"),
            "{pulled}"
        );
        assert!(!pulled.stderr.contains("may have expired"), "{pulled}");
        assert_eq!(world.other.count(|r| r.path.starts_with("/token")), 1);
        world.assert_others_know_nothing();
        assert_discreet(&pulled);
    }
}

#[test]
fn what_is_public_comes_without_a_password_from_any_token_server() {
    let world = World::new();
    log_in(&world.sandbox, HOST);
    ask_for_token(&world.front, "https://other.test/token");
    serve_tokens(&world.other);
    world.pull().ok();
    world.assert_others_know_nothing();
}

#[test]
fn an_unsafe_realm_is_not_asked_at_all() {
    for (realm, why) in [
        (
            "http://auth.reg.example.test/token",
            "an unsafe realm (http://auth.reg.example.test)",
        ),
        (
            "http://169.254.169.254/latest/meta-data",
            "an unsafe realm (http://169.254.169.254)",
        ),
        (
            "https://169.254.169.254/token",
            "an address inside the network (169.254.169.254)",
        ),
        (
            "https://127.0.0.1:1/token",
            "an address inside the network (127.0.0.1:1)",
        ),
        ("file:///etc/passwd", "an unsafe realm (file://)"),
        ("https://[/", "an unreadable realm (\"https://[/\")"),
        ("", "no realm"),
    ] {
        let world = World::new();
        log_in(&world.sandbox, HOST);
        ask_for_token(&world.front, realm);
        let pulled = world.pull().fails(1);
        let told = format!("{HOST} names {why} for its token server");
        assert!(first_line(&pulled).ends_with(&told), "{realm}: {pulled}");
        assert_eq!(world.internet.connections(), ["reg.example.test:443"], "{realm}");
        assert!(
            world
                .front
                .requests()
                .iter()
                .all(|r| r.header("authorization").is_none())
        );
        assert_discreet(&pulled);
    }
}

#[test]
fn a_token_server_that_redirects_leads_no_password_away() {
    for (status, target) in [
        (302, "https://other.test/token"),
        (307, "https://other.test/token"),
        (308, "https://reg.example.test:8443/token"),
        (307, "http://auth.reg.example.test/token"),
        (307, "https://169.254.169.254/token"),
    ] {
        for log_in in [log_in, log_in_by_token] {
            let world = World::new();
            log_in(&world.sandbox, HOST);
            world
                .front
                .on(|request| request.path.starts_with("/token"))
                .redirect(status, target);
            ask_for_token(&world.front, "https://reg.example.test/token");
            world
                .other
                .on(|_| true)
                .answer(401, &[], r#"{"details":"who are you"}"#);
            let pulled = world.pull().fails(1);
            assert_eq!(world.front.count(|r| r.path.starts_with("/token")), 1);
            assert_eq!(world.plain.requests().len(), 0);
            world.assert_others_know_nothing();
            assert_discreet(&pulled);
        }
    }
}

#[test]
fn a_login_shows_the_password_to_no_foreign_token_server() {
    let world = World::new();
    ask_for_token(&world.front, "https://other.test/token");
    serve_tokens(&world.other);
    let login = world
        .sandbox
        .rdock_stdin(&["login", "-u", "alice", "--password-stdin", HOST], super::PASSWORD)
        .fails(1);
    assert!(
        first_line(&login).contains("the password was not sent to other.test"),
        "{login}"
    );
    assert_eq!(world.other.requests().len(), 0);
    assert!(!world.sandbox.config_path().exists());
    assert_discreet(&login);
}
