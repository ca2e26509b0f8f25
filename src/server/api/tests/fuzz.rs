use hyper::{Method, Uri};

use super::super::repository_names::RepositoryNames;
use super::super::route::{At, Route};
use crate::server::http::query::{Query, decode};
use crate::tests::fuzz::Target;

/// What the grammar is made of.
const WORDS: [&str; 15] = [
    "/v2/",
    "/manifests/",
    "/blobs/",
    "/uploads/",
    "/tags/list",
    "/referrers/",
    "%2f",
    "%2e%2e",
    "..",
    "//",
    "library/",
    "%00",
    "%",
    "?",
    "&",
];

#[test]
fn a_path_is_a_name_and_a_version_or_nothing() {
    let hex = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let digest = format!("sha256:{hex}");
    let words: Vec<&str> = WORDS.into_iter().chain([&*digest]).collect();
    let seeds = [
        "/v2/".to_owned(),
        "/v2/_catalog?n=2&last=a".to_owned(),
        "/v2/a/b/manifests/1.0".to_owned(),
        format!("/v2/a/blobs/{digest}"),
        format!("/v2/a/blobs/uploads/?mount={digest}&from=b"),
        "/v2/a/blobs/uploads/0123-4567?_state=x".to_owned(),
        format!("/v2/quay.io/a/referrers/{digest}?artifactType=a%2Fb"),
        "/v1/search?q=a+b&n=3".to_owned(),
    ];
    let names = [RepositoryNames::of_hub(), RepositoryNames::of("quay.io")];
    Target::text("routes", seeds, &words).check_texts(|text| {
        let query = Query::parse(text);
        assert!(query.first("n").is_none_or(|n| n.len() <= text.len() * 3) && query.all("tag").count() <= text.len());
        assert!(decode(text, '+').len() <= text.len() * 3);
        let Ok(uri) = text.parse::<Uri>() else { return vec![] };
        let mut shown = Vec::new();
        for (names, method) in names
            .iter()
            .flat_map(|it| [Method::GET, Method::PUT, Method::POST, Method::DELETE].map(|method| (it, method)))
        {
            let route = match Route::of(&method, &uri, names) {
                Ok(route) => route,
                Err(refusal) => {
                    shown.push(format!("{}", refusal.status().as_u16()));
                    continue;
                }
            };
            match &route {
                Route::Tags { name, .. } | Route::Blob { name, .. } | Route::StartUpload { name, .. } => {
                    plain(&name.path);
                }
                Route::Manifest { name, version } | Route::PutManifest { name, version, .. } => {
                    plain(&name.path);
                    match version {
                        At::Tag(tag) => assert!(tag.len() <= 128 && !tag.contains('/') && !tag.starts_with('.')),
                        At::Digest(digest) => assert!(text.contains(digest.hex()) || text.contains('%')),
                    }
                }
                Route::PatchUpload { id, .. } | Route::FinishUpload { id, .. } => assert!(!id.contains('/')),
                _ => {}
            }
            shown.push(
                format!("{route:?}")
                    .chars()
                    .take_while(char::is_ascii_alphabetic)
                    .collect(),
            );
        }
        shown
    });
}

fn plain(path: &str) {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/".contains(c);
    assert!(
        path.chars().all(is_plain) && !path.contains("..") && !path.starts_with('/') && path.len() <= 255,
        "{path}"
    );
}
