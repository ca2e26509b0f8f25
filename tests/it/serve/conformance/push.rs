//! Every way to send a blob, and the names of a manifest.

use std::collections::BTreeSet;

use super::kinds::push_kinds;
use super::{Checklist, Hash, image, location, put, sha256, sha512, start};
use crate::support::http::Answer;
use crate::support::layer::noise;
use crate::support::serve::Serve;

#[test]
fn push_of_blobs_and_manifests_conforms() {
    let (serve, mut list) = (Serve::open(), Checklist::of("push"));
    let mut ticked = BTreeSet::new();
    for (number, hash) in [sha256 as Hash, sha512].into_iter().enumerate() {
        let number = number as u64 * 100;
        ticked.extend(push_blobs(&serve, hash, number));
        ticked.extend(mount_blobs(&serve, hash, number + 50));
        ticked.extend(refuse_bad_digests(&serve, hash, number + 70));
    }
    for case in ticked {
        list.tick(case);
    }
    push_kinds(&serve, &mut list);
    let manifest = image(&serve, 31);
    let bytes = manifest.to_string().into_bytes();
    let created = put(&serve, "31", &manifest).is(201);
    assert!(location(&created).ends_with(&sha256(&bytes)));
    list.tick("manifest by tag");
    for hash in [sha256 as Hash, sha512] {
        let digest = hash(&bytes);
        put(&serve, &digest, &manifest).is(201);
        let tagged = put(&serve, &format!("{digest}?tag=a&tag=b"), &manifest).is(201);
        assert_eq!(tagged.headers("oci-tag"), ["a", "b"]);
        assert_eq!(
            serve
                .get("/v2/c/one/manifests/b")
                .is(200)
                .header("docker-content-digest"),
            Some(digest.as_str())
        );
        put(&serve, &hash(b"other"), &manifest).refuses(400, "DIGEST_INVALID");
    }
    list.tick("manifest by digest");
    list.tick("manifest by digest with tag parameters");
    list.tick("manifest with another digest than said");
    put(&serve, "sha256:e3b0c44298fc1c149afbf4c8996fb924", &manifest).refuses(400, "DIGEST_INVALID");
    list.tick("manifest with an invalid digest");
    list.is_done();
}

/// Every way to send a blob; the cases that it has tested.
fn push_blobs(serve: &Serve, hash: Hash, seed: u64) -> Vec<&'static str> {
    let mut cases = Vec::new();
    let mut case = |case: &'static str, seed: u64, send: &dyn Fn(&[u8], &str) -> Answer| {
        let bytes = noise(seed, 3000);
        let digest = hash(&bytes);
        let created = send(&bytes, &digest).is(201);
        assert!(
            location(&created).ends_with(&format!("/v2/c/one/blobs/{digest}")),
            "{case}"
        );
        assert_eq!(serve.get(&location(&created)).is(200).body, bytes, "{case}");
        cases.push(case);
    };
    case("blob: POST only", seed, &|bytes, digest| {
        serve.send("POST", &format!("/v2/c/one/blobs/uploads/?digest={digest}"), bytes, &[])
    });
    case("blob: POST and PUT", seed + 1, &|bytes, digest| {
        serve.send("PUT", &format!("{}?digest={digest}", start(serve, digest)), bytes, &[])
    });
    case("blob: streamed", seed + 2, &|bytes, digest| {
        let sent = serve
            .send("PATCH", &start(serve, digest), bytes, &["Transfer-Encoding: chunked"])
            .is(202);
        serve.ask("PUT", &format!("{}?digest={digest}", location(&sent)), &[])
    });
    let chunk = |place: &str, bytes: &[u8], from: usize, to: usize| {
        let range = format!("Content-Range: {from}-{}", to - 1);
        serve.send("PATCH", place, &bytes[from..to], &[&range])
    };
    case("blob: chunked, one chunk", seed + 3, &|bytes, digest| {
        let sent = chunk(&start(serve, digest), bytes, 0, 3000).is(202);
        assert_eq!(sent.header("range"), Some("0-2999"));
        serve.ask("PUT", &format!("{}?digest={digest}", location(&sent)), &[])
    });
    for (n, (name, is_last_in_put, is_early)) in [
        ("blob: chunked, several chunks", false, false),
        ("blob: chunked, the last chunk in the PUT", true, false),
        ("blob: chunked, out of order", false, true),
        ("blob: chunked, out of order, the last chunk in the PUT", true, true),
    ]
    .into_iter()
    .enumerate()
    {
        case(name, seed + 4 + n as u64, &|bytes, digest| {
            let mut place = location(&chunk(&start(serve, digest), bytes, 0, 1000).is(202));
            if is_early {
                let early = chunk(&place, bytes, 2000, 3000).is(416);
                assert_eq!(early.header("range"), Some("0-999"));
                assert_eq!(serve.get(&place).is(204).header("range"), Some("0-999"));
            }
            place = location(&chunk(&place, bytes, 1000, 2000).is(202));
            let finish = |place: &str| format!("{place}?digest={digest}");
            if is_last_in_put {
                return serve.send("PUT", &finish(&place), &bytes[2000..], &["Content-Range: 2000-2999"]);
            }
            place = location(&chunk(&place, bytes, 2000, 3000).is(202));
            serve.ask("PUT", &finish(&place), &[])
        });
    }
    let place = start(serve, &hash(b""));
    serve.ask("DELETE", &place, &[]).is(204);
    serve.get(&place).refuses(404, "BLOB_UPLOAD_UNKNOWN");
    cases.push("blob: POST and cancel");
    cases
}

fn mount_blobs(serve: &Serve, hash: Hash, seed: u64) -> Vec<&'static str> {
    for (n, from) in ["&from=c/two", ""].into_iter().enumerate() {
        let bytes = noise(seed + n as u64, 500);
        let digest = hash(&bytes);
        let mount = format!("/v2/c/one/blobs/uploads/?mount={digest}{from}");
        let missing = serve.ask("POST", &mount, &[]).is(202);
        assert!(location(&missing).contains("/uploads/"), "a session instead");
        serve
            .send(
                "POST",
                &format!("/v2/c/two/blobs/uploads/?digest={digest}"),
                &bytes,
                &[],
            )
            .is(201);
        let mounted = serve.ask("POST", &mount, &[]).is(201);
        assert_eq!(serve.get(&location(&mounted)).is(200).body, bytes);
    }
    vec![
        "blob: mount",
        "blob: mount without a source",
        "blob: mount of a missing blob",
    ]
}

fn refuse_bad_digests(serve: &Serve, hash: Hash, seed: u64) -> Vec<&'static str> {
    let bytes = noise(seed, 600);
    let digest = hash(b"something else");
    let refuses = |answer: Answer| drop(answer.refuses(400, "DIGEST_INVALID"));
    let finish = |place: &str| format!("{place}?digest={digest}");
    refuses(serve.send(
        "POST",
        &format!("/v2/c/one/blobs/uploads/?digest={digest}"),
        &bytes,
        &[],
    ));
    refuses(serve.send("PUT", &finish(&start(serve, &digest)), &bytes, &[]));
    for headers in [&["Content-Range: 0-599"][..], &[]] {
        let sent = serve.send("PATCH", &start(serve, &digest), &bytes, headers).is(202);
        refuses(serve.ask("PUT", &finish(&location(&sent)), &[]));
    }
    let sent = serve
        .send(
            "PATCH",
            &start(serve, &digest),
            &bytes[..300],
            &["Content-Range: 0-299"],
        )
        .is(202);
    refuses(serve.send(
        "PUT",
        &finish(&location(&sent)),
        &bytes[300..],
        &["Content-Range: 300-599"],
    ));
    serve.get(&format!("/v2/c/one/blobs/{digest}")).is(404);
    vec![
        "bad digest: POST only",
        "bad digest: POST and PUT",
        "bad digest: chunked",
        "bad digest: streamed",
        "bad digest: chunked, the last chunk in the PUT",
    ]
}
