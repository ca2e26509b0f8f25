//! Blobs, read from any offset.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderValue, RANGE};
use reqwest::{Method, StatusCode};

use super::headers;
use super::repository::Repository;
use super::site::Site;
use crate::content::{BlobReader, ByteStream};
use crate::error::{Error, Kind, Result};
use crate::image::Descriptor;

impl Repository {
    pub(super) async fn open_blob(&self, blob: &Descriptor, from: u64) -> Result<BlobReader> {
        if from > 0 && from == blob.size {
            // Asking for nothing is an error to HTTP.
            return Ok(BlobReader {
                offset: from,
                stream: Box::pin(stream::empty()),
            });
        }
        // A blob that is begun anew was not what its digest says: the mirror has had its chance.
        let is_again = from == 0 && !self.begun.borrow_mut().insert(blob.digest.clone());
        for mirror in self.registry.mirrors().filter(|_| !is_again) {
            match self.open_at(&mirror.site, blob, from).await {
                Ok(BlobReader { offset, stream }) => {
                    let stream = mirror.watch(stream);
                    return Ok(BlobReader { offset, stream });
                }
                Err(e) if e.kind() == Kind::NotFound => {}
                Err(_) => mirror.give_up(),
            }
        }
        self.open_at(self.registry.main(), blob, from).await
    }

    async fn open_at(&self, site: &Site, blob: &Descriptor, from: u64) -> Result<BlobReader> {
        let mut request = self
            .reading(Method::GET, &format!("blobs/{}", blob.digest))
            // A digest is over the very bytes: nobody on the way may pack them.
            .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if from > 0 {
            let range = HeaderValue::try_from(format!("bytes={from}-"));
            request = request.header(RANGE, range.unwrap_or(HeaderValue::from_static("bytes=0-")));
        }
        let answer = site.ask(&request).await?;
        let offset = match answer.status {
            StatusCode::PARTIAL_CONTENT => partial_offset(&answer.headers, blob, from)?,
            StatusCode::RANGE_NOT_SATISFIABLE if from > 0 => return Box::pin(self.open_at(site, blob, 0)).await,
            status if status.is_success() => 0,
            _ => return Err(site.failure(answer).await.first()),
        };
        let expected = blob.size.saturating_sub(offset);
        if let Some(length) = length(&answer.headers)
            && length != expected
        {
            return Err(wrong_size(blob, offset.saturating_add(length)));
        }
        Ok(BlobReader {
            offset,
            stream: measured(answer.stream(), blob.clone(), expected),
        })
    }
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
