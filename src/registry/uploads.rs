//! Blobs, written: found there, mounted from a neighbour, or sent in an upload session.
//!
//! A small blob goes in one PUT, which saves a round trip; the one registry that wants it otherwise gets a PATCH. A large
//! one goes in one streamed PATCH and a closing PUT: that can be gone on with where it was cut off. Chunks are sent only
//! where a front refused a body for its size, or cut bodies at one (nginx, Cloudflare).

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE};
use reqwest::{Method, StatusCode, Url};

use super::blob_parts::{content_range, cut};
use super::blobs::exists;
use super::requests::{OCTETS, Requests};
use super::upload_notes::UploadNotes;
use super::upload_sessions::{Begun, UploadSession, UploadSessions};
use super::wire::{Answer, LEAST_CHUNK, Request, UploadBody, has_lost_port, headers};
use crate::content::{Memory, Opener, Outcome};
use crate::error::{Clue, Error, Kind, Result};
use crate::image::{Descriptor, Digest, Digester};

/// Up to this size a blob goes in one PUT, in bytes: to send it again costs less than asking what has arrived.
const SINGLE: u64 = 2 << 20;

/// A blob that the registry lacks, and the session that asking for it may have opened.
#[derive(Default)]
struct Missing {
    session: Option<UploadSession>,
}

/// What is written to one repository. Clones share what is known of half-done uploads.
#[derive(Clone)]
pub(super) struct Uploads {
    requests: Rc<Requests>,
    sessions: UploadSessions,
    /// Blobs that the registry was asked for and lacks.
    missing: Rc<RefCell<HashMap<Digest, Missing>>>,
}

impl Uploads {
    pub(super) fn new(requests: &Rc<Requests>) -> Self {
        let sessions = UploadSessions {
            requests: requests.clone(),
            neighbours: Rc::default(),
            notes: Rc::default(),
            has_mounts: Rc::new(Cell::new(true)),
        };
        Self {
            requests: requests.clone(),
            sessions,
            missing: Rc::default(),
        }
    }

    /// Uploads that begin by asking for a blob where these other repositories are known to hold it.
    pub(super) fn mounting_from(self, neighbours: HashMap<Digest, Vec<String>>) -> Self {
        let mut uploads = Self::new(&self.requests);
        uploads.sessions.neighbours = Rc::new(neighbours);
        Self {
            missing: self.missing,
            ..uploads
        }
    }

    /// Uploads that go on where earlier runs were cut off.
    pub(super) fn remembering(mut self, memory: Memory) -> Self {
        self.sessions.notes = Rc::new(UploadNotes::lasting(memory));
        self
    }

    /// What spares sending the blob: it is there, or could be mounted.
    pub(super) async fn look_for(&self, blob: &Descriptor) -> Result<Option<Outcome>> {
        if blob.is_foreign() {
            return Ok(Some(Outcome::Skipped));
        }
        if self.missing.borrow().contains_key(&blob.digest) {
            return Ok(None);
        }
        if exists(&self.requests, blob).await? {
            self.sessions.notes.forget(&blob.digest);
            return Ok(Some(Outcome::AlreadyPresent));
        }
        let known = self.sessions.resume(blob).await?;
        let begun = match known {
            Some(session) => Some(Begun::Open(session)),
            None => self.sessions.mount(&blob.digest).await,
        };
        let session = match begun {
            Some(Begun::Mounted { from }) => return Ok(Some(Outcome::Mounted { from })),
            Some(Begun::Open(session)) => Some(session),
            None => None,
        };
        self.missing
            .borrow_mut()
            .insert(blob.digest.clone(), Missing { session });
        Ok(None)
    }

    /// The registry turned out to lack these, whatever it says when it is asked for them: they are sent.
    pub(super) fn miss<'a>(&self, digests: impl IntoIterator<Item = &'a Digest>) {
        let missing = digests.into_iter().map(|digest| (digest.clone(), Missing::default()));
        self.missing.borrow_mut().extend(missing);
    }

    /// Whether the registry lets uploads begin here; those of this blob as of any other.
    pub(super) async fn may_begin(&self, digest: &Digest) -> bool {
        self.sessions.may_begin(digest).await
    }

    pub(super) async fn receive(&self, blob: &Descriptor, open: &Opener<'_>) -> Result<Outcome> {
        check_emptiness(blob)?;
        let missing = match self.take_missing(&blob.digest) {
            Some(missing) => missing,
            None => match self.look_for(blob).await? {
                Some(outcome) => return Ok(outcome),
                None => self.take_missing(&blob.digest).unwrap_or_default(),
            },
        };
        let session = match missing.session {
            Some(session) => session,
            None => self.sessions.open(&blob.digest).await?,
        };
        let base = self.requests.main().endpoint.base().await?;
        let has_lost_port = has_lost_port(&session.url, &base);
        match self.fill(blob, open, session).await {
            Ok(()) => Ok(Outcome::Copied),
            Err(e) if has_lost_port => Err(self.without_port(e)),
            Err(e) => Err(e),
        }
    }

    /// A failure at a place that the registry named without the port that it was asked at: it is somebody else who
    /// answers there, if anyone does.
    fn without_port(&self, failure: Error) -> Error {
        let kind = match (failure.kind(), failure.clue()) {
            (Kind::Unavailable, Some(Clue::Unreachable { .. })) => Kind::Unsupported,
            (Kind::Io | Kind::NoSpace | Kind::Interrupted, _) => return failure,
            (kind, _) => kind,
        };
        let host = self.requests.hosts.domain.clone();
        let message = format!("{host} wants the upload at a URL that lacks its port");
        let wait = failure.retry_after();
        Error::new(kind, message)
            .with_retry_after(wait)
            .caused_by(failure)
            .with_clue(Clue::PortLost { host })
    }

    /// What looking for the blob led to, once.
    fn take_missing(&self, digest: &Digest) -> Option<Missing> {
        self.missing.borrow_mut().remove(digest)
    }

    async fn fill(&self, blob: &Descriptor, open: &Opener<'_>, mut session: UploadSession) -> Result<()> {
        let endpoint = &self.requests.main().endpoint;
        loop {
            let rest = blob.size - session.offset;
            if rest == 0 {
                return self.close(blob, session.url).await;
            }
            let limit = endpoint
                .body_limits
                .longest()
                .map(|limit| limit.max(session.least_chunk));
            let length = limit.map_or(rest, |limit| limit.min(rest));
            if length == blob.size && length <= SINGLE && endpoint.body_limits.takes_single.get() {
                if self.send_single(blob, open, session.url).await? {
                    return Ok(());
                }
                session = self.sessions.open(&blob.digest).await?;
            } else {
                session = self.send_part(blob, open, session, length).await?;
            }
        }
    }

    /// The whole blob in the request that names it. The answer is whether the registry has taken it so.
    async fn send_single(&self, blob: &Descriptor, open: &Opener<'_>, url: Url) -> Result<bool> {
        let host = self.requests.main();
        let request = self
            .sessions
            .request(Method::PUT, named(url, &blob.digest))
            .header(CONTENT_TYPE, OCTETS);
        let body = UploadBody::new(cut(open.at(0).await?, 0..blob.size), blob.size);
        let answer = match host.upload(&request, body).await {
            Ok(answer) => answer,
            Err(e) => return self.settle(blob, e).await.map(|()| true),
        };
        match answer.status {
            StatusCode::PAYLOAD_TOO_LARGE if blob.size > LEAST_CHUNK => host.endpoint.body_limits.refused(blob.size),
            // Old Artifactory for one takes PATCH alone (buildkit#1130).
            status if is_about_the_form(status) => host.endpoint.body_limits.takes_single.set(false),
            _ => return self.named(blob, answer).await.map(|()| true),
        }
        answer.discard().await;
        Ok(false)
    }

    /// A streamed body with the next `length` bytes.
    async fn send_part(
        &self,
        blob: &Descriptor,
        open: &Opener<'_>,
        session: UploadSession,
        length: u64,
    ) -> Result<UploadSession> {
        let UploadSession {
            url,
            offset,
            least_chunk,
        } = session;
        let end = offset + length;
        let request = self.part(url.clone(), offset..end, blob.size);
        let body = UploadBody::new(cut(open.at(offset).await?, offset..end), length);
        self.sessions.notes.remember(blob, &url);
        let host = self.requests.main();
        let answer = match host.upload(&request, body).await {
            Ok(answer) => answer,
            Err(e) => {
                if e.kind() == Kind::Unavailable {
                    host.endpoint.body_limits.cut(length);
                }
                return Err(e);
            }
        };
        let narrowest = LEAST_CHUNK.max(least_chunk);
        if answer.status == StatusCode::PAYLOAD_TOO_LARGE && length > narrowest {
            // What the front refused the registry never saw: the session stands where it stood.
            answer.discard().await;
            host.endpoint.body_limits.refused(length);
            return Ok(UploadSession {
                url,
                offset,
                least_chunk,
            });
        }
        if answer.status == StatusCode::RANGE_NOT_SATISFIABLE && length > narrowest {
            // Too long a chunk for GHCR, or not where the session stands: the next try asks for that first.
            host.endpoint.body_limits.misfitted(length);
            let failure = host.refusal(answer).await;
            return Err(Error::new(Kind::Unavailable, failure.first().to_string()));
        }
        if !answer.status.is_success() {
            return Err(self.refused_writing(&blob.digest, answer, offset).await);
        }
        host.endpoint.body_limits.took(length);
        let is_doubtful =
            length < blob.size && headers::received(&answer.headers).is_some_and(|held| held != end && end > 1);
        let mut session = self.sessions.after(answer, end, Some(url)).await?;
        if is_doubtful {
            session = self.count_again(blob, session, offset).await?;
        }
        self.sessions.notes.remember(blob, &session.url);
        Ok(UploadSession { least_chunk, ..session })
    }

    /// The session after a chunk of which the registry says that it kept less, or more. Where it cannot be asked, or says
    /// that nothing was kept of what it accepted, our own count goes, and the closing digest decides: ECR keeps all chunks,
    /// though its `Range` stands still at the first (containers-roadmap#2831), Aliyun counts each by itself (regclient#627).
    async fn count_again(&self, blob: &Descriptor, session: UploadSession, before: u64) -> Result<UploadSession> {
        let Some(found) = self.sessions.find(&session.url, blob.size).await? else {
            return Ok(session);
        };
        let is_sound = found.offset > before && found.offset <= session.offset;
        let offset = if is_sound { found.offset } else { session.offset };
        Ok(UploadSession { offset, ..found })
    }

    /// The request that a part of a blob of this size goes out in.
    fn part(&self, url: Url, bytes: Range<u64>, size: u64) -> Request {
        let request = self.sessions.request(Method::PATCH, url).header(CONTENT_TYPE, OCTETS);
        let length = bytes.end - bytes.start;
        if length == size {
            return request;
        }
        request.header(CONTENT_RANGE, content_range(bytes.start, length))
    }

    /// Names what the session holds.
    async fn close(&self, blob: &Descriptor, url: Url) -> Result<()> {
        let host = self.requests.main();
        let request = self
            .sessions
            .request(Method::PUT, named(url, &blob.digest))
            .header(CONTENT_TYPE, OCTETS);
        match host.ask(&request).await {
            Ok(answer) => self.named(blob, answer).await,
            Err(e) => self.settle(blob, e).await,
        }
    }

    /// What the answer to the request that names a blob means.
    async fn named(&self, blob: &Descriptor, answer: Answer) -> Result<()> {
        let digest = &blob.digest;
        let refusal = match answer.status {
            StatusCode::CREATED if is_of_registry(&answer) || exists(&self.requests, blob).await? => {
                answer.discard().await;
                self.sessions.notes.forget(digest);
                return Ok(());
            }
            status if status.is_success() => {
                let is_web_page = answer.is_web_page();
                answer.discard().await;
                not_stored(digest, &self.requests.hosts.domain, is_web_page)
            }
            _ => self.refused_writing(digest, answer, 0).await,
        };
        self.settle(blob, refusal).await
    }

    /// Some registries need long to name a blob, and the answer may be lost: what counts is whether the blob is there.
    async fn settle(&self, blob: &Descriptor, refusal: Error) -> Result<()> {
        if refusal.kind() == Kind::Unavailable && exists(&self.requests, blob).await? {
            self.sessions.notes.forget(&blob.digest);
            return Ok(());
        }
        Err(refusal)
    }

    /// Why a body was not taken. A session that is over is forgotten, and the next try opens another.
    async fn refused_writing(&self, digest: &Digest, answer: Answer, offset: u64) -> Error {
        let url = answer.url.clone();
        let failure = self.requests.main().refusal(answer).await;
        if matches!(failure.kind(), Kind::Unavailable | Kind::RateLimited) {
            return failure.first();
        }
        self.sessions.notes.forget(digest);
        if let Ok(base) = self.requests.main().endpoint.base().await
            && has_lost_port(&url, &base)
        {
            // Somebody else answers there, whom another session would lead to again.
            return failure.first();
        }
        let is_over = matches!(failure.code(), Some("BLOB_UPLOAD_UNKNOWN" | "BLOB_UPLOAD_INVALID"))
            || failure.status == StatusCode::NOT_FOUND
            // A session that cannot be gone on with after all.
            || offset > 0;
        if is_over {
            return Error::new(Kind::Unavailable, failure.first().to_string());
        }
        failure.first()
    }
}

/// Whether a success is a registry's word: Quay calls what it says a page, and names the blob.
fn is_of_registry(answer: &Answer) -> bool {
    !answer.is_web_page() || headers::content_digest(&answer.headers).is_some()
}

/// Refuses a blob that is said to be empty and is not: no byte of it would be read, and the registry would be blamed.
fn check_emptiness(blob: &Descriptor) -> Result<()> {
    if blob.size > 0 || Digester::new(blob.digest.algorithm()).finish() == blob.digest {
        return Ok(());
    }
    let message = format!(
        "blob {} is said to have 0 bytes, but its digest is not that of nothing",
        blob.digest
    );
    Err(Error::new(Kind::Corrupt, message))
}

/// What comes of a success that is not 201, where the blob turns out not to be there. The page of a login wall will be
/// no better the next time.
fn not_stored(digest: &Digest, host: &str, is_web_page: bool) -> Error {
    if is_web_page {
        let message = format!("{host} answers to the upload of blob {digest} with a web page");
        let host = host.to_owned();
        return Error::new(Kind::Unsupported, message).with_clue(Clue::NoRegistry { host });
    }
    let message = format!("the registry took blob {digest} but does not have it");
    Error::new(Kind::Unavailable, message)
}

/// Whether a refusal may be of the way a blob was sent, rather than of the blob or the sender.
fn is_about_the_form(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 404 | 405 | 411 | 415 | 416 | 422 | 501)
}

fn named(mut url: Url, digest: &Digest) -> Url {
    url.query_pairs_mut().append_pair("digest", digest.as_str());
    url
}
