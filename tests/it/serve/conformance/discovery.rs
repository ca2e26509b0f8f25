//! Lists of tags and of referrers.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Checklist, IMAGE, INDEX, described, image, index, put, sha256};
use crate::support::serve::Serve;

#[test]
fn content_discovery_conforms() {
    let (serve, mut list) = (Serve::open(), Checklist::of("discovery"));
    let manifest = image(&serve, 1);
    for tag in ["b", "a", "D", "c"] {
        put(&serve, tag, &manifest).is(201);
    }
    let tags = |query: &str| {
        let answer = serve.get(&format!("/v2/c/one/tags/list{query}")).is(200);
        let link = answer.header("link").map(str::to_owned);
        (answer.json()["tags"].clone(), link)
    };
    assert_eq!(tags("").0, json!(["D", "a", "b", "c"]));
    list.tick("tag list");
    let (first, link) = tags("?n=3");
    assert_eq!(first, json!(["D", "a", "b"]));
    assert_eq!(link.as_deref(), Some("</v2/c/one/tags/list?n=3&last=b>; rel=\"next\""));
    list.tick("tag list with n");
    assert_eq!(tags("?n=3&last=b"), (json!(["c"]), None));
    list.tick("tag list with n and last");
    assert_eq!(tags("?n=0").0, json!([]));
    list.tick("tag list with n=0");
    discover_referrers(&serve, &mut list, &manifest);
    list.is_done();
}

fn discover_referrers(serve: &Serve, list: &mut Checklist, subject: &Value) {
    let bytes = subject.to_string().into_bytes();
    let about = |mut manifest: Value, of: &Value, artifact_type: Option<&str>| {
        manifest["subject"] = of.clone();
        manifest["annotations"] = json!({"org.example": "note"});
        if let Some(artifact_type) = artifact_type {
            manifest["artifactType"] = json!(artifact_type);
        }
        let digest = sha256(manifest.to_string().as_bytes());
        let created = put(serve, &digest, &manifest).is(201);
        assert_eq!(created.header("oci-subject"), of["digest"].as_str());
        digest
    };
    let of = described(IMAGE, &bytes);
    let plain = about(image(serve, 11), &of, None);
    list.tick("image with a subject");
    let artifact = about(image(serve, 12), &of, Some("application/x.sbom"));
    list.tick("artifact with a subject");
    let of_index = about(index(&[]), &of, Some("application/x.sbom"));
    list.tick("index with a subject");
    list.tick("OCI-Subject");
    let missing = described(IMAGE, b"never pushed");
    let orphan = about(image(serve, 13), &missing, None);
    let referrers = |digest: &str, query: &str| {
        let answer = serve.get(&format!("/v2/c/one/referrers/{digest}{query}")).is(200);
        assert_eq!(answer.header("content-type"), Some(INDEX));
        let filter = answer.header("oci-filters-applied").map(str::to_owned);
        let index = answer.json();
        let entries = index["manifests"].as_array().unwrap().clone();
        let digests: BTreeSet<String> = entries
            .iter()
            .map(|entry| entry["digest"].as_str().unwrap().to_owned())
            .collect();
        (digests, entries, filter)
    };
    assert!(referrers(&sha256(b"none"), "").0.is_empty());
    list.tick("referrers of nothing");
    let (digests, entries, filter) = referrers(&sha256(&bytes), "");
    assert_eq!(digests, BTreeSet::from([plain, artifact.clone(), of_index.clone()]));
    assert_eq!(filter, None);
    assert!(
        entries
            .iter()
            .all(|entry| entry["annotations"]["org.example"] == "note")
    );
    let types: BTreeSet<&str> = entries
        .iter()
        .filter_map(|entry| entry["artifactType"].as_str())
        .collect();
    assert_eq!(
        types,
        BTreeSet::from(["application/vnd.oci.image.config.v1+json", "application/x.sbom"])
    );
    list.tick("referrers of an image");
    let (digests, _, filter) = referrers(&sha256(&bytes), "?artifactType=application/x.sbom");
    assert_eq!(digests, BTreeSet::from([artifact, of_index]));
    assert_eq!(filter.as_deref(), Some("artifactType"));
    list.tick("referrers by artifact type");
    assert_eq!(
        referrers(missing["digest"].as_str().unwrap(), "").0,
        BTreeSet::from([orphan])
    );
    list.tick("referrers of a missing subject");
}
