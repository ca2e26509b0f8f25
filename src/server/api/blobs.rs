//! Blobs on their way out, and deleted.

use std::io::Read;

use hyper::header::{CONTENT_RANGE, HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};

use super::super::backing::Backing;
use super::super::http::body::Body;
use super::super::http::range::{Wanted, wanted};
use super::super::http::refusal::{Code, Refusal};
use super::super::http::reply::{Answer, empty};
use super::describe::{blob_reply, etag, is_known, not_modified};
use super::facts::roots;
use super::route::Name;
use super::state::State;
use crate::error::{Kind, Result};
use crate::image::Digest;

/// What a request for a blob comes to.
enum Found {
    /// The size in all, and the bytes that come; without a reader for HEAD.
    Bytes {
        size: u64,
        from: u64,
        len: u64,
        reader: Option<Box<dyn Read + Send>>,
    },
    Unsatisfiable(u64),
    Nothing,
}

/// `GET` and `HEAD`.
pub(in crate::server) async fn get<B: Backing>(
    state: &State<B>,
    name: &Name,
    digest: &Digest,
    method: &Method,
    headers: &HeaderMap,
) -> Answer {
    if !state.may_show(name, digest).await? {
        return Err(Refusal::no_blob(digest));
    }
    if method == Method::HEAD && state.is_writable {
        // Who asks so is about to push, and will not send what is here.
        let _held = state.retention.hold().await?;
        let touched = digest.clone();
        if !state.store.run(move |store| store.touch(&touched)).await? {
            return Err(Refusal::no_blob(digest));
        }
        state.links.tell(name.repository.name(), digest);
    }
    let etag = etag(digest);
    if is_known(headers, &etag) {
        let of = digest.clone();
        if state.store.run(move |store| Ok(store.size(&of).is_some())).await? {
            return Ok(not_modified(digest));
        }
    }
    let (of, headers, is_head) = (digest.clone(), headers.clone(), method == Method::HEAD);
    let found = state.store.run(move |store| find(store, &of, &headers, is_head));
    match found.await? {
        Found::Nothing => match &state.upstream {
            Some(upstream) => upstream.blob(name, digest, method).await,
            None => Err(Refusal::no_blob(digest)),
        },
        Found::Unsatisfiable(size) => Err(unsatisfiable(size)),
        Found::Bytes {
            size,
            from,
            len,
            reader,
        } => {
            let body = reader.map_or_else(|| Body::of(""), |reader| Body::blob(reader, len, state.store.readers()));
            let mut reply = blob_reply(digest, len, body);
            let range = format!("bytes {from}-{}/{size}", (from + len).saturating_sub(1));
            if len != size
                && let Ok(range) = HeaderValue::try_from(range)
            {
                *reply.status_mut() = StatusCode::PARTIAL_CONTENT;
                reply.headers_mut().insert(CONTENT_RANGE, range);
            }
            Ok(reply)
        }
    }
}

fn unsatisfiable(size: u64) -> Refusal {
    let refusal = Refusal::new(
        StatusCode::RANGE_NOT_SATISFIABLE,
        Code::SizeInvalid,
        format!("the blob has {size} bytes"),
    );
    match HeaderValue::try_from(format!("bytes */{size}")) {
        Ok(value) => refusal.with(CONTENT_RANGE, value),
        Err(_) => refusal,
    }
}

fn find<B: Backing>(store: &B, digest: &Digest, headers: &HeaderMap, is_head: bool) -> Result<Found> {
    let Some(size) = store.size(digest) else {
        return Ok(Found::Nothing);
    };
    let (from, to) = match wanted(headers, size, &etag(digest)) {
        Wanted::All => (0, size),
        Wanted::Part(from, to) => (from, to),
        Wanted::Unsatisfiable => return Ok(Found::Unsatisfiable(size)),
    };
    let reader = match store.open(digest, from) {
        _ if is_head => None,
        Err(e) if e.kind() == Kind::NotFound => return Ok(Found::Nothing),
        reader => Some(reader?),
    };
    let len = to - from;
    Ok(Found::Bytes {
        size,
        from,
        len,
        reader,
    })
}

/// Takes the blob from this repository. Its bytes go at once only where no other one counts on them.
pub(in crate::server) async fn delete<B: Backing>(state: &State<B>, name: &Name, digest: &Digest) -> Answer {
    let repository = name.repository.name();
    let (facts, of, in_repository) = (state.facts.clone(), digest.clone(), name.repository.clone());
    let looked = state.store.run(move |store| {
        let repositories = store.repositories()?;
        let below = facts.below(store, roots(repositories.of(&in_repository)))?;
        Ok((store.size(&of).is_some(), below.contains(&of)))
    });
    let (is_here, is_needed) = looked.await?;
    if !is_here || state.links.is_deleted(repository, digest) || !(is_needed || state.links.has(repository, digest)) {
        return Err(Refusal::no_blob(digest));
    }
    if is_needed {
        return Err(Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            Code::Unsupported,
            "the blob is in use: delete the manifests that need it",
        ));
    }
    state.links.delete(repository, digest);
    if !state.links.is_counted_on(digest) {
        let of = digest.clone();
        // What a name leads to stays.
        state.retention.alone(move |store| store.free(&of)).await?;
    }
    Ok(empty(StatusCode::ACCEPTED))
}
