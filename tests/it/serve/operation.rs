//! What an operator sees: the start, the log, the end, and what a power cut leaves.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

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
    near.get("/v2/app/manifests/1").refuses(404, "MANIFEST_UNKNOWN");
}

/// A PATCH whose client sends the first part of the bytes and then says no more.
fn half_a_patch(serve: &Serve, place: &str, bytes: &[u8], part: usize) -> TcpStream {
    let mut stream = TcpStream::connect(serve.host()).unwrap();
    let len = bytes.len();
    write!(
        stream,
        "PATCH {place} HTTP/1.1\r\nHost: x\r\nContent-Length: {len}\r\n\r\n"
    )
    .unwrap();
    stream.write_all(&bytes[..part]).unwrap();
    stream
}

/// How many bytes of its only upload are on the disk.
fn on_disk(serve: &Serve) -> u64 {
    let files = std::fs::read_dir(serve.root().join("ingest")).unwrap();
    files.filter_map(|file| Some(file.ok()?.metadata().ok()?.len())).sum()
}

fn offset(range: &str) -> usize {
    range.strip_prefix("0-").unwrap().parse::<usize>().unwrap() + 1
}

/// Goes on where the registry says that the session is, and checks the blob.
fn go_on(serve: &Serve, place: &str, bytes: &[u8], from: usize) {
    let finish = format!("{place}?digest={}", digest(bytes));
    let range = format!("Content-Range: {from}-{}", bytes.len() - 1);
    serve.send("PUT", &finish, &bytes[from..], &[&range]).is(201);
    let blob = serve.get(&format!("/v2/a/blobs/{}", digest(bytes))).is(200);
    assert_eq!(blob.body, bytes);
}

#[test]
fn a_kill_in_a_push_leaves_nothing_half_visible_and_the_push_goes_on() {
    let mut serve = Serve::open();
    let bytes = noise(7, 2_000_000);
    let place = serve.ask("POST", "/v2/a/blobs/uploads/", &[]).is(202);
    let place = place.header("location").unwrap().to_owned();
    let stream = half_a_patch(&serve, &place, &bytes, 1_500_000);
    wait_for("bytes on the disk", || (on_disk(&serve) > 500_000).then_some(()));
    serve.kill();
    drop(stream);
    serve.start(&[]);
    assert_eq!(serve.get("/v2/_catalog").json(), json!({"repositories": []}));
    serve
        .get(&format!("/v2/a/blobs/{}", digest(&bytes)))
        .refuses(404, "BLOB_UNKNOWN");
    let kept = serve.get(&place).is(204);
    let kept = offset(kept.header("range").unwrap());
    assert_eq!(kept as u64, on_disk(&serve));
    go_on(&serve, &place, &bytes, kept);
}

#[test]
fn a_client_that_comes_back_takes_over_from_its_dead_connection() {
    let serve = Serve::open();
    let bytes = noise(8, 2_000_000);
    let place = serve.ask("POST", "/v2/a/blobs/uploads/", &[]).is(202);
    let place = place.header("location").unwrap().to_owned();
    let mut dead = half_a_patch(&serve, &place, &bytes, 1_500_000);
    wait_for("bytes on the disk", || (on_disk(&serve) > 500_000).then_some(()));
    let kept = serve.get(&place).is(204);
    let kept = offset(kept.header("range").unwrap());
    assert!(kept > 500_000, "{kept}");
    go_on(&serve, &place, &bytes, kept);
    let mut answer = String::new();
    let _ = dead.read_to_string(&mut answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
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
    wait_for("the port to close", || {
        TcpStream::connect(serve.host()).is_err().then_some(())
    });
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.ends_with(&bytes), "the answer went on to its end");
    assert_eq!(serve.daemon().wait(), 0);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut serve = Serve::open();
    let blob = serve.put_blob("a", &noise(4, 8_000_000));
    let mut slow = TcpStream::connect(serve.host()).unwrap();
    write!(slow, "GET /v2/a/blobs/{blob} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    slow.read_exact(&mut [0; 100]).unwrap();
    serve.daemon().signal(Signal::INT);
    wait_for("the port to close", || {
        TcpStream::connect(serve.host()).is_err().then_some(())
    });
    assert!(serve.daemon().is_alive(), "it waits for the slow client");
    serve.daemon().signal(Signal::INT);
    assert_eq!(serve.daemon().wait(), 0);
}
