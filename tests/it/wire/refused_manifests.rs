//! Manifests that are refused: under tags that may not be moved, for what the registry lacks, and by a server in trouble.

use std::sync::{Arc, Mutex};

use serde_json::json;

use super::{Line, first_line};
use crate::support::fault::Reply;
use crate::support::image::Image;
use crate::support::index::Index;
use crate::support::layer::Layer;
use crate::support::recorder::Recorder;
use crate::support::sandbox::Sandbox;
use crate::support::serve::Serve;

/// How they refuse to move a tag, the same manifest included.
const IMMUTABLE: [(u16, &str, &str); 7] = [
    (
        400,
        "TAG_INVALID",
        "The image tag 'latest' already exists in the 'team/copy' repository and cannot be overwritten because the tag is \
         immutable.",
    ),
    (
        412,
        "PRECONDITION",
        "Failed to process request due to 'team/copy:latest' configured as immutable.",
    ),
    (
        400,
        "MANIFEST_INVALID",
        "cannot update tag latest. The repository has enabled tag immutability",
    ),
    (409, "TAG_IMMUTABLE", "tag is immutable"),
    (
        405,
        "REGISTRY_DISALLOWED_OPERATION",
        "The operation is disallowed on this registry, repository or image.",
    ),
    (409, "CONFLICT", "tag latest already exists"),
    (403, "DENIED", "not permitted to overwrite an existing tag"),
];

/// Refuses every manifest that is put under a tag.
fn refuse_tags(recorder: &Recorder, (status, code, message): (u16, &str, &str)) {
    let body = json!({"errors": [{"code": code, "message": message}]}).to_string();
    recorder
        .on(|r| r.is("PUT", "/manifests/") && !r.path.contains("sha256:"))
        .answer(status, &[], body);
}

#[test]
fn the_push_of_what_an_immutable_tag_stands_for_is_done() {
    let line = Line::small();
    line.push().ok();
    let (from, to) = (
        format!("{}/team/app", line.registry.host()),
        format!("{}/team/copy", line.recorder.host()),
    );
    let other = Image::new().layer(Layer::text("other", "other\n"));
    let other = other.write(&line.sandbox.root().join("other"));
    line.registry.push("team/app", "other", &other);
    let others = format!("{from}:other");
    for refusal in IMMUTABLE {
        let front = Recorder::front(&line.registry.host());
        refuse_tags(&front, refusal);
        let to = to.replace(&line.recorder.host(), &front.host());
        // With no notes of any earlier push, and with them.
        let sandbox = Sandbox::new();
        sandbox.rdock(&["pull", &from]).ok();
        sandbox.rdock(&["tag", &from, &to]).ok();
        for _ in 0..2 {
            let pushed = sandbox.rdock(&["push", &to]).ok();
            assert!(
                pushed
                    .stdout
                    .contains(&format!("latest: digest: {}", line.image.digest))
            );
        }
        sandbox.rdock(&["copy", &from, &to]).ok();
        sandbox
            .rdock(&["copy", &format!("oci:{}", line.image.folder.display()), &to])
            .ok();

        sandbox.rdock(&["pull", &others]).ok();
        sandbox.rdock(&["tag", &others, &to]).ok();
        for arguments in [&["push", &to] as &[&str], &["copy", &others, &to]] {
            let run = sandbox.rdock(arguments).fails(1);
            let hint = match refusal.0 {
                403 => "hint: HOST wants a login".replace("HOST", &front.host()),
                _ => format!("hint: the tag latest stands for {} there", line.image.digest),
            };
            assert!(run.stderr.contains(refusal.2) && run.stderr.contains(&hint), "{run}");
        }
    }
}

#[test]
fn who_may_not_push_is_told_so_whatever_the_tag_stands_for() {
    let line = Line::small();
    line.push().ok();
    let denied = r#"{"errors":[{"code":"DENIED","message":"you may only read"}]}"#;
    for method in ["PUT", "POST"] {
        line.recorder.on_path(method, "/v2/team/copy/").answer(403, &[], denied);
    }
    let sandbox = Sandbox::new();
    let (from, to) = (
        format!("{}/team/app", line.registry.host()),
        format!("{}/team/copy", line.recorder.host()),
    );
    sandbox.rdock(&["pull", &from]).ok();
    sandbox.rdock(&["tag", &from, &to]).ok();
    let run = sandbox.rdock(&["push", &to]).fails(1);
    assert!(first_line(&run).contains("you may only read"), "{run}");
}

/// Says of everything below this name that it is there, as a group of repositories does for its members.
fn claim_all(recorder: &Recorder, name: &'static str) {
    recorder
        .on(move |r| r.method == "HEAD" && r.path.contains(name) && r.path.contains("sha256:"))
        .respond(|r| {
            let digest = r.path.rsplit('/').next().unwrap_or_default();
            let reply = Reply::new(200, "").header("Docker-Content-Digest", digest);
            Some(reply.header("Content-Type", "application/vnd.oci.image.manifest.v1+json"))
        });
}

#[test]
fn what_a_registry_lacks_though_it_said_to_have_it_is_sent() {
    // The registry behind names the digests in a detail.
    let line = Line::small();
    let from = format!("{}/team/app", line.registry.host());
    for is_push in [true, false] {
        let empty = Serve::open();
        let group = Recorder::front(&empty.host());
        claim_all(&group, "/team/copy/");
        let copy = format!("{}/team/copy", group.host());
        if is_push {
            line.sandbox.rdock(&["pull", &from]).ok();
            line.sandbox.rdock(&["tag", &from, &copy]).ok();
            line.sandbox.rdock(&["push", &copy]).ok();
        } else {
            line.sandbox.rdock(&["copy", &from, &copy]).ok();
        }
        let sent = group.count(|r| r.is("PUT", "/blobs/uploads/"));
        assert_eq!(sent, line.image.layers.len() + 1);
        let stored = empty.get("/v2/team/copy/manifests/latest").is(200);
        assert_eq!(stored.body, line.image.manifest);
    }
}

#[test]
fn blobs_that_only_a_message_names_are_sent_once() {
    let line = Line::small();
    let blob = line.image.layers[0].digest.clone();
    line.push().ok();
    line.recorder.clear();
    claim_all(&line.recorder, "/team/copy/");
    let body = json!({"errors": [{"code": "BLOB_UNKNOWN", "message": format!("unknown blob {blob}")}]});
    line.recorder
        .on_path("PUT", "/team/copy/manifests/")
        .answer(404, &[], body.to_string());
    let sandbox = Sandbox::new();
    let (from, copy) = (
        format!("{}/team/app", line.registry.host()),
        format!("{}/team/copy:2", line.recorder.host()),
    );
    sandbox.rdock(&["pull", &from]).ok();
    sandbox.rdock(&["tag", &from, &copy]).ok();
    for arguments in [&["push", &copy] as &[&str], &["copy", &from, &copy]] {
        line.recorder.clear();
        let run = sandbox.rdock(arguments).fails(1);
        assert!(run.stderr.contains(&format!("does not see {blob}")), "{run}");
        assert_eq!(line.recorder.count(|r| r.method == "POST"), 1, "{run}");
        assert_eq!(line.recorder.count(|r| r.is("PUT", "/manifests/")), 2, "{run}");
    }
}

#[test]
fn children_that_a_registry_lacks_are_put_with_all_below_them() {
    let line = Line::small();
    let index = Index::multi_platform().write(&line.sandbox.root().join("index"));
    line.registry.push("team/many", "latest", &index);
    let empty = Serve::open();
    let group = Recorder::front(&empty.host());
    claim_all(&group, "/team/copy/");
    let (from, to) = (
        format!("{}/team/many", line.registry.host()),
        format!("{}/team/copy:many", group.host()),
    );
    line.sandbox.rdock(&["copy", &from, &to]).ok();
    for child in &index.children {
        let name = format!("{}/team/copy@{}", empty.host(), child.digest);
        line.sandbox
            .rdock(&[
                "copy",
                &name,
                &format!("oci:{}", line.sandbox.root().join("out").display()),
            ])
            .ok();
    }
}

#[test]
fn a_push_of_a_type_that_is_refused_fails_in_the_registry_s_own_words() {
    let line = Line::small();
    let body = json!({"errors": [{"code": "MANIFEST_INVALID", "message": "manifest type not supported"}]});
    line.recorder
        .on_path("PUT", "/manifests/")
        .answer(415, &[], body.to_string());
    let run = line.push().fails(1);
    assert_eq!(first_line(&run), "manifest invalid: manifest type not supported");
    assert!(run.stderr.contains("\nhint: rdock sends a manifest as it is"), "{run}");
}

#[test]
fn a_server_in_trouble_is_not_one_that_does_not_take_the_type() {
    for (status, words) in [
        (501, "501 Not Implemented"),
        (505, "505 HTTP Version Not Supported"),
        (507, "507 Insufficient Storage"),
        (508, "508 Loop Detected"),
    ] {
        let line = Line::small();
        line.recorder
            .on_path("PUT", "/manifests/")
            .answer(status, &[], "<html>");
        let pushed = line.push().fails(1);
        let from = format!("{}/team/app", line.registry.host());
        let copy = format!("{}/team/other", line.recorder.host());
        let copied = line.sandbox.rdock(&["copy", &from, &copy]).fails(1);
        for run in [pushed, copied] {
            assert_eq!(run.stderr, format!("received unexpected HTTP status: {words}\n"));
        }
    }
}

/// A registry that deletes no digest while these tags stand for it, as GCR and GAR.
fn google(line: &Line, tags: usize) -> (Serve, Recorder) {
    let registry = Serve::open();
    for tag in ["1", "2"] {
        registry.push("team/app", tag, &line.image);
    }
    let front = Recorder::front(&registry.host());
    let gone = Arc::new(Mutex::new(0));
    let body =
        json!({"errors": [{"code": "GOOGLE_MANIFEST_DANGLING_TAG", "message": "Manifest is still referenced by tag"}]});
    front.on_path("DELETE", "/manifests/").respond(move |r| {
        let mut gone = gone.lock().unwrap();
        if r.path.contains("sha256:") {
            return (*gone < tags).then(|| Reply::json(400, &body));
        }
        *gone += 1;
        None
    });
    (registry, front)
}

#[test]
fn a_digest_that_tags_hold_goes_after_them_where_it_has_to() {
    let line = Line::small();
    let (registry, front) = google(&line, 2);
    let name = format!("{}/team/app@{}", front.host(), line.image.digest);
    let refused = line.sandbox.rdock(&["rmi", "--remote", &name]).fails(1);
    assert!(refused.stderr.contains("is also 1, 2"), "{refused}");
    assert_eq!(front.count(|r| r.method == "DELETE"), 0);
    let run = line.sandbox.rdock(&["rmi", "--remote", "--force", &name]).ok();
    let host = front.host();
    let digest = &line.image.digest;
    assert_eq!(
        run.stdout,
        format!("Untagged: {host}/team/app:1\nUntagged: {host}/team/app:2\nDeleted: {host}/team/app@{digest}\n")
    );
    registry.get(&format!("/v2/team/app/manifests/{digest}")).is(404);

    // One more tag stands for it than is listed.
    let (_registry, front) = google(&line, 3);
    let name = format!("{}/team/app@{}", front.host(), line.image.digest);
    let run = line.sandbox.rdock(&["rmi", "--remote", "--force", &name]).fails(1);
    assert_eq!(
        first_line(&run),
        "after untagging 1, 2: unknown: Manifest is still referenced by tag"
    );
}

#[test]
fn only_a_registry_that_cannot_delete_is_said_to_let_nothing_be_deleted() {
    for (status, code, is_unsupported) in [
        (405, "UNSUPPORTED", true),
        (400, "UNSUPPORTED", true),
        (501, "", true),
        (405, "", true),
        (405, "REGISTRY_DISALLOWED_OPERATION", false),
        (400, "DIGEST_INVALID", false),
        (412, "PRECONDITION", false),
        (409, "CONFLICT", false),
        (403, "DENIED", false),
    ] {
        let line = Line::small();
        let body = json!({"errors": [{"code": code, "message": "words of its own"}]});
        let body = if code.is_empty() {
            String::new()
        } else {
            body.to_string()
        };
        line.recorder.on_path("DELETE", "sha256:").answer(status, &[], body);
        let name = format!("{}/team/app@{}", line.recorder.host(), line.image.digest);
        let run = line.sandbox.rdock(&["rmi", "--remote", "--force", &name]).fails(1);
        assert_eq!(
            run.stderr.contains("does not let images be deleted"),
            is_unsupported,
            "{status} {code}: {run}"
        );
        assert!(code.is_empty() || run.stderr.contains("words of its own"), "{run}");
    }
}
