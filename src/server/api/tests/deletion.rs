//! What is deleted from one repository, and what the others keep.

use super::*;

#[test]
fn a_blob_goes_from_its_own_repository_and_at_once_where_nobody_counts_on_it() {
    let rules = Rules::new();
    let blob = rules.put_blob("mine", b"just sent");
    for stranger in ["no/such/repo", "other"] {
        let line = format!("DELETE /v2/{stranger}/blobs/{blob}");
        rules.ask(&line).refuses(404, "BLOB_UNKNOWN");
    }
    rules.ask(&format!("HEAD /v2/other/blobs/{blob}")).is(200);
    let delete = format!("DELETE /v2/mine/blobs/{blob}");
    rules.ask(&delete).is(202);
    rules.ask(&delete).refuses(404, "BLOB_UNKNOWN");
    rules
        .ask(&format!("GET /v2/mine/blobs/{blob}"))
        .refuses(404, "BLOB_UNKNOWN");
    assert!(
        rules.has(&blob),
        "the other repository's client was told that it is here"
    );
    let alone = rules.put_blob("mine", b"alone");
    rules.ask(&format!("DELETE /v2/mine/blobs/{alone}")).is(202);
    assert!(!rules.has(&alone));
}

#[test]
fn a_blob_that_another_repository_has_mounted_or_names_stays() {
    let rules = Rules::new();
    let image = rules.image("owner", "layer");
    rules.put("owner", "1", &image).is(201);
    let layer = Digest::of(b"layer");
    rules
        .ask(&format!("DELETE /v2/owner/blobs/{layer}"))
        .refuses(405, "UNSUPPORTED");
    let mount = format!("POST /v2/mine/blobs/uploads/?mount={layer}&from=owner");
    rules.ask(&mount).is(201);
    rules.ask(&format!("DELETE /v2/mine/blobs/{layer}")).is(202);
    rules
        .ask(&format!("GET /v2/mine/blobs/{layer}"))
        .refuses(404, "BLOB_UNKNOWN");
    assert_eq!(
        rules.ask(&format!("GET /v2/owner/blobs/{layer}")).is(200).body,
        b"layer"
    );
    rules.ask(&format!("DELETE /v2/owner/manifests/{}", of(&image))).is(202);
    rules.ask(&format!("DELETE /v2/owner/blobs/{layer}")).is(202);
    assert!(!rules.has(&layer));
}

#[test]
fn a_tag_goes_alone_and_a_digest_with_all_its_tags() {
    let rules = Rules::new();
    let image = rules.image("app", "layer");
    for tag in ["1", "2"] {
        rules.put("app", tag, &image).is(201);
    }
    rules.ask("DELETE /v2/app/manifests/1").is(202);
    rules.ask("DELETE /v2/app/manifests/1").refuses(404, "MANIFEST_UNKNOWN");
    let by_digest = format!("/v2/app/manifests/{}", of(&image));
    rules.ask(&format!("GET {by_digest}")).is(200);
    assert_eq!(rules.ask("GET /v2/app/tags/list").json()["tags"], json!(["2"]));
    rules.ask(&format!("DELETE {by_digest}")).is(202);
    rules.ask(&format!("GET {by_digest}")).refuses(404, "MANIFEST_UNKNOWN");
    let emptied = rules.ask("GET /v2/app/tags/list").is(200).json();
    assert_eq!(emptied, json!({"name": "app", "tags": []}));
    rules.ask("GET /v2/never/tags/list").refuses(404, "NAME_UNKNOWN");
}

#[test]
fn a_child_is_deleted_and_its_index_stays() {
    let rules = Rules::new();
    let child = rules.image("app", "layer");
    rules.put("app", of(&child).as_str(), &child).is(201);
    let parent = index(&[&child]);
    rules.put("app", "1", &parent).is(201);
    let path = format!("/v2/app/manifests/{}", of(&child));
    rules.ask(&format!("GET {path}")).is(200);
    rules.ask(&format!("DELETE {path}")).is(202);
    rules.ask(&format!("GET {path}")).refuses(404, "MANIFEST_UNKNOWN");
    rules.ask(&format!("DELETE {path}")).refuses(404, "MANIFEST_UNKNOWN");
    rules.ask("GET /v2/app/manifests/1").is(200);
    rules.put("app", of(&child).as_str(), &child).is(201);
    rules.ask(&format!("GET {path}")).is(200);
}
