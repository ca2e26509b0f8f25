//! Counters in Prometheus' text format (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Write as _;

use hyper::Response;
use hyper::header::{CONTENT_TYPE, HeaderValue};

use super::body::Body;
use super::{Reply, Server};

/// What has happened since the start.
#[derive(Default)]
pub(super) struct Metrics {
    /// By method and status.
    requests: RefCell<BTreeMap<(String, u16), u64>>,
    sent: Cell<u64>,
    under_way: Cell<u64>,
    stored: Cell<u64>,
    freed: Cell<u64>,
}

impl Metrics {
    pub(super) fn begin(&self) {
        self.under_way.set(self.under_way.get() + 1);
    }

    /// An answer has gone out, with so many bytes.
    pub(super) fn end(&self, method: &str, status: u16, sent: u64) {
        // A method is what the client writes: the unusual ones share a line.
        let method = match method {
            "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" => method,
            _ => "other",
        };
        *self
            .requests
            .borrow_mut()
            .entry((method.to_owned(), status))
            .or_default() += 1;
        self.sent.set(self.sent.get() + sent);
        self.under_way.set(self.under_way.get().saturating_sub(1));
    }

    pub(super) fn stored(&self) {
        self.stored.set(self.stored.get() + 1);
    }

    pub(super) fn freed(&self, bytes: u64) {
        self.freed.set(self.freed.get() + bytes);
    }
}

impl Server {
    pub(super) fn show_metrics(&self) -> Reply {
        let metrics = &self.metrics;
        let mut text = String::from("# TYPE rdock_requests_total counter\n");
        for ((method, status), count) in &*metrics.requests.borrow() {
            let _ = writeln!(
                text,
                "rdock_requests_total{{method=\"{method}\",status=\"{status}\"}} {count}"
            );
        }
        let repositories = self.store.repositories();
        let repositories = repositories.map_or(0, |repositories| repositories.names().count() as u64);
        for (name, kind, value) in [
            ("rdock_response_body_bytes_total", "counter", metrics.sent.get()),
            ("rdock_requests_under_way", "gauge", metrics.under_way.get()),
            ("rdock_blobs_stored_total", "counter", metrics.stored.get()),
            ("rdock_bytes_freed_total", "counter", metrics.freed.get()),
            ("rdock_uploads_open", "gauge", self.sessions.count() as u64),
            ("rdock_repositories", "gauge", repositories),
        ] {
            let _ = writeln!(text, "# TYPE {name} {kind}\n{name} {value}");
        }
        let mut reply = Response::new(Body::of(text));
        let value = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        reply.headers_mut().insert(CONTENT_TYPE, value);
        reply
    }
}
