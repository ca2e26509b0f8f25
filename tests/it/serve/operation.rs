//! What an operator sees: the start, the log, the end, and what a power cut leaves.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::support::image::Image;
use crate::support::layer::{digest, noise};
use crate::support::runtime::wait_for;
use crate::support::sandbox::Sandbox;
use crate::support::serve::Serve;

#[test]
fn what_was_pulled_is_served_and_what_is_pushed_is_in_the_list() {
    let (far, sandbox) = (Serve::open(), Sandbox::new());
    let image = Image::small().write(&sandbox.root().join("image"));
    far.push("team/app", "1", &image);
    let name = format!("{}/team/app:1", far.host());
    sandbox.rdock(&["pull", &name]).ok();
    sandbox.rdock(&["tag", &name, "app:1"]).ok();
    let near = Serve::over(&sandbox.store(), &[]);
    // The name with a port cannot be a path; the other one can, both short and in full.
    assert_eq!(near.get("/v2/_catalog").json(), json!({"repositories": ["app"]}));
    assert_eq!(near.get("/v2/app/manifests/1").is(200).body, image.manifest);
    assert_eq!(near.get("/v2/library/app/manifests/1").is(200).body, image.manifest);
    near.push("quay.io/a/b", "2", &image);
    let images = sandbox.rdock(&["images", "--format", "{{.Repository}}:{{.Tag}}"]);
    let images = if images.code == 0 {
        images
    } else {
        sandbox.rdock(&["images"]).ok()
    };
    assert!(images.stdout.contains("quay.io/a/b"), "{images}");
    // A removal while it serves is seen at once.
    sandbox.rdock(&["rmi", "app:1"]).ok();
    near.get("/v2/app/manifests/1").refuses(404, "NAME_UNKNOWN");
}

#[test]
fn a_kill_in_a_push_leaves_nothing_half_visible_and_the_push_goes_on() {
    let mut serve = Serve::open();
    let bytes = noise(7, 300_000);
    let place = serve.ask("POST", "/v2/a/blobs/uploads/", &[]).is(202);
    let place = place.header("location").unwrap().to_owned();
    let mut stream = TcpStream::connect(serve.host()).unwrap();
    let head = format!(
        "PATCH {place} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
        bytes.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&bytes[..200_000]).unwrap();
    let partial = || {
        let mut files = std::fs::read_dir(serve.root().join("ingest")).unwrap();
        let len = files.find_map(|file| file.ok()?.metadata().ok()).map(|it| it.len());
        len.filter(|len| *len == 200_000)
    };
    // The client that asks for the status tells the registry that the other request is dead.
    let range = serve.get(&place).is(204).header("range").unwrap().to_owned();
    assert_eq!(range, "0-199999");
    wait_for("the bytes on the disk", Duration::from_secs(10), partial);
    serve.kill();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    serve.start(&[]);
    assert_eq!(serve.get("/v2/_catalog").json(), json!({"repositories": []}));
    serve
        .get(&format!("/v2/a/blobs/{}", digest(&bytes)))
        .refuses(404, "BLOB_UNKNOWN");
    let status = serve.get(&place).is(204);
    assert_eq!(status.header("range"), Some("0-199999"));
    let finish = format!("{place}?digest={}", digest(&bytes));
    serve
        .send("PUT", &finish, &bytes[200_000..], &["Content-Range: 200000-299999"])
        .is(201);
    assert_eq!(
        serve.get(&format!("/v2/a/blobs/{}", digest(&bytes))).is(200).body,
        bytes
    );
}

#[test]
fn it_says_what_it_does_and_ends_when_told_after_its_answers() {
    let mut serve = Serve::with(&["--metrics"]);
    let bytes = noise(3, 3_000_000);
    let blob = serve.put_blob("a", &bytes);
    serve.get("/healthz").is(200);
    serve.get("/v2/none/tags/list?secret=1").is(404);
    assert!(
        serve.log().contains("\"GET /v2/none/tags/list HTTP/1.1\" 404 "),
        "{}",
        serve.log()
    );
    let metrics = serve.get("/metrics").is(200).text();
    assert!(
        metrics.contains("rdock_requests_total{method=\"GET\",status=\"404\"} 1"),
        "{metrics}"
    );
    assert!(metrics.contains("rdock_blobs_stored_total 1"), "{metrics}");

    let mut stream = TcpStream::connect(serve.host()).unwrap();
    write!(
        stream,
        "GET /v2/a/blobs/{blob} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = vec![0; 1000];
    stream.read_exact(&mut answer).unwrap();
    serve.daemon().signal(Signal::TERM);
    wait_for("the port to close", Duration::from_secs(10), || {
        TcpStream::connect(serve.host()).is_err().then_some(())
    });
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.ends_with(&bytes), "the answer went on to its end");
    assert_eq!(serve.daemon().wait(), 0);
}
