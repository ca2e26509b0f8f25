use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::super::wire::tests::fake::reply;
use super::*;
use crate::content::{Outcome, Remembered, Sink};
use crate::error::{Error, Kind};
use crate::image::Manifest;

const MEBIBYTE: usize = 1 << 20;

fn starts(seen: &Seen, line: &str) -> bool {
    seen.line.starts_with(line)
}

#[tokio::test]
async fn a_blob_goes_out_in_one_sized_stream_and_is_named_by_its_digest() {
    let store = fake(|_, seen| {
        if starts(seen, "PATCH") {
            reply(202).header("location", "/s/2?state=b%2Fc").into()
        } else {
            reply(201).into()
        }
    })
    .await;
    let first = format!("http://{}/s/1?state=a", store.domain);
    let registry = fake(move |_, seen| match seen.header("authorization") {
        None => reply(401).header("www-authenticate", "Basic realm=\"x\"").into(),
        Some(_) if starts(seen, "HEAD") => reply(404).into(),
        Some(_) => reply(202).header("location", first.clone()).into(),
    })
    .await;
    let bytes = vec![7; 3 * MEBIBYTE];
    let (repository, blob) = (known(&registry), blob(&bytes));
    assert_eq!(
        repository.receive(&blob, &opener(&bytes)).await.unwrap(),
        Outcome::Copied
    );
    let [patch, put] = store.seen().try_into().unwrap();
    assert_eq!(patch.line, "PATCH /s/1?state=a");
    assert_eq!(patch.header("content-length"), Some("3145728"));
    assert_eq!(
        (patch.header("content-range"), patch.header("transfer-encoding")),
        (None, None)
    );
    assert!(patch.body == bytes);
    assert_eq!(
        put.line,
        format!("PUT /s/2?state=b%2Fc&digest=sha256%3A{}", blob.digest.hex())
    );
    assert_eq!(put.header("content-length"), Some("0"));
    for elsewhere in [patch, put] {
        assert_eq!(elsewhere.header("authorization"), None);
    }
    let post = registry.seen().pop().unwrap();
    assert_eq!(
        (post.line.as_str(), post.header("content-length")),
        ("POST /v2/a/b/blobs/uploads/", Some("0"))
    );
}

#[tokio::test]
async fn a_blob_that_is_said_to_be_empty_and_is_not_is_refused_before_it_is_asked_for() {
    let registry = fake(|_, _| reply(500).into()).await;
    let lie = Descriptor {
        size: 0,
        ..blob(b"something")
    };
    let refused = repository(&registry).receive(&lie, &opener(b"something")).await;
    assert_eq!(refused.unwrap_err().kind(), Kind::Corrupt);
    assert!(registry.seen().is_empty());
}

#[tokio::test]
async fn what_is_there_or_foreign_is_not_sent() {
    let having = fake(|_, _| {
        reply(200)
            .header("docker-content-digest", Digest::of(b"x").as_str())
            .into()
    })
    .await;
    let repository = repository(&having);
    assert_eq!(
        repository.receive(&blob(b"x"), &opener(b"x")).await.unwrap(),
        Outcome::AlreadyPresent
    );
    let mut foreign = blob(b"y");
    foreign.media_type = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip".to_owned();
    foreign.urls = vec!["https://example.com/y".to_owned()];
    assert_eq!(
        repository.receive(&foreign, &opener(b"y")).await.unwrap(),
        Outcome::Skipped
    );
    assert_eq!(having.seen().len(), 1);
}

/// A registry that stores whatever it is sent, and does with mounts what `mount` says.
async fn storing(mount: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Fake {
    fake(move |_, seen| match &*seen.line {
        line if line.starts_with("HEAD") => reply(404).into(),
        line if line.contains("?mount=") => mount(seen),
        line if line.starts_with("PUT") => reply(201).into(),
        _ => reply(202).header("location", "/u").into(),
    })
    .await
}

fn mounting(fake: &Fake, from: &[&str]) -> Repository {
    let from = from.iter().map(|&name| name.to_owned()).collect();
    repository(fake).mounting_from(HashMap::from([(Digest::of(b"x"), from)]))
}

#[tokio::test]
async fn a_known_blob_is_mounted_or_sent_in_the_session_that_was_opened() {
    let linking = storing(|_| reply(201).into()).await;
    let outcome = mounting(&linking, &["a/b", "c"])
        .receive(&blob(b"x"), &opener(b"x"))
        .await;
    assert_eq!(outcome.unwrap(), Outcome::Mounted { from: "c".to_owned() });
    let mount = format!("POST /v2/a/b/blobs/uploads/?mount={}&from=c", Digest::of(b"x"));
    assert_eq!(linking.lines()[1], mount);

    let opening = storing(|_| reply(202).header("location", "/mounted").into()).await;
    let outcome = mounting(&opening, &["c", "d"])
        .receive(&blob(b"x"), &opener(b"x"))
        .await;
    assert_eq!(outcome.unwrap(), Outcome::Copied);
    assert!(opening.lines()[2].starts_with("PUT /mounted?digest=sha256"));

    let refusing = storing(|_| reply(401).into()).await;
    let outcome = mounting(&refusing, &["c", "d", "e", "f"])
        .receive(&blob(b"x"), &opener(b"x"))
        .await;
    assert_eq!(outcome.unwrap(), Outcome::Copied);
    let tries = refusing.lines().iter().filter(|line| line.contains("mount=")).count();
    assert_eq!(
        (tries, refusing.lines()[4].as_str()),
        (3, "POST /v2/a/b/blobs/uploads/")
    );
}

#[tokio::test]
async fn an_empty_blob_needs_no_body() {
    let fake = storing(|_| reply(500).into()).await;
    assert_eq!(
        repository(&fake).receive(&blob(b""), &opener(b"")).await.unwrap(),
        Outcome::Copied
    );
    assert!(!fake.lines().iter().any(|line| line.starts_with("PATCH")));
}

#[tokio::test]
async fn a_cut_upload_goes_on_where_the_session_stands() {
    let bytes = vec![5; 3 * MEBIBYTE];
    let fake = fake(|number, seen| match (number, &*seen.line) {
        (_, line) if line.starts_with("HEAD") => reply(404).into(),
        (1, _) => reply(202).header("location", "/u/1").into(),
        (2, "PATCH /u/1") => Act::HangUpAfter(MEBIBYTE),
        (4, "GET /u/1") => reply(204)
            .header("location", "/u/2")
            .header("range", "0-1048575")
            .into(),
        (5, "PATCH /u/2") => reply(202)
            .header("location", "/u/3")
            .header("range", "0-3145727")
            .into(),
        (6, line) if line.starts_with("PUT /u/3?digest=") => reply(201).into(),
        _ => reply(500).header("retry-after", "0").into(),
    })
    .await;
    let repository = repository(&fake);
    let error = repository.receive(&blob(&bytes), &opener(&bytes)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    assert_eq!(
        repository.receive(&blob(&bytes), &opener(&bytes)).await.unwrap(),
        Outcome::Copied
    );
    let rest = &fake.seen()[5];
    assert_eq!(rest.header("content-range"), Some("1048576-3145727"));
    assert_eq!(rest.body.len(), 2 * MEBIBYTE);
}

#[tokio::test]
async fn the_next_run_goes_on_with_a_remembered_upload_and_forgets_it_when_it_is_done() {
    let bytes = vec![5; 3 * MEBIBYTE];
    let fake = fake(|_, seen| match &*seen.line {
        line if line.starts_with("HEAD") => reply(404).into(),
        "GET /u/1?sig=x" => reply(204)
            .header("location", "/u/2")
            .header("range", "0-1048575")
            .into(),
        "PATCH /u/2" => reply(202).header("location", "/u/3").into(),
        line if line.starts_with("PUT /u/3?digest=") => reply(201).into(),
        _ => reply(500).into(),
    })
    .await;
    let (kept, url) = (
        Rc::new(RefCell::new(Vec::new())),
        format!("http://{}/u/1?sig=x", fake.domain),
    );
    let notes = kept.clone();
    let memory = Rc::new(move |_: &Digest| {
        let notes = notes.clone();
        let keep = move |session: Option<&str>| notes.borrow_mut().push(session.map(str::to_owned));
        Some(Remembered::new(Some(url.clone()), keep))
    });
    let repository = repository(&fake).remembering(memory);
    let outcome = repository.receive(&blob(&bytes), &opener(&bytes)).await;
    assert_eq!(outcome.unwrap(), Outcome::Copied);
    let patch = fake.seen().into_iter().find(|seen| starts(seen, "PATCH")).unwrap();
    assert_eq!(patch.body.len(), 2 * MEBIBYTE);
    let kept = kept.borrow();
    assert!(kept[0].as_deref().unwrap().ends_with("/u/2") && kept[1].as_deref().unwrap().ends_with("/u/3"));
    assert_eq!(kept[2..], [None]);
}

#[tokio::test]
async fn a_session_that_is_gone_is_begun_anew() {
    let bytes = vec![5; 3 * MEBIBYTE];
    let fake = fake(|number, seen| match (number, &*seen.line) {
        (_, line) if line.starts_with("HEAD") => reply(404).into(),
        (2, _) => Act::HangUpAfter(1000),
        (4, "GET /u") => reply(404).body(r#"{"errors":[{"code":"BLOB_UPLOAD_INVALID"}]}"#).into(),
        (_, line) if line.starts_with("PUT") => reply(201).into(),
        _ => reply(202).header("location", "/u").into(),
    })
    .await;
    let repository = repository(&fake);
    assert!(repository.receive(&blob(&bytes), &opener(&bytes)).await.is_err());
    assert_eq!(
        repository.receive(&blob(&bytes), &opener(&bytes)).await.unwrap(),
        Outcome::Copied
    );
    assert_eq!(fake.lines()[5], "POST /v2/a/b/blobs/uploads/");
    assert_eq!(fake.seen()[6].body.len(), 3 * MEBIBYTE);
}

#[tokio::test]
async fn a_lost_closing_answer_is_looked_up() {
    for size in [1, 3 * MEBIBYTE] {
        let fake = fake(move |number, seen| match &*seen.line {
            line if line.starts_with("HEAD") && number > 0 => {
                reply(200).header("content-length", size.to_string()).into()
            }
            line if line.starts_with("HEAD") => reply(404).into(),
            line if line.starts_with("PUT") => Act::HangUpAfter(0),
            _ => reply(202).header("location", "/u").into(),
        })
        .await;
        let bytes = vec![1; size];
        let outcome = repository(&fake).receive(&blob(&bytes), &opener(&bytes)).await;
        assert_eq!(outcome.unwrap(), Outcome::Copied);
    }
}

#[tokio::test]
async fn refusals_of_a_body_are_sorted() {
    for (status, code, kind) in [
        (400, "DIGEST_INVALID", Kind::Corrupt),
        (404, "BLOB_UPLOAD_UNKNOWN", Kind::Unavailable),
        (403, "DENIED", Kind::Denied),
        (429, "TOOMANYREQUESTS", Kind::RateLimited),
    ] {
        let body = format!(r#"{{"errors":[{{"code":"{code}"}}]}}"#);
        let fake = fake(move |_, seen| match &*seen.line {
            line if line.starts_with("HEAD") => reply(404).into(),
            line if line.starts_with("PUT") => reply(status).body(body.clone()).into(),
            _ => reply(202).header("location", "/u").into(),
        })
        .await;
        let error = repository(&fake).receive(&blob(b"x"), &opener(b"x")).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{code}: {error}");
    }
}

#[tokio::test]
async fn a_failing_source_is_told_as_such() {
    let fake = storing(|_| reply(500).into()).await;
    let broken = Opener::new(|from| {
        Box::pin(async move {
            let chunks = [
                Ok(Bytes::from_static(b"a")),
                Err(Error::new(Kind::Io, "the disk is gone")),
            ];
            Ok(BlobReader {
                offset: from,
                stream: Box::pin(stream::iter(chunks)),
            })
        })
    });
    let error = repository(&fake).receive(&blob(b"abc"), &broken).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (Kind::Io, "the disk is gone")
    );
}

#[tokio::test]
async fn a_location_inside_the_cloud_is_refused() {
    let fake = fake(|_, seen| {
        if starts(seen, "HEAD") {
            reply(404).into()
        } else {
            reply(202).header("location", "http://169.254.169.254/u").into()
        }
    })
    .await;
    let error = repository(&fake).receive(&blob(b"x"), &opener(b"x")).await.unwrap_err();
    assert!(error.to_string().contains("an address inside the network"), "{error}");
}

#[tokio::test]
async fn a_manifest_is_sent_as_it_is_and_must_be_stored_as_it_is() {
    let raw = r#"{ "schemaVersion":2, "manifests":[] }"#;
    let manifest = Manifest::parse(Bytes::from(raw), None, None).unwrap();
    let digest = manifest.digest().clone();
    let fake = fake(|_, seen| {
        let stored = Digest::of(if starts(seen, "PUT /v2/a/b/manifests/bad") {
            b"x"
        } else {
            raw.as_bytes()
        });
        reply(201).header("docker-content-digest", stored.to_string()).into()
    })
    .await;
    let repository = repository(&fake);
    repository.put_manifest(&manifest).await.unwrap();
    repository.put_tag(&manifest, "v1").await.unwrap();
    assert_eq!(
        repository.put_tag(&manifest, "bad").await.unwrap_err().kind(),
        Kind::Corrupt
    );
    assert_eq!(
        repository.put_tag(&manifest, "no tag").await.unwrap_err().kind(),
        Kind::Usage
    );
    let [by_digest, by_tag, _] = fake.seen().try_into().unwrap();
    assert_eq!(by_digest.line, format!("PUT /v2/a/b/manifests/{digest}"));
    assert_eq!(by_tag.line, "PUT /v2/a/b/manifests/v1");
    assert_eq!(by_digest.body, raw.as_bytes());
    assert_eq!(
        by_digest.header("content-type"),
        Some("application/vnd.oci.image.index.v1+json")
    );
}
