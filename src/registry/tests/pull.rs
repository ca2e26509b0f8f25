use super::super::wire::tests::fake::reply;
use super::*;
use crate::error::{Clue, Kind};
use crate::image::Version;
use crate::image::manifest::OCI_MANIFEST;

const MANIFEST: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":2,"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},"layers":[]}"#;

#[tokio::test]
async fn a_proof_stays_with_its_origin_when_a_blob_is_elsewhere() {
    let store = fake(|_, _| {
        reply(206)
            .header("content-range", "bytes 2-9/10")
            .body("cdefghij")
            .into()
    })
    .await;
    let target = format!("http://{}/signed?sig=secret", store.domain);
    let fake = fake(move |_, seen| match seen.header("authorization") {
        Some(_) => reply(307).header("location", target.clone()).into(),
        None => reply(401).header("www-authenticate", "Basic realm=\"x\"").into(),
    })
    .await;
    let (offset, bytes) = read(&known(&fake), &blob(b"abcdefghij"), 2).await.unwrap();
    assert_eq!((offset, bytes.as_slice()), (2, b"cdefghij".as_slice()));
    let [there] = store.seen().try_into().unwrap();
    assert_eq!(there.line, "GET /signed?sig=secret");
    assert_eq!((there.header("authorization"), there.header("cookie")), (None, None));
    assert_eq!(
        (there.header("range"), there.header("accept-encoding")),
        (Some("bytes=2-"), Some("identity"))
    );
}

#[tokio::test]
async fn a_signed_url_that_ended_is_asked_for_again_and_never_shown() {
    let store = fake(|_, _| reply(403).body("<Error>StringToSign secret</Error>").into()).await;
    let target = format!("http://{}/x?sig=secret", store.domain);
    let fake = fake(move |_, _| reply(307).header("location", target.clone()).into()).await;
    let error = read(&repository(&fake), &blob(b"x"), 0).await.unwrap_err();
    assert_eq!(error.to_string(), "received unexpected HTTP status: 403 Forbidden");
    assert_eq!(error.kind(), Kind::Unavailable);
}

#[tokio::test]
async fn redirects_end_and_never_lead_into_the_cloud() {
    let circle = fake(|_, _| reply(307).header("location", "/again").into()).await;
    let error = read(&repository(&circle), &blob(b"x"), 0).await.unwrap_err();
    assert!(error.to_string().ends_with("stopped after 10 redirects"), "{error}");
    let trap = fake(|_, _| reply(302).header("location", "http://169.254.169.254/latest").into()).await;
    let error = read(&repository(&trap), &blob(b"x"), 0).await.unwrap_err();
    assert!(error.to_string().contains("an address inside the network"), "{error}");
}

/// What the server does, where reading begins, and what it must end in.
type Case = (fn() -> Act, u64, Kind);

#[tokio::test]
async fn a_cut_or_lying_blob_is_told_apart() {
    let bytes = b"abcdefghij";
    let cases: [Case; 6] = [
        (
            || reply(200).body("abcdefghij").cut_after(4).into(),
            0,
            Kind::Unavailable,
        ),
        (|| Act::HangUpAfter(0), 0, Kind::Unavailable),
        (|| reply(200).body("abcdefghijk").into(), 0, Kind::Corrupt),
        (
            || {
                reply(206)
                    .header("content-range", "bytes 3-9/10")
                    .body("defghij")
                    .into()
            },
            2,
            Kind::Corrupt,
        ),
        (
            || {
                reply(206)
                    .header("content-range", "bytes 2-9/11")
                    .body("cdefghij")
                    .into()
            },
            2,
            Kind::Corrupt,
        ),
        (|| reply(206).body("cdefghij").into(), 2, Kind::Corrupt),
    ];
    for (number, (act, from, kind)) in cases.into_iter().enumerate() {
        // The first answer of all makes the host a known one.
        let fake = fake(move |_, seen| {
            if seen.line.contains("blobs") {
                act()
            } else {
                reply(200).body(r#"{"tags":[]}"#).into()
            }
        })
        .await;
        let repository = repository(&fake);
        repository.tags().await.unwrap();
        let error = read(&repository, &blob(bytes), from).await.unwrap_err();
        assert_eq!(error.kind(), kind, "case {number}: {error}");
    }
}

#[tokio::test]
async fn where_ranges_are_not_offered_the_whole_comes() {
    let ignoring = fake(|_, _| reply(200).body("abc").into()).await;
    assert_eq!(read(&repository(&ignoring), &blob(b"abc"), 1).await.unwrap().0, 0);
    let refusing = fake(|_, seen| match seen.header("range") {
        Some(_) => reply(416).header("content-range", "bytes */3").into(),
        None => reply(200).body("abc").into(),
    })
    .await;
    assert_eq!(read(&repository(&refusing), &blob(b"abc"), 1).await.unwrap().0, 0);
    let silent = fake(|_, _| Act::HangUpAfter(0)).await;
    assert_eq!(
        read(&repository(&silent), &blob(b"abc"), 3).await.unwrap(),
        (3, Vec::new())
    );
    assert!(silent.seen().is_empty());
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_a_quota_is_not() {
    let moody = fake(|number, _| match number {
        0..2 => reply(503).header("retry-after", "0").into(),
        2 => reply(429).header("retry-after", "0").into(),
        3 => Act::HangUpAfter(0),
        _ => reply(200).body(r#"{"tags":["x"]}"#).into(),
    })
    .await;
    assert_eq!(repository(&moody).tags().await.unwrap(), ["x"]);
    assert_eq!(moody.seen().len(), 5);
    let body = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}"#;
    for window in ["0;w=21600", "0"] {
        let spent = fake(move |_, _| reply(429).header("ratelimit-remaining", window).body(body).into()).await;
        let error = repository(&spent).resolve(Version::Tag("x")).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "toomanyrequests: You have reached your pull rate limit."
        );
        assert_eq!((error.kind(), spent.seen().len()), (Kind::RateLimited, 1));
    }
}

#[tokio::test]
async fn a_manifest_is_what_its_digest_says() {
    let digest = Digest::of(MANIFEST.as_bytes());
    let claimed = digest.to_string();
    let honest = fake(move |_, _| {
        let reply = reply(200).header("content-type", OCI_MANIFEST).body(MANIFEST);
        reply.header("docker-content-digest", claimed.clone()).into()
    })
    .await;
    let repository = repository(&honest);
    let manifest = repository.resolve(Version::Tag("latest")).await.unwrap();
    assert_eq!(
        (manifest.raw.as_ref(), manifest.digest()),
        (MANIFEST.as_bytes(), &digest)
    );
    assert_eq!(
        repository.head(Version::Tag("latest")).await.unwrap(),
        Some(digest.clone())
    );
    assert!(repository.manifest(&digest).await.is_ok());
    let other = Digest::of(b"other");
    assert_eq!(repository.manifest(&other).await.unwrap_err().kind(), Kind::Corrupt);
    let accept = honest.seen()[0].header("accept").unwrap().to_owned();
    assert_eq!(accept.split(", ").count(), 6, "{accept}");
}

#[tokio::test]
async fn a_lying_digest_header_is_caught() {
    let lying = fake(|_, _| {
        let wrong = Digest::of(b"wrong").to_string();
        reply(200).header("docker-content-digest", wrong).body(MANIFEST).into()
    })
    .await;
    let error = repository(&lying).resolve(Version::Tag("latest")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt);
}

#[tokio::test]
async fn endless_bodies_are_left() {
    let endless = fake(|_, _| {
        let reply = reply(200).header("content-length", (1u64 << 40).to_string());
        reply.body(vec![b' '; 9 << 20]).into()
    })
    .await;
    let repository = repository(&endless);
    assert_eq!(
        repository.resolve(Version::Tag("x")).await.unwrap_err().kind(),
        Kind::Corrupt
    );
    assert_eq!(repository.tags().await.unwrap_err().kind(), Kind::Corrupt);
}

#[tokio::test]
async fn head_without_words_asks_for_them() {
    let fake = fake(|_, seen| { if seen.line.starts_with("HEAD") { reply(404).into() } else { reply(404)
            .body(r#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry","detail":{"name":"a/b"}}]}"#)
            .into() } })
    .await;
    let error = repository(&fake).head(Version::Tag("x")).await.unwrap_err();
    let name = format!("{}/a/b", fake.domain);
    assert_eq!(
        error.to_string(),
        format!("repository {name} not found: name unknown: repository name not known to registry")
    );
    assert_eq!(error.kind(), Kind::NotFound);
}

#[tokio::test]
async fn a_web_page_is_no_registry() {
    let fake = fake(|_, _| reply(404).body("<html>not here</html>").into()).await;
    let error = repository(&fake).resolve(Version::Tag("x")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "error parsing HTTP 404 response body: invalid character '<' looking for beginning of value: \
         \"<html>not here</html>\""
    );
    assert!(matches!(error.clue(), Some(Clue::NoRegistry { .. })));
}

#[tokio::test]
async fn pages_are_followed_on_this_host_until_they_repeat() {
    let fake = fake(|number, _| {
        let page = |tags: &str, link: &str| reply(200).header("link", format!("<{link}>; rel=\"next\"")).body(tags);
        match number {
            0 => page(r#"{"tags":["a",null,7]}"#, "/v2/a/b/tags/list?last=a").into(),
            1 => page(r#"{"tags":["b","sha256:dead"]}"#, "?last=b").into(),
            2 => page(r#"{"tags":["c"]}"#, "/v2/a/b/tags/list?last=a").into(),
            _ => reply(500).into(),
        }
    })
    .await;
    let listed = repository(&fake).list_tags().await.unwrap();
    assert_eq!(listed.entries, ["a", "b", "c"]);
    let why = listed.whole().unwrap_err().to_string();
    assert!(why.ends_with("?last=a: this page was read before"), "{why}");
    let elsewhere = super::fake(|_, _| {
        let link = "<http://127.0.0.1:1/v2/_catalog>; rel=next";
        reply(200)
            .header("link", link)
            .body(r#"{"repositories":["x/y","UPPER","../z"]}"#)
            .into()
    })
    .await;
    let names = registry(&elsewhere, &|| CredentialSource::None)
        .catalog()
        .await
        .unwrap();
    assert_eq!(names.entries, ["x/y"]);
    assert!(names.cut.is_some());
}

#[tokio::test]
async fn mirrors_come_first_and_fail_silently() {
    let dead = "http://127.0.0.1:1".parse::<Mirror>().unwrap();
    let lacking = fake(|_, _| reply(404).into()).await;
    let having = fake(|_, seen| {
        if seen.line.contains("manifests") {
            reply(200).header("content-type", OCI_MANIFEST).body(MANIFEST).into()
        } else {
            reply(200).body("abc").cut_after(1).into()
        }
    })
    .await;
    let main = fake(|_, _| reply(200).body("abc").into()).await;
    let mirrors = [dead, mirror(&lacking), mirror(&having)];
    let repository = named(&mirrored(&main, &|| CredentialSource::None, &mirrors));
    assert!(repository.resolve(Version::Tag("x")).await.is_ok());
    assert!(main.seen().is_empty());
    // A mirror that breaks off has had its chance.
    let abc = blob(b"abc");
    assert_eq!(read(&repository, &abc, 0).await.unwrap_err().kind(), Kind::Unavailable);
    assert_eq!(read(&repository, &abc, 0).await.unwrap().1, b"abc");
    assert_eq!((having.seen().len(), lacking.seen().len()), (2, 2));
}

fn mirror(fake: &Fake) -> Mirror {
    format!("http://{}", fake.domain).parse().unwrap()
}

#[tokio::test]
async fn a_search_is_offered_or_not() {
    let offering = fake(|_, _| {
        reply(200)
            .body(r#"{"results":[{"name":"a","star_count":3},{"name":"b"}]}"#)
            .into()
    })
    .await;
    let found = registry(&offering, &|| CredentialSource::None)
        .search("x y", 1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((found.len(), found[0].star_count), (1, 3));
    assert_eq!(offering.lines(), ["GET /v1/search?q=x+y&n=1"]);
    assert_eq!(offering.seen()[0].header("x-docker-token"), Some("true"));
    for (status, body) in [(404, "{}"), (200, "<html>")] {
        let none = fake(move |_, _| reply(status).body(body).into()).await;
        assert_eq!(
            registry(&none, &|| CredentialSource::None)
                .search("x", 25)
                .await
                .unwrap(),
            None
        );
    }
    let broken = fake(|_, _| reply(401).into()).await;
    let error = registry(&broken, &|| CredentialSource::None)
        .search("x", 25)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "Unexpected status code 401");
}
