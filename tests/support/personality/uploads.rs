//! What they do to those who push.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::StatusCode;
use hyper::header::{CONTENT_RANGE, HeaderValue, LOCATION, RANGE};
use hyper::http::response;
use serde_json::json;

use super::{Personality, split};
use crate::support::fault::Reply;
use crate::support::recorder::Recorded;
use crate::support::token::{pairs, value};

fn is_upload(request: &Recorded) -> bool {
    request.path.contains("/blobs/uploads/")
}

fn gone() -> Reply {
    Reply::json(
        404,
        &json!({"errors": [{"code": "BLOB_UPLOAD_INVALID", "message": "blob upload invalid"}]}),
    )
}

fn change_location(head: &mut response::Parts, change: impl FnOnce(&str) -> String) {
    let Some(location) = head.headers.get(LOCATION).and_then(|it| it.to_str().ok()) else {
        return;
    };
    let changed = HeaderValue::try_from(change(location)).unwrap();
    head.headers.insert(LOCATION, changed);
}

impl Personality {
    /// A blob that was brought to one repository is not in another.
    pub(super) fn own_shelves(self) -> Self {
        let shelves = Arc::clone(&self.shelves);
        self.front.on_path("HEAD", "/blobs/").respond(move |request| {
            let (repository, digest) = split(request, "/blobs/")?;
            let shelves = shelves.lock().unwrap_or_else(PoisonError::into_inner);
            let is_there = shelves.contains(&(repository.to_owned(), digest.to_owned()));
            (!is_there).then(|| Reply::new(404, ""))
        });
        let shelves = Arc::clone(&self.shelves);
        self.front.on(is_upload).change_response(move |request, head| {
            let query = request.path.split_once('?').map_or("", |(_, query)| query);
            let query = pairs(query);
            let digest = ["digest", "mount"]
                .into_iter()
                .map(|key| value(&query, key))
                .find(|it| !it.is_empty());
            if let (true, Some(digest), Some((repository, _))) =
                (head.status == StatusCode::CREATED, digest, split(request, "/blobs/"))
            {
                let mut shelves = shelves.lock().unwrap_or_else(PoisonError::into_inner);
                shelves.insert((repository.to_owned(), digest.to_owned()));
            }
        });
        self
    }

    /// Appends whatever comes.
    pub(super) fn ignoring_content_range(self) -> Self {
        self.front
            .on(is_upload)
            .change_request(|head| drop(head.headers.remove(CONTENT_RANGE)));
        self
    }

    /// Each answer names a new place, each place can be used once, and one whose answer was lost leads nowhere.
    pub(super) fn binding_locations(self) -> Self {
        let states: Arc<Mutex<HashMap<String, String>>> = Arc::default();
        let known = Arc::clone(&states);
        self.front.on(is_upload).respond(move |request| {
            let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
            if path.ends_with("/uploads/") {
                return None;
            }
            let mut states = known.lock().unwrap_or_else(PoisonError::into_inner);
            let is_right = states
                .get(path)
                .is_some_and(|state| *state == value(&pairs(query), "_state"));
            if request.method != "GET" {
                states.remove(path);
            }
            (!is_right).then(gone)
        });
        self.front.on(is_upload).change_response(move |_, head| {
            if !head.headers.contains_key(RANGE) {
                return;
            }
            change_location(head, |location| {
                let state = format!("{:016x}", fastrand::u64(..));
                states
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(location.to_owned(), state.clone());
                format!("{location}?_state={state}")
            });
        });
        self
    }

    /// Names places by a URL of this scheme, whatever the client came by: it does not know of the proxy before it.
    pub(super) fn locating_by(self, scheme: &'static str) -> Self {
        let host = self.host();
        self.front.on(is_upload).change_response(move |_, head| {
            change_location(head, |location| format!("{scheme}://{host}{location}"));
        });
        self
    }

    /// Links nothing: a mount begins an upload.
    pub(super) fn without_mounts(self) -> Self {
        self.front.on_path("POST", "mount=").change_request(|head| {
            head.uri = head.uri.path().parse().unwrap();
        });
        self
    }

    /// Chunks, which say their place, may not be larger than this (ocx#237); 0 takes none at all (dotnet#287).
    pub(super) fn refusing_chunks_above(self, most: u64) -> Self {
        let is_too_large = move |request: &Recorded| {
            let length = request.header("content-length").and_then(|it| it.parse::<u64>().ok());
            request.method == "PATCH" && request.header("content-range").is_some() && length.is_none_or(|it| it > most)
        };
        let body = json!({"errors": [{"code": "BLOB_UPLOAD_INVALID", "message": "chunk exceeds the maximum"}]});
        self.front.on(is_too_large).answer(416, &[], body.to_string());
        self
    }

    /// All chunks are kept, but the `Range` of the answers stands still at the first (containers-roadmap#2831).
    pub(super) fn counting_the_first_chunk_alone(self) -> Self {
        let ranges: Arc<Mutex<HashMap<String, HeaderValue>>> = Arc::default();
        self.front
            .on_path("PATCH", "/uploads/")
            .change_response(move |request, head| {
                if let Some(range) = head.headers.get_mut(RANGE) {
                    let path = request.path.split('?').next().unwrap_or_default().to_owned();
                    let mut ranges = ranges.lock().unwrap_or_else(PoisonError::into_inner);
                    *range = ranges.entry(path).or_insert_with(|| range.clone()).clone();
                }
            });
        self
    }

    /// Says this instead of 202.
    pub(super) fn answering(self, method: &str, path: &str, status: u16) -> Self {
        self.front.on_path(method, path).change_response(move |_, head| {
            if head.status == StatusCode::ACCEPTED {
                head.status = StatusCode::from_u16(status).unwrap();
            }
        });
        self
    }
}
