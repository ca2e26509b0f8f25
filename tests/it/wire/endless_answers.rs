//! Bodies and lists without an end: the answer to them is an error, soon, after a bounded number of bytes. What was
//! not read was not kept: the bytes that went out bound the memory they can have cost.

use std::future::ready;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::{Request, Response};
use serde_json::json;

use super::{Line, ask_for_token, first_line};
use crate::support::fault::Reply;
use crate::support::listener::{Failure, Listener};
use crate::support::process::Run;
use crate::support::recorder::Recorder;
use crate::support::sandbox::Sandbox;

/// What the buffers of the sockets and of the two ends may hold beyond what was read.
const SLACK: u64 = 16 << 20;

/// A server whose every answer is a JSON string without an end, but for `/v2/`.
fn endless(status: u16) -> Listener {
    let handler = move |request: Request<Incoming>| {
        let body = if request.uri().path() == "/v2/" {
            BodyExt::boxed_unsync(Full::from("{}").map_err(|never| match never {}))
        } else {
            let chunks = stream::iter(std::iter::once("\"".to_owned()).chain(std::iter::repeat("x".repeat(1 << 14))));
            let frames = chunks.map(|chunk| Ok::<_, Failure>(Frame::data(Bytes::from(chunk))));
            BodyExt::boxed_unsync(StreamBody::new(frames))
        };
        Response::builder().status(status).body(body).map_err(Failure::other)
    };
    Listener::start(None, Arc::new(move |request, _| ready(handler(request)).boxed()))
}

/// Runs it against a server of nothing but endless answers; they are refused after about `limit` bytes.
#[track_caller]
fn drown(arguments: &[&str], status: u16, limit: u64) -> Run {
    let (sandbox, flood) = (Sandbox::new(), endless(status));
    let recorder = Recorder::front(&flood.address().to_string());
    let last = arguments.last().unwrap().replace("HOST", &recorder.host());
    let arguments = [&arguments[..arguments.len() - 1], &[last.as_str()]].concat();
    let run = sandbox.rdock(&arguments).fails(1);
    let requests = recorder.requests();
    let most = requests.iter().map(|request| request.sent).max().unwrap();
    assert!(most < limit + SLACK && requests.len() < 5, "{most} bytes: {run}");
    assert!(run.stderr.len() < 2000, "{} bytes of error", run.stderr.len());
    run
}

#[test]
fn an_endless_manifest_is_refused() {
    let run = drown(&["pull", "HOST/x"], 200, 8 << 20);
    assert!(first_line(&run).contains("longer than 8388608 bytes"), "{run}");
}

#[test]
fn an_endless_list_of_tags_is_refused() {
    let run = drown(&["tags", "HOST/x"], 200, 8 << 20);
    assert!(first_line(&run).contains("longer than 8388608 bytes"), "{run}");
}

#[test]
fn an_endless_catalog_is_refused() {
    let run = drown(&["catalog", "HOST"], 200, 8 << 20);
    assert!(first_line(&run).contains("longer than 8388608 bytes"), "{run}");
}

#[test]
fn an_endless_search_is_refused() {
    let run = drown(&["search", "HOST/x"], 200, 8 << 20);
    assert!(first_line(&run).contains("longer than 8388608 bytes"), "{run}");
}

#[test]
fn an_endless_refusal_is_cut_short() {
    drown(&["pull", "HOST/x"], 403, 64 << 10);
    drown(&["tags", "HOST/x"], 404, 64 << 10);
}

#[test]
fn an_endless_token_is_refused() {
    let (line, flood) = (Line::small(), endless(200));
    let tokens = Recorder::front(&flood.address().to_string());
    ask_for_token(&line.recorder, &format!("{}/token", tokens.url()));
    let pulled = line.pull().fails(1);
    assert!(first_line(&pulled).contains("longer than 1048576 bytes"), "{pulled}");
    assert!(tokens.body_bytes_down() < (1 << 20) + SLACK);
}

#[test]
fn a_blob_without_an_end_is_cut_short() {
    let (sandbox, flood) = (Sandbox::new(), endless(200));
    let recorder = Recorder::front(&flood.address().to_string());
    let blob = json!({"mediaType": "x", "digest": format!("sha256:{}", "a".repeat(64)), "size": 10});
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({"schemaVersion": 2, "mediaType": media_type, "config": blob, "layers": []});
    let headers = [("Content-Type", media_type)];
    recorder
        .on_path("GET", "/manifests/")
        .answer(200, &headers, manifest.to_string());
    let pulled = sandbox.rdock(&["pull", &format!("{}/x", recorder.host())]).fails(1);
    assert!(first_line(&pulled).contains("should have 10 bytes"), "{pulled}");
    assert!(recorder.body_bytes_down() < SLACK);
}

/// Serves a list whose every page has this body and links to the next.
fn chain(recorder: &Recorder, body: String) {
    recorder.on(|r| r.path.contains("/tags/list")).respond(move |request| {
        let page: u64 = request.path.rsplit('=').next().unwrap().parse().unwrap();
        let next = format!("</v2/x/tags/list?page={}>; rel=\"next\"", page + 1);
        Some(Reply::new(200, body.as_str()).header("Link", &next))
    });
}

#[test]
fn pages_without_an_end_come_to_one() {
    for (body, most) in [
        (json!({"tags": []}).to_string(), 110),
        (json!({"tags": ["one"]}).to_string(), 110),
    ] {
        let (sandbox, recorder) = (Sandbox::new(), Recorder::alone());
        chain(&recorder, body);
        let run = sandbox.rdock(&["tags", &format!("{}/x", recorder.host())]).fails(1);
        assert!(
            first_line(&run).starts_with("the list of tags is cut short at http://"),
            "{run}"
        );
        assert!(first_line(&run).ends_with(": it has no end"), "{run}");
        assert!(recorder.requests().len() <= most, "{}", recorder.requests().len());
    }
}

#[test]
fn pages_in_a_circle_are_read_once() {
    let (sandbox, recorder) = (Sandbox::new(), Recorder::alone());
    recorder.on_path("GET", "/v2/x/tags/list").respond(|request| {
        let next = if request.path.contains('a') { "b" } else { "a" };
        let body = json!({"tags": [format!("seen-{}", request.path.len())]});
        let link = format!("</v2/x/tags/list?page={next}>; rel=\"next\"");
        Some(Reply::json(200, &body).header("Link", &link))
    });
    let run = sandbox.rdock(&["tags", &format!("{}/x", recorder.host())]).fails(1);
    assert!(run.stdout.contains("seen-"), "{run}");
    assert!(
        first_line(&run).ends_with("?page=b: this page was read before"),
        "{run}"
    );
    assert!(recorder.count(|r| r.path.contains("/tags/")) <= 4);
}

#[test]
fn a_list_longer_than_is_kept_is_told_to_be_cut() {
    let (sandbox, recorder) = (Sandbox::new(), Recorder::alone());
    recorder.on(|r| r.path.contains("/tags/list")).respond(|request| {
        let page: u64 = request
            .path
            .rsplit_once("page=")
            .map_or(0, |(_, page)| page.parse().unwrap());
        let tags: Vec<String> = (0..100_000).map(|tag| format!("{page}.{tag}")).collect();
        let next = format!("</v2/x/tags/list?page={}>; rel=\"next\"", page + 1);
        Some(Reply::json(200, &json!({ "tags": tags })).header("Link", &next))
    });
    let run = sandbox
        .rdock(&["tags", "-q", &format!("{}/x", recorder.host())])
        .fails(1);
    assert_eq!(run.stdout.lines().count(), 200_000);
    assert!(
        first_line(&run).ends_with("it has more entries than are read"),
        "{}",
        run.stderr
    );
    assert!(recorder.requests().len() <= 3);
}

#[test]
fn referrers_without_an_end_come_to_one() {
    let line = Line::small();
    line.recorder.on(|r| r.path.contains("/referrers/")).respond(|request| {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, "page=0"));
        let page: u64 = query.strip_prefix("page=").unwrap().parse().unwrap();
        let one = |n: u64| json!({"mediaType": "x/y", "digest": format!("sha256:{:064x}", page * 1000 + n), "size": 9});
        let list: Vec<_> = (0..1000).map(one).collect();
        let index = json!({"schemaVersion": 2, "manifests": list});
        Some(Reply::json(200, &index).header("Link", &format!("<{path}?page={}>; rel=next", page + 1)))
    });
    let name = format!("{}/team/app", line.recorder.host());
    let run = line
        .sandbox
        .rdock(&["copy", "--referrers", &name, "oci:there"])
        .fails(1);
    assert!(run.stderr.contains("the list of what refers to sha256:"), "{run}");
    assert!(line.recorder.count(|r| r.path.contains("/referrers/")) <= 12);
}
