//! What a client is told when it does not get what it asked for: a status and a code of the spec.

use std::fmt;

use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::body::{Body, Reply};
use crate::error::{Error, Kind};

/// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes>, and docker's
/// `PAGINATION_NUMBER_INVALID` and `UNKNOWN`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Code {
    BlobUnknown,
    BlobUploadInvalid,
    BlobUploadUnknown,
    Denied,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    NameInvalid,
    NameUnknown,
    PaginationNumberInvalid,
    SizeInvalid,
    TooManyRequests,
    Unauthorized,
    Unsupported,
    Unknown,
}

impl Code {
    fn text(self) -> &'static str {
        match self {
            Code::BlobUnknown => "BLOB_UNKNOWN",
            Code::BlobUploadInvalid => "BLOB_UPLOAD_INVALID",
            Code::BlobUploadUnknown => "BLOB_UPLOAD_UNKNOWN",
            Code::Denied => "DENIED",
            Code::DigestInvalid => "DIGEST_INVALID",
            Code::ManifestBlobUnknown => "MANIFEST_BLOB_UNKNOWN",
            Code::ManifestInvalid => "MANIFEST_INVALID",
            Code::ManifestUnknown => "MANIFEST_UNKNOWN",
            Code::NameInvalid => "NAME_INVALID",
            Code::NameUnknown => "NAME_UNKNOWN",
            Code::PaginationNumberInvalid => "PAGINATION_NUMBER_INVALID",
            Code::SizeInvalid => "SIZE_INVALID",
            Code::TooManyRequests => "TOOMANYREQUESTS",
            Code::Unauthorized => "UNAUTHORIZED",
            Code::Unsupported => "UNSUPPORTED",
            Code::Unknown => "UNKNOWN",
        }
    }
}

/// Small, since it is carried through everything; what it says is behind a pointer.
#[derive(Debug)]
pub(in crate::server) struct Refusal(Box<Said>);

#[derive(Debug)]
struct Said {
    status: StatusCode,
    code: Code,
    message: String,
    /// One error for each; at least one.
    details: Vec<Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<Error>,
}

impl Refusal {
    pub(in crate::server) fn new(status: StatusCode, code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Said {
            status,
            code,
            message: message.into(),
            details: vec![Value::Null],
            headers: Vec::new(),
            cause: None,
        }))
    }

    #[cfg(test)]
    pub(in crate::server) fn status(&self) -> StatusCode {
        self.0.status
    }

    /// What is not the client's fault, for the log alone: it may name files.
    pub(in crate::server) fn cause(&self) -> Option<&Error> {
        self.0.cause.as_ref()
    }

    /// 400
    pub(in crate::server) fn bad(code: Code, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 408 for a client that does not go on
    /// (<https://www.rfc-editor.org/rfc/rfc9110.html#section-15.5.9>).
    pub(in crate::server) fn late(code: Code, message: impl Into<String>) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, code, message).with(CONNECTION, HeaderValue::from_static("close"))
    }

    /// 429 for a moment: others are at it.
    pub(in crate::server) fn crowded(message: impl Into<String>) -> Self {
        let status = StatusCode::TOO_MANY_REQUESTS;
        Self::new(status, Code::TooManyRequests, message).with(RETRY_AFTER, HeaderValue::from_static("5"))
    }

    /// 404 for a page that is none of the API's.
    pub(in crate::server) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, Code::Unsupported, message)
    }

    pub(in crate::server) fn no_repository(name: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            Code::NameUnknown,
            "repository name not known to registry",
        )
        .about(json!({ "name": name }))
    }

    pub(in crate::server) fn no_upload() -> Self {
        let message = "blob upload unknown to registry";
        Self::new(StatusCode::NOT_FOUND, Code::BlobUploadUnknown, message)
    }

    pub(in crate::server) fn no_manifest(version: impl fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, Code::ManifestUnknown, "manifest unknown")
            .about(json!({ "reference": version.to_string() }))
    }

    pub(in crate::server) fn no_blob(digest: impl fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, Code::BlobUnknown, "blob unknown to registry")
            .about(json!({ "digest": digest.to_string() }))
    }

    #[must_use]
    pub(in crate::server) fn about(mut self, detail: Value) -> Self {
        self.0.details = vec![detail];
        self
    }

    /// The same error once for each of these, of which there must be one.
    #[must_use]
    pub(in crate::server) fn about_each(mut self, details: Vec<Value>) -> Self {
        self.0.details = details;
        self
    }

    #[must_use]
    pub(in crate::server) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    pub(in crate::server) fn into_reply(self) -> Reply {
        let said = self.0;
        let error = |detail| json!({ "code": said.code.text(), "message": said.message, "detail": detail });
        let errors: Vec<Value> = said.details.into_iter().map(error).collect();
        let mut reply = Response::new(Body::of(json!({ "errors": errors }).to_string()));
        *reply.status_mut() = said.status;
        let headers = reply.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in said.headers {
            headers.append(name, value);
        }
        reply
    }
}

/// A failure of the registry itself. The client learns of its kind, the log of its cause.
impl From<Error> for Refusal {
    fn from(e: Error) -> Self {
        let (status, message) = match e.kind() {
            Kind::NoSpace => (StatusCode::INSUFFICIENT_STORAGE, "the registry's disk is full"),
            Kind::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "the upstream registry limits its pulls"),
            Kind::Unavailable => (StatusCode::BAD_GATEWAY, "the upstream registry does not answer"),
            _ => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "the registry failed: its log says why",
            ),
        };
        let code = match e.kind() {
            Kind::RateLimited => Code::TooManyRequests,
            _ => Code::Unknown,
        };
        let mut refusal = Self::new(status, code, message);
        refusal.0.cause = Some(e);
        refusal
    }
}
