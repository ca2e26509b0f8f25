//! The connections: accepted, perhaps with TLS, served, and at the end seen out.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::Response;
use hyper::header::{HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::certificate::Identity;
use super::journal::{Entry, Logged};
use super::patience::Patient;
use super::{Server, dismissal};
use crate::error::{During as _, Result};

/// Connections at once; the next ones wait.
const MOST: usize = 2000;
/// How long answers that are under way may take once the registry is to stop.
const FAREWELL: Duration = Duration::from_secs(10);
/// After a failed accept, which means that there are no more file descriptors.
const BREATH: Duration = Duration::from_millis(100);

const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// Listens at `HOST:PORT`.
pub async fn bind(address: &str) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .during(format!("listening on {address}"))
}

impl Server {
    /// Serves until `stop` is ready, then lets answers that are under way finish for some seconds.
    pub async fn serve(
        self: Rc<Self>,
        listener: TcpListener,
        identity: Option<Identity>,
        stop: impl Future<Output = ()>,
    ) {
        let local = LocalSet::new();
        let serving = async {
            let acceptor = identity.map(|identity| TlsAcceptor::from(identity.config));
            let (stopping, _) = watch::channel(());
            let mut connections = JoinSet::new();
            let housekeeping = tokio::task::spawn_local(Rc::clone(&self).keep_house());
            let slots = Arc::new(Semaphore::new(MOST));
            let mut stop = pin!(stop);
            loop {
                let accepted = tokio::select! {
                    () = &mut stop => break,
                    Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                    accepted = accept(&listener, &slots) => accepted,
                };
                let Some((stream, peer, slot)) = accepted else {
                    continue;
                };
                let (server, acceptor, stopping) = (Rc::clone(&self), acceptor.clone(), stopping.subscribe());
                connections.spawn_local(async move {
                    server.connection(stream, peer, acceptor, stopping).await;
                    drop(slot);
                });
            }
            drop(listener);
            housekeeping.abort();
            let _ = stopping.send(());
            let _ = timeout(FAREWELL, async { while connections.join_next().await.is_some() {} }).await;
        };
        local.run_until(serving).await;
    }

    async fn connection(
        self: Rc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        acceptor: Option<TlsAcceptor>,
        stopping: watch::Receiver<()>,
    ) {
        let _ = stream.set_nodelay(true);
        match acceptor {
            None => self.speak(stream, peer, stopping).await,
            Some(acceptor) => {
                if let Ok(Ok(stream)) = timeout(self.patience.head, acceptor.accept(stream)).await {
                    self.speak(stream, peer, stopping).await;
                }
            }
        }
    }

    async fn speak(
        self: Rc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        peer: SocketAddr,
        mut stopping: watch::Receiver<()>,
    ) {
        let service = service_fn(|request| {
            let server = Rc::clone(&self);
            let is_v2 = request.uri().path().starts_with("/v2");
            async move {
                let mut entry = Entry::begin(&request, peer, &server.log, &server.metrics);
                let (reply, user) = server.answer(request).await;
                entry.user = user;
                entry.status = reply.status().as_u16();
                let mut reply: Response<Logged> = reply.map(|body| Logged { body, entry });
                if is_v2 {
                    reply
                        .headers_mut()
                        .insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
                }
                Ok::<_, Infallible>(reply)
            }
        });
        let stream = Patient::new(stream, self.patience.answer);
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.patience.head)
            .serve_connection(TokioIo::new(stream), service);
        let mut is_stopping = false;
        let ended = loop {
            tokio::select! {
                ended = &mut connection => break ended,
                _ = stopping.changed(), if !is_stopping => {}
            }
            is_stopping = true;
            Pin::new(&mut connection).graceful_shutdown();
        };
        if ended.is_err_and(|e| e.is_timeout()) {
            let parts = connection.into_parts();
            if dismissal::is_due(&parts.read_buf) {
                let entry = Entry::unheard(peer, &self.log, &self.metrics);
                dismissal::dismiss(parts.io.into_inner(), self.patience.head, entry).await;
            }
        }
    }

    /// Frees what nobody names, from time to time.
    async fn keep_house(self: Rc<Self>) {
        if self.is_read_only {
            return;
        }
        loop {
            sleep(self.keeper.pace()).await;
            self.sessions.expire();
            match self.keeper.collect().await {
                Ok(freed) => self.metrics.freed(freed.unwrap_or_default()),
                Err(e) => (self.log)(&format!("error: freeing blobs: {e}")),
            }
        }
    }
}

type Accepted = (TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit);

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> Option<Accepted> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    if let Ok((stream, peer)) = listener.accept().await {
        return Some((stream, peer, slot));
    }
    sleep(BREATH).await;
    None
}
