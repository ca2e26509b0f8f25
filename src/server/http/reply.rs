//! Answers that are no refusal: a text, a JSON document, or nothing but a status.

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue, LINK};
use hyper::{Response, StatusCode};

use super::body::Body;
pub(in crate::server) use super::body::Reply;
use super::refusal::Refusal;

pub(in crate::server) type Answer = Result<Reply, Refusal>;

pub(in crate::server) fn text(text: &'static str) -> Reply {
    let mut reply = Response::new(Body::of(text));
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    reply
}

pub(in crate::server) fn json(text: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Body::of(text));
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

/// An answer without a body.
pub(in crate::server) fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Body::of(""));
    *reply.status_mut() = status;
    reply
}

/// Adds where the list goes on, if it does: a path and its query.
pub(in crate::server) fn with_next(mut reply: Reply, path: &str, query: Option<String>) -> Reply {
    if let Some(query) = query
        && let Ok(value) = HeaderValue::try_from(format!("<{path}?{query}>; rel=\"next\""))
    {
        reply.headers_mut().insert(LINK, value);
    }
    reply
}
