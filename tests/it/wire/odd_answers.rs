//! What some registries say in a way of their own: other words for "later", "no" and "who are you", members' names in
//! another case, successes that are none.

use serde_json::{Value, json};

use super::{Line, basic_of_alice, first_line, log_in};
use crate::support::fault::Reply;
use crate::support::recorder::{Recorded, Recorder};

/// Lets in whoever shows this, and gives the others this answer.
fn ask_for(recorder: &Recorder, shown: &str, status: u16, challenges: &[&str]) {
    let shown = shown.to_owned();
    let mut refusal = Reply::json(status, &json!({"errors": [{"code": "DENIED", "message": "no"}]}));
    for challenge in challenges {
        let challenge = challenge.replace("HOST", &recorder.url());
        refusal = refusal.header("WWW-Authenticate", &challenge);
    }
    recorder
        .on(move |r| !r.path.starts_with("/token") && r.header("authorization") != Some(&shown))
        .respond(move |_| Some(refusal.clone()));
}

/// Answers alice, or everybody, with this in place of a token server's answer.
fn serve_token(recorder: &Recorder, body: impl Into<Vec<u8>>) {
    recorder.on_path("GET", "/token").answer(200, &[], body);
}

#[test]
fn a_token_is_found_however_its_answer_is_written() {
    for answer in [
        json!({"access_token": "good"}),
        json!({"token": "", "access_token": "good"}),
        json!({"token": null, "access_token": "good", "expires_in": 0}),
        // As docker, containerd and crane choose.
        json!({"token": "good", "access_token": "another"}),
        json!({"token": "good", "access_token": "", "refresh_token": null}),
        json!({"token": "good\n", "issued_at": 1_700_000_000, "scope": ["a"], "token_type": "bearer"}),
        json!({"Token": "good", "expires_in": "300"}),
        json!({"AccessToken": "good"}),
    ] {
        let line = Line::small();
        ask_for(
            &line.recorder,
            "Bearer good",
            401,
            &["Bearer realm=\"HOST/token\",service=\"x\""],
        );
        serve_token(&line.recorder, answer.to_string());
        let run = line.pull();
        assert_eq!(run.code, 0, "{answer}: {run}");
    }
}

#[test]
fn a_login_is_shown_where_a_host_does_not_ask_for_it_in_the_right_way() {
    let bearer = "Bearer realm=\"HOST/token\",service=\"x\"";
    for (status, challenges) in [
        // RFC 9110 has no 401 without a challenge, and a challenge in no other refusal.
        (401, &[] as &[&str]),
        (401, &["=,=;\""]),
        (403, &["Basic realm=\"x\""]),
        (404, &["Basic realm=\"x\""]),
        (401, &["Basic realm='x'"]),
        (401, &["Negotiate", "NTLM", "basic"]),
        // Nobody is at the token server.
        (401, &["Bearer realm=\"http://127.0.0.1:1/token\"", "Basic realm=\"x\""]),
    ] {
        let line = Line::small();
        log_in(&line.sandbox, &line.recorder.host());
        ask_for(&line.recorder, &basic_of_alice(), status, challenges);
        let run = line.pull();
        assert_eq!(run.code, 0, "{status} {challenges:?}: {run}");
        let name = line.name();
        let login = ["login", "-u", "alice", "--password-stdin", &line.recorder.host()];
        if status == 401 {
            line.sandbox.rdock_stdin(&login, super::PASSWORD).ok();
        }
        line.sandbox.rdock(&["tags", &name]).ok();
    }
    for (status, challenge) in [
        (403, bearer),
        (404, bearer),
        (401, "Bearer realm='HOST/token', service='x'"),
    ] {
        let line = Line::small();
        log_in(&line.sandbox, &line.recorder.host());
        ask_for(&line.recorder, "Bearer good", status, &[challenge]);
        serve_token(&line.recorder, r#"{"token":"good"}"#);
        let run = line.pull();
        assert_eq!(run.code, 0, "{status} {challenge}: {run}");
    }
}

#[test]
fn a_login_that_cannot_be_shown_is_not_called_stale() {
    for (challenges, schemes) in [
        (&["Negotiate"] as &[&str], "negotiate"),
        (&["Negotiate", "NTLM"], "negotiate or ntlm"),
        (&["Digest realm=\"x\", nonce=\"y\""], "digest"),
        (&["AWS4-HMAC-SHA256"], "aws4-hmac-sha256"),
    ] {
        let line = Line::small();
        log_in(&line.sandbox, &line.recorder.host());
        let host = line.recorder.host();
        ask_for(&line.recorder, "nothing", 401, challenges);
        let login = ["login", "-u", "alice", "--password-stdin", &host];
        let login = line.sandbox.rdock_stdin(&login, super::PASSWORD);
        for run in [line.pull(), login] {
            let words = format!(": it wants {schemes}, and no more than Basic and Bearer can be answered");
            assert!(run.code == 1 && run.stderr.contains(&words), "{run}");
            assert!(!run.stderr.contains("hint: "), "{run}");
        }
        let shown = line.recorder.count(|r| r.header("authorization").is_some());
        assert_eq!(shown, 0, "{challenges:?}");
    }
}

#[test]
fn too_many_requests_are_so_in_other_words_too() {
    let bodies: [Value; 4] = [
        json!({"errors": [{"code": "TOOMANYREQUESTS", "message": "Rate exceeded"}]}),
        json!({"errors": [{"code": "ThrottlingException", "message": "Rate exceeded"}]}),
        json!({"__type": "ThrottlingException", "message": "Rate exceeded"}),
        json!({"__type": "com.amazonaws.ecr#TooManyRequestsException", "Message": "slow down"}),
    ];
    for body in &bodies {
        let line = Line::small();
        let first_of_each = |method: &str, part: &str| {
            let reply = Reply::json(400, body).header("Retry-After", "0");
            line.recorder
                .on_path(method, part)
                .times(1)
                .respond(move |_| Some(reply.clone()));
        };
        for (method, part) in [
            ("GET", "/manifests/"),
            ("GET", "/tags/list"),
            ("GET", "/blobs/"),
            ("POST", "/uploads/"),
            ("PUT", "/uploads/"),
            ("PUT", "/manifests/"),
            ("DELETE", "/manifests/"),
        ] {
            first_of_each(method, part);
        }
        let run = line.pull();
        assert_eq!(run.code, 0, "{body}: {run}");
        line.sandbox.rdock(&["tags", &line.name()]).ok();
        line.sandbox
            .rdock(&["tag", &line.name(), &line.name().replace("app", "new")])
            .ok();
        line.sandbox.rdock(&["push", &line.name().replace("app", "new")]).ok();
        line.sandbox.rdock(&["rmi", "--remote", &line.name()]).ok();
    }
    // Other refusals are as final as they were, and none that stays is taken for "no tags are removed here".
    let line = Line::small();
    let reply = Reply::json(400, &bodies[0]).header("Retry-After", "0");
    line.recorder
        .on(|r| r.method == "DELETE")
        .respond(move |_| Some(reply.clone()));
    let run = line.sandbox.rdock(&["rmi", "--remote", &line.name()]).fails(1);
    assert!(first_line(&run).contains("toomanyrequests: Rate exceeded"), "{run}");
    let is_digest_s = |r: &Recorded| r.method == "DELETE" && r.path.contains("sha256:");
    assert_eq!(line.recorder.count(is_digest_s), 0);
    let invalid = json!({"errors": [{"code": "NAME_INVALID", "message": "x"}]});
    line.recorder
        .on_path("GET", "/manifests/")
        .respond(move |_| Some(Reply::json(400, &invalid)));
    line.recorder.on_path("HEAD", "/manifests/").answer(400, &[], "");
    line.recorder.clear();
    line.pull().fails(1);
    assert_eq!(line.recorder.count(|r| r.is("GET", "/manifests/")), 1);
}

#[test]
fn what_is_said_to_be_removed_and_still_stands_is_not_removed() {
    for typed in ["team/app:latest", "team/app@DIGEST"] {
        let line = Line::small();
        line.recorder.on(|r| r.method == "DELETE").answer(200, &[], "{}");
        let name = format!(
            "{}/{}",
            line.recorder.host(),
            typed.replace("DIGEST", &line.image.digest)
        );
        let run = line.sandbox.rdock(&["rmi", "--remote", "--force", &name]).fails(1);
        assert!(first_line(&run).contains(" answers 200 OK, but "), "{run}");
        assert!(
            !run.stdout.contains("Untagged") && !run.stdout.contains("Deleted"),
            "{run}"
        );
    }
    // Some say it with 200 and do it.
    let line = Line::small();
    line.recorder
        .on(|r| r.method == "DELETE")
        .change_response(|_, head| head.status = hyper::StatusCode::OK);
    line.sandbox.rdock(&["rmi", "--remote", &line.name()]).ok();
}

#[test]
fn a_page_that_says_created_has_created_nothing() {
    let html = [("Content-Type", "text/html")];
    for part in ["/manifests/", "/uploads/"] {
        let line = Line::small();
        line.recorder.on_path("HEAD", "/team/copy/").answer(404, &[], "");
        line.recorder
            .on_path("PUT", part)
            .answer(201, &html, "<html>welcome</html>");
        let run = line.push().fails(1);
        assert!(run.stderr.contains("answers, but not as a registry does"), "{run}");
        assert!(!run.stdout.contains("digest: "), "{run}");
    }
}

#[test]
fn a_list_is_read_whatever_the_case_of_its_members_names() {
    let line = Line::small();
    let recorder = &line.recorder;
    let tags = json!({"Name": "team/app", "Tags": ["1", "2"]});
    recorder
        .on_path("GET", "/tags/list")
        .respond(move |_| Some(Reply::json(200, &tags)));
    let names = json!({"Repositories": ["team/app"]});
    recorder
        .on_path("GET", "/v2/_catalog")
        .respond(move |_| Some(Reply::json(200, &names)));
    assert_eq!(line.sandbox.rdock(&["tags", "-q", &line.name()]).ok().stdout, "1\n2\n");
    let catalog = line.sandbox.rdock(&["catalog", "-q", &recorder.host()]).ok();
    assert!(catalog.stdout.contains("team/app"), "{catalog}");
}
