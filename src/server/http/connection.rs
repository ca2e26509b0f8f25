//! The connections: accepted, perhaps with TLS, served, and at the end let finish.

use std::convert::Infallible;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, copy, sink};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::access_log::{Entry, Log, Logged};
use super::certificate::Identity;
use super::last_answer;
use super::line::Line;
use super::listener::Listener;
use super::metrics::Metrics;
use super::refusal::{Code, Refusal};
use super::reply::Reply;
use super::slots::{self, Slot, Slots, network};
use super::timeouts::{Timeouts, WriteTimeout};

/// How long answers that are under way may take once the registry is to stop.
const FAREWELL: Duration = Duration::from_secs(10);
/// The pause after a failed accept, which means that there are no more file descriptors.
const BREATH: Duration = Duration::from_millis(100);
/// How long a client that is told off may take to read it.
const LINGERING: Duration = Duration::from_secs(2);
/// What of an answer waits for a client to take it, and how long a head may be.
const BUFFER: usize = 64 << 10;
/// The first byte of a TLS handshake (<https://www.rfc-editor.org/rfc/rfc8446.html#section-5.1>).
const HANDSHAKE: u8 = 22;

/// Whose request it is, as far as shares go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::server) struct Peer(pub(in crate::server) IpAddr);

const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// What all connections share: who answers, who counts, and how long a client may take. `A` answers one request, and
/// says whose it was.
pub(in crate::server) struct Connections<A> {
    pub(in crate::server) answer: A,
    pub(in crate::server) timeouts: Timeouts,
    pub(in crate::server) log: Log,
    pub(in crate::server) metrics: Rc<Metrics>,
}

impl<A: AsyncFn(Request<Incoming>) -> (Reply, String) + 'static> Connections<A> {
    /// Serves until `stop` is ready, then lets answers that are under way finish for some seconds. Must be called within
    /// a `LocalSet`.
    pub(in crate::server) async fn serve(
        self: Rc<Self>,
        listener: Listener,
        identity: Option<Identity>,
        stop: impl Future<Output = ()>,
    ) {
        let acceptor = identity.map(|identity| TlsAcceptor::from(identity.config));
        let (stopping, _) = watch::channel(());
        let mut connections = JoinSet::new();
        let slots = Slots::new(slots::most());
        let mut stop = pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                accepted = accept(&listener, &slots) => accepted,
            };
            let Some((stream, peer)) = accepted else {
                continue;
            };
            let Some(slot) = slots.take(peer.ip()) else {
                turn_away(stream, acceptor.is_some());
                continue;
            };
            let (shared, acceptor, stopping) = (Rc::clone(&self), acceptor.clone(), stopping.subscribe());
            connections.spawn_local(async move {
                tokio::select! {
                    () = shared.connection(stream, peer, acceptor, &slot, stopping) => {}
                    () = slot.is_wanted() => {}
                }
            });
        }
        drop(listener);
        let _ = stopping.send(());
        let _ = timeout(FAREWELL, async { while connections.join_next().await.is_some() {} }).await;
    }

    async fn connection(
        self: Rc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        acceptor: Option<TlsAcceptor>,
        slot: &Slot,
        stopping: watch::Receiver<()>,
    ) {
        let _ = stream.set_nodelay(true);
        match acceptor {
            None => self.speak(stream, peer, slot, stopping).await,
            Some(_) if matches!(timeout(self.timeouts.head, speaks_plainly(&stream)).await, Ok(true)) => {
                tell_of_tls(stream).await;
            }
            Some(acceptor) => {
                if let Ok(Ok(stream)) = timeout(self.timeouts.head, acceptor.accept(stream)).await {
                    self.speak(stream, peer, slot, stopping).await;
                }
            }
        }
    }

    async fn speak(
        self: Rc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        peer: SocketAddr,
        slot: &Slot,
        mut stopping: watch::Receiver<()>,
    ) {
        let stream = WriteTimeout::new(stream, self.timeouts.answer);
        let (line, turns) = Line::new(stream, slot.moved());
        let service = service_fn(|mut request: Request<Incoming>| {
            let shared = Rc::clone(&self);
            let is_v2 = request.uri().path().starts_with("/v2");
            let held = (slot.busy(), turns.begin());
            request.extensions_mut().insert(Peer(network(peer.ip())));
            async move {
                let mut entry = Entry::begin(&request, peer, &shared.log, &shared.metrics);
                let (reply, user) = match mistaken_coding(request.headers()) {
                    Some(refusal) => (refusal.into_reply(), String::new()),
                    None => (shared.answer)(request).await,
                };
                entry.user = user;
                entry.status = reply.status().as_u16();
                let mut reply: Response<Logged> = reply.map(|body| Logged { body, entry, held });
                let headers = reply.headers_mut();
                headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
                if is_v2 {
                    headers.insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
                }
                Ok::<_, Infallible>(reply)
            }
        });
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.timeouts.head)
            .max_buf_size(BUFFER)
            .serve_connection(TokioIo::new(line), service);
        let mut is_stopping = false;
        let ended = loop {
            tokio::select! {
                ended = &mut connection => break ended,
                _ = stopping.changed(), if !is_stopping => {}
            }
            is_stopping = true;
            Pin::new(&mut connection).graceful_shutdown();
        };
        let Err(e) = ended else { return };
        let parts = connection.into_parts();
        let (stream, own) = parts.io.into_inner().into_parts();
        let refusal = if e.is_timeout() {
            last_answer::late(&parts.read_buf, self.timeouts.head)
        } else {
            last_answer::unreadable(&own, &e)
        };
        if let Some(refusal) = refusal {
            let entry = Entry::unheard(peer, &self.log, &self.metrics);
            last_answer::give(refusal, stream, entry).await;
        }
    }
}

/// Why a body cannot be read as its headers say: chunks are all that is understood, and once. A proxy in front might
/// understand another coding, or two, and so see other requests than there are
/// (<https://www.rfc-editor.org/rfc/rfc9112.html#section-6.1>).
fn mistaken_coding(headers: &HeaderMap) -> Option<Refusal> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let (first, second) = (codings.next()?, codings.next());
    if second.is_none() && first.as_bytes().eq_ignore_ascii_case(b"chunked") {
        return None;
    }
    let why = "no Transfer-Encoding but chunked is understood";
    Some(Refusal::bad(Code::Unsupported, why).with(CONNECTION, HeaderValue::from_static("close")))
}

async fn accept(listener: &Listener, slots: &Slots) -> Option<(TcpStream, SocketAddr)> {
    slots.room().await;
    if let Ok(accepted) = listener.accept().await {
        return Some(accepted);
    }
    sleep(BREATH).await;
    None
}

/// Whether the client has begun something else than a TLS handshake.
async fn speaks_plainly(stream: &TcpStream) -> bool {
    let mut first = [0];
    matches!(stream.peek(&mut first).await, Ok(1)) && first[0] != HANDSHAKE
}

/// Answers in the words of Go's servers, which people search for. What the client still sends is read for a moment:
/// closed at once, the connection would be reset and the answer lost.
async fn tell_of_tls(mut stream: TcpStream) {
    let told = async {
        stream
            .write_all(
                b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n\
                Connection: close\r\nContent-Length: 48\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
            )
            .await?;
        stream.shutdown().await?;
        copy(&mut stream, &mut sink()).await
    };
    let _ = timeout(LINGERING, told).await;
}

/// Tells a peer that holds its share already, if it can be told at once.
fn turn_away(stream: TcpStream, is_secret: bool) {
    let Ok(mut stream) = stream.into_std() else { return };
    if !is_secret {
        // Nothing is waited for: whoever does not take it sees the connection closed.
        let _ = stream.write_all(
            b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\
            Content-Length: 0\r\n\r\n",
        );
    }
}
