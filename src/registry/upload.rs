//! Blobs, written: found there, mounted from a neighbour, or sent in an upload session.
//!
//! One streamed PATCH and a closing PUT is the form that every registry takes. Chunks are sent only where a front
//! refused a body for its size (nginx, Cloudflare), and to go on with a session that was cut off.

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, StatusCode, Url};

use super::answer::Answer;
use super::challenge::Scope;
use super::headers;
use super::repository::{OCTETS, Repository};
use super::request::{Request, Shown};
use super::transport::Upload;
use crate::content::{BlobReader, ByteStream, Opener, Outcome};
use crate::error::{Error, Kind, Result};
use crate::image::digest::Algorithm;
use crate::image::{Descriptor, Digest};

/// How many neighbours are asked for a blob.
const MOUNT_TRIES: usize = 3;
/// The first guess at what a front lets pass that refused a whole blob, in bytes.
const FIRST_CHUNK: u64 = 5 << 20;
/// No front is as narrow as this, in bytes.
const LEAST_CHUNK: u64 = 64 << 10;

/// A place on the registry that a blob is being written to.
struct Session {
    /// Each answer names a new one, and only the newest counts.
    url: Url,
    /// How many bytes it holds.
    offset: u64,
    least_chunk: u64,
}

enum Begun {
    Mounted { from: String },
    Open(Session),
}

/// What became of a body.
enum Sent {
    /// All of it is there; the session is to be closed at this URL.
    Whole(Url),
    /// The front refused its size.
    TooLarge,
}

impl Repository {
    pub(super) async fn receive_blob(&self, blob: &Descriptor, open: &Opener<'_>) -> Result<Outcome> {
        if blob.is_foreign() {
            return Ok(Outcome::Skipped);
        }
        if self.holds(&blob.digest).await? {
            self.sessions.borrow_mut().remove(&blob.digest);
            return Ok(Outcome::AlreadyPresent);
        }
        let session = match self.resume(blob).await? {
            Some(session) => session,
            None => match self.begin(&blob.digest).await? {
                Begun::Mounted { from } => return Ok(Outcome::Mounted { from }),
                Begun::Open(session) => session,
            },
        };
        self.fill(blob, open, session).await?;
        Ok(Outcome::Copied)
    }

    /// Whether the blob is there. A registry that does not say is taken to lack it: the upload will tell why.
    async fn holds(&self, digest: &Digest) -> Result<bool> {
        let request = self.writing(Method::HEAD, &format!("blobs/{digest}"));
        let answer = self.registry.main().send(&request).await?;
        Ok(answer.status.is_success())
    }

    /// The session that the last try left behind, if the registry still has it. Registry 2.8 never does.
    async fn resume(&self, blob: &Descriptor) -> Result<Option<Session>> {
        let Some(url) = self.sessions.borrow_mut().remove(&blob.digest) else {
            return Ok(None);
        };
        let request = self.to_session(Method::GET, url.clone());
        let answer = match self.registry.main().send(&request).await {
            Ok(answer) => answer,
            Err(e) => {
                self.remember(&blob.digest, &url);
                return Err(e);
            }
        };
        let held = headers::received(&answer.headers).filter(|&held| held <= blob.size);
        let (Some(offset), true) = (held, answer.status.is_success()) else {
            answer.discard().await;
            return Ok(None);
        };
        self.session(answer, offset, Some(url)).await.map(Some)
    }

    async fn begin(&self, digest: &Digest) -> Result<Begun> {
        let site = self.registry.main();
        for from in self.sources_of(digest).take(MOUNT_TRIES) {
            let both = [Scope::push(self.name.path()), Scope::pull(from)];
            let request = self
                .writing(Method::POST, &format!("blobs/uploads/?mount={digest}&from={from}"))
                .scopes(both);
            match site.send(&request).await {
                Ok(answer) if answer.status == StatusCode::CREATED => {
                    answer.discard().await;
                    return Ok(Begun::Mounted { from: from.clone() });
                }
                // Not mounted, but the session it opened must be used, or it stays behind.
                Ok(answer) if answer.status == StatusCode::ACCEPTED => {
                    return Ok(Begun::Open(self.session(answer, 0, None).await?));
                }
                // GitLab and the Hub may refuse the mount alone (rust-oci-client#235).
                Ok(answer) => answer.discard().await,
                Err(e) if matches!(e.kind(), Kind::Unauthorized | Kind::Denied) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(Begun::Open(self.open_session(digest).await?))
    }

    async fn open_session(&self, digest: &Digest) -> Result<Session> {
        let path = match digest.algorithm() {
            Algorithm::Sha256 => "blobs/uploads/".to_owned(),
            other => format!("blobs/uploads/?digest-algorithm={}", other.name()),
        };
        let site = self.registry.main();
        let answer = site.send(&self.writing(Method::POST, &path)).await?;
        if !answer.status.is_success() {
            return Err(site.failure(answer).await.first());
        }
        self.session(answer, 0, None).await
    }

    async fn fill(&self, blob: &Descriptor, open: &Opener<'_>, mut session: Session) -> Result<()> {
        loop {
            let rest = blob.size - session.offset;
            let limit = self.registry.main().host.longest_chunk.get();
            let sent = if rest == 0 {
                Sent::Whole(session.url)
            } else if limit.is_some_and(|limit| rest > limit) {
                self.send_chunks(blob, open, session).await?
            } else {
                self.send_rest(blob, open, session).await?
            };
            match sent {
                Sent::Whole(url) => return self.close(&blob.digest, url).await,
                Sent::TooLarge => session = self.open_session(&blob.digest).await?,
            }
        }
    }

    /// One streamed body with all that is missing.
    async fn send_rest(&self, blob: &Descriptor, open: &Opener<'_>, session: Session) -> Result<Sent> {
        let Session { url, offset, .. } = session;
        let length = blob.size - offset;
        let mut request = self.to_session(Method::PATCH, url.clone()).header(CONTENT_TYPE, OCTETS);
        if offset > 0 {
            request = request.header(CONTENT_RANGE, content_range(offset, length));
        }
        let stream = from_offset(open.at(offset).await?, offset);
        self.remember(&blob.digest, &url);
        let site = self.registry.main();
        let answer = site.upload(&request, Upload::new(stream, length)).await?;
        if answer.status == StatusCode::PAYLOAD_TOO_LARGE && length > LEAST_CHUNK {
            self.forget(&blob.digest);
            answer.discard().await;
            let half = (length / 2).clamp(LEAST_CHUNK, FIRST_CHUNK);
            site.host.longest_chunk.set(Some(half));
            return Ok(Sent::TooLarge);
        }
        if answer.status.is_success() {
            return Ok(Sent::Whole(self.session(answer, blob.size, Some(url)).await?.url));
        }
        Err(self.refused_writing(&blob.digest, answer, offset).await)
    }

    /// Bodies short enough for the front, one after the other.
    async fn send_chunks(&self, blob: &Descriptor, open: &Opener<'_>, mut session: Session) -> Result<Sent> {
        let site = self.registry.main();
        let mut stream = from_offset(open.at(session.offset).await?, session.offset);
        let mut pending = BytesMut::new();
        while session.offset < blob.size {
            let limit = site
                .host
                .longest_chunk
                .get()
                .unwrap_or(FIRST_CHUNK)
                .max(session.least_chunk);
            let length = limit.min(blob.size - session.offset);
            let wanted = usize::try_from(length).unwrap_or(usize::MAX);
            while pending.len() < wanted {
                match stream.next().await {
                    Some(chunk) => pending.extend_from_slice(&chunk?),
                    None => return Err(Error::new(Kind::Unavailable, "unexpected EOF")),
                }
            }
            let request = self
                .to_session(Method::PATCH, session.url.clone())
                .header(CONTENT_RANGE, content_range(session.offset, length))
                .body(OCTETS, Bytes::copy_from_slice(&pending[..wanted]));
            self.remember(&blob.digest, &session.url);
            let answer = site.ask(&request).await?;
            if answer.status == StatusCode::PAYLOAD_TOO_LARGE && length > LEAST_CHUNK.max(session.least_chunk) {
                answer.discard().await;
                site.host.longest_chunk.set(Some((length / 2).max(LEAST_CHUNK)));
                continue;
            }
            if !answer.status.is_success() {
                return Err(self.refused_writing(&blob.digest, answer, session.offset).await);
            }
            let end = session.offset + length;
            // ECR's count stalls, and it drops what comes later (containers-roadmap#2831).
            if headers::received(&answer.headers).is_some_and(|held| held != end && end > 1) {
                let message = "the registry kept a part of a chunk only";
                return Err(Error::new(Kind::Unavailable, message));
            }
            session = Session {
                least_chunk: session.least_chunk,
                ..self.session(answer, end, Some(session.url)).await?
            };
            pending.advance(wanted);
        }
        Ok(Sent::Whole(session.url))
    }

    /// Names what the session holds. Some registries need long for it, and the answer may be lost: what counts is
    /// whether the blob is there.
    async fn close(&self, digest: &Digest, mut url: Url) -> Result<()> {
        self.remember(digest, &url);
        url.query_pairs_mut().append_pair("digest", digest.as_str());
        let site = self.registry.main();
        let request = self.to_session(Method::PUT, url).header(CONTENT_TYPE, OCTETS);
        let refusal = match site.ask(&request).await {
            Ok(answer) if answer.status == StatusCode::CREATED => {
                answer.discard().await;
                self.forget(digest);
                return Ok(());
            }
            Ok(answer) if answer.status.is_success() => {
                let message = format!("the registry took blob {digest} but does not have it");
                Error::new(Kind::Unavailable, message)
            }
            Ok(answer) => self.refused_writing(digest, answer, 0).await,
            Err(e) => e,
        };
        if refusal.kind() == Kind::Unavailable && self.holds(digest).await? {
            self.forget(digest);
            return Ok(());
        }
        Err(refusal)
    }

    /// Why a body was not taken. A session that is over is forgotten, and the next try opens another.
    async fn refused_writing(&self, digest: &Digest, answer: Answer, offset: u64) -> Error {
        let failure = self.registry.main().failure(answer).await;
        if failure.kind() == Kind::Unavailable {
            return failure.first();
        }
        self.forget(digest);
        let is_over = matches!(failure.code(), Some("BLOB_UPLOAD_UNKNOWN" | "BLOB_UPLOAD_INVALID"))
            || failure.status == StatusCode::NOT_FOUND
            // A session that cannot be gone on with after all.
            || offset > 0;
        if is_over {
            return Error::new(Kind::Unavailable, failure.first().to_string());
        }
        failure.first()
    }

    fn to_session(&self, method: Method, url: Url) -> Request {
        Request::to(method, url)
            .scopes([Scope::push(self.name.path())])
            .shown(Shown::Not)
    }

    /// The session as this answer leaves it. An answer without a Location leaves it where it was.
    async fn session(&self, answer: Answer, offset: u64, was: Option<Url>) -> Result<Session> {
        let host = &self.registry.main().host;
        let url = match (headers::location(&answer.headers, &answer.url), was) {
            (Err(_), Some(url)) => url,
            (location, _) => encrypted_again(location?, &answer.url),
        };
        host.road().await?.check(&answer.url, &url)?;
        let least_chunk = headers::chunk_min_length(&answer.headers).unwrap_or(0);
        answer.discard().await;
        Ok(Session {
            url,
            offset,
            least_chunk,
        })
    }

    fn remember(&self, digest: &Digest, url: &Url) {
        self.sessions.borrow_mut().insert(digest.clone(), url.clone());
    }

    fn forget(&self, digest: &Digest) {
        self.sessions.borrow_mut().remove(digest);
    }
}

/// Registries behind a front that ends TLS (Nexus) may name themselves without it.
fn encrypted_again(mut location: Url, asked: &Url) -> Url {
    if asked.scheme() == "https" && location.scheme() == "http" && asked.host() == location.host() {
        let port = asked.port();
        if location.set_scheme("https").is_ok() && location.set_port(port).is_ok() {
            return location;
        }
    }
    location
}

/// `first-last`, without a unit, as uploads have it.
fn content_range(offset: u64, length: u64) -> HeaderValue {
    let last = (offset + length).saturating_sub(1);
    HeaderValue::try_from(format!("{offset}-{last}")).unwrap_or(OCTETS)
}

/// Drops what a source that could not begin at `offset` gives too early.
fn from_offset(reader: BlobReader, offset: u64) -> ByteStream {
    let surplus = offset.saturating_sub(reader.offset);
    if surplus == 0 {
        return reader.stream;
    }
    Box::pin(stream::unfold(
        (reader.stream, surplus),
        |(mut stream, mut surplus)| async move {
            loop {
                let item = stream.next().await?;
                let Ok(mut chunk) = item else {
                    return Some((item, (stream, surplus)));
                };
                let skipped = chunk.len().min(usize::try_from(surplus).unwrap_or(usize::MAX));
                chunk.advance(skipped);
                surplus -= skipped as u64;
                if !chunk.is_empty() {
                    return Some((Ok(chunk), (stream, surplus)));
                }
            }
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_source_that_begins_too_early_is_cut() {
        let chunks = ["abc", "", "def", "gh"].map(|chunk| Ok(Bytes::from(chunk)));
        let reader = BlobReader {
            offset: 2,
            stream: Box::pin(stream::iter(chunks)),
        };
        let rest: Vec<_> = from_offset(reader, 6).map(Result::unwrap).collect().await;
        assert_eq!(rest.concat(), b"efgh");
    }

    #[test]
    fn a_location_that_forgot_its_encryption_is_put_right() {
        let fixed = |location: &str, asked: &str| {
            let url = |text| Url::parse(text).unwrap();
            encrypted_again(url(location), &url(asked)).to_string()
        };
        assert_eq!(fixed("http://h/u?s=1", "https://h:8443/v2/"), "https://h:8443/u?s=1");
        assert_eq!(fixed("http://h:80/u", "https://h/v2/"), "https://h/u");
        assert_eq!(fixed("http://other/u", "https://h/v2/"), "http://other/u");
        assert_eq!(fixed("http://h/u", "http://h/v2/"), "http://h/u");
    }

    #[test]
    fn a_chunk_names_its_first_and_last_byte() {
        assert_eq!(content_range(5, 5), "5-9");
    }
}
