//! A small HTTP/1.1 server on a free port of loopback, with or without TLS.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::runtime::runtime;

/// Why an exchange breaks off.
pub(crate) type Failure = io::Error;
pub(crate) type Body = UnsyncBoxBody<Bytes, Failure>;

/// What answers a request; an error closes the connection without an answer.
pub(crate) type Handler =
    Arc<dyn Fn(Request<Incoming>, Flushes) -> BoxFuture<'static, Result<Response<Body>, Failure>> + Send + Sync>;

/// Tells when everything given to a connection has left for the client.
pub(crate) type Flushes = watch::Receiver<u64>;

/// A free port of 127.0.0.1.
pub(crate) const FREE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A running server; dropping it closes its port and all its connections.
pub(crate) struct Listener {
    address: SocketAddr,
    accepting: JoinHandle<()>,
    accepted: Arc<AtomicUsize>,
}

impl Listener {
    /// Serves on a free port of 127.0.0.1.
    pub(crate) fn start(tls: Option<Arc<ServerConfig>>, handler: Handler) -> Self {
        Self::start_at(FREE, tls, handler)
    }

    /// Serves on this address.
    pub(crate) fn start_at(address: SocketAddr, tls: Option<Arc<ServerConfig>>, handler: Handler) -> Self {
        let listener = runtime().block_on(TcpListener::bind(address)).unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::<AtomicUsize>::default();
        let counter = Arc::clone(&accepted);
        let accepting = runtime().spawn(accept(listener, tls.map(TlsAcceptor::from), handler, counter));
        Self {
            address,
            accepting,
            accepted,
        }
    }

    /// The address at which it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections came so far.
    pub(crate) fn connections(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, handler: Handler, accepted: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        accepted.fetch_add(1, Ordering::Relaxed);
        while connections.try_join_next().is_some() {}
        connections.spawn(serve(stream, tls.clone(), Arc::clone(&handler)));
    }
}

async fn serve(stream: TcpStream, tls: Option<TlsAcceptor>, handler: Handler) {
    let _ = stream.set_nodelay(true);
    let stream: Box<dyn Duplex> = match tls {
        None => Box::new(stream),
        Some(acceptor) => match acceptor.accept(stream).await {
            Ok(stream) => Box::new(stream),
            Err(_) => return,
        },
    };
    let (sender, flushes) = watch::channel(0);
    let stream = Watched {
        stream,
        flushed: sender,
    };
    let service = service_fn(|request| handler(request, flushes.clone()));
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A stream that counts its complete flushes.
struct Watched {
    stream: Box<dyn Duplex>,
    flushed: watch::Sender<u64>,
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = ready!(Pin::new(&mut self.stream).poll_flush(cx));
        self.flushed.send_modify(|count| *count += 1);
        Poll::Ready(result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
