//! Answers to requests that hyper gives up: one that has begun and does not go on, and one that cannot be read. The
//! connection is closed after them.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::StatusCode;
use hyper::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, copy, sink};
use tokio::time::timeout;

use super::access_log::Entry;
use super::refusal::{Code, Refusal};

/// How long the client may take to read it and to close its end.
const LINGERING: Duration = Duration::from_secs(2);
/// Where the status stands in an answer, behind `HTTP/1.1 `.
const STATUS: std::ops::Range<usize> = 9..12;

/// What to say to whom nothing was said for longer than `limit`; nothing where no request has begun. A connection that is
/// kept open for the next one is closed without a word: it could be taken for the answer to what the client sends just now.
/// Empty lines in front of a request are no part of it (<https://www.rfc-editor.org/rfc/rfc9112.html#section-2.2>).
pub(super) fn late(unread: &[u8], limit: Duration) -> Option<Refusal> {
    let has_begun = unread.iter().any(|byte| !matches!(byte, b'\r' | b'\n'));
    has_begun.then(|| {
        let message = format!("the head of the request did not come within {} s", limit.as_secs_f64());
        Refusal::late(Code::Unknown, message)
    })
}

/// The same as hyper's own answer, with the reason; nothing where it has none.
pub(super) fn unreadable(own: &[u8], why: &hyper::Error) -> Option<Refusal> {
    let status = StatusCode::from_bytes(own.get(STATUS)?).ok()?;
    let message = format!("the request cannot be read: {why}");
    Some(Refusal::new(status, Code::Unknown, message).with(CONNECTION, HeaderValue::from_static("close")))
}

/// Says so. What the client is still sending is read for a moment: closed at once, the connection would be reset and the
/// answer lost (<https://www.rfc-editor.org/rfc/rfc9112.html#section-9.6>).
pub(super) async fn give(refusal: Refusal, mut stream: impl AsyncRead + AsyncWrite + Unpin, mut entry: Entry) {
    let (mut head, body) = refusal.into_reply().into_parts();
    let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
        return;
    };
    head.headers.insert(CONTENT_LENGTH, body.len().into());
    head.headers
        .insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let now = Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(now) = HeaderValue::try_from(now) {
        head.headers.insert(DATE, now);
    }
    let mut text = format!("HTTP/1.1 {}\r\n", head.status).into_bytes();
    for (name, value) in &head.headers {
        text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    text.extend_from_slice(b"\r\n");
    text.extend_from_slice(&body);
    entry.status = head.status.as_u16();
    let told = async {
        stream.write_all(&text).await?;
        entry.sent = body.len() as u64;
        drop(entry);
        stream.shutdown().await?;
        copy(&mut stream, &mut sink()).await
    };
    let _ = timeout(LINGERING, told).await;
}
