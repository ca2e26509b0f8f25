//! The answer to a request that has begun and does not go on: 408, and the connection is closed.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::header::{CONTENT_LENGTH, DATE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, copy, sink};
use tokio::time::timeout;

use super::access_log::Entry;
use super::refusal::{Code, Refusal};

/// How long the client may take to read it and to close its end.
const LINGERING: Duration = Duration::from_secs(2);

/// Whether a request has begun. A connection that is kept open for the next one is closed without a word: it could be
/// taken for the answer to what the client sends just now. Empty lines in front of a request are no part of it
/// (<https://www.rfc-editor.org/rfc/rfc9112.html#section-2.2>).
pub(super) fn has_begun(unread: &[u8]) -> bool {
    unread.iter().any(|byte| !matches!(byte, b'\r' | b'\n'))
}

/// Says that it took longer than `limit`. What the client is still sending is read for a moment: closed at once, the
/// connection would be reset and the answer lost (<https://www.rfc-editor.org/rfc/rfc9112.html#section-9.6>).
pub(super) async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, limit: Duration, mut entry: Entry) {
    let message = format!("the head of the request did not come within {} s", limit.as_secs_f64());
    let (mut head, body) = Refusal::late(Code::Unknown, message).into_reply().into_parts();
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
