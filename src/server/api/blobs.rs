//! Blobs on their way out.

use hyper::body::Body as _;
use hyper::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH,
};
use hyper::{Method, Response, StatusCode};

use super::super::Server;
use super::super::http::body::Body;
use super::super::http::range::{Wanted, wanted};
use super::super::http::refusal::{Code, Refusal};
use super::super::http::reply::{Answer, Reply, empty};
use super::super::retention::off_thread;
use super::links;
use super::referrers::documents;
use super::route::Name;
use crate::error::{During as _, Kind};
use crate::image::Digest;

pub(in crate::server) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

impl Server {
    pub(in crate::server) async fn blob(
        &self,
        name: &Name,
        digest: &Digest,
        method: &Method,
        headers: &HeaderMap,
    ) -> Answer {
        if self.links.is_deleted(name.repository.name(), digest) {
            return Err(Refusal::no_blob(digest));
        }
        if method == Method::HEAD && !self.is_read_only && self.upstream.is_none() {
            // Who asks so is about to push, and will not send what is here.
            let _held = self.retention.hold().await?;
            if !self.store.blobs().touch(digest)? {
                return Err(Refusal::no_blob(digest));
            }
            self.asked.give(name.repository.name(), digest);
        }
        let (file, size) = match self.store.blobs().open(digest) {
            Err(e) if e.kind() == Kind::NotFound => match &self.upstream {
                Some(upstream) => return upstream.blob(name, digest, method).await,
                None => return Err(Refusal::no_blob(digest)),
            },
            found => found?,
        };
        let etag = etag(digest);
        if is_known(headers, &etag) {
            return Ok(not_modified(digest));
        }
        let part = match wanted(headers, size, &etag) {
            Wanted::All => 0..size,
            Wanted::Part(from, to) => from..to,
            Wanted::Unsatisfiable => {
                let refusal = Refusal::new(
                    StatusCode::RANGE_NOT_SATISFIABLE,
                    Code::SizeInvalid,
                    format!("the blob has {size} bytes"),
                );
                return Err(match HeaderValue::try_from(format!("bytes */{size}")) {
                    Ok(value) => refusal.with(CONTENT_RANGE, value),
                    Err(_) => refusal,
                });
            }
        };
        let is_part = part != (0..size);
        let length = part.end - part.start;
        let range = format!("bytes {}-{}/{size}", part.start, part.end.saturating_sub(1));
        let body = match *method {
            Method::HEAD => Body::of(""),
            _ => Body::file(file, part).during(format!("reading blob {digest}"))?,
        };
        let mut reply = blob_reply(digest, length, body);
        if is_part && let Ok(range) = HeaderValue::try_from(range) {
            *reply.status_mut() = StatusCode::PARTIAL_CONTENT;
            reply.headers_mut().insert(CONTENT_RANGE, range);
        }
        Ok(reply)
    }

    /// Takes the blob from this repository. Its bytes go at once only where no other one counts on them.
    pub(in crate::server) async fn delete_blob(&self, name: &Name, digest: &Digest) -> Answer {
        let repository = name.repository.name();
        let roots: Vec<Digest> = match self.store.names().repositories()?.of(&name.repository) {
            Some(named) => documents(named).cloned().collect(),
            None => Vec::new(),
        };
        let (store, of) = (self.store.clone(), digest.clone());
        let (is_here, is_needed) = off_thread(move || {
            let is_needed = links::below(&store, roots)?.contains(&of);
            Ok((store.blobs().has(&of), is_needed))
        })
        .await?;
        if !is_here || self.links.is_deleted(repository, digest) || !(is_needed || self.links.has(repository, digest)) {
            return Err(Refusal::no_blob(digest));
        }
        if is_needed {
            return Err(Refusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                Code::Unsupported,
                "the blob is in use: delete the manifests that need it",
            ));
        }
        self.links.delete(repository, digest);
        self.asked.delete(repository, digest);
        if !self.links.is_given(digest) && !self.asked.is_given(digest) {
            let of = digest.clone();
            // What a name leads to stays.
            self.retention.alone(move |store| store.sweep().blob(&of)).await?;
        }
        Ok(empty(StatusCode::ACCEPTED))
    }
}

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
