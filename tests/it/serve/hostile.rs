//! Clients that mean no good, or err: each gets a code of the spec, and nothing is lost.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;

use crate::support::layer::digest;
use crate::support::serve::Serve;

const MANIFEST: &str = "Content-Type: application/vnd.oci.image.manifest.v1+json";

#[test]
fn paths_and_digests_that_lead_elsewhere_are_refused() {
    let serve = Serve::open();
    let secret = serve.root().parent().unwrap().join("secret");
    fs::write(&secret, "secret").unwrap();
    let unknown_upload = "/v2/a/blobs/uploads/0123456789abcdef0123456789abcdef";
    for (request, status, code) in [
        ("GET /v2/../../secret", 404, "UNSUPPORTED"),
        ("GET /v2/a/blobs/sha256:../../../secret", 404, "UNSUPPORTED"),
        ("GET /v2/a/blobs/sha256:..%2f..%2f..%2fsecret", 404, "UNSUPPORTED"),
        ("GET /v2/a/blobs/sha256:abc", 400, "DIGEST_INVALID"),
        (
            "GET /v2/a/blobs/md5:d41d8cd98f00b204e9800998ecf8427e",
            400,
            "DIGEST_INVALID",
        ),
        ("GET /v2/a/../b/tags/list", 400, "NAME_INVALID"),
        ("GET /v2/%2e%2e/tags/list", 400, "NAME_INVALID"),
        ("POST /v2/UPPER/blobs/uploads/", 400, "NAME_INVALID"),
        ("POST /v2/h%3A5000/a/blobs/uploads/", 400, "NAME_INVALID"),
        (
            "POST /v2/a/blobs/uploads/?mount=sha256:../x&from=b",
            400,
            "DIGEST_INVALID",
        ),
        ("POST /v2/a/blobs/uploads/?digest-algorithm=md5", 400, "DIGEST_INVALID"),
        ("PATCH /v2/a/blobs/uploads/..%2f..%2fsecret", 404, "UNSUPPORTED"),
        (&format!("PATCH {unknown_upload}"), 404, "BLOB_UPLOAD_UNKNOWN"),
        ("PUT /v2/a/manifests/..", 400, "MANIFEST_INVALID"),
        ("GET /v2/a/tags/list?n=many", 404, "NAME_UNKNOWN"),
        ("GET /v2/_catalog?n=-1", 400, "PAGINATION_NUMBER_INVALID"),
        ("PATCH /v2/", 405, "UNSUPPORTED"),
    ] {
        let (method, path) = request.split_once(' ').unwrap();
        serve.ask(method, path, &[]).refuses(status, code);
    }
    assert!(
        serve
            .get("/v2/")
            .is(200)
            .header("docker-distribution-api-version")
            .is_some()
    );
}

#[test]
fn an_upload_belongs_to_its_repository_and_keeps_its_order() {
    let serve = Serve::open();
    let start = serve.ask("POST", "/v2/team/a/blobs/uploads/", &[]).is(202);
    let place = start.header("location").unwrap().to_owned();
    let other = place.replace("team/a", "team/b");
    serve
        .send("PATCH", &other, b"x", &[])
        .refuses(404, "BLOB_UPLOAD_UNKNOWN");
    serve.get(&other).refuses(404, "BLOB_UPLOAD_UNKNOWN");
    serve.send("PATCH", &place, b"hello", &["Content-Range: 0-4"]).is(202);
    let early = serve.send("PATCH", &place, b"x", &["Content-Range: 9-9"]);
    assert_eq!(early.refuses(416, "BLOB_UPLOAD_INVALID").header("range"), Some("0-4"));
    serve
        .send("PATCH", &place, b"xyz", &["Content-Range: 5-5"])
        .refuses(400, "SIZE_INVALID");
    serve
        .send("PATCH", &place, b"xyz", &["Content-Range: 7-5"])
        .refuses(400, "BLOB_UPLOAD_INVALID");
    // A chunked body does not say its length: too much of it is taken back.
    serve
        .send(
            "PATCH",
            &place,
            b"xyz",
            &["Content-Range: 5-5", "Transfer-Encoding: chunked"],
        )
        .refuses(400, "SIZE_INVALID");
    assert_eq!(serve.get(&place).is(204).header("range"), Some("0-4"));
    serve.send("PUT", &place, b"", &[]).refuses(400, "DIGEST_INVALID");
    serve
        .send("PUT", &format!("{place}?digest=sha256:x"), b"", &[])
        .refuses(400, "DIGEST_INVALID");
    let wrong = format!("{place}?digest={}", digest(b"other"));
    serve.send("PUT", &wrong, b"", &[]).refuses(400, "DIGEST_INVALID");
    // It ended there, and left nothing.
    serve.get(&place).refuses(404, "BLOB_UPLOAD_UNKNOWN");
    let left = fs::read_dir(serve.root().join("ingest")).unwrap().count();
    assert_eq!(left, 0);
}

#[test]
fn a_manifest_is_what_it_says_or_no_manifest() {
    let serve = Serve::open();
    let config = serve.put_blob("a", b"{}");
    let with = |layers: serde_json::Value| {
        json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": layers,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2}})
        .to_string()
    };
    let missing = with(json!([{"mediaType": "x", "digest": digest(b"none"), "size": 4}]));
    let wrong_size = with(json!([{"mediaType": "x", "digest": config, "size": 3}]));
    let traversal = with(json!([{"mediaType": "x", "digest": "sha256:../../x", "size": 3}]));
    let both = with(json!([])).replace("\"layers\"", "\"manifests\":[],\"layers\"");
    let put = |body: &str, headers: &[&str]| serve.send("PUT", "/v2/a/manifests/1", body.as_bytes(), headers);
    put(&missing, &[MANIFEST]).refuses(400, "MANIFEST_BLOB_UNKNOWN");
    put(&wrong_size, &[MANIFEST]).refuses(400, "MANIFEST_INVALID");
    put(&traversal, &[MANIFEST]).refuses(400, "MANIFEST_INVALID");
    put(&both, &[MANIFEST]).refuses(400, "MANIFEST_INVALID");
    put("not json", &[MANIFEST]).refuses(400, "MANIFEST_INVALID");
    put("{}", &["Content-Type: text/html"]).refuses(400, "MANIFEST_INVALID");
    let other_type = "Content-Type: application/vnd.oci.image.index.v1+json";
    put(&with(json!([])), &[other_type]).refuses(400, "MANIFEST_INVALID");
    put(&"x".repeat(5 << 20), &[MANIFEST]).refuses(413, "MANIFEST_INVALID");
    put(&"x".repeat(5 << 20), &[MANIFEST, "Transfer-Encoding: chunked"]).refuses(413, "MANIFEST_INVALID");
    let good = with(json!([]));
    let at = format!("/v2/a/manifests/{}", digest(b"other"));
    serve
        .send("PUT", &at, good.as_bytes(), &[MANIFEST])
        .refuses(400, "DIGEST_INVALID");
    serve.get("/v2/a/tags/list").refuses(404, "NAME_UNKNOWN");
    let tags: Vec<String> = (0..3).map(|n| format!("tag=t{n}")).collect();
    let at = format!("/v2/a/manifests/{}?{}", digest(good.as_bytes()), tags.join("&"));
    let put = serve.send("PUT", &at, good.as_bytes(), &[MANIFEST]).is(201);
    assert_eq!(put.headers("oci-tag"), ["t0", "t1", "t2"]);
    assert_eq!(serve.get("/v2/a/tags/list").json()["tags"], json!(["t0", "t1", "t2"]));
}

#[test]
fn a_client_that_speaks_no_http_is_shown_the_door() {
    let serve = Serve::open();
    let say = |words: &[u8]| {
        let mut stream = TcpStream::connect(serve.host()).unwrap();
        stream.write_all(words).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    assert!(
        say(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").is_empty() || say(b"nonsense\r\n\r\n").contains("400")
    );
    let both = b"POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx";
    assert!(say(both).starts_with("HTTP/1.1 400"));
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(1 << 20));
    let answer = say(long.as_bytes());
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    serve.get("/healthz").is(200);
}
