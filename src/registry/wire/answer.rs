//! What came back: status and header lines at once, the body as it is wanted.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Response, StatusCode, Url};
use tokio::time::{Instant, timeout, timeout_at};

use super::connect_error::describe;
use super::headers;
use super::resolver::Resolver;
use super::trace::Exchange;
use crate::content::ByteStream;
use crate::error::{Error, Kind, Result};

/// The longest silence of the other side, where the user does not say otherwise.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// How many bytes of a document have to come each second, once the idle timeout has gone by.
const LEAST_RATE: u64 = 1 << 10;
/// How long the end of an answer that nobody reads is waited for: a new connection costs less.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(3);
/// How much of a refusal is read, in bytes.
const MAX_REFUSAL: usize = 64 << 10;

/// What came back, its body still to be read.
pub(in crate::registry) struct Answer {
    pub(in crate::registry) status: StatusCode,
    pub(in crate::registry) headers: HeaderMap,
    /// Who answered in the end.
    pub(in crate::registry) url: Url,
    /// Whether that is not the origin that was asked.
    pub(in crate::registry) is_elsewhere: bool,
    /// Whether the request was sent as often as it is.
    pub(super) is_final: bool,
    unread: Unread,
}

/// A body, and what is needed to read it.
struct Unread {
    /// What of it was looked at already.
    start: Bytes,
    response: Response,
    exchange: Exchange,
    resolver: Resolver,
    idle_timeout: Duration,
}

impl Answer {
    pub(super) fn new(mut response: Response, url: Url, exchange: Exchange, resolver: &Resolver) -> Self {
        Self {
            status: response.status(),
            headers: std::mem::take(response.headers_mut()),
            url,
            is_elsewhere: false,
            is_final: false,
            unread: Unread {
                start: Bytes::new(),
                response,
                exchange,
                resolver: resolver.clone(),
                idle_timeout: IDLE_TIMEOUT,
            },
        }
    }

    /// The same, with another longest silence.
    pub(super) fn with_idle_timeout(mut self, idle_timeout: Duration) -> Self {
        self.unread.idle_timeout = idle_timeout;
        self
    }

    /// The same, as the answer of another origin than the one that was asked first.
    pub(super) fn elsewhere(self) -> Self {
        let is_elsewhere = true;
        Self { is_elsewhere, ..self }
    }

    /// The same, as the answer to the last try.
    pub(super) fn into_final(self) -> Self {
        let is_final = true;
        Self { is_final, ..self }
    }

    pub(super) fn is_redirect(&self) -> bool {
        matches!(self.status.as_u16(), 301 | 302 | 303 | 307 | 308) && self.headers.contains_key(LOCATION)
    }

    /// Whether it is a page for people: the word of a login wall or of a web server, never a registry's.
    pub(in crate::registry) fn is_web_page(&self) -> bool {
        let media_type = headers::content_type(&self.headers).unwrap_or_default();
        ["text/html", "application/xhtml"]
            .iter()
            .any(|page| media_type.to_ascii_lowercase().starts_with(page))
    }

    /// Whether a registry says that what was asked of it is done.
    pub(in crate::registry) fn is_done(&self) -> bool {
        self.status.is_success() && !self.is_web_page()
    }

    /// The whole body; an error when it is longer than `limit` bytes.
    pub(in crate::registry) async fn read(self, limit: usize) -> Result<Bytes> {
        let (body, is_whole) = self.read_start(limit).await?;
        if !is_whole {
            let message = format!("the answer is longer than {limit} bytes");
            return Err(Error::new(Kind::Corrupt, message));
        }
        Ok(body)
    }

    /// The beginning of a refusal's body, which is still there to be read.
    pub(super) async fn look_at_refusal(&mut self) -> &[u8] {
        let unread = &mut self.unread;
        let deadline = Instant::now() + unread.idle_timeout;
        let mut start = BytesMut::from(&*unread.start);
        while start.len() < MAX_REFUSAL
            && let Ok(Ok(Some(chunk))) = timeout_at(deadline, unread.response.chunk()).await
        {
            unread.exchange.read(chunk.len());
            start.extend_from_slice(&chunk);
        }
        unread.start = start.freeze();
        &unread.start
    }

    /// The beginning of a refusal's body, as far as it can be had.
    pub(super) async fn read_refusal(self) -> Bytes {
        self.read_start(MAX_REFUSAL)
            .await
            .map(|(body, _)| body)
            .unwrap_or_default()
    }

    /// Reads to the end where that is near, so that the connection can be used again.
    pub(in crate::registry) async fn discard(self) {
        let _ = timeout(DISCARD_TIMEOUT, self.read_refusal()).await;
    }

    async fn read_start(self, limit: usize) -> Result<(Bytes, bool)> {
        let (began, idle_timeout) = (Instant::now(), self.unread.idle_timeout);
        let mut body = BytesMut::new();
        let mut chunks = self.stream();
        loop {
            let allowed = idle_timeout + Duration::from_secs(body.len() as u64 / LEAST_RATE);
            let chunk = match timeout_at(began + allowed, chunks.next()).await {
                Ok(None) => return Ok((body.freeze(), true)),
                Ok(Some(chunk)) => chunk?,
                Err(_) => return Err(too_slow(body.len(), allowed)),
            };
            let room = limit - body.len();
            if chunk.len() > room {
                body.extend_from_slice(&chunk[..room]);
                return Ok((body.freeze(), false));
            }
            body.extend_from_slice(&chunk);
        }
    }

    /// The body as it comes. A failure ends it and is always one that may pass.
    pub(in crate::registry) fn stream(self) -> ByteStream {
        let mut unread = self.unread;
        let start = Some(std::mem::take(&mut unread.start)).filter(|start| !start.is_empty());
        let rest = stream::unfold(Some((unread, self.url)), |parts| async move {
            let (mut unread, url) = parts?;
            let failure = match timeout(unread.idle_timeout, unread.response.chunk()).await {
                Ok(Ok(Some(chunk))) => {
                    unread.exchange.read(chunk.len());
                    return Some((Ok(chunk), Some((unread, url))));
                }
                Ok(Ok(None)) => return None,
                Ok(Err(e)) => describe(&e, &url, &unread.resolver),
                Err(_) => silent(),
            };
            unread.exchange.failed(&failure);
            Some((Err(failure), None))
        });
        Box::pin(stream::iter(start.map(Ok)).chain(rest))
    }
}

/// Bytes come, and so few that there is no end in sight. Another try would fare no better.
fn too_slow(bytes: usize, time: Duration) -> Error {
    let seconds = time.as_secs();
    let message = format!("only {bytes} bytes of the answer came in {seconds} s");
    Error::new(Kind::Unavailable, message).into_final()
}

/// The other side says nothing any more.
pub(super) fn silent() -> Error {
    Error::new(Kind::Unavailable, "i/o timeout")
}
