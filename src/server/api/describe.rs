//! What the headers of an answer say of a blob or a manifest.

use hyper::body::Body as _;
use hyper::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH,
};
use hyper::{Response, StatusCode};

use super::super::http::body::Body;
use super::super::http::reply::{Reply, empty};
use crate::image::Digest;

pub(in crate::server) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// A blob's answer but for its range; for HEAD the length without the body.
pub(in crate::server) fn blob_reply(digest: &Digest, length: u64, body: Body) -> Reply {
    let is_empty = body.size_hint().exact() == Some(0);
    let mut reply = Response::new(body);
    describe(&mut reply, digest, "application/octet-stream");
    let headers = reply.headers_mut();
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if is_empty {
        headers.insert(CONTENT_LENGTH, length.into());
    }
    reply
}

/// What it is and which.
pub(in crate::server) fn describe(reply: &mut Reply, digest: &Digest, media_type: &str) {
    let headers = reply.headers_mut();
    for (header, value) in [
        (CONTENT_TYPE, media_type),
        (CONTENT_DIGEST, digest.as_str()),
        (ETAG, &etag(digest)),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(header, value);
        }
    }
}

pub(in crate::server) fn etag(digest: &Digest) -> String {
    format!("\"{digest}\"")
}

/// Whether the client says that it has this already.
pub(in crate::server) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let values = headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == etag || tag == "*")
}

pub(in crate::server) fn not_modified(digest: &Digest) -> Reply {
    let mut reply = empty(StatusCode::NOT_MODIFIED);
    if let Ok(value) = HeaderValue::try_from(etag(digest)) {
        reply.headers_mut().insert(ETAG, value);
    }
    reply
}
