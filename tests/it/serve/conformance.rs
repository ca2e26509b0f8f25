//! The conformance cases of the distribution spec, each ticked off a checklist: `tests/data/distribution-conformance.txt`.

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
fn pull_conforms() {
    let (serve, mut list) = (Serve::open(), Checklist::of("pull"));
    serve.get("/v2/").is(200);
    list.tick("ping");
    serve.get("/v2/c/one/tags/list").is(404);
    list.tick("empty repository: tag list");
    let referrers = serve.get(&format!("/v2/c/one/referrers/{}", sha256(b"none"))).is(200);
    assert_eq!(referrers.json()["manifests"], json!([]));
    list.tick("empty repository: referrers");
    for (method, part, case) in [
        ("HEAD", "blobs/", "HEAD of a missing blob"),
        ("GET", "blobs/", "GET of a missing blob"),
        ("HEAD", "manifests/", "HEAD of a missing manifest by digest"),
        ("GET", "manifests/", "GET of a missing manifest by digest"),
    ] {
        serve
            .ask(method, &format!("/v2/c/one/{part}{}", sha256(b"none")), &[])
            .is(404);
        list.tick(case);
    }
    serve.ask("HEAD", "/v2/c/one/manifests/none", &[]).is(404);
    list.tick("HEAD of a missing manifest by tag");
    serve.get("/v2/c/one/manifests/none").is(404);
    list.tick("GET of a missing manifest by tag");
    pull_blobs(&serve, &mut list);
    let manifest = image(&serve, 1);
    put(&serve, "1", &manifest).is(201);
    let bytes = manifest.to_string().into_bytes();
    for (at, kind) in [("1".to_owned(), "tag"), (sha256(&bytes), "digest")] {
        let path = format!("/v2/c/one/manifests/{at}");
        for method in ["HEAD", "GET"] {
            let answer = serve.ask(method, &path, &[&format!("Accept: {IMAGE}")]).is(200);
            assert_eq!(answer.header("docker-content-digest"), Some(sha256(&bytes).as_str()));
            assert_eq!(answer.header("content-type"), Some(IMAGE));
            assert_eq!(answer.header("content-length"), Some(bytes.len().to_string().as_str()));
            assert!(method == "HEAD" || answer.body == bytes);
            list.tick(&format!("{method} of a manifest by {kind}"));
        }
        let etag = format!("If-None-Match: \"{}\"", sha256(&bytes));
        serve.ask("GET", &path, &[&etag]).is(304);
    }
    serve
        .send("PUT", "/v2/c/one/manifests/sha256:totallywrong", b"blargh", &[])
        .refuses(400, "DIGEST_INVALID");
    list.tick("error body with a code of the spec");
    list.is_done();
}

fn pull_blobs(serve: &Serve, list: &mut Checklist) {
    let bytes = noise(9, 2048);
    let path = format!("/v2/c/one/blobs/{}", serve.put_blob("c/one", &bytes));
    let head = serve.ask("HEAD", &path, &[]).is(200);
    assert_eq!(head.header("content-length"), Some("2048"));
    assert_eq!(head.header("accept-ranges"), Some("bytes"));
    list.tick("HEAD of a blob");
    let get = serve.get(&path).is(200);
    assert_eq!(get.body, bytes);
    assert_eq!(get.header("docker-content-digest"), Some(sha256(&bytes).as_str()));
    list.tick("GET of a blob");
    for (range, part) in [
        ("500-1499", Some(500..1500)),
        ("500-", Some(500..2048)),
        ("-500", Some(1548..2048)),
        ("2000-5000", Some(2000..2048)),
        ("500-0", None),
        ("5000-10000", None),
    ] {
        let answer = serve.ask("GET", &path, &[&format!("Range: bytes={range}")]);
        match part {
            Some(part) => {
                let answer = answer.is(206);
                let expected = format!("bytes {}-{}/2048", part.start, part.end - 1);
                assert_eq!(answer.header("content-range"), Some(expected.as_str()));
                assert_eq!(answer.body, bytes[part]);
            }
            None => assert_eq!(answer.is(416).header("content-range"), Some("bytes */2048")),
        }
        list.tick(&format!("blob range {range}"));
    }
    for (bytes, case) in [(&b""[..], "empty blob"), (b"{}", "empty JSON blob")] {
        let path = format!("/v2/c/one/blobs/{}", serve.put_blob("c/one", bytes));
        serve.ask("HEAD", &path, &[]).is(200);
        assert_eq!(serve.get(&path).is(200).body, bytes);
        list.tick(case);
    }
}

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

/// Every kind of content, byte for byte.
fn push_kinds(serve: &Serve, list: &mut Checklist) {
    let empty = serve.put_blob("c/one", b"{}");
    let empty = json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2});
    let with = |seed: u64, change: &dyn Fn(&mut Value)| {
        let mut manifest = image(serve, seed);
        change(&mut manifest);
        manifest
    };
    let one = image(serve, 40);
    put(serve, &sha256(one.to_string().as_bytes()), &one).is(201);
    let inner = index(std::slice::from_ref(&one));
    put(serve, &sha256(inner.to_string().as_bytes()), &inner).is(201);
    let artifact = |manifest: &mut Value| {
        manifest["artifactType"] = json!("application/vnd.example.thing");
        manifest["config"] = empty.clone();
    };
    for (case, manifest) in [
        ("image", one.clone()),
        (
            "uncompressed image",
            with(41, &|it| {
                it["layers"][0]["mediaType"] = json!("application/vnd.oci.image.layer.v1.tar");
            }),
        ),
        (
            "image with a large manifest",
            with(42, &|it| it["annotations"] = json!({"x": "y".repeat(4_000_000)})),
        ),
        ("image without layers", with(43, &|it| it["layers"] = json!([]))),
        (
            "image with non-distributable layers",
            with(44, &|it| {
                it["layers"][0] = described("application/vnd.oci.image.layer.nondistributable.v1.tar", b"not here");
                it["layers"][0]["urls"] = json!(["https://example.com/layer"]);
            }),
        ),
        (
            "image with data fields",
            with(45, &|it| it["config"]["data"] = json!("e30=")),
        ),
        (
            "image with custom fields",
            with(46, &|it| it["org.example.custom"] = json!({"a": [1]})),
        ),
        ("index", inner.clone()),
        ("nested index", index(&[inner])),
        ("empty index", index(&[])),
        ("artifact", with(47, &artifact)),
        (
            "artifact without layers",
            with(48, &|it| {
                artifact(it);
                it["layers"] = json!([empty]);
            }),
        ),
        ("artifact index", {
            let mut index = index(&[one]);
            index["artifactType"] = json!("application/vnd.example.things");
            index
        }),
    ] {
        let tag = case.replace(' ', "-");
        put(serve, &tag, &manifest).is(201);
        let stored = serve.get(&format!("/v2/c/one/manifests/{tag}")).is(200);
        assert_eq!(stored.body, manifest.to_string().into_bytes(), "{case}");
        assert_eq!(stored.header("content-type"), manifest["mediaType"].as_str());
        list.tick(case);
    }
}

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
