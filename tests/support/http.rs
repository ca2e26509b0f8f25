//! A plain HTTP client that sends just what a test says.

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::listener::{Body, Failure};
use super::runtime::{LIMIT, runtime};

/// Asks `host` on a connection of its own. A header is written `Name: value`; with `Transfer-Encoding: chunked` the
/// body goes without its length. Status 0 when nothing came back.
#[track_caller]
pub(crate) fn ask(host: &str, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("Host", host);
    let mut is_chunked = false;
    for header in headers {
        let (name, value) = header.split_once(':').unwrap();
        is_chunked |= name.eq_ignore_ascii_case("transfer-encoding");
        if !name.eq_ignore_ascii_case("transfer-encoding") {
            request = request.header(name, value.trim());
        }
    }
    let body = Bytes::copy_from_slice(body);
    let body: Body = if is_chunked {
        let frames = stream::iter([Ok::<_, Failure>(Frame::data(body))]);
        StreamBody::new(frames).boxed_unsync()
    } else {
        Full::new(body).map_err(|never| match never {}).boxed_unsync()
    };
    let what = format!("{method} {path}");
    let request = request.body(body).unwrap();
    let host = host.to_owned();
    let answer = runtime().block_on(async { tokio::time::timeout(LIMIT, exchange(&host, request)).await });
    let answer = answer.unwrap_or_else(|_| panic!("no answer to {what} in {LIMIT:?}"));
    let (status, headers, body) = answer.unwrap_or_else(|_| (0, HeaderMap::new(), Vec::new()));
    Answer {
        what,
        status,
        headers,
        body,
    }
}

/// The manifest of `HOST:PORT/REPOSITORY[:TAG|@DIGEST]` at a plain-HTTP registry, byte for byte.
#[track_caller]
pub(crate) fn manifest(image: &str) -> Vec<u8> {
    let (host, name) = image.split_once('/').unwrap();
    let (repository, reference) = name
        .split_once('@')
        .or_else(|| name.rsplit_once(':'))
        .unwrap_or((name, "latest"));
    let kinds = [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ];
    let accept = format!("Accept: {}", kinds.join(", "));
    let path = format!("/v2/{repository}/manifests/{reference}");
    ask(host, "GET", &path, &[&accept], b"").is(200).body
}

type Parts = (u16, HeaderMap, Vec<u8>);

async fn exchange(host: &str, request: Request<Body>) -> Result<Parts, Failure> {
    let stream = TcpStream::connect(host).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(Failure::other)?;
    let connection = runtime().spawn(connection);
    let response: Response<hyper::body::Incoming> = sender.send_request(request).await.map_err(Failure::other)?;
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(Failure::other)?.to_bytes();
    connection.abort();
    Ok((head.status.as_u16(), head.headers, body.to_vec()))
}

/// What came back.
pub(crate) struct Answer {
    what: String,
    pub(crate) status: u16,
    headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(
            self.status,
            status,
            "{}\n{:?}\n{}",
            self.what,
            self.headers,
            self.text()
        );
        self
    }

    /// An error with this status and code.
    #[track_caller]
    pub(crate) fn refuses(self, status: u16, code: &str) -> Self {
        let answer = self.is(status);
        assert_eq!(answer.json()["errors"][0]["code"], code, "{}", answer.what);
        answer
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// All values of a header.
    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        let name = HeaderName::try_from(name).unwrap();
        let values = self.headers.get_all(name).into_iter();
        values.map(|value: &HeaderValue| value.to_str().unwrap()).collect()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{}: {e}: {}", self.what, self.text()))
    }
}
