//! A registry that says one thing and sends another is not believed.

use serde_json::{Value, json};

use super::{Line, first_line};
use crate::support::image::Image;
use crate::support::index::Index;
use crate::support::layer::{Layer, digest};
use crate::support::recorder::Recorder;
use crate::support::sandbox::Sandbox;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Serves these bytes for every manifest asked for.
fn serve(recorder: &Recorder, content_type: &str, claimed: Option<&str>, body: &[u8]) {
    let mut headers = vec![("Content-Type", content_type)];
    headers.extend(claimed.map(|digest| ("Docker-Content-Digest", digest)));
    recorder
        .on(|request| request.path.contains("/manifests/"))
        .answer(200, &headers, body);
}

/// Pulls a manifest of the test's own from a registry that has nothing else; the first line of the failure.
#[track_caller]
fn pull_document(content_type: &str, document: &Value) -> String {
    let (sandbox, recorder) = (Sandbox::new(), Recorder::alone());
    serve(&recorder, content_type, None, document.to_string().as_bytes());
    let pulled = sandbox.rdock(&["pull", &format!("{}/x", recorder.host())]).fails(1);
    for request in recorder.requests() {
        assert!(!request.path.contains(".."), "{request:?}");
        assert!(request.path.len() < 200, "{request:?}");
    }
    let named = sandbox.rdock(&["images", "-q"]).ok();
    assert_eq!(named.stdout, "", "{pulled}");
    first_line(&pulled).to_owned()
}

fn descriptor(digest: &str) -> Value {
    json!({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest, "size": 10})
}

#[test]
fn another_manifest_than_the_pinned_one_is_refused() {
    let line = Line::small();
    let other = Image::new().layer(Layer::text("evil", "evil\n"));
    let other = other.write(&line.sandbox.root().join("other"));
    line.registry.push("team/app", "other", &other);
    let pinned = line.image.digest.clone();
    // Not only once, and with the very digest that was asked for.
    serve(&line.recorder, MANIFEST, Some(&pinned), &other.manifest);
    let pulled = line
        .sandbox
        .rdock(&["pull", &format!("{}@{pinned}", line.name())])
        .fails(1);
    assert!(
        first_line(&pulled).starts_with(&format!("manifest verification failed for digest {pinned}")),
        "{pulled}"
    );
    assert_eq!(line.recorder.count(|r| r.path.contains("/blobs/")), 0);
    assert_eq!(line.sandbox.rdock(&["images", "-q"]).ok().stdout, "");
}

#[test]
fn a_tag_whose_digest_is_not_that_of_its_bytes_is_refused() {
    let line = Line::small();
    let claimed = digest(b"something else");
    line.recorder
        .on_path("GET", "/manifests/")
        .set_header("Docker-Content-Digest", &claimed);
    let pulled = line.pull().fails(1);
    assert!(first_line(&pulled).contains("manifest verification failed"), "{pulled}");
}

#[test]
fn a_child_that_is_not_the_one_its_index_lists_is_refused() {
    let line = Line::small();
    let index = Index::multi_platform().write(&line.sandbox.root().join("index"));
    line.registry.push("team/app", "many", &index);
    let child = index.children[0].digest.clone();
    let (wanted, body) = (child.clone(), line.image.manifest.clone());
    line.recorder.on(move |request| request.path.contains(&wanted)).answer(
        200,
        &[("Content-Type", MANIFEST), ("Docker-Content-Digest", &child)],
        body,
    );
    let pulled = line.sandbox.rdock(&["pull", &format!("{}:many", line.name())]).fails(1);
    assert!(
        pulled
            .stderr
            .contains(&format!("manifest verification failed for digest {child}")),
        "{pulled}"
    );
}

#[test]
fn a_config_that_is_not_the_one_its_manifest_lists_is_refused() {
    let line = Line::small();
    let config = line.image.config_digest.clone();
    line.recorder
        .on(move |request| request.is("GET", &config))
        .corrupt_at(20);
    line.pull().fails(1);
    assert_eq!(line.sandbox.rdock(&["images", "-q"]).ok().stdout, "");
}

#[test]
fn a_manifest_that_lies_about_its_type_is_refused() {
    let good = digest(b"good");
    let image = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(&good), "layers": [descriptor(&good)],
    });
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor(&good)]});
    let mut both = image.clone();
    both["manifests"] = index["manifests"].clone();
    let mut untyped = both.clone();
    untyped.as_object_mut().unwrap().remove("mediaType");
    for (content_type, document) in [
        (INDEX, &image),
        (MANIFEST, &index),
        (MANIFEST, &both),
        (INDEX, &untyped),
        (MANIFEST, &untyped),
        ("application/json", &untyped),
    ] {
        let said = pull_document(content_type, document);
        assert!(said.contains("manifest"), "{content_type} {document}: {said}");
        assert!(!said.contains("blob"), "{content_type} {document}: {said}");
    }
}

#[test]
fn a_schema_1_manifest_is_told_to_be_obsolete() {
    let document = json!({"schemaVersion": 1, "name": "x", "tag": "latest", "fsLayers": [], "history": []});
    let said = pull_document("application/vnd.docker.distribution.manifest.v1+prettyjws", &document);
    assert!(said.contains("schema 1") || said.contains("schemaVersion 1"), "{said}");
}

#[test]
fn a_hostile_digest_becomes_neither_a_path_nor_a_url() {
    let hex = "a".repeat(64);
    for hostile in [
        "sha256:../../../../evil".to_owned(),
        "sha256:abc".to_owned(),
        format!("sha256:{}", hex.to_uppercase()),
        format!("sha256:{hex}?x=1"),
        format!("sha256:{hex}/../x"),
        format!("../../evil:{hex}"),
        format!("md5/../x:{hex}"),
        String::new(),
        hex.clone(),
    ] {
        let good = digest(b"good");
        let mut as_config = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(&hostile), "layers": [descriptor(&good)],
        });
        let said = pull_document(MANIFEST, &as_config);
        assert!(said.contains("is not valid"), "{hostile}: {said}");
        as_config["config"] = descriptor(&good);
        as_config["layers"] = json!([descriptor(&hostile)]);
        let said = pull_document(MANIFEST, &as_config);
        assert!(said.contains("is not valid"), "{hostile}: {said}");
        let as_child = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor(&hostile)]});
        let said = pull_document(INDEX, &as_child);
        assert!(said.contains("is not valid"), "{hostile}: {said}");
    }
}

#[test]
fn an_absurd_size_is_an_error_and_no_allocation() {
    let body = b"0123456789";
    let good = digest(body);
    for size in [
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "-1",
        "1e30",
    ] {
        let (sandbox, recorder) = (Sandbox::new(), Recorder::alone());
        let entry = format!(r#"{{"mediaType":"x","digest":"{good}","size":{size}}}"#);
        let document = format!(r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{entry},"layers":[{entry}]}}"#);
        recorder.on_path("GET", "/blobs/").answer(200, &[], body.as_slice());
        serve(&recorder, MANIFEST, None, document.as_bytes());
        recorder.on(|_| true).answer(200, &[], "{}");
        let pulled = sandbox.rdock(&["pull", &format!("{}/x", recorder.host())]).fails(1);
        assert!(!pulled.stderr.contains("panicked"), "{pulled}");
        let said = first_line(&pulled);
        assert!(
            said.contains("is not valid") || said.contains("the registry has 10"),
            "{size}: {pulled}"
        );
    }
}

#[test]
fn partial_answers_that_lie_are_refused() {
    for (range, why) in [
        (None, "came without saying which"),
        (Some("bytes */10"), "came without saying which"),
        (Some("5-9/10"), "came without saying which"),
        (Some("bytes 5-9/10"), "from byte 0 of "),
        (Some("bytes 0-9/18446744073709551615"), "from byte 0 of "),
        (
            Some("bytes 18446744073709551615-18446744073709551615/*"),
            "from byte 0 of ",
        ),
    ] {
        let line = Line::small();
        let headers: Vec<(&str, &str)> = range.map(|range| ("Content-Range", range)).into_iter().collect();
        line.recorder
            .on_path("GET", "/blobs/")
            .answer(206, &headers, "0123456789");
        let run = line.pull().fails(1);
        assert!(first_line(&run).contains(why), "{range:?}: {run}");
        assert!(
            run.stdout.is_empty() || !run.stdout.contains("Status: Downloaded"),
            "{run}"
        );
    }
}
