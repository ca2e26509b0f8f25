//! Tags, repositories, referrers.

use super::*;

/// A manifest about another one.
fn about(rules: &Rules, subject: &Value, kind: &str, note: &str) -> Value {
    rules.put_blob("app", b"{}");
    json!({"schemaVersion": 2, "mediaType": IMAGE, "artifactType": kind, "layers": [],
        "config": described("application/vnd.oci.empty.v1+json", b"{}"), "annotations": {"note": note},
        "subject": described(IMAGE, subject.to_string().as_bytes())})
}

#[test]
fn referrers_are_listed_by_type_with_what_they_say() {
    let rules = Rules::new();
    let image = rules.image("app", "layer");
    // What it is about need not be here.
    let signature = about(&rules, &image, "a/signature", "signed");
    let put = rules.put("app", of(&signature).as_str(), &signature).is(201);
    assert_eq!(put.header("oci-subject"), Some(of(&image).as_str()));
    let sbom = about(&rules, &image, "an/sbom", "listed");
    rules.put("app", "sbom", &sbom).is(201);
    let list = |query: &str| {
        rules
            .ask(&format!("GET /v2/app/referrers/{}{query}", of(&image)))
            .is(200)
    };
    assert_eq!(list("").json()["manifests"].as_array().unwrap().len(), 2);
    let filtered = list("?artifactType=a/signature");
    assert_eq!(filtered.header("oci-filters-applied"), Some("artifactType"));
    let bytes = signature.to_string();
    let expected = json!([{"mediaType": IMAGE, "digest": of(&signature), "size": bytes.len(),
        "artifactType": "a/signature", "annotations": {"note": "signed"}}]);
    assert_eq!(filtered.json()["manifests"], expected);
    let none = rules.ask(&format!("GET /v2/other/referrers/{}", of(&image))).is(200);
    assert_eq!(none.json()["manifests"], json!([]));
    assert_eq!(none.header("content-type"), Some(INDEX));
}

#[test]
fn a_long_list_of_referrers_comes_in_pages_that_join_to_the_whole() {
    let rules = Rules::new();
    let image = rules.image("app", "layer");
    let long = "x".repeat(100_000);
    let mut all: Vec<String> = (0..100)
        .map(|n| {
            let referrer = about(&rules, &image, "a/b", &format!("{n}{long}"));
            rules.put("app", of(&referrer).as_str(), &referrer).is(201);
            of(&referrer).to_string()
        })
        .collect();
    let (mut listed, mut pages) = (Vec::new(), 0);
    let mut next = Some(format!("/v2/app/referrers/{}?artifactType=a/b", of(&image)));
    while let Some(path) = next {
        let page = rules.ask(&format!("GET {path}")).is(200);
        assert!(page.body.len() <= 5 << 20, "{} bytes", page.body.len());
        let manifests = page.json()["manifests"].as_array().unwrap().clone();
        listed.extend(manifests.iter().map(|it| it["digest"].as_str().unwrap().to_owned()));
        let link = page.header("link").map(|link| link.split(['<', '>']).nth(1).unwrap());
        next = link.map(str::to_owned);
        pages += 1;
    }
    all.sort();
    assert_eq!(listed, all);
    assert_eq!(pages, 3);
}

#[test]
fn tags_and_repositories_come_in_pages() {
    let rules = Rules::new();
    for (repository, tag) in [("b", "2"), ("a", "1"), ("b", "1"), ("b", "3")] {
        let image = rules.image(repository, "layer");
        rules.put(repository, tag, &image).is(201);
    }
    let first = rules.ask("GET /v2/b/tags/list?n=2").is(200);
    assert_eq!(first.json()["tags"], json!(["1", "2"]));
    assert_eq!(first.header("link"), Some("</v2/b/tags/list?n=2&last=2>; rel=\"next\""));
    assert_eq!(
        rules.ask("GET /v2/b/tags/list?n=").json()["tags"],
        json!(["1", "2", "3"])
    );
    assert_eq!(
        rules.ask("GET /v2/_catalog?last=a").json()["repositories"],
        json!(["b"])
    );
    rules
        .ask("GET /v2/b/tags/list?n=x")
        .refuses(400, "PAGINATION_NUMBER_INVALID");
    let found = rules.ask("GET /v1/search?q=b").is(200).json();
    assert_eq!(found["results"][0]["description"], "tags: 1, 2, 3");
}
