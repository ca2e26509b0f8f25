//! Deleting.

use serde_json::json;

use super::{Checklist, image, put, sha256};
use crate::support::serve::Serve;

#[test]
fn content_management_conforms() {
    let (serve, mut list) = (Serve::open(), Checklist::of("management"));
    let manifest = image(&serve, 1);
    let digest = sha256(manifest.to_string().as_bytes());
    for tag in ["a", "b", "c"] {
        put(&serve, tag, &manifest).is(201);
    }
    let at = |version: &str| format!("/v2/c/one/manifests/{version}");
    let layer = format!("/v2/c/one/blobs/{}", manifest["layers"][0]["digest"].as_str().unwrap());
    serve.ask("DELETE", &layer, &[]).refuses(405, "UNSUPPORTED");
    serve.ask("DELETE", &at("a"), &[]).is(202);
    serve.get(&at("a")).refuses(404, "MANIFEST_UNKNOWN");
    assert_eq!(serve.get("/v2/c/one/tags/list").json()["tags"], json!(["b", "c"]));
    list.tick("tag delete");
    serve.get(&at(&digest)).is(200);
    list.tick("tag delete leaves the manifest");
    serve.ask("DELETE", &at(&digest), &[]).is(202);
    list.tick("manifest delete");
    serve.get(&at(&digest)).is(404);
    list.tick("GET of a deleted manifest");
    serve.get(&at("b")).is(404);
    list.tick("manifest delete takes its tags");
    assert_eq!(serve.get("/v2/c/one/tags/list").is(200).json()["tags"], json!([]));
    list.tick("tag list after the delete");
    serve.ask("DELETE", &layer, &[]).is(202);
    list.tick("blob delete");
    serve.get(&layer).refuses(404, "BLOB_UNKNOWN");
    list.tick("GET of a deleted blob");
    serve.ask("DELETE", &layer, &[]).refuses(404, "BLOB_UNKNOWN");
    serve.ask("DELETE", &at("a"), &[]).is(404);
    serve.ask("DELETE", &at(&digest), &[]).is(404);
    list.tick("delete of what is missing");
    list.is_done();
}
