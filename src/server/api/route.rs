//! What a request asks for, read from its method and path: here text becomes names and digests.

use std::fmt;

use hyper::header::{ALLOW, HeaderValue};
use hyper::{Method, StatusCode, Uri};

use super::super::auth::need::{Action, Need};
use super::super::http::query::{Query, decode};
use super::super::http::refusal::{Code, Refusal};
use super::repository_names::RepositoryNames;
use crate::image::{Digest, Reference};

/// A repository as the client spells it and as the store does.
#[derive(Debug, Clone)]
pub(in crate::server) struct Name {
    pub(in crate::server) path: String,
    /// The spelling of the catalog.
    pub(in crate::server) listed: String,
    pub(in crate::server) repository: Reference,
}

impl Name {
    pub(in crate::server) fn parse(path: &str, names: &RepositoryNames) -> Result<Self, Refusal> {
        let repository = names.repository(path)?;
        let listed = names.path(&repository).unwrap_or_else(|| path.to_owned());
        Ok(Self {
            path: path.to_owned(),
            listed,
            repository,
        })
    }

    fn need(&self, actions: &'static [Action]) -> Need<'_> {
        let (asked, name) = (&self.path, &self.listed);
        Need::Repository { asked, name, actions }
    }
}

/// A tag or a digest in the place of a manifest's name.
#[derive(Debug, Clone)]
pub(in crate::server) enum At {
    Tag(String),
    Digest(Digest),
}

impl At {
    pub(in crate::server) fn digest(&self) -> Option<&Digest> {
        match self {
            At::Tag(_) => None,
            At::Digest(digest) => Some(digest),
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Tag(tag) => f.write_str(tag),
            At::Digest(digest) => f.write_str(digest.as_str()),
        }
    }
}

#[derive(Debug)]
pub(in crate::server) enum Route {
    Welcome,
    Health,
    Metrics,
    Token,
    OldPing,
    Search { query: Query },
    Ping,
    Catalog { query: Query },
    Tags { name: Name, query: Query },
    Referrers { name: Name, digest: Digest, query: Query },
    Manifest { name: Name, version: At },
    PutManifest { name: Name, version: At, query: Query },
    DeleteManifest { name: Name, version: At },
    Blob { name: Name, digest: Digest },
    DeleteBlob { name: Name, digest: Digest },
    StartUpload { name: Name, query: Query },
    UploadStatus { name: Name, id: String },
    PatchUpload { name: Name, id: String },
    FinishUpload { name: Name, id: String, query: Query },
    CancelUpload { name: Name, id: String },
}

impl Route {
    pub(in crate::server) fn of(method: &Method, uri: &Uri, names: &RepositoryNames) -> Result<Self, Refusal> {
        let path = decode(uri.path(), '\0');
        let query = Query::parse(uri.query().unwrap_or_default());
        match path.strip_prefix("/v2/") {
            Some(rest) if !rest.is_empty() => below_v2(method, rest, query, names),
            Some(_) => reading(method, Route::Ping),
            None => beside_v2(method, &path, query),
        }
    }

    /// Whether it changes what is here.
    pub(in crate::server) fn writes(&self) -> bool {
        matches!(
            self,
            Route::PutManifest { .. }
                | Route::DeleteManifest { .. }
                | Route::DeleteBlob { .. }
                | Route::StartUpload { .. }
                | Route::UploadStatus { .. }
                | Route::PatchUpload { .. }
                | Route::FinishUpload { .. }
                | Route::CancelUpload { .. }
        )
    }

    /// Whether what the client sends beside the head matters.
    pub(in crate::server) fn has_body(&self) -> bool {
        matches!(
            self,
            Route::PutManifest { .. }
                | Route::StartUpload { .. }
                | Route::PatchUpload { .. }
                | Route::FinishUpload { .. }
                | Route::Token
        )
    }

    /// What it must be allowed.
    pub(in crate::server) fn need(&self) -> Need<'_> {
        match self {
            Route::Health | Route::Token => Need::Nothing,
            Route::Tags { name, .. }
            | Route::Referrers { name, .. }
            | Route::Manifest { name, .. }
            | Route::Blob { name, .. } => name.need(&[Action::Pull]),
            Route::DeleteManifest { name, .. } | Route::DeleteBlob { name, .. } => name.need(&[Action::Delete]),
            Route::PutManifest { name, .. }
            | Route::StartUpload { name, .. }
            | Route::UploadStatus { name, .. }
            | Route::PatchUpload { name, .. }
            | Route::FinishUpload { name, .. }
            | Route::CancelUpload { name, .. } => name.need(&[Action::Pull, Action::Push]),
            Route::Catalog { .. } | Route::Search { .. } => Need::Catalog,
            Route::Welcome | Route::Metrics | Route::OldPing | Route::Ping => Need::Login,
        }
    }
}

fn beside_v2(method: &Method, path: &str, query: Query) -> Result<Route, Refusal> {
    match path {
        "/" => reading(method, Route::Welcome),
        "/v2" => reading(method, Route::Ping),
        "/healthz" => reading(method, Route::Health),
        "/metrics" => reading(method, Route::Metrics),
        "/token" if *method == Method::POST => Ok(Route::Token),
        "/token" => reading(method, Route::Token),
        "/v1/_ping" => reading(method, Route::OldPing),
        "/v1/search" => reading(method, Route::Search { query }),
        _ => Err(Refusal::not_found("no such page: the API is at /v2/")),
    }
}

/// A repository may itself have a part that is called `blobs` or `tags`: what counts is the end of the path.
fn below_v2(method: &Method, path: &str, query: Query, names: &RepositoryNames) -> Result<Route, Refusal> {
    let parse = |path: &str| Name::parse(path, names);
    if path == "_catalog" {
        return reading(method, Route::Catalog { query });
    }
    let (rest, last) = path.rsplit_once('/').unwrap_or(("", path));
    if let Some(name) = rest.strip_suffix("/blobs/uploads") {
        return upload(method, parse(name)?, last, query);
    }
    let Some((name, noun)) = rest.rsplit_once('/') else {
        return Err(Refusal::not_found("no such page of the registry API"));
    };
    match (noun, last) {
        ("tags", "list") => reading(
            method,
            Route::Tags {
                name: parse(name)?,
                query,
            },
        ),
        ("manifests", version) => manifest(method, parse(name)?, version, query),
        ("blobs", "uploads") => upload(method, parse(name)?, "", query),
        ("blobs", digest) => {
            let (name, digest) = (parse(name)?, digest_of(digest)?);
            match *method {
                Method::GET | Method::HEAD => Ok(Route::Blob { name, digest }),
                Method::DELETE => Ok(Route::DeleteBlob { name, digest }),
                _ => Err(not_allowed("GET, HEAD, DELETE")),
            }
        }
        ("referrers", digest) => {
            let (name, digest) = (parse(name)?, digest_of(digest)?);
            reading(method, Route::Referrers { name, digest, query })
        }
        _ => Err(Refusal::not_found("no such page of the registry API")),
    }
}

fn manifest(method: &Method, name: Name, version: &str, query: Query) -> Result<Route, Refusal> {
    let at = if version.contains(':') {
        digest_of(version).map(At::Digest)
    } else {
        match name.repository.at_tag(version) {
            Ok(_) => Ok(At::Tag(version.to_owned())),
            Err(_) if *method == Method::PUT => Err(Refusal::bad(Code::ManifestInvalid, "invalid tag")),
            Err(_) => Err(Refusal::no_manifest(version)),
        }
    };
    let version = at?;
    match *method {
        Method::GET | Method::HEAD => Ok(Route::Manifest { name, version }),
        Method::PUT => Ok(Route::PutManifest { name, version, query }),
        Method::DELETE => Ok(Route::DeleteManifest { name, version }),
        _ => Err(not_allowed("GET, HEAD, PUT, DELETE")),
    }
}

fn upload(method: &Method, name: Name, id: &str, query: Query) -> Result<Route, Refusal> {
    if id.is_empty() {
        return match *method {
            Method::POST => Ok(Route::StartUpload { name, query }),
            _ => Err(not_allowed("POST")),
        };
    }
    let id = id.to_owned();
    match *method {
        Method::GET | Method::HEAD => Ok(Route::UploadStatus { name, id }),
        Method::PATCH => Ok(Route::PatchUpload { name, id }),
        Method::PUT => Ok(Route::FinishUpload { name, id, query }),
        Method::DELETE => Ok(Route::CancelUpload { name, id }),
        _ => Err(not_allowed("GET, PATCH, PUT, DELETE")),
    }
}

pub(in crate::server) fn digest_of(text: &str) -> Result<Digest, Refusal> {
    Digest::parse(text).map_err(|e| Refusal::bad(Code::DigestInvalid, e.to_string()))
}

fn reading(method: &Method, route: Route) -> Result<Route, Refusal> {
    match *method {
        Method::GET | Method::HEAD => Ok(route),
        _ => Err(not_allowed("GET, HEAD")),
    }
}

fn not_allowed(allowed: &'static str) -> Refusal {
    let refusal = Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        Code::Unsupported,
        "the operation is unsupported",
    );
    refusal.with(ALLOW, HeaderValue::from_static(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(method: &Method, path: &str) -> Result<Route, (u16, String)> {
        Route::of(method, &path.parse().unwrap(), &RepositoryNames::of_hub()).map_err(|refusal| {
            let status = refusal.status().as_u16();
            (status, format!("{refusal:?}"))
        })
    }

    #[test]
    fn the_end_of_the_path_says_what_is_meant() {
        let digest = Digest::of(b"x");
        let get = |path: &str| route(&Method::GET, path).unwrap();
        assert!(matches!(get("/v2/"), Route::Ping));
        assert!(matches!(get("/v2/a/tags/list"), Route::Tags { name, .. } if name.path == "a"));
        let odd = get("/v2/blobs/manifests/tags/manifests/list");
        assert!(
            matches!(odd, Route::Manifest { name, version: At::Tag(tag) } if name.path == "blobs/manifests/tags" && tag == "list")
        );
        let encoded = format!("/v2/a/b/blobs/{}", digest.as_str().replace(':', "%3A"));
        assert!(matches!(get(&encoded), Route::Blob { name, digest: of } if name.path == "a/b" && of == digest));
        let start = route(&Method::POST, "/v2/a/blobs/uploads/?mount=x").unwrap();
        assert!(matches!(start, Route::StartUpload { query, .. } if query.first("mount") == Some("x")));
        assert!(matches!(
            route(&Method::POST, "/v2/a/blobs/uploads").unwrap(),
            Route::StartUpload { .. }
        ));
        assert!(matches!(
            route(&Method::PUT, "/v2/a/blobs/uploads/1").unwrap(),
            Route::FinishUpload { .. }
        ));
    }

    #[test]
    fn what_a_hostile_client_writes_gets_a_code_of_the_spec() {
        for (method, path, status, code) in [
            (Method::GET, "/v2/../manifests/1", 400, "NameInvalid"),
            (Method::GET, "/v2/a/%2e%2e/%2e%2e/manifests/1", 400, "NameInvalid"),
            (Method::GET, "/v2/A/tags/list", 400, "NameInvalid"),
            (Method::GET, "/v2/h%3a1/a/tags/list", 400, "NameInvalid"),
            (Method::GET, "/v2/a/blobs/sha256:..", 400, "DigestInvalid"),
            (Method::GET, "/v2/a/blobs/..", 400, "DigestInvalid"),
            (Method::GET, "/v2/a/manifests/md5:0", 400, "DigestInvalid"),
            (Method::GET, "/v2/a/manifests/.x", 404, "ManifestUnknown"),
            (Method::PUT, "/v2/a/manifests/.x", 400, "ManifestInvalid"),
            (Method::POST, "/v2/a/manifests/x", 405, "Unsupported"),
            (Method::DELETE, "/v2/", 405, "Unsupported"),
            (Method::GET, "/v2/a", 404, "Unsupported"),
            (Method::GET, "/etc/passwd", 404, "Unsupported"),
        ] {
            let (actual, text) = route(&method, path).unwrap_err();
            assert_eq!(actual, status, "{path}");
            assert!(text.contains(code), "{path}: {text}");
        }
    }
}
