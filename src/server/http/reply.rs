//! Answers that are no refusal: a text, a JSON document, or nothing but a status.

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};

use super::body::Body;
use super::refusal::Refusal;

/// An answer that is no refusal.
pub(in crate::server) type Reply = Response<Body>;
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
