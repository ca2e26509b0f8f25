//! The conformance cases of the distribution spec, each ticked off a checklist: `tests/data/distribution-conformance.txt`.

mod discovery;
mod kinds;
mod management;
mod pull;
mod push;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha512};

use crate::support::http::Answer;
use crate::support::layer::noise;
use crate::support::serve::Serve;

const CHECKLIST: &str = include_str!("../../data/distribution-conformance.txt");
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// The cases of one workflow that have not been ticked off yet.
struct Checklist {
    left: BTreeSet<&'static str>,
}

impl Checklist {
    fn of(workflow: &str) -> Self {
        let heading = format!("[{workflow}]\n");
        let (_, section) = CHECKLIST.split_once(heading.as_str()).unwrap();
        let section = section.split("\n[").next().unwrap();
        let left = section.lines().filter(|line| !line.is_empty()).collect();
        Self { left }
    }

    #[track_caller]
    fn tick(&mut self, case: &str) {
        assert!(
            self.left.remove(case),
            "{case:?} is not on the list, or was ticked off before"
        );
    }

    #[track_caller]
    fn is_done(&self) {
        assert!(self.left.is_empty(), "not tested: {:#?}", self.left);
    }
}

type Hash = fn(&[u8]) -> String;

fn hex(sum: &[u8]) -> String {
    sum.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

fn sha512(bytes: &[u8]) -> String {
    format!("sha512:{}", hex(&Sha512::digest(bytes)))
}

/// `POST`, and where to go on.
#[track_caller]
fn start(serve: &Serve, digest: &str) -> String {
    let algorithm = digest.split(':').next().unwrap();
    let path = format!("/v2/c/one/blobs/uploads/?digest-algorithm={algorithm}");
    location(&serve.ask("POST", &path, &[]).is(202))
}

fn location(answer: &Answer) -> String {
    answer.header("location").unwrap().to_owned()
}

/// Puts a manifest under a tag or a digest of the repository `c/one`.
fn put(serve: &Serve, at: &str, manifest: &Value) -> Answer {
    let media_type = manifest["mediaType"].as_str().unwrap();
    let body = manifest.to_string();
    let header = format!("Content-Type: {media_type}");
    serve.send("PUT", &format!("/v2/c/one/manifests/{at}"), body.as_bytes(), &[&header])
}

fn described(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": sha256(bytes), "size": bytes.len()})
}

/// An image whose blobs are in `c/one`.
fn image(serve: &Serve, seed: u64) -> Value {
    let (config, layer) = (
        json!({"os": "linux", "architecture": "amd64", "n": seed}).to_string(),
        noise(seed, 900),
    );
    serve.put_blob("c/one", config.as_bytes());
    serve.put_blob("c/one", &layer);
    json!({"schemaVersion": 2, "mediaType": IMAGE, "layers": [described(LAYER, &layer)],
        "config": described("application/vnd.oci.image.config.v1+json", config.as_bytes())})
}

fn index(children: &[Value]) -> Value {
    let of = |child: &Value| described(child["mediaType"].as_str().unwrap(), child.to_string().as_bytes());
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": children.iter().map(of).collect::<Vec<_>>()})
}

#[test]
fn an_index_that_lists_a_child_many_times_is_looked_through_once() {
    let serve = Serve::open();
    let mut child = image(&serve, 1);
    let mut at = sha256(child.to_string().as_bytes());
    put(&serve, &at, &child).is(201);
    for level in 0..5 {
        child = index(&vec![child; 60]);
        at = format!("level-{level}");
        put(&serve, &at, &child).is(201);
    }
    let unknown = format!("/v2/c/one/manifests/sha256:{}", "0".repeat(64));
    serve.get(&unknown).refuses(404, "MANIFEST_UNKNOWN");
    serve.get(&format!("/v2/c/one/manifests/{at}")).is(200);
}

#[test]
fn an_index_that_is_nested_too_deeply_is_refused() {
    let serve = Serve::open();
    let mut child = image(&serve, 1);
    put(&serve, "image", &child).is(201);
    let mut levels = 0;
    let refused = loop {
        child = index(&[child]);
        let answer = put(&serve, &format!("level-{levels}"), &child);
        if answer.status != 201 || levels > 100 {
            break answer;
        }
        levels += 1;
    };
    refused.refuses(400, "MANIFEST_INVALID");
    assert!(levels >= 8, "{levels} levels are few");
}
