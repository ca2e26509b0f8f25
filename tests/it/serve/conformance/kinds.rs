//! Every kind of content that a registry must take, byte for byte.

use serde_json::{Value, json};

use super::{Checklist, described, image, index, put, sha256};
use crate::support::serve::Serve;

type Case = (&'static str, Value);

pub(super) fn push_kinds(serve: &Serve, list: &mut Checklist) {
    for (case, manifest) in images(serve).into_iter().chain(artifacts_and_indexes(serve)) {
        let tag = case.replace(' ', "-");
        put(serve, &tag, &manifest).is(201);
        let stored = serve.get(&format!("/v2/c/one/manifests/{tag}")).is(200);
        assert_eq!(stored.body, manifest.to_string().into_bytes(), "{case}");
        assert_eq!(stored.header("content-type"), manifest["mediaType"].as_str());
        list.tick(case);
    }
}

/// An image of its own that is changed.
fn changed(serve: &Serve, seed: u64, change: impl Fn(&mut Value)) -> Value {
    let mut manifest = image(serve, seed);
    change(&mut manifest);
    manifest
}

fn images(serve: &Serve) -> Vec<Case> {
    let tar = "application/vnd.oci.image.layer.v1.tar";
    let foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar";
    vec![
        ("image", image(serve, 40)),
        (
            "uncompressed image",
            changed(serve, 41, |it| it["layers"][0]["mediaType"] = json!(tar)),
        ),
        (
            "image with a large manifest",
            changed(serve, 42, |it| it["annotations"] = json!({"x": "y".repeat(4_000_000)})),
        ),
        (
            "image without layers",
            changed(serve, 43, |it| it["layers"] = json!([])),
        ),
        (
            "image with non-distributable layers",
            changed(serve, 44, |it| {
                it["layers"][0] = described(foreign, b"not here");
                it["layers"][0]["urls"] = json!(["https://example.com/layer"]);
            }),
        ),
        (
            "image with data fields",
            changed(serve, 45, |it| it["config"]["data"] = json!("e30=")),
        ),
        (
            "image with custom fields",
            changed(serve, 46, |it| it["org.example.custom"] = json!({"a": [1]})),
        ),
    ]
}

fn artifacts_and_indexes(serve: &Serve) -> Vec<Case> {
    let empty = serve.put_blob("c/one", b"{}");
    let empty = json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2});
    let artifact = |manifest: &mut Value| {
        manifest["artifactType"] = json!("application/vnd.example.thing");
        manifest["config"] = empty.clone();
    };
    let one = image(serve, 49);
    put(serve, &sha256(one.to_string().as_bytes()), &one).is(201);
    let inner = index(std::slice::from_ref(&one));
    put(serve, &sha256(inner.to_string().as_bytes()), &inner).is(201);
    let mut things = index(&[one]);
    things["artifactType"] = json!("application/vnd.example.things");
    vec![
        ("index", inner.clone()),
        ("nested index", index(&[inner])),
        ("empty index", index(&[])),
        ("artifact", changed(serve, 47, artifact)),
        (
            "artifact without layers",
            changed(serve, 48, |it| {
                artifact(it);
                it["layers"] = json!([empty]);
            }),
        ),
        ("artifact index", things),
    ]
}
