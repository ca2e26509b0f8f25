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

/// What comes back for these bytes until the registry closes the connection, which it is asked to.
fn say(serve: &Serve, words: &[u8]) -> String {
    let mut stream = TcpStream::connect(serve.host()).unwrap();
    stream.write_all(words).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn what_a_proxy_could_read_otherwise_is_refused_or_ends_the_connection() {
    let serve = Serve::open();
    let start = "POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: localhost\r\n";
    let inner = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for headers in [
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Content-Length: +4",
        "Content-Length: 4, 5",
        "Content-Length: 99999999999999999999999",
        "Content-Length : 4",
        "X: a\r\n b",
        "Host: localhost",
    ] {
        let answer = say(
            &serve,
            format!("{start}{headers}\r\nConnection: close\r\n\r\n0\r\n\r\n{inner}").as_bytes(),
        );
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{headers}: {answer}");
        // Both lengths: the chunks count, and nothing is read behind them.
        let is_both = headers.contains("chunked") && headers.contains("Length");
        assert!(is_both || answer.starts_with("HTTP/1.1 400"), "{headers}: {answer}");
    }
    let old = format!(
        "{}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        start.replace("1.1", "1.0")
    );
    assert!(say(&serve, old.as_bytes()).starts_with("HTTP/1.1 400"));
    assert!(say(&serve, b"GET /v2/ HTTP/1.1\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 400"));
    assert!(say(&serve, b"GET /v2/ HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 200"));
    let elsewhere = b"GET http://evil.example/v2/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert!(say(&serve, elsewhere).starts_with("HTTP/1.1 421"));
}

#[test]
fn requests_in_a_row_are_each_answered_and_none_is_made_of_a_body() {
    let serve = Serve::open();
    let get = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n";
    let last = format!("{get}Connection: close\r\n\r\n");
    let row = format!("{}{last}", format!("{get}\r\n").repeat(99));
    assert_eq!(say(&serve, row.as_bytes()).matches("HTTP/1.1 200").count(), 100);
    // A body that nobody wants is not the next request.
    let body = "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for line in [
        "GET /v2/",
        "HEAD /v2/",
        "PATCH /v2/a/blobs/uploads/0123456789abcdef0123456789abcdef",
    ] {
        let with_body = format!(
            "{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}{last}",
            body.len()
        );
        let answer = say(&serve, with_body.as_bytes());
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 2, "{line}: {answer}");
        assert!(answer.ends_with("ok\n"), "{line}: {answer}");
    }
    for path in ["/v2/", "/v2/_catalog", "/v2/none/manifests/1", "/nothing"] {
        let head = format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        assert!(say(&serve, head.as_bytes()).ends_with("\r\n\r\n"), "{path}");
    }
    // Who asks first is told to go on, or why not to.
    let put = |path: &str| {
        let head =
            format!("PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n");
        let mut stream = TcpStream::connect(serve.host()).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    assert_eq!(put("/v2/a/manifests/1"), "HTTP/1.1 100");
    assert_eq!(put("/v2/A/manifests/1"), "HTTP/1.1 400");
}

#[test]
fn a_client_that_speaks_no_http_is_shown_the_door() {
    let serve = Serve::open();
    let say = |words: &[u8]| say(&serve, words);
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

#[test]
fn what_cannot_be_read_is_refused_as_everything_else_is() {
    let serve = Serve::open();
    let get = "GET /v2/ HTTP/1.1\r\nHost: localhost\r\n";
    let many = "X: 1\r\n".repeat(101);
    for (words, status) in [
        ("GET /v2/\r\n\r\n".to_owned(), 400),
        (format!("{get}X: a\0b\r\n\r\n"), 400),
        (format!("{get}X: a\rb\r\n\r\n"), 400),
        (format!("{get}Content-Length: 0x3\r\n\r\nabc"), 400),
        (format!("{get}Transfer-Encoding : chunked\r\n\r\n"), 400),
        (format!("{get}{many}\r\n"), 431),
        (format!("{get}X: {}\r\n\r\n", "a".repeat(200_000)), 431),
        (format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(66_000)), 414),
        // After an answer of the usual kind, on the same connection.
        (format!("{get}\r\n{get}X: a\0b\r\n\r\n"), 400),
    ] {
        let answer = say(&serve, words.as_bytes());
        let last = answer.rfind("HTTP/1.1 ").map(|at| &answer[at..]).unwrap_or_default();
        let (head, body) = last
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("{words:.80}: {answer}"));
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{words:.80}: {head}");
        assert!(
            head.contains("\r\nx-content-type-options: nosniff"),
            "{words:.80}: {head}"
        );
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        let message = body["errors"][0]["message"].as_str().unwrap();
        assert!(message.starts_with("the request cannot be read: "), "{message}");
    }
    serve.get("/healthz").is(200);
}

#[test]
fn odd_bodies_are_taken_or_refused_and_none_is_waited_for() {
    let serve = Serve::open();
    let place = || {
        let begun = serve.ask("POST", "/v2/a/blobs/uploads/", &[]).is(202);
        begun.header("location").unwrap().to_owned()
    };
    let chunked = "Transfer-Encoding: chunked";
    for (headers, body, status) in [
        (chunked, "FFFFFFFFFFFFFFFFF\r\nabc".to_owned(), 400),
        (chunked, "-1\r\nabc".to_owned(), 400),
        (chunked, format!("3;{}\r\nabc\r\n0\r\n\r\n", "x".repeat(100_000)), 400),
        (
            chunked,
            format!("3\r\nabc\r\n0\r\n{}\r\n", "X: a\r\n".repeat(5_000)),
            400,
        ),
        (
            chunked,
            "3\r\nabc\r\n0\r\nX: 1\r\nContent-Length: 5\r\n\r\n".to_owned(),
            202,
        ),
        ("Transfer-Encoding: ChUnKeD", "3\r\nabc\r\n0\r\n\r\n".to_owned(), 202),
        ("Content-Length: 3\r\nContent-Length: 3", "abc".to_owned(), 202),
        ("Content-Length: 9223372036854775807", "abc".to_owned(), 400),
        (
            "Content-Length: 3\r\nContent-Range: 0-18446744073709551615",
            "abc".to_owned(),
            400,
        ),
    ] {
        let request = format!(
            "PATCH {} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\nConnection: close\r\n\r\n{body}",
            place()
        );
        let mut stream = TcpStream::connect(serve.host()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        if headers.contains("922337") {
            // Whoever waits for more sees that there is none.
            stream.shutdown(std::net::Shutdown::Write).unwrap();
        }
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{headers} {body:.40}: {answer}"
        );
    }
}
