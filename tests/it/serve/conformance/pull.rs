//! Reading blobs and manifests.

use serde_json::json;

use super::{Checklist, IMAGE, image, put, sha256};
use crate::support::layer::noise;
use crate::support::serve::Serve;

#[test]
fn pull_conforms() {
    let (serve, mut list) = (Serve::open(), Checklist::of("pull"));
    serve.get("/v2/").is(200);
    list.tick("ping");
    serve.get("/v2/c/one/tags/list").is(404);
    list.tick("empty repository: tag list");
    let referrers = serve.get(&format!("/v2/c/one/referrers/{}", sha256(b"none"))).is(200);
    assert_eq!(referrers.json()["manifests"], json!([]));
    list.tick("empty repository: referrers");
    for (method, part, case) in [
        ("HEAD", "blobs/", "HEAD of a missing blob"),
        ("GET", "blobs/", "GET of a missing blob"),
        ("HEAD", "manifests/", "HEAD of a missing manifest by digest"),
        ("GET", "manifests/", "GET of a missing manifest by digest"),
    ] {
        serve
            .ask(method, &format!("/v2/c/one/{part}{}", sha256(b"none")), &[])
            .is(404);
        list.tick(case);
    }
    serve.ask("HEAD", "/v2/c/one/manifests/none", &[]).is(404);
    list.tick("HEAD of a missing manifest by tag");
    serve.get("/v2/c/one/manifests/none").is(404);
    list.tick("GET of a missing manifest by tag");
    pull_blobs(&serve, &mut list);
    let manifest = image(&serve, 1);
    put(&serve, "1", &manifest).is(201);
    let bytes = manifest.to_string().into_bytes();
    for (at, kind) in [("1".to_owned(), "tag"), (sha256(&bytes), "digest")] {
        let path = format!("/v2/c/one/manifests/{at}");
        for method in ["HEAD", "GET"] {
            let answer = serve.ask(method, &path, &[&format!("Accept: {IMAGE}")]).is(200);
            assert_eq!(answer.header("docker-content-digest"), Some(sha256(&bytes).as_str()));
            assert_eq!(answer.header("content-type"), Some(IMAGE));
            assert_eq!(answer.header("content-length"), Some(bytes.len().to_string().as_str()));
            assert!(method == "HEAD" || answer.body == bytes);
            list.tick(&format!("{method} of a manifest by {kind}"));
        }
        let etag = format!("If-None-Match: \"{}\"", sha256(&bytes));
        serve.ask("GET", &path, &[&etag]).is(304);
    }
    serve
        .send("PUT", "/v2/c/one/manifests/sha256:totallywrong", b"blargh", &[])
        .refuses(400, "DIGEST_INVALID");
    list.tick("error body with a code of the spec");
    list.is_done();
}

fn pull_blobs(serve: &Serve, list: &mut Checklist) {
    let bytes = noise(9, 2048);
    let path = format!("/v2/c/one/blobs/{}", serve.put_blob("c/one", &bytes));
    let head = serve.ask("HEAD", &path, &[]).is(200);
    assert_eq!(head.header("content-length"), Some("2048"));
    assert_eq!(head.header("accept-ranges"), Some("bytes"));
    list.tick("HEAD of a blob");
    let get = serve.get(&path).is(200);
    assert_eq!(get.body, bytes);
    assert_eq!(get.header("docker-content-digest"), Some(sha256(&bytes).as_str()));
    list.tick("GET of a blob");
    for (range, part) in [
        ("500-1499", Some(500..1500)),
        ("500-", Some(500..2048)),
        ("-500", Some(1548..2048)),
        ("2000-5000", Some(2000..2048)),
        ("500-0", None),
        ("5000-10000", None),
    ] {
        let answer = serve.ask("GET", &path, &[&format!("Range: bytes={range}")]);
        match part {
            Some(part) => {
                let answer = answer.is(206);
                let expected = format!("bytes {}-{}/2048", part.start, part.end - 1);
                assert_eq!(answer.header("content-range"), Some(expected.as_str()));
                assert_eq!(answer.body, bytes[part]);
            }
            None => assert_eq!(answer.is(416).header("content-range"), Some("bytes */2048")),
        }
        list.tick(&format!("blob range {range}"));
    }
    for (bytes, case) in [(&b""[..], "empty blob"), (b"{}", "empty JSON blob")] {
        let path = format!("/v2/c/one/blobs/{}", serve.put_blob("c/one", bytes));
        serve.ask("HEAD", &path, &[]).is(200);
        assert_eq!(serve.get(&path).is(200).body, bytes);
        list.tick(case);
    }
}
