//! The access log: one line a request in the common log format, written when the answer has gone out.

use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::Request;
use hyper::body::{Body as HyperBody, Frame, SizeHint};
use jiff::Timestamp;

use super::body::Body;
use super::line::Speaking;
use super::metrics::Metrics;
use super::slots::Busy;
use crate::error::Error;

/// Takes a line without its end.
pub type Log = Rc<dyn Fn(&str)>;

/// One request, until its answer has gone out or broken off.
pub(in crate::server) struct Entry {
    peer: SocketAddr,
    method: String,
    /// The request line.
    request: String,
    pub(in crate::server) user: String,
    pub(in crate::server) status: u16,
    pub(in crate::server) sent: u64,
    log: Log,
    metrics: Rc<Metrics>,
}

impl Entry {
    pub(in crate::server) fn begin<B>(
        request: &Request<B>,
        peer: SocketAddr,
        log: &Log,
        metrics: &Rc<Metrics>,
    ) -> Self {
        let method = request.method().to_string();
        // Without the query: no token or password that a client puts there is written down.
        let (target, version) = (quoted(request.uri().path()), request.version());
        let request = format!("{method} {target} {version:?}");
        Self::of(method, request, peer, log, metrics)
    }

    /// An entry for a request that did not come to the end of its head: what came of it may be anything.
    pub(in crate::server) fn unheard(peer: SocketAddr, log: &Log, metrics: &Rc<Metrics>) -> Self {
        Self::of(String::new(), "-".to_owned(), peer, log, metrics)
    }

    fn of(method: String, request: String, peer: SocketAddr, log: &Log, metrics: &Rc<Metrics>) -> Self {
        metrics.begin();
        Self {
            peer,
            method,
            request,
            user: String::new(),
            status: 0,
            sent: 0,
            log: Rc::clone(log),
            metrics: Rc::clone(metrics),
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.metrics.end(&self.method, self.status, self.sent);
        let user = if self.user.is_empty() { "-" } else { &self.user };
        let time = Timestamp::now().strftime("%d/%b/%Y:%H:%M:%S +0000");
        let line = format!(
            "{} - {user} [{time}] \"{}\" {} {}",
            self.peer.ip(),
            self.request,
            self.status,
            self.sent,
        );
        (self.log)(&line);
    }
}

/// No client's path may look like another field.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// A body that ends its entry.
pub(in crate::server) struct Logged {
    pub(in crate::server) body: Body,
    pub(in crate::server) entry: Entry,
    #[expect(dead_code, reason = "held until the answer has gone out")]
    pub(super) held: (Busy, Speaking),
}

impl HyperBody for Logged {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame {
            this.entry.sent += frame.data_ref().map_or(0, Bytes::len) as u64;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
