//! What they answer those who read and list.

use serde_json::json;

use super::{Personality, split};
use crate::support::fault::Reply;
use crate::support::token::{pairs, value};

impl Personality {
    /// Does not offer what this method and path ask for.
    pub(super) fn refuses(self, method: &str, path: &str, status: u16, code: &str) -> Self {
        let body = json!({"errors": [{"code": code, "message": "the operation is not offered here"}]});
        self.front.on_path(method, path).answer(status, &[], body.to_string());
        self
    }

    /// Fails the first such request, and asks to come back at once.
    pub(super) fn failing_first(self, method: &str, path: &str, status: u16) -> Self {
        let body = format!(r#"{{"errors":[{{"status":{status},"message":"try again"}}]}}"#);
        let front = &self.front;
        front
            .on_path(method, path)
            .times(1)
            .answer(status, &[("Retry-After", "0")], body);
        self
    }

    /// Knows no referrers, and does not say that it has seen a subject.
    pub(super) fn without_referrers(self) -> Self {
        let body = json!({"errors": [{"code": "NOT_FOUND", "message": "no such page"}]});
        self.front
            .on_path("GET", "/referrers/")
            .answer(404, &[], body.to_string());
        self.hiding("PUT", "/manifests/", "oci-subject")
    }

    /// Leaves a header out.
    pub(super) fn hiding(self, method: &str, path: &str, header: &str) -> Self {
        self.front.on_path(method, path).remove_header(header);
        self
    }

    /// Adds a header to everything.
    pub(super) fn saying(self, header: &str, value: &str) -> Self {
        self.front.on(|_| true).set_header(header, value);
        self
    }

    /// Sends readers of blobs to its storage, which refuses a second proof beside the signature.
    pub(super) fn redirecting_blobs(self, status: u16) -> Self {
        self.storage.on(|_| true).respond(|request| {
            let is_bad = request.header("authorization").is_some() || !request.path.contains("signature=s1gn3d");
            is_bad.then(|| Reply::new(400, "only one auth mechanism allowed\n"))
        });
        let storage = self.storage.url();
        let is_read = |request: &super::Recorded| request.method == "GET" && request.path.contains("/blobs/sha256:");
        self.front.on(is_read).respond(move |request| {
            let url = format!("{storage}{}?signature=s1gn3d", request.path);
            Some(Reply::new(status, "").header("Location", &url))
        });
        self
    }

    /// Has entries among its tags that are none (skopeo#2409, skopeo#2346), and some members that nobody asked for.
    pub(super) fn with_odd_tags(self, odd: &[&str]) -> Self {
        let odd = odd.join(",");
        self.front.on_path("GET", "/tags/list").respond(move |request| {
            let (name, _) = split(request, "/tags/")?;
            let body = format!(r#"{{"name":"{name}","child":[],"manifest":{{}},"tags":[{odd},"1"]}}"#);
            Some(Reply::new(200, body).header("Content-Type", "application/json"))
        });
        self
    }

    /// Larger pages are an error (ggcr#1091).
    pub(super) fn limiting_pages_to(self, most: u64) -> Self {
        self.front.on_path("GET", "/tags/list").respond(move |request| {
            let (_, query) = request.path.split_once('?')?;
            let n: u64 = value(&pairs(query), "n").parse().ok()?;
            let body = json!({"errors": [{"code": "UNSUPPORTED", "message": "Invalid parameter at 'maxResults'"}]});
            (n > most).then(|| Reply::json(405, &body))
        });
        self
    }

    /// Does not look at the query of such requests.
    pub(super) fn ignoring_queries_of(self, path: &'static str) -> Self {
        self.front
            .on(move |request| request.path.contains(path))
            .change_request(|head| {
                head.uri = head.uri.path().parse().unwrap();
            });
        self
    }

    /// Deletes by digest alone.
    pub(super) fn refuses_tag_deletes(self) -> Self {
        let is_by_tag = |request: &super::Recorded| {
            request.method == "DELETE" && split(request, "/manifests/").is_some_and(|(_, at)| !at.contains(':'))
        };
        let body = json!({"errors": [{"code": "DIGEST_INVALID", "message": "provided digest did not match uploaded content"}]});
        self.front.on(is_by_tag).answer(400, &[], body.to_string());
        self
    }

    /// Takes OCI's types alone.
    pub(super) fn refusing_docker_s_types(self) -> Self {
        let is_docker_s = |request: &super::Recorded| {
            request.is("PUT", "/manifests/")
                && request
                    .header("content-type")
                    .is_some_and(|it| it.contains("vnd.docker"))
        };
        let body = json!({"errors": [{"code": "MANIFEST_INVALID", "message": "manifest invalid"}]});
        self.front.on(is_docker_s).answer(415, &[], body.to_string());
        self
    }
}
