//! What is deleted from one repository, and what the others keep.

use serde_json::json;

use crate::support::image::Image;
use crate::support::index::Index;
use crate::support::sandbox::Sandbox;
use crate::support::serve::Serve;

#[test]
fn a_blob_is_deleted_from_its_own_repository_alone() {
    let (serve, sandbox) = (Serve::open(), Sandbox::new());
    let blob = serve.put_blob("mine", b"just sent");
    for stranger in ["no/such/repo", "other"] {
        serve
            .ask("DELETE", &format!("/v2/{stranger}/blobs/{blob}"), &[])
            .refuses(404, "BLOB_UNKNOWN");
    }
    // A client of another repository hears that it is here, and counts on it.
    serve.ask("HEAD", &format!("/v2/other/blobs/{blob}"), &[]).is(200);
    serve.ask("DELETE", &format!("/v2/mine/blobs/{blob}"), &[]).is(202);
    serve
        .get(&format!("/v2/mine/blobs/{blob}"))
        .refuses(404, "BLOB_UNKNOWN");
    serve
        .ask("DELETE", &format!("/v2/mine/blobs/{blob}"), &[])
        .refuses(404, "BLOB_UNKNOWN");
    assert_eq!(serve.get(&format!("/v2/other/blobs/{blob}")).is(200).body, b"just sent");
    assert_eq!(serve.put_blob("mine", b"just sent"), blob);
    serve.get(&format!("/v2/mine/blobs/{blob}")).is(200);

    let image = Image::small().write(&sandbox.root().join("image"));
    serve.push("owner", "1", &image);
    let layer = &image.layers[0].digest;
    serve
        .ask(
            "POST",
            &format!("/v2/mine/blobs/uploads/?mount={layer}&from=owner"),
            &[],
        )
        .is(201);
    serve.ask("DELETE", &format!("/v2/mine/blobs/{layer}"), &[]).is(202);
    serve
        .get(&format!("/v2/mine/blobs/{layer}"))
        .refuses(404, "BLOB_UNKNOWN");
    serve.get(&format!("/v2/owner/blobs/{layer}")).is(200);
    serve
        .ask("DELETE", &format!("/v2/owner/blobs/{layer}"), &[])
        .refuses(405, "UNSUPPORTED");
    // After its manifest the blobs are the repository's to delete.
    serve
        .ask("DELETE", &format!("/v2/owner/manifests/{}", image.digest), &[])
        .is(202);
    serve.ask("DELETE", &format!("/v2/owner/blobs/{layer}"), &[]).is(202);
    serve
        .get(&format!("/v2/owner/blobs/{layer}"))
        .refuses(404, "BLOB_UNKNOWN");
}

#[test]
fn a_child_of_an_index_can_be_deleted_and_the_index_stays() {
    let (serve, sandbox) = (Serve::open(), Sandbox::new());
    let index = Index::multi_platform().write(&sandbox.root().join("index"));
    serve.push("app", "1", &index);
    let raw = serve.get("/v2/app/manifests/1").is(200);
    let child = raw.json()["manifests"][0]["digest"].as_str().unwrap().to_owned();
    let path = format!("/v2/app/manifests/{child}");
    let bytes = serve.get(&path).is(200);
    assert!(bytes.header("content-type").is_some_and(|it| !it.is_empty()));
    serve.ask("DELETE", &path, &[]).is(202);
    serve.get(&path).refuses(404, "MANIFEST_UNKNOWN");
    serve.ask("DELETE", &path, &[]).refuses(404, "MANIFEST_UNKNOWN");
    serve.get("/v2/app/manifests/1").is(200);
    let media_type = format!("Content-Type: {}", bytes.header("content-type").unwrap());
    serve.send("PUT", &path, &bytes.body, &[&media_type]).is(201);
    serve.get(&path).is(200);
}

#[test]
fn clients_are_answered_as_dockers_registry_answers_them() {
    let serve = Serve::open();
    for method in ["GET", "HEAD", "DELETE"] {
        let answer = serve.ask(method, "/v2/none/manifests/1", &[]).is(404);
        assert!(method == "HEAD" || answer.json()["errors"][0]["code"] == "MANIFEST_UNKNOWN");
    }
    let config = serve.put_blob("a", b"{}");
    let missing = |name: &[u8]| json!({"mediaType": "x", "digest": crate::support::layer::digest(name), "size": 1});
    let manifest = json!({"schemaVersion": 2, "layers": [missing(b"1"), missing(b"2")],
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2}});
    let media_type = "Content-Type: application/vnd.oci.image.manifest.v1+json";
    let refused = serve
        .send(
            "PUT",
            "/v2/a/manifests/1",
            manifest.to_string().as_bytes(),
            &[media_type],
        )
        .refuses(400, "MANIFEST_BLOB_UNKNOWN");
    assert_eq!(refused.json()["errors"].as_array().unwrap().len(), 2);
    for path in ["/v2/", "/nothing", "/v2/a/manifests/1"] {
        assert_eq!(
            serve.get(path).header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
    }
}

#[test]
fn an_index_that_lies_too_deep_is_refused_when_it_is_put() {
    let serve = Serve::open();
    let media_type = "application/vnd.oci.image.index.v1+json";
    let header = format!("Content-Type: {media_type}");
    let mut top = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": []}).to_string();
    let blobs = serve.root().join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    // As many as would take long to put, as they would lie there.
    for _ in 0..3000 {
        let digest = crate::support::layer::digest(top.as_bytes());
        std::fs::write(blobs.join(&digest[7..]), &top).unwrap();
        let child = json!({"mediaType": media_type, "digest": digest, "size": top.len()});
        top = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": [child]}).to_string();
    }
    serve
        .send("PUT", "/v2/a/manifests/deep", top.as_bytes(), &[&header])
        .refuses(400, "MANIFEST_INVALID");
    serve.get("/v2/a/tags/list").refuses(404, "NAME_UNKNOWN");
}
