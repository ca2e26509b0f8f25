//! What is put: blobs in one piece and in many, manifests with all that they need.

use super::*;

/// Begins an upload and says where it goes on.
fn begin(rules: &Rules, repository: &str) -> String {
    let begun = rules.ask(&format!("POST /v2/{repository}/blobs/uploads/")).is(202);
    begun.header("location").unwrap().to_owned()
}

#[test]
fn a_blob_comes_in_pieces_that_must_be_in_order() {
    let rules = Rules::new();
    let place = begin(&rules, "team/app");
    let patch = |range: &str, bytes: &[u8]| {
        let range = format!("Content-Range: {range}");
        rules.send(&format!("PATCH {place}"), &[&range], bytes)
    };
    patch("0-4", b"hello").is(202);
    let early = patch("9-9", b"x").refuses(416, "BLOB_UPLOAD_INVALID");
    assert_eq!(early.header("range"), Some("0-4"));
    patch("5-5", b"xyz").refuses(400, "SIZE_INVALID");
    patch("7-5", b"xyz").refuses(400, "BLOB_UPLOAD_INVALID");
    let other = place.replace("team/app", "team/other");
    rules.ask(&format!("GET {other}")).refuses(404, "BLOB_UPLOAD_UNKNOWN");
    rules.ask(&format!("PUT {place}")).refuses(400, "DIGEST_INVALID");
    assert_eq!(rules.ask(&format!("GET {place}")).is(204).header("range"), Some("0-4"));
    let digest = Digest::of(b"hello world");
    let finish = format!("PUT {place}?digest={digest}");
    rules.send(&finish, &["Content-Range: 5-10"], b" world").is(201);
    rules.ask(&format!("GET {place}")).refuses(404, "BLOB_UPLOAD_UNKNOWN");
    let part = rules
        .send(&format!("GET /v2/team/app/blobs/{digest}"), &["Range: bytes=6-"], b"")
        .is(206);
    assert_eq!(
        (part.header("content-range"), &part.body[..]),
        (Some("bytes 6-10/11"), &b"world"[..])
    );
    let etag = format!("If-None-Match: \"{digest}\"");
    rules
        .send(&format!("GET /v2/team/app/blobs/{digest}"), &[&etag], b"")
        .is(304);
}

#[test]
fn a_client_that_was_cut_off_sends_all_again_or_goes_on_where_it_is_told() {
    let rules = Rules::new();
    let whole = b"hello world";
    let finish = |place: &str| format!("PUT {place}?digest={}", Digest::of(whole));
    // It does not ask how much came.
    let place = begin(&rules, "app");
    rules.send_part(
        &format!("PUT {place}?digest={}", Digest::of(whole)),
        whole.len(),
        b"hel",
    );
    rules.send_part(&format!("PATCH {place}"), whole.len(), b"hello");
    rules.send(&finish(&place), &[], whole).is(201);
    let place = begin(&rules, "app");
    rules.send(&format!("PATCH {place}"), &[], b"hello").is(202);
    rules.send_part(&format!("PATCH {place}"), 6, b" wo");
    rules.send(&finish(&place), &["Content-Range: 5-10"], b" world").is(201);
    // It asks.
    let place = begin(&rules, "app");
    rules.send_part(&format!("PATCH {place}"), whole.len(), b"hello");
    assert_eq!(rules.ask(&format!("GET {place}")).is(204).header("range"), Some("0-4"));
    rules.send(&finish(&place), &[], b" world").is(201);
    // It guesses, and is told.
    let place = begin(&rules, "app");
    rules.send_part(&format!("PATCH {place}"), whole.len(), b"hello");
    let refused = rules.send(&format!("PATCH {place}"), &["Content-Range: 3-10"], b"lo world");
    assert_eq!(refused.refuses(416, "BLOB_UPLOAD_INVALID").header("range"), Some("0-4"));
    rules.send(&finish(&place), &["Content-Range: 5-10"], b" world").is(201);
}

#[test]
fn of_two_that_finish_one_upload_one_succeeds() {
    let rules = Rules::new();
    let whole = vec![7; 1 << 20];
    for _ in 0..20 {
        let place = begin(&rules, "app");
        let line = format!("PUT {place}?digest={}", Digest::of(&whole));
        let request = request(&line, &[], whole.len(), &whole);
        let both = async { tokio::join!(rules.exchange(&request), rules.exchange(&request)) };
        let (one, other) = rules.run(both);
        let statuses = [one, other].map(|raw| Answer::read(&raw).status);
        assert_eq!(
            statuses.iter().filter(|status| **status == 201).count(),
            1,
            "{statuses:?}"
        );
    }
}

#[test]
fn bytes_of_another_digest_are_no_blob() {
    let rules = Rules::new();
    let place = begin(&rules, "app");
    rules.send(&format!("PATCH {place}"), &[], b"hello").is(202);
    let wrong = format!("PUT {place}?digest={}", Digest::of(b"other"));
    rules.ask(&wrong).refuses(400, "DIGEST_INVALID");
    rules.ask(&format!("GET {place}")).refuses(404, "BLOB_UPLOAD_UNKNOWN");
    assert!(!rules.has(&Digest::of(b"hello")));
}

#[test]
fn an_upload_is_ended_once_and_a_cancelled_one_is_gone() {
    let rules = Rules::new();
    let place = begin(&rules, "app");
    rules.send(&format!("PATCH {place}"), &[], b"hello").is(202);
    let finish = format!("PUT {place}?digest={}", Digest::of(b"hello"));
    rules.ask(&finish).is(201);
    rules.ask(&finish).refuses(404, "BLOB_UPLOAD_UNKNOWN");
    let place = begin(&rules, "app");
    rules.ask(&format!("DELETE {place}")).is(204);
    rules
        .send(&format!("PATCH {place}"), &[], b"x")
        .refuses(404, "BLOB_UPLOAD_UNKNOWN");
}

#[test]
fn a_manifest_needs_all_its_blobs_and_each_that_is_missing_is_named() {
    let rules = Rules::new();
    let mut image = rules.image("app", "layer");
    let layers = [described(LAYER, b"one"), described(LAYER, b"two")];
    image["layers"] = json!(layers);
    let refused = rules
        .put("app", "1", &image)
        .refuses(400, "MANIFEST_BLOB_UNKNOWN")
        .json();
    let missing: Vec<&Value> = refused["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["detail"]["digest"])
        .collect();
    assert_eq!(missing, [&layers[0]["digest"], &layers[1]["digest"]]);
    // A layer that is had elsewhere need not be here.
    image["layers"] = json!([{"mediaType": LAYER, "digest": Digest::of(b"one"), "size": 3, "urls": ["https://x/"]}]);
    rules.put("app", "1", &image).is(201);
    image["layers"] = json!([{"mediaType": LAYER, "digest": Digest::of(b"layer"), "size": 4}]);
    rules.put("app", "1", &image).refuses(400, "MANIFEST_INVALID");
    let by_other = rules.put("app", Digest::of(b"other").as_str(), &image);
    by_other.refuses(400, "DIGEST_INVALID");
    assert_eq!(rules.ask("GET /v2/app/tags/list").json()["tags"], json!(["1"]));
}

#[test]
fn a_manifest_comes_back_byte_for_byte_with_its_type_and_digest() {
    let rules = Rules::new();
    let image = rules.image("app", "layer");
    let put = rules.put("app", "1", &image).is(201);
    let digest = of(&image);
    assert_eq!(put.header("docker-content-digest"), Some(digest.as_str()));
    for at in ["1", digest.as_str()] {
        let got = rules.ask(&format!("GET /v2/app/manifests/{at}")).is(200);
        assert_eq!(got.body, image.to_string().as_bytes());
        assert_eq!(got.header("content-type"), Some(IMAGE));
    }
    let head = rules.ask("HEAD /v2/app/manifests/1").is(200);
    assert!(head.body.is_empty() && head.header("content-length").is_some_and(|it| it != "0"));
    rules
        .ask(&format!("GET /v2/other/manifests/{digest}"))
        .refuses(404, "MANIFEST_UNKNOWN");
    rules.ask("GET /v2/none/manifests/1").refuses(404, "MANIFEST_UNKNOWN");
}
