//! Blobs on their way in: mounted, in one request, streamed, or in chunks that go on after a cut.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-blobs>

use std::rc::Rc;

use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_RANGE, HeaderMap, HeaderName, HeaderValue, LOCATION, RANGE};
use hyper::{Request, StatusCode};
use serde_json::json;
use tokio::task::spawn_local;

use super::super::auth::caller::Caller;
use super::super::auth::need::Action;
use super::super::backing::{Backing, Start, Upload, off_thread};
use super::super::http::body::drain;
use super::super::http::connection::Peer;
use super::super::http::query::Query;
use super::super::http::refusal::{Code, Refusal};
use super::super::http::reply::{Answer, Reply, empty};
use super::describe::CONTENT_DIGEST;
use super::route::{Name, digest_of};
use super::state::State;
use super::upload_sessions::{Claim, Ended, UploadSession, UploadSessions};
use crate::error::{Error, Kind};
use crate::image::Digest;
use crate::image::digest::Algorithm;

const UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");

/// `POST`: a mount, a whole blob, or a new session.
pub(in crate::server) async fn start<B: Backing>(
    state: &State<B>,
    sessions: &UploadSessions<B>,
    caller: &Caller,
    name: &Name,
    query: &Query,
    request: Request<Incoming>,
) -> Answer {
    if let Some(digest) = query.first("mount").map(digest_of).transpose()?
        && may_mount(state, caller, name, query, &digest).await?
    {
        let _held = state.retention.hold().await?;
        let touched = digest.clone();
        if state.store.run(move |store| store.touch(&touched)).await? {
            state.links.give(name.repository.name(), &digest);
            return Ok(created(name, &digest));
        }
    }
    let digest = query.first("digest").map(digest_of).transpose()?;
    let algorithm = match (&digest, query.first("digest-algorithm")) {
        (Some(digest), _) => digest.algorithm(),
        (None, None) => Algorithm::Sha256,
        (None, Some(name)) => {
            Algorithm::named(name).ok_or_else(|| Refusal::bad(Code::DigestInvalid, "unsupported digest algorithm"))?
        }
    };
    drop(state.retention.hold().await?);
    let peer = request.extensions().get::<Peer>().copied();
    let session = sessions.begin(name, algorithm, peer).await?;
    match digest {
        Some(digest) => finish_session(state, sessions, name, session, &digest, request).await,
        None => Ok(progress(StatusCode::ACCEPTED, name, &session.id, 0)),
    }
}

/// Where everybody may see everything, from where a blob comes does not matter. Else it must be had by this repository, or
/// by the other one, from which the caller must be allowed to pull.
async fn may_mount<B: Backing>(
    state: &State<B>,
    caller: &Caller,
    name: &Name,
    query: &Query,
    digest: &Digest,
) -> Result<bool, Refusal> {
    if !state.is_divided || state.may_show(name, digest).await? {
        return Ok(true);
    }
    let from = query
        .first("from")
        .and_then(|from| Name::parse(from, &state.names).ok());
    let Some(from) = from.filter(|from| caller.may(&from.listed, Action::Pull)) else {
        return Ok(false);
    };
    Ok(state.may_show(&from, digest).await?)
}

/// `GET`: how far it came. Whoever asks is not sending: a request that still is has lost its client.
pub(in crate::server) async fn status<B: Backing>(sessions: &UploadSessions<B>, name: &Name, id: &str) -> Answer {
    let session = sessions.find(name, id).await?;
    let len = session.claim().await.tell()?;
    Ok(progress(StatusCode::NO_CONTENT, name, id, len))
}

/// `PATCH`: more bytes.
pub(in crate::server) async fn patch<B: Backing>(
    state: &State<B>,
    sessions: &UploadSessions<B>,
    name: &Name,
    id: &str,
    request: Request<Incoming>,
) -> Answer {
    drop(state.retention.hold().await?);
    let session = sessions.find(name, id).await?;
    let name = name.clone();
    // A task of its own, since a connection that breaks drops the request's.
    let filled = spawn_local(async move {
        let mut claim = session.claim().await;
        add(&mut claim, &name, &session, request).await?;
        let len = claim.len()?;
        Ok(progress(StatusCode::ACCEPTED, &name, &session.id, len))
    });
    filled.await.map_err(|_| lost())?
}

/// `PUT`: perhaps the last bytes, and the digest.
pub(in crate::server) async fn finish<B: Backing>(
    state: &State<B>,
    sessions: &UploadSessions<B>,
    name: &Name,
    id: &str,
    query: &Query,
    request: Request<Incoming>,
) -> Answer {
    let digest = query
        .first("digest")
        .ok_or_else(|| Refusal::bad(Code::DigestInvalid, "the digest parameter is missing"))?;
    let digest = digest_of(digest)?;
    let session = sessions.find(name, id).await?;
    finish_session(state, sessions, name, session, &digest, request).await
}

async fn finish_session<B: Backing>(
    state: &State<B>,
    sessions: &UploadSessions<B>,
    name: &Name,
    session: Rc<UploadSession<B::Upload>>,
    digest: &Digest,
    request: Request<Incoming>,
) -> Answer {
    let (of, filled) = (name.clone(), Rc::clone(&session));
    let filled: Result<B::Upload, Refusal> = spawn_local(async move {
        let mut claim = filled.claim().await;
        add(&mut claim, &of, &filled, request).await?;
        claim.take()
    })
    .await
    .map_err(|_| lost())?;
    let upload = filled?;
    sessions.forget(&session);
    let _held = state.retention.hold().await?;
    let wanted = digest.clone();
    off_thread(move || upload.finish(&wanted))
        .await
        .map_err(|e| match e.kind() {
            Kind::Corrupt => Refusal::bad(Code::DigestInvalid, "provided digest did not match uploaded content")
                .about(json!({ "reason": e.to_string() })),
            Kind::NotFound => Refusal::no_upload(),
            _ => e.into(),
        })?;
    state.links.give(name.repository.name(), digest);
    Ok(created(name, digest))
}

/// `DELETE`: the client wants it no more.
pub(in crate::server) async fn cancel<B: Backing>(sessions: &UploadSessions<B>, name: &Name, id: &str) -> Answer {
    let session = sessions.find(name, id).await?;
    let upload = session.claim().await.take()?;
    sessions.forget(&session);
    off_thread(move || upload.discard()).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// Adds the body where its `Content-Range`, if it has one, says that it belongs.
async fn add<U: Upload>(
    claim: &mut Claim<'_, U>,
    name: &Name,
    session: &UploadSession<U>,
    request: Request<Incoming>,
) -> Result<(), Refusal> {
    let body = request.body();
    if body.is_end_stream() {
        return claim.len().map(drop);
    }
    let chunk = match content_range(request.headers()) {
        Ok(chunk) => chunk,
        Err(refusal) => {
            drain(request.into_body()).await;
            return Err(refusal);
        }
    };
    let at = match chunk {
        // A client that was cut off does not know how much came, and sends all of it again.
        None => Start::Told,
        Some((from, _)) if from == claim.len()? => Start::End,
        Some((from, _)) if from == claim.told()? => Start::Told,
        Some(_) => {
            let len = claim.tell()?;
            drain(request.into_body()).await;
            return Err(out_of_order(name, &session.id, len));
        }
    };
    let size = chunk.map(|(from, to)| to - from + 1);
    let announced = request.body().size_hint().exact();
    if let (Some(size), Some(announced)) = (size, announced)
        && size != announced
    {
        drain(request.into_body()).await;
        return Err(wrong_size(size, announced));
    }
    let (ended, sent) = claim.fill(at, request.into_body(), size).await?;
    match ended {
        Ended::Whole => {}
        Ended::Cut => return Err(Refusal::bad(Code::BlobUploadInvalid, "the body ended early")),
        Ended::Silent => return Err(Refusal::late(Code::BlobUploadInvalid, "the body does not go on")),
    }
    if let Some(size) = size
        && size != sent
    {
        return Err(wrong_size(size, sent));
    }
    Ok(())
}

/// `a-b`, both included, without a unit: the spec's own form.
fn content_range(headers: &HeaderMap) -> Result<Option<(u64, u64)>, Refusal> {
    let Some(value) = headers.get(CONTENT_RANGE) else {
        return Ok(None);
    };
    let parse = || {
        let text = value.to_str().ok()?;
        // Some clients write it as HTTP has it.
        let text = text.strip_prefix("bytes ").unwrap_or(text);
        let (from, to) = text.split('/').next()?.split_once('-')?;
        let (from, to): (u64, u64) = (from.parse().ok()?, to.parse().ok()?);
        (from <= to && to < u64::MAX).then_some((from, to))
    };
    parse().map(Some).ok_or_else(|| {
        Refusal::bad(
            Code::BlobUploadInvalid,
            "the Content-Range is not of the form START-END",
        )
    })
}

fn out_of_order(name: &Name, id: &str, len: u64) -> Refusal {
    let refusal = Refusal::new(
        StatusCode::RANGE_NOT_SATISFIABLE,
        Code::BlobUploadInvalid,
        format!("chunks must come in order: the next one begins at byte {len}"),
    );
    let reply = progress(StatusCode::ACCEPTED, name, id, len);
    let headers = reply.headers().clone();
    headers
        .into_iter()
        .fold(refusal, |refusal, (header, value)| match header {
            Some(header) => refusal.with(header, value),
            None => refusal,
        })
}

fn wrong_size(said: u64, sent: u64) -> Refusal {
    Refusal::bad(
        Code::SizeInvalid,
        format!("the Content-Range says {said} bytes, the body has {sent}"),
    )
}

fn lost() -> Refusal {
    Error::new(Kind::Io, "the task that takes an upload in was lost").into()
}

/// Where the session is and how much it has. `0-0` stands for nothing too: there is no other way to say it.
fn progress(status: StatusCode, name: &Name, id: &str, len: u64) -> Reply {
    let mut reply = empty(status);
    let headers = reply.headers_mut();
    for (header, value) in [
        (LOCATION, format!("/v2/{}/blobs/uploads/{id}", name.path)),
        (RANGE, format!("0-{}", len.saturating_sub(1))),
        (UPLOAD_UUID, id.to_owned()),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(header, value);
        }
    }
    reply
}

fn created(name: &Name, digest: &Digest) -> Reply {
    let mut reply = empty(StatusCode::CREATED);
    let headers = reply.headers_mut();
    for (header, value) in [
        (LOCATION, format!("/v2/{}/blobs/{digest}", name.path)),
        (CONTENT_DIGEST, digest.to_string()),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(header, value);
        }
    }
    reply
}
