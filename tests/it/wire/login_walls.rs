//! Only a registry's answer is believed: behind a login wall, and before pages for people, nothing is done.

use super::{HOST, Line, PASSWORD, World, first_line};
use crate::support::fault::Reply;
use crate::support::recorder::Recorder;
use crate::support::sandbox::Sandbox;

const PAGE: &str = "<!DOCTYPE html><title>Sign in</title>";
const HTML: [(&str, &str); 1] = [("Content-Type", "text/html; charset=utf-8")];

/// A wall before everything: a redirect to a page that says 200, or that page itself.
fn wall(recorder: &Recorder, redirect: Option<u16>) {
    recorder.on_path("GET", "/signin").answer(200, &HTML, PAGE);
    recorder.on_path("HEAD", "/signin").answer(200, &HTML, "");
    recorder.on(|_| true).respond(move |_| {
        Some(match redirect {
            Some(status) => Reply::new(status, "").header("Location", "/signin"),
            None => Reply::new(200, PAGE).header(HTML[0].0, HTML[0].1),
        })
    });
}

const WALLS: [Option<u16>; 5] = [Some(301), Some(302), Some(303), Some(307), None];

#[track_caller]
fn login(sandbox: &Sandbox, host: &str, password: &str) -> crate::support::process::Run {
    sandbox.rdock_stdin(&["login", "-u", "alice", "--password-stdin", host], password)
}

#[test]
fn behind_a_login_wall_nothing_is_pushed_copied_or_removed() {
    for redirect in WALLS {
        let line = Line::small();
        line.pull().ok();
        let name = format!("{}/team/app", line.recorder.host());
        wall(&line.recorder, redirect);
        for arguments in [
            &["push", &name] as &[&str],
            &["copy", &format!("oci:{}", line.image.folder.display()), &name],
            &["rmi", "--remote", "--force", &name],
        ] {
            let run = line.sandbox.rdock(arguments).fails(1);
            assert!(
                !run.stdout.contains("digest: ") && !run.stdout.contains("Untagged"),
                "{redirect:?}: {run}"
            );
        }
    }
}

#[test]
fn a_login_behind_a_wall_or_at_a_web_server_is_refused_and_not_kept() {
    for redirect in WALLS {
        let (sandbox, recorder) = (Sandbox::new(), Recorder::alone());
        wall(&recorder, redirect);
        let run = login(&sandbox, &recorder.host(), PASSWORD).fails(1);
        assert!(!run.stdout.contains("Login Succeeded"), "{run}");
        assert!(!sandbox.config_path().exists(), "{redirect:?}");
    }
    for (status, kind, body) in [
        (200, "text/plain", "It works!"),
        (200, "text/html", ""),
        (200, "text/html; charset=utf-8", "{}"),
        (204, "text/html", ""),
        (511, "text/html", "<html>sign in to the network</html>"),
        (403, "text/html", "<html>no</html>"),
        (404, "application/json", "{}"),
    ] {
        let (sandbox, recorder) = (Sandbox::new(), Recorder::alone());
        recorder.on(|_| true).answer(status, &[("Content-Type", kind)], body);
        let run = login(&sandbox, &recorder.host(), PASSWORD).fails(1);
        assert!(first_line(&run).contains("login attempt to "), "{status} {kind}: {run}");
        assert!(!sandbox.config_path().exists(), "{status} {kind}");
    }
}

#[test]
fn a_registry_s_greeting_needs_no_header_of_its_own() {
    for (kind, body) in [
        ("application/json", "{}"),
        ("application/json", ""),
        ("", "{\"ok\":true}"),
    ] {
        let (sandbox, recorder) = (Sandbox::new(), Recorder::alone());
        recorder.on(|_| true).answer(200, &[("Content-Type", kind)], body);
        login(&sandbox, &recorder.host(), PASSWORD).ok();
    }
}

#[test]
fn pages_in_place_of_an_upload_s_answers_are_told_at_once() {
    for (method, part) in [
        ("POST", "/blobs/uploads/"),
        ("PUT", "/blobs/uploads/"),
        ("PUT", "/manifests/"),
    ] {
        let line = Line::small();
        line.recorder.on_path("HEAD", "/blobs/").answer(404, &[], "");
        line.recorder.on_path(method, part).answer(200, &HTML, PAGE);
        let run = line.push().fails(1);
        assert!(
            run.stderr.contains("answers, but not as a registry does"),
            "{method} {part}: {run}"
        );
        assert!(!run.stdout.contains("Retrying"), "{method} {part}: {run}");
    }
}

#[test]
fn an_empty_answer_is_a_registry_s_word_though_it_is_called_a_page() {
    // Quay is made with Flask, which calls every empty answer text/html.
    let line = Line::small();
    line.recorder
        .on(|r| ["POST", "PATCH", "PUT", "DELETE"].contains(&r.method.as_str()))
        .set_header("Content-Type", "text/html; charset=utf-8");
    line.push().ok();
    let digest = &line.image.digest;
    line.recorder.on_path("DELETE", "/manifests/").answer(202, &HTML, "");
    let name = format!("{}/team/copy", line.recorder.host());
    line.sandbox.rdock(&["rmi", "--remote", &name]).ok();
    let by_digest = format!("{name}@{digest}");
    line.sandbox.rdock(&["rmi", "--remote", "--force", &by_digest]).ok();
}

#[test]
fn a_login_that_another_host_answers_is_refused() {
    for status in [301, 307] {
        let world = World::new();
        world.front.on(|_| true).redirect_to_host(status, "https://other.test");
        login(&world.sandbox, HOST, PASSWORD).fails(1);
        assert!(!world.sandbox.config_path().exists());
        world.assert_others_know_nothing();
    }
}

#[test]
fn a_manifest_is_stored_by_201_or_by_its_digest_alone() {
    for (status, names_it, is_done) in [
        (201, false, true),
        (200, true, true),
        (202, true, true),
        (204, true, true),
        (200, false, false),
        (202, false, false),
        (204, false, false),
    ] {
        let line = Line::small();
        line.pull().ok();
        let copy = format!("{}/team/copy", line.recorder.host());
        let name = format!("{}/team/app", line.recorder.host());
        line.sandbox.rdock(&["tag", &name, &copy]).ok();
        let digest = if names_it {
            line.image.digest.clone()
        } else {
            "none".to_owned()
        };
        line.recorder
            .on_path("PUT", "/manifests/")
            .answer(status, &[("Docker-Content-Digest", &digest)], "");
        let run = line.sandbox.rdock(&["push", &copy]);
        let run = if is_done { run.ok() } else { run.fails(1) };
        assert_eq!(run.stdout.contains("digest: "), is_done, "{status} {names_it}: {run}");
        assert_eq!(
            run.stderr.contains("does not say that it has stored it"),
            !is_done,
            "{run}"
        );
    }
}

#[test]
fn a_blob_is_there_by_its_digest_or_its_length_and_never_as_a_page() {
    let wrong = format!("sha256:{}", "a".repeat(64));
    for headers in [
        &[("Content-Type", "text/html")] as &[(&str, &str)],
        &[("Content-Type", "application/octet-stream")],
        &[("Content-Length", "123456789")],
        &[("Docker-Content-Digest", &wrong)],
    ] {
        let line = Line::small();
        line.recorder
            .on_path("HEAD", "/v2/team/copy/blobs/")
            .answer(200, headers, "");
        line.push().ok();
        assert_eq!(
            line.recorder
                .count(|r| r.method == "PUT" && r.path.contains("/team/copy/blobs/uploads/")),
            line.image.layers.len() + 1,
            "{headers:?}"
        );
    }
}

#[test]
fn a_blob_whose_head_leads_to_a_url_signed_for_get_is_not_sent_again() {
    for is_own_storage in [true, false] {
        let (line, storage) = (Line::small(), Recorder::alone());
        line.push().ok();
        let sent = line.recorder.count(|r| r.path.contains("/blobs/uploads/"));
        let base = if is_own_storage { String::new() } else { storage.url() };
        line.recorder
            .on_path("HEAD", "/blobs/")
            .redirect(307, &format!("{base}/store/x?sig=s1gn3d"));
        for place in [&line.recorder, &storage] {
            place
                .on_path("HEAD", "/store/")
                .answer(403, &[("Content-Type", "application/xml")], "");
        }
        let copy = format!("{}/team/copy", line.recorder.host());
        line.sandbox.rdock(&["tag", &copy, &format!("{copy}:2")]).ok();
        line.sandbox.rdock(&["push", &format!("{copy}:2")]).ok();
        assert_eq!(line.recorder.count(|r| r.path.contains("/blobs/uploads/")), sent);
    }
}

/// A registry that is open to all at `/v2/` and knows one password. Where it looks at it is told by `sees`.
fn half_open(recorder: &Recorder, sees: &'static str) {
    let challenge = [("WWW-Authenticate", "Basic realm=\"zot\"")];
    let right = super::basic_of_alice();
    recorder
        .on(move |r| r.path.starts_with(sees) && r.header("authorization").is_some_and(|it| it != right))
        .answer(401, &challenge, "");
    recorder
        .on(|r| r.path.starts_with("/v2/_catalog") && r.header("authorization").is_none())
        .answer(401, &challenge, "");
    recorder
        .on(|_| true)
        .answer(200, &[("Content-Type", "application/json")], "{}");
}

#[test]
fn a_wrong_password_is_told_where_the_door_is_open_to_all() {
    for sees in ["/v2/", "/v2/_catalog"] {
        for (password, is_right) in [(PASSWORD, true), ("wrong", false)] {
            let (sandbox, recorder) = (Sandbox::new(), Recorder::alone());
            half_open(&recorder, sees);
            let run = login(&sandbox, &recorder.host(), password);
            let run = if is_right { run.ok() } else { run.fails(1) };
            assert_eq!(run.stdout.contains("Login Succeeded"), is_right, "{run}");
            assert_eq!(sandbox.config_path().exists(), is_right, "{sees}");
        }
    }
}

#[test]
fn a_wrong_password_is_told_where_only_the_token_server_sees_it() {
    for (password, is_right) in [(PASSWORD, true), ("wrong", false)] {
        let (sandbox, recorder) = (Sandbox::new(), Recorder::alone());
        let challenge = format!("Bearer realm=\"{}/token\",service=\"x\"", recorder.url());
        let right = super::basic_of_alice();
        recorder.on_path("GET", "/token").respond(move |r| {
            let is_known = r.header("authorization") == Some(&right);
            let good = Reply::json(200, &serde_json::json!({"token": "good"}));
            Some(if is_known { good } else { Reply::new(401, "") })
        });
        recorder
            .on_path("GET", "/v2/_catalog")
            .answer(401, &[("WWW-Authenticate", &challenge)], "");
        recorder.on(|_| true).answer(200, &[], "{}");
        let run = login(&sandbox, &recorder.host(), password);
        let run = if is_right { run.ok() } else { run.fails(1) };
        assert_eq!(run.stdout.contains("Login Succeeded"), is_right, "{run}");
    }
}

#[test]
fn a_digest_that_is_claimed_in_place_of_the_one_asked_for_is_not_believed() {
    let line = Line::small();
    let wrong = format!("sha256:{}", "a".repeat(64));
    line.recorder
        .on(|r| r.method == "HEAD" && r.path.contains("/manifests/sha256:"))
        .answer(200, &[("Docker-Content-Digest", &wrong)], "");
    let name = format!("{}/team/app@{}", line.recorder.host(), line.image.digest);
    let digest = line.sandbox.rdock(&["digest", &name]).ok();
    assert_eq!(digest.stdout.trim(), line.image.digest);
    // Nor is the image taken to be there.
    let empty = crate::support::serve::Serve::open();
    let front = Recorder::front(&empty.host());
    front
        .on_path("HEAD", "/manifests/sha256:")
        .answer(200, &[("Docker-Content-Digest", &wrong)], "");
    let copy = format!("{}/team/copy", front.host());
    line.sandbox.rdock(&["copy", &line.name(), &copy]).ok();
    empty.get("/v2/team/copy/manifests/latest").is(200);
}
