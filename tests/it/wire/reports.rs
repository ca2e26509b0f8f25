//! What users of other clients reported of registries, rebuilt.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{Line, PASSWORD, ask_for_token, basic_of_alice, first_line, log_in};
use crate::support::fault::Reply;
use crate::support::image::Image;
use crate::support::index::Index;
use crate::support::layer::Layer;
use crate::support::recorder::Recorder;
use crate::support::referrer;
use crate::support::sandbox::Sandbox;

#[test]
fn a_fallback_tag_that_is_taken_for_the_digest_it_is_made_of_lists_nothing() {
    // oras-go#1396: GitLab answers sha256-HEX with the manifest of that digest, and knows no referrers.
    let line = Line::small();
    let index = Index::multi_platform().write(&line.sandbox.root().join("index"));
    line.registry.push("team/many", "latest", &index);
    for name in ["team/app", "team/many"] {
        let front = Recorder::front(&line.registry.host());
        front
            .on_path("GET", "/referrers/")
            .answer(404, &[], "404 page not found");
        front.on_path("GET", "/manifests/sha256-").change_request(|head| {
            head.uri = head.uri.path().replace("/sha256-", "/sha256:").parse().unwrap();
        });
        let out = format!("oci:{}", line.sandbox.root().join(name.replace('/', "-")).display());
        let from = format!("{}/{name}", front.host());
        line.sandbox.rdock(&["copy", "--referrers", &from, &out]).ok();
        assert!(front.count(|r| r.path.contains("/manifests/sha256-")) > 0);
    }
}

#[test]
fn referrers_are_found_under_their_tag_whatever_the_call_for_them_is_answered() {
    // go-containerregistry#1962: Artifactory says 406. regclient#389: Harbor 2.7 says 401 without a challenge.
    for (status, body) in [
        (401, r#"{"errors":[{"code":"UNAUTHORIZED","message":"unauthorized"}]}"#),
        (404, "<html>no such page</html>"),
        (406, ""),
        (400, "{}"),
        (405, ""),
        (200, "<html>welcome</html>"),
    ] {
        let line = Line::small();
        let signature = referrer::of(&line.image, "application/vnd.example.signature");
        let tag = format!("sha256-{}", &line.image.digest["sha256:".len()..]);
        line.registry.push("team/app", "signature", &signature);
        line.registry.push("team/app", &tag, &referrer::list(&[&signature]));
        line.recorder.on_path("GET", "/referrers/").answer(status, &[], body);
        let out = line.sandbox.root().join("out");
        line.sandbox
            .rdock(&["copy", "--referrers", &line.name(), &format!("oci:{}", out.display())])
            .ok();
        let blob = out.join("blobs").join(signature.digest.replace(':', "/"));
        assert!(blob.exists(), "{status}");
    }
}

#[test]
fn a_token_lasts_as_long_as_its_server_says_in_whatever_form() {
    for expires_in in [
        json!("300"),
        json!(300.5),
        json!(null),
        json!("soon"),
        json!(-1),
        json!({}),
    ] {
        let (line, tokens) = (Line::small(), Recorder::alone());
        ask_for_token(&line.recorder, &format!("{}/token", tokens.url()));
        let reply = json!({"token": null, "access_token": "good", "expires_in": expires_in, "issued_at": "yesterday"});
        tokens.on(|_| true).respond(move |_| Some(Reply::json(200, &reply)));
        line.pull().ok();
        assert_eq!(tokens.requests().len(), 1);
    }
}

#[test]
fn packed_blobs_are_taken_as_they_are_whatever_encoding_is_claimed() {
    // moby#17595: Apache's mod_mime_magic calls every layer x-gzip.
    for encoding in ["gzip", "x-gzip", "zstd"] {
        let line = Line::small();
        line.recorder
            .on_path("GET", "/blobs/")
            .set_header("Content-Encoding", encoding);
        line.pull().ok();
        line.assert_whole();
    }
}

#[test]
fn nobody_has_to_say_how_long_an_answer_is() {
    // containerd#5124 (Trow), oras-go#225 (ECR: no digest either).
    let line = Line::new(&Image::new().layer(Layer::files(4, 700_000)));
    line.recorder.on(|_| true).remove_header("content-length");
    line.recorder
        .on_path("GET", "/manifests/")
        .remove_header("docker-content-digest");
    line.recorder
        .on_path("HEAD", "/manifests/")
        .remove_header("docker-content-digest");
    line.pull().ok();
    line.assert_whole();
    let digest = line.sandbox.rdock(&["digest", &line.name()]).ok();
    assert_eq!(digest.stdout.trim(), line.image.digest);
    line.push().ok();
}

#[test]
fn chunks_that_are_counted_each_by_itself_arrive() {
    // regclient#627: Aliyun says of each chunk how long it was, regclient#961: so did zot.
    let line = Line::new(&Image::new().layer(Layer::files(4, 2_000_000)));
    line.recorder
        .on(|r| r.header("content-length").and_then(|it| it.parse().ok()).unwrap_or(0) > 1_u64 << 20)
        .answer(413, &[("Connection", "close")], "");
    line.recorder
        .on_path("PATCH", "/uploads/")
        .change_response(|request, head| {
            if let Some(range) = request.header("content-range").and_then(|it| it.split_once('-')) {
                let (start, end): (u64, u64) = (range.0.parse().unwrap(), range.1.parse().unwrap());
                head.headers
                    .insert("range", format!("0-{}", end - start).parse().unwrap());
            }
        });
    let pushed = line.push().ok();
    assert!(!pushed.stdout.contains("Retrying"), "{pushed}");
}

#[test]
fn challenges_are_read_as_they_are_written() {
    let realm = "REALM/token";
    for (challenge, is_bearer) in [
        // regclient#265, Nexus
        ("Basic realm=/".to_owned(), false),
        ("BASIC realm=\"Sonatype Nexus Repository Manager\"".to_owned(), false),
        ("basic".to_owned(), false),
        ("Basic realm=\"\"".to_owned(), false),
        ("Negotiate, Basic realm=\"x\"".to_owned(), false),
        ("NTLM, Negotiate YII=, Basic realm=\"a, b=c\"".to_owned(), false),
        // What cannot be asked for a token does no harm beside a password.
        ("Bearer realm=\"\",service=\"x\", Basic realm=\"x\"".to_owned(), false),
        ("Bearer, Basic realm=\"x\"".to_owned(), false),
        ("Bearer realm=\"http://[\", Basic realm=\"x\"".to_owned(), false),
        // reg#72, Gitea (apple/container#454), Artifact Registry (apple/containerization#901)
        (format!("Bearer realm=\"{realm}\",service=foobar.com,scope=\"\""), true),
        (format!("Bearer realm=\"{realm}\",service=\"x\",scope=\"*\""), true),
        (format!("Bearer realm=\"{realm}\""), true),
        (format!("bearer realm={realm}"), true),
        (format!("Bearer   realm = \"{realm}\" , service = \"x\""), true),
        // prowler#12691
        (
            format!("Basic realm=\"registry\", Bearer realm=\"{realm}\",service=\"x\""),
            true,
        ),
        ("Bearer realm=\"/token\",service=\"x\"".to_owned(), true),
        ("Bearer realm=\"token\",service=\"x\"".to_owned(), true),
    ] {
        let line = Line::small();
        let recorder = &line.recorder;
        log_in(&line.sandbox, &recorder.host());
        let challenge = challenge.replace("REALM", &recorder.url());
        let basic = basic_of_alice();
        recorder.on(|r| r.path.starts_with("/token")).respond(move |r| {
            let is_right = r.header("authorization") == Some(&basic) && r.path.contains("scope=repository%3Ateam");
            Some(if is_right {
                Reply::json(200, &json!({"token": "good"}))
            } else {
                Reply::new(401, "")
            })
        });
        let right = if is_bearer {
            "Bearer good".to_owned()
        } else {
            basic_of_alice()
        };
        recorder.on(move |r| r.header("authorization") != Some(&right)).answer(
            401,
            &[("WWW-Authenticate", &challenge)],
            "",
        );
        let run = line.pull();
        assert_eq!(run.code, 0, "{challenge}: {run}");
    }
}

#[test]
fn several_challenges_may_stand_in_several_lines() {
    let line = Line::small();
    log_in(&line.sandbox, &line.recorder.host());
    let right = basic_of_alice();
    line.recorder
        .on(move |r| r.header("authorization") != Some(&right))
        .respond(|_| {
            let reply = Reply::new(401, "").header("WWW-Authenticate", "Negotiate");
            Some(reply.header("WWW-Authenticate", "Basic realm=\"x\""))
        });
    line.pull().ok();
}

#[test]
fn a_token_server_at_another_port_of_the_host_sees_the_login() {
    let (line, tokens) = (Line::small(), Recorder::alone());
    log_in(&line.sandbox, &line.recorder.host());
    let right = basic_of_alice();
    tokens
        .on(move |r| r.header("authorization") == Some(&right))
        .answer(200, &[], "{\"token\":\"good\"}");
    tokens.on(|_| true).answer(401, &[], "");
    ask_for_token(&line.recorder, &format!("{}/token", tokens.url()));
    line.pull().ok();
}

#[test]
fn a_refusal_without_a_challenge_is_followed_by_the_question_what_is_wanted() {
    for status in [401, 403, 404] {
        let line = Line::small();
        log_in(&line.sandbox, &line.recorder.host());
        let right = basic_of_alice();
        let known = right.clone();
        line.recorder
            .on(move |r| r.path == "/v2/" && r.header("authorization") != Some(&known))
            .answer(401, &[("WWW-Authenticate", "Basic realm=\"x\"")], "");
        line.recorder
            .on(move |r| r.header("authorization") != Some(&right))
            .answer(status, &[], "{}");
        line.pull().ok();
    }
}

#[test]
fn a_realm_that_nobody_answers_at_is_named() {
    // goharbor#20773: the realm is made of a URL that only the operator knows.
    let line = Line::small();
    let port = crate::support::registry::free_port();
    ask_for_token(&line.recorder, &format!("http://127.0.0.1:{port}/service/token"));
    let run = line.pull().fails(1);
    assert!(
        first_line(&run).contains(&format!("http://127.0.0.1:{port}/service/token")),
        "{run}"
    );
}

#[test]
fn a_login_that_was_good_once_is_told_to_be_stale_where_both_schemes_are_offered() {
    let line = Line::small();
    let auth = STANDARD.encode(format!("alice:old-{PASSWORD}"));
    super::configure(&line.sandbox, &json!({"auths": {line.recorder.host(): {"auth": auth}}}));
    let challenge = format!(
        "Bearer realm=\"{0}/token\",service=\"x\", Basic realm=\"x\"",
        line.recorder.url()
    );
    line.recorder.on(|r| r.path.starts_with("/token")).answer(
        401,
        &[],
        r#"{"errors":[{"code":"UNAUTHORIZED","message":"bad credentials"}]}"#,
    );
    line.recorder
        .on(|_| true)
        .answer(401, &[("WWW-Authenticate", &challenge)], "");
    let run = line.pull().fails(1);
    assert!(
        run.stderr.contains("bad credentials") && run.stderr.contains("may have expired"),
        "{run}"
    );
    assert!(!run.to_string().contains("old-"), "{run}");
}

#[test]
fn unknown_tags_are_not_there_whatever_the_code() {
    // containers/image#2203: Harbor's code is NOT_FOUND.
    let (sandbox, recorder) = (Sandbox::new(), Recorder::alone());
    recorder.on(|r| r.path == "/v2/").answer(200, &[], "{}");
    recorder
        .on_path("GET", "/tags/list")
        .answer(200, &[], r#"{"name":"x","tags":["1.0"]}"#);
    recorder.on(|_| true).answer(
        404,
        &[],
        r#"{"errors":[{"code":"NOT_FOUND","message":"artifact x:2.0 not found"}]}"#,
    );
    let run = sandbox
        .rdock(&["digest", &format!("{}/x:2.0", recorder.host())])
        .fails(1);
    assert!(
        run.stderr.contains("artifact x:2.0 not found") && run.stderr.contains("existing tags: 1.0"),
        "{run}"
    );
}
