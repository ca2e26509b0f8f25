//! Blobs, read from any offset.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ops::Range;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderValue, RANGE};
use reqwest::{Method, StatusCode};

use super::requests::Requests;
use super::wire::{Answer, Host, headers};
use crate::content::{ByteStream, Span};
use crate::error::{Error, Kind, Result};
use crate::image::{Descriptor, Digest};

/// Whether the blob is there. A registry that does not say is taken to lack it: the upload will tell why. No mirror
/// answers for what is about to be written.
pub(super) async fn exists(requests: &Requests, blob: &Descriptor) -> Result<bool> {
    let path = format!("blobs/{}", blob.digest);
    let answer = requests.main().send(&requests.writing(Method::HEAD, &path)).await?;
    Ok(if answer.is_done() {
        speaks_of(&answer, blob)
    } else {
        is_signed_for_another_method(&answer, &path)
    })
}

/// Whether it names the blob, or at least has its length: a page of a login wall has neither.
fn speaks_of(answer: &Answer, blob: &Descriptor) -> bool {
    match headers::content_digest(&answer.headers) {
        Some(claimed) if claimed.algorithm() == blob.digest.algorithm() => claimed == blob.digest,
        _ => length(&answer.headers) == Some(blob.size),
    }
}

/// Whether the registry sent HEAD on to a URL that a storage signed for GET alone (`pulp_container#579`): it would not do
/// so for a blob that it lacks.
fn is_signed_for_another_method(answer: &Answer, asked: &str) -> bool {
    let is_elsewhere = answer.is_elsewhere || !answer.url.path().ends_with(asked);
    is_elsewhere
        && answer.url.query().is_some()
        && matches!(answer.status.as_u16(), 400 | 401 | 403 | 405)
        && !answer.is_web_page()
}

/// What is read of one repository. Clones share what was read.
#[derive(Clone)]
pub(super) struct Blobs {
    requests: Rc<Requests>,
    /// Blobs that were read from their first byte.
    read: Rc<RefCell<HashSet<Digest>>>,
}

impl Blobs {
    pub(super) fn new(requests: &Rc<Requests>) -> Self {
        Self {
            requests: requests.clone(),
            read: Rc::default(),
        }
    }

    /// A span of a blob. A server that knows no ranges gives it from its start to its end.
    pub(super) async fn open(&self, blob: &Descriptor, bytes: Range<u64>) -> Result<Span> {
        if bytes.start > 0 && bytes.start == blob.size {
            // Asking for nothing is an error to HTTP.
            let stream = Box::pin(stream::empty());
            return Ok(Span { bytes, stream });
        }
        // A blob that is begun anew was not what its digest says: the mirror has had its chance.
        let is_again = bytes.start == 0 && !self.read.borrow_mut().insert(blob.digest.clone());
        for mirror in self.requests.hosts.mirrors().filter(|_| !is_again) {
            match self.open_at(&mirror.host, blob, bytes.clone()).await {
                Ok(Span { bytes, stream }) => {
                    let stream = mirror.watch(stream);
                    return Ok(Span { bytes, stream });
                }
                Err(e) if e.kind() == Kind::NotFound => {}
                Err(_) => mirror.give_up(),
            }
        }
        self.open_at(self.requests.main(), blob, bytes).await
    }

    async fn open_at(&self, host: &Host, blob: &Descriptor, bytes: Range<u64>) -> Result<Span> {
        let mut request = self
            .requests
            .reading(Method::GET, &format!("blobs/{}", blob.digest))
            // A digest is over the very bytes: nobody on the way may pack them.
            .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(range) = range(&bytes, blob.size) {
            request = request.header(RANGE, range);
        }
        let answer = host.ask(&request).await?;
        let got = match answer.status {
            StatusCode::PARTIAL_CONTENT => {
                let start = partial_offset(&answer.headers, blob, bytes.start)?;
                match length(&answer.headers) {
                    // A server may give less of a span than it was asked for.
                    Some(length) if bytes.end < blob.size => start..bytes.end.min(start.saturating_add(length)),
                    _ => start..bytes.end,
                }
            }
            StatusCode::RANGE_NOT_SATISFIABLE if bytes != (0..blob.size) => {
                return Box::pin(self.open_at(host, blob, 0..blob.size)).await;
            }
            status if status.is_success() => 0..blob.size,
            _ => return Err(host.refusal(answer).await.first()),
        };
        let expected = got.end.saturating_sub(got.start);
        if let Some(length) = length(&answer.headers)
            && length != expected
        {
            return Err(wrong_size(
                blob,
                blob.size.saturating_sub(expected).saturating_add(length),
            ));
        }
        Ok(Span {
            bytes: got,
            stream: measured(answer.stream(), blob.clone(), expected),
        })
    }
}

/// The header line that asks for these bytes; none for all of them.
fn range(bytes: &Range<u64>, size: u64) -> Option<HeaderValue> {
    let start = bytes.start;
    let text = match bytes.end {
        end if end < size => format!("bytes={start}-{}", end.saturating_sub(1)),
        _ if start > 0 => format!("bytes={start}-"),
        _ => return None,
    };
    HeaderValue::try_from(text).ok()
}

/// The offset of a partial answer, which must be the one asked for and of the blob asked for.
fn partial_offset(headers: &HeaderMap, blob: &Descriptor, from: u64) -> Result<u64> {
    match headers::content_range(headers) {
        Some((start, total)) if start == from && total.is_none_or(|total| total == blob.size) => Ok(start),
        Some((start, total)) => {
            let total = total.map_or_else(|| "?".to_owned(), |total| total.to_string());
            let (digest, size) = (&blob.digest, blob.size);
            let message = format!("asked for blob {digest} from byte {from} of {size}, got {start} of {total}");
            Err(Error::new(Kind::Corrupt, message))
        }
        None => {
            let message = format!("a part of blob {} came without saying which", blob.digest);
            Err(Error::new(Kind::Corrupt, message))
        }
    }
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn wrong_size(blob: &Descriptor, actual: u64) -> Error {
    let (digest, size) = (&blob.digest, blob.size);
    let message = format!("blob {digest} should have {size} bytes, the registry has {actual}");
    Error::new(Kind::Corrupt, message)
}

/// Ends with an error at the first byte too many, and when bytes are missing.
fn measured(stream: ByteStream, blob: Descriptor, expected: u64) -> ByteStream {
    let state = Some((stream, expected));
    Box::pin(stream::unfold((state, blob), |(state, blob)| async move {
        let (mut stream, left) = state?;
        let item: Option<Result<Bytes>> = stream.next().await;
        match item {
            Some(Ok(chunk)) => {
                let length = chunk.len() as u64;
                if length > left {
                    let actual = blob.size - left + length;
                    return Some((Err(wrong_size(&blob, actual)), (None, blob)));
                }
                Some((Ok(chunk), (Some((stream, left - length)), blob)))
            }
            Some(Err(e)) => Some((Err(e), (None, blob))),
            None if left > 0 => {
                let cut = Error::new(Kind::Unavailable, "unexpected EOF");
                Some((Err(cut), (None, blob)))
            }
            None => None,
        }
    }))
}
