//! What a refusal says, in docker's words (distribution's `registry/client/errors.go` and `errcode`).

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::Value;

use super::challenge::Challenge;
use super::headers;
use super::server_text::{digests_in, printable, quoted, shortened};
use crate::error::{Clue, Error, Kind};
use crate::image::{Digest, null};

/// The code that every registry of docker's making knows, and its built-in message.
const CODES: [(&str, &str); 19] = [
    (UNKNOWN, "unknown error"),
    (UNSUPPORTED, "The operation is unsupported."),
    (UNAUTHORIZED, "authentication required"),
    (DENIED, "requested access to the resource is denied"),
    ("UNAVAILABLE", "service unavailable"),
    (TOO_MANY_REQUESTS, "too many requests"),
    (DIGEST_INVALID, "provided digest did not match uploaded content"),
    (SIZE_INVALID, "provided length did not match content length"),
    ("RANGE_INVALID", "invalid content range"),
    ("NAME_INVALID", "invalid repository name"),
    ("TAG_INVALID", "manifest tag did not match URI"),
    (NAME_UNKNOWN, "repository name not known to registry"),
    (MANIFEST_UNKNOWN, "manifest unknown"),
    (MANIFEST_INVALID, "manifest invalid"),
    (MANIFEST_UNVERIFIED, "manifest failed signature verification"),
    (MANIFEST_BLOB_UNKNOWN, "blob unknown to registry"),
    (BLOB_UNKNOWN, "blob unknown to registry"),
    ("BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry"),
    ("BLOB_UPLOAD_INVALID", "blob upload invalid"),
];
const UNKNOWN: &str = "UNKNOWN";
const UNSUPPORTED: &str = "UNSUPPORTED";
const UNAUTHORIZED: &str = "UNAUTHORIZED";
pub(in crate::registry) const DENIED: &str = "DENIED";
const TOO_MANY_REQUESTS: &str = "TOOMANYREQUESTS";
/// The same in the words of Amazon's other services, which stand behind ECR.
const THROTTLED: [&str; 3] = ["ThrottlingException", "Throttling", "TooManyRequestsException"];
pub(in crate::registry) const DIGEST_INVALID: &str = "DIGEST_INVALID";
const SIZE_INVALID: &str = "SIZE_INVALID";
pub(in crate::registry) const NAME_UNKNOWN: &str = "NAME_UNKNOWN";
pub(in crate::registry) const MANIFEST_UNKNOWN: &str = "MANIFEST_UNKNOWN";
const MANIFEST_INVALID: &str = "MANIFEST_INVALID";
const MANIFEST_UNVERIFIED: &str = "MANIFEST_UNVERIFIED";
const MANIFEST_BLOB_UNKNOWN: &str = "MANIFEST_BLOB_UNKNOWN";
const BLOB_UNKNOWN: &str = "BLOB_UNKNOWN";

/// A refusal, read.
#[derive(Debug)]
pub(in crate::registry) struct Refusal {
    pub(in crate::registry) status: StatusCode,
    /// What the server says, in order; empty when it says nothing that can be understood.
    reasons: Vec<Reason>,
    /// What to say when there are no reasons.
    otherwise: String,
    wait: Option<Duration>,
    /// Whether the reasons are docker's guess at an unreadable 401.
    is_guessed: bool,
    /// Whether asking the registry again leads elsewhere: a signed URL has ended.
    is_stale: bool,
    /// Whether it was asked for often enough.
    pub(super) is_final: bool,
    pub(super) login: LoginState,
}

/// What is known of the login beside a refusal.
#[derive(Debug, Default)]
pub(super) struct LoginState {
    pub(super) clue: Option<Clue>,
    /// What kept a login from being used.
    pub(super) trouble: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
struct Reason {
    code: &'static str,
    message: String,
    /// Whether there is nothing beyond the code: docker then shows the code alone.
    bare: bool,
    /// What it speaks of, in its message or its detail.
    digests: Vec<Digest>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let mut reasons = Vec::from_iter(from_challenge(headers));
        let mut otherwise = String::new();
        let mut is_guessed = false;
        if status.is_client_error() {
            match from_body(status, body) {
                Ok(said) => reasons.extend(said),
                Err(_) if status == StatusCode::UNAUTHORIZED => {
                    is_guessed = reasons.is_empty();
                    reasons.push(Reason::of(UNAUTHORIZED, None, true));
                }
                Err(why) => {
                    let number = status.as_u16();
                    let body = quoted(body);
                    otherwise = format!("error parsing HTTP {number} response body: {why}: {body}");
                }
            }
        } else {
            otherwise = format!("received unexpected HTTP status: {}", described(status));
        }
        Self {
            status,
            reasons,
            otherwise,
            wait: headers::requested_wait(status, headers),
            is_guessed,
            is_stale: false,
            is_final: false,
            login: LoginState::default(),
        }
    }

    /// Reads it as the answer of a storage that the registry sent us on to: its words may repeat a signed URL, and its
    /// refusal says that the signature has ended.
    pub(super) fn hide_storage(&mut self) {
        if self.is_unreadable() || self.is_guessed {
            self.reasons.clear();
            self.otherwise = format!("received unexpected HTTP status: {}", described(self.status));
            self.is_stale = matches!(self.status.as_u16(), 400 | 401 | 403);
        }
    }

    /// Takes these secrets out of what the server says: some repeat what they were shown.
    pub(super) fn hide(&mut self, secrets: &[String]) {
        let said = self.reasons.iter_mut().map(|reason| &mut reason.message);
        for text in said.chain([&mut self.otherwise]) {
            for secret in secrets.iter().filter(|secret| secret.len() >= LEAST_SECRET) {
                if text.contains(secret.as_str()) {
                    *text = text.replace(secret.as_str(), "***");
                }
            }
        }
    }

    /// The first code.
    pub(in crate::registry) fn code(&self) -> Option<&'static str> {
        self.reasons.first().map(|reason| reason.code)
    }

    /// Whether a manifest was refused for blobs that the registry does not know.
    pub(in crate::registry) fn lacks_blobs(&self) -> bool {
        self.reasons.iter().any(|reason| reason.code == MANIFEST_BLOB_UNKNOWN)
    }

    /// What the registry says it lacks of a manifest: blobs, or manifests that it lists.
    pub(in crate::registry) fn lacking(&self) -> impl Iterator<Item = &Digest> {
        let codes = [MANIFEST_BLOB_UNKNOWN, BLOB_UNKNOWN, MANIFEST_UNKNOWN];
        let lacking = self.reasons.iter().filter(move |reason| codes.contains(&reason.code));
        lacking.flat_map(|reason| &reason.digests)
    }

    /// Whether it may be the type of what was sent that is refused.
    pub(in crate::registry) fn may_be_of_type(&self) -> bool {
        let says_little = matches!(
            self.code(),
            None | Some(UNKNOWN | UNSUPPORTED | MANIFEST_INVALID | MANIFEST_UNVERIFIED)
        );
        match self.status.as_u16() {
            406 | 415 => true,
            400 | 422 => says_little,
            _ => false,
        }
    }

    /// Whether the registry cannot do such a thing at all.
    pub(in crate::registry) fn is_unsupported(&self) -> bool {
        let is_no_method = matches!(self.status.as_u16(), 405 | 501);
        self.code() == Some(UNSUPPORTED) || (self.reasons.is_empty() && is_no_method)
    }

    /// Whether the first reason is its code and nothing else.
    pub(in crate::registry) fn is_bare(&self) -> bool {
        self.reasons.first().is_some_and(|reason| reason.bare)
    }

    /// Whether the body was not what a registry sends.
    pub(super) fn is_unreadable(&self) -> bool {
        self.reasons.is_empty() && self.status.is_client_error()
    }

    pub(in crate::registry) fn kind(&self) -> Kind {
        if self.is_stale {
            return Kind::Unavailable;
        }
        match self.code() {
            Some(DENIED) => Kind::Denied,
            Some(UNAUTHORIZED) => Kind::Unauthorized,
            Some(TOO_MANY_REQUESTS) => Kind::RateLimited,
            Some(NAME_UNKNOWN | MANIFEST_UNKNOWN | BLOB_UNKNOWN) => Kind::NotFound,
            Some(DIGEST_INVALID | SIZE_INVALID) => Kind::Corrupt,
            _ => kind_of(self.status),
        }
    }

    /// `code: message` of the first reason, even where docker would show the code alone.
    pub(in crate::registry) fn first_in_full(&self) -> String {
        match self.reasons.first() {
            Some(reason) => reason.in_full(),
            None => self.otherwise.clone(),
        }
    }

    /// The first reason alone, as docker shows failures of pulls and of blob uploads.
    pub(in crate::registry) fn first(&self) -> Error {
        let message = self.reasons.first().map(Reason::text);
        self.error(message.unwrap_or_else(|| self.otherwise.clone()))
    }

    /// All that the server said.
    pub(in crate::registry) fn whole(&self) -> Error {
        match self.reasons.as_slice() {
            [] | [_] => self.first(),
            several => {
                let lines: String = several
                    .iter()
                    .take(MAX_REASONS)
                    .map(|reason| reason.text() + "\n")
                    .collect();
                self.error(format!("errors:\n{lines}"))
            }
        }
    }

    /// This failure under another message.
    pub(in crate::registry) fn error(&self, message: impl Into<String>) -> Error {
        let mut error = Error::new(self.kind(), message).with_retry_after(self.wait);
        if let Some(clue) = &self.login.clue {
            error = error.with_clue(clue.clone());
        }
        if self.is_final {
            error = error.into_final();
        }
        match &self.login.trouble {
            Some(trouble) => error.caused_by(trouble.as_str()),
            None => error,
        }
    }
}

impl Reason {
    fn of(code: &str, message: Option<String>, has_detail: bool) -> Self {
        let code = if THROTTLED.contains(&code) {
            TOO_MANY_REQUESTS
        } else {
            code
        };
        let (code, built_in) = *CODES.iter().find(|(known, _)| *known == code).unwrap_or(&CODES[0]);
        let message = message.filter(|m| !m.is_empty()).unwrap_or_else(|| built_in.to_owned());
        Self {
            code,
            bare: !has_detail && message == built_in,
            digests: digests_in(&message).collect(),
            message: printable(&message),
        }
    }

    fn text(&self) -> String {
        if self.bare { self.name() } else { self.in_full() }
    }

    fn in_full(&self) -> String {
        format!("{}: {}", self.name(), shortened(&self.message))
    }

    fn name(&self) -> String {
        self.code.to_ascii_lowercase().replace('_', " ")
    }
}

/// What sort of failure a status is where no code says it better.
pub(in crate::registry) fn kind_of(status: StatusCode) -> Kind {
    match status.as_u16() {
        401 => Kind::Unauthorized,
        403 => Kind::Denied,
        404 | 410 => Kind::NotFound,
        409 | 412 => Kind::Conflict,
        429 => Kind::RateLimited,
        _ if may_pass(status) => Kind::Unavailable,
        _ => Kind::Unsupported,
    }
}

/// Whether the same request may succeed a little later (429 apart).
pub(in crate::registry) fn may_pass(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 499 | 500 | 502 | 503 | 504 | 520..=524)
}

/// `404 Not Found`.
pub(in crate::registry) fn described(status: StatusCode) -> String {
    let reason = status.canonical_reason().unwrap_or_default();
    format!("{} {reason}", status.as_u16()).trim_end().to_owned()
}

/// What RFC 6750 lets a server say in the challenge itself; docker puts it in front of the body's words.
fn from_challenge(headers: &HeaderMap) -> Option<Reason> {
    headers::challenges(headers)
        .iter()
        .filter(|challenge| challenge.scheme == "bearer")
        .find_map(|challenge: &Challenge| {
            let code = match challenge.parameter("error")? {
                "invalid_token" => UNAUTHORIZED,
                "insufficient_scope" => DENIED,
                _ => return None,
            };
            let message = challenge.parameter("error_description").map(str::to_owned);
            Some(Reason::of(code, message, true))
        })
}

#[derive(Deserialize)]
struct Body {
    #[serde(default, deserialize_with = "null::or_default")]
    errors: Vec<SaidReason>,
    // The Hub and its token server have forms of their own.
    details: Option<Value>,
    detail: Option<Value>,
    #[serde(alias = "Message")]
    message: Option<Value>,
    /// What Amazon's services have in place of a code, at the end of a name with dots and a `#`.
    #[serde(rename = "__type")]
    amazon_s: Option<String>,
}

#[derive(Deserialize)]
struct SaidReason {
    code: Option<Value>,
    message: Option<String>,
    detail: Option<Value>,
}

/// The reasons of a body, or why there are none, as Go's JSON reader puts it.
fn from_body(status: StatusCode, body: &[u8]) -> Result<Vec<Reason>, String> {
    let body: Body = serde_json::from_slice(body).map_err(|e| complaint(body, &e))?;
    let elsewhere = if body.errors.is_empty() {
        [body.detail, body.message]
    } else {
        [None, None]
    };
    let mut plain = std::iter::once(body.details).chain(elsewhere).flatten();
    let amazon_s = body.amazon_s.as_deref().and_then(|name| name.rsplit(['#', '.']).next());
    if let Some(message) = plain.find_map(|v| v.as_str().map(str::to_owned)) {
        let code = match status.as_u16() {
            401 => UNAUTHORIZED,
            429 => TOO_MANY_REQUESTS,
            _ => amazon_s.unwrap_or(UNKNOWN),
        };
        return Ok(vec![Reason::of(code, Some(message), true)]);
    }
    if body.errors.is_empty() {
        return Err("no error details found in HTTP response body".to_owned());
    }
    let reasons = body.errors.into_iter().map(|said| {
        let code = said.code.as_ref().and_then(Value::as_str).unwrap_or_default();
        let detail = said.detail.filter(|detail| !detail.is_null());
        let mut reason = Reason::of(code, said.message, detail.is_some());
        if let Some(detail) = detail {
            reason.digests.extend(digests_in(&detail.to_string()));
        }
        reason
    });
    Ok(reasons.collect())
}

fn complaint(body: &[u8], error: &serde_json::Error) -> String {
    let first = String::from_utf8_lossy(body).trim_start().chars().next();
    match first {
        None => "unexpected end of JSON input".to_owned(),
        Some(c) if !(c.is_ascii_digit() || "{[\"-tfn".contains(c)) => {
            format!(
                "invalid character '{}' looking for beginning of value",
                c.escape_default()
            )
        }
        Some(_) if error.is_eof() => "unexpected end of JSON input".to_owned(),
        Some(_) => error.to_string(),
    }
}

/// The least bytes of a secret that is hidden: shorter ones are words that stand in any text.
const LEAST_SECRET: usize = 4;
/// The most reasons that are shown of one refusal.
const MAX_REASONS: usize = 16;

#[cfg(test)]
mod tests;
