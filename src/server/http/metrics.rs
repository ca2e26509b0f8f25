//! Counters in Prometheus' text format (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What has happened since the start.
#[derive(Default)]
pub(in crate::server) struct Metrics {
    /// Requests by method and status.
    requests: RefCell<BTreeMap<(String, u16), u64>>,
    sent: Cell<u64>,
    under_way: Cell<u64>,
    stored: Cell<u64>,
    freed: Cell<u64>,
}

impl Metrics {
    pub(in crate::server) fn begin(&self) {
        self.under_way.set(self.under_way.get() + 1);
    }

    /// An answer has gone out, with so many bytes.
    pub(in crate::server) fn end(&self, method: &str, status: u16, sent: u64) {
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

    pub(in crate::server) fn stored(&self) {
        self.stored.set(self.stored.get() + 1);
    }

    pub(in crate::server) fn freed(&self, bytes: u64) {
        self.freed.set(self.freed.get() + bytes);
    }

    /// All counters, and these gauges, as a page.
    pub(in crate::server) fn page(&self, gauges: &[(&str, u64)]) -> String {
        let mut text = String::from("# TYPE rdock_requests_total counter\n");
        for ((method, status), count) in &*self.requests.borrow() {
            let _ = writeln!(
                text,
                "rdock_requests_total{{method=\"{method}\",status=\"{status}\"}} {count}"
            );
        }
        let counters = [
            ("rdock_response_body_bytes_total", self.sent.get()),
            ("rdock_blobs_stored_total", self.stored.get()),
            ("rdock_bytes_freed_total", self.freed.get()),
        ];
        let under_way = [("rdock_requests_under_way", self.under_way.get())];
        for (kind, values) in [("counter", &counters[..]), ("gauge", &under_way), ("gauge", gauges)] {
            for (name, value) in values {
                let _ = writeln!(text, "# TYPE {name} {kind}\n{name} {value}");
            }
        }
        text
    }
}
