//! What goes over the wire, told to whoever watches (`--debug`): never a secret.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Method, Url};

use crate::error::Error;
use crate::progress::{WireEvent, WireWatcher};

/// The watcher, if there is one. Clones number the requests together.
#[derive(Clone, Default)]
pub(in crate::registry) struct Trace {
    watcher: Option<WireWatcher>,
    count: Arc<AtomicU64>,
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Trace").field(&self.watcher.is_some()).finish()
    }
}

impl Trace {
    pub(super) fn new(watcher: Option<WireWatcher>) -> Self {
        let count = Arc::default();
        Self { watcher, count }
    }

    /// A request that goes out with a body of so many bytes, and with a login of this name.
    pub(super) fn asks(&self, method: &Method, url: &Url, login: Option<&str>, bytes: u64) -> Exchange {
        let exchange = Exchange {
            watcher: self.watcher.clone(),
            number: self.count.fetch_add(1, Ordering::Relaxed) + 1,
            began: Instant::now(),
            bytes: 0,
            is_answered: false,
        };
        exchange.tell(|| WireEvent::Asked {
            number: exchange.number,
            request: format!("{method} {}", shown(url)),
            login: login.map(str::to_owned),
            bytes,
        });
        exchange
    }

    /// The same request is sent once more, after this wait, for this reason.
    pub(super) fn asks_again(&self, wait: Duration, why: &str) {
        if let Some(watcher) = &self.watcher {
            let why = why.to_owned();
            watcher(&WireEvent::Again { wait, why });
        }
    }
}

/// One request and its answer, to its last byte.
pub(super) struct Exchange {
    watcher: Option<WireWatcher>,
    number: u64,
    began: Instant,
    /// Bytes of the answer's body so far.
    bytes: u64,
    is_answered: bool,
}

impl Exchange {
    pub(super) fn answered(
        &mut self,
        status: u16,
        from: Option<SocketAddr>,
        is_proxied: bool,
        tls: Option<&'static str>,
    ) {
        self.is_answered = true;
        self.tell(|| WireEvent::Answered {
            number: self.number,
            status,
            after: self.began.elapsed(),
            from,
            is_proxied,
            tls,
        });
    }

    /// Counts bytes of the body that came.
    pub(super) fn read(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }

    pub(super) fn failed(&mut self, why: &Error) {
        self.is_answered = false;
        self.tell(|| WireEvent::Failed {
            number: self.number,
            after: self.began.elapsed(),
            why: why.to_string(),
        });
    }

    fn tell(&self, event: impl FnOnce() -> WireEvent) {
        if let Some(watcher) = &self.watcher {
            watcher(&event());
        }
    }
}

/// The end of the answer, or of the interest in it.
impl Drop for Exchange {
    fn drop(&mut self) {
        if self.is_answered {
            self.tell(|| WireEvent::Ended {
                number: self.number,
                after: self.began.elapsed(),
                bytes: self.bytes,
            });
        }
    }
}

/// What stands in place of a secret.
const HIDDEN: &str = "***";
/// The parameters of the protocols that are spoken here; the rest may sign a URL.
const KNOWN: [&str; 16] = [
    "account",
    "artifactType",
    "client_id",
    "digest",
    "digest-algorithm",
    "from",
    "last",
    "mount",
    "n",
    "ns",
    "offline_token",
    "page",
    "q",
    "scope",
    "service",
    "tag",
];
/// The longest part of a path that is shown whatever it is made of, in bytes.
const PLAIN_PART: usize = 32;

/// A URL without what may give access: a login, the values of unknown parameters, long parts of the path that look drawn
/// by lot.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // A URL without a host can have neither, and stays.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    let parts: Vec<&str> = url.path().split('/').map(shown_part).collect();
    let path = parts.join("/");
    let pairs: Vec<String> = url
        .query_pairs()
        .map(|(name, value)| {
            let value = if KNOWN.contains(&&*name) { &value } else { HIDDEN };
            format!("{}={value}", shown_part(&name))
        })
        .collect();
    let question = if pairs.is_empty() { "" } else { "?" };
    let origin = url.origin().ascii_serialization();
    format!("{origin}{path}{question}{}", pairs.join("&"))
}

/// A part of a path: names, digests and UUIDs are in lower case, secrets hardly ever.
fn shown_part(part: &str) -> &str {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-:".contains(c);
    let is_harmless = part.len() <= PLAIN_PART && !part.contains(['=', '~']);
    if is_harmless || (part.len() < 256 && part.chars().all(is_plain)) {
        part
    } else {
        HIDDEN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_what_gives_access() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (url, expected) in [
            (
                "https://u:p@h:5000/v2/a/manifests/latest#x",
                "https://h:5000/v2/a/manifests/latest".to_owned(),
            ),
            (
                "https://h/token?account=me&service=s&scope=repository:a:pull&refresh_token=x",
                "https://h/token?account=me&service=s&scope=repository:a:pull&refresh_token=***".to_owned(),
            ),
            (
                &format!("https://s3.test/v2/{digest}/data?X-Amz-Signature=x&X-Amz-Credential=y&sig=z"),
                format!("https://s3.test/v2/{digest}/data?X-Amz-Signature=***&X-Amz-Credential=***&sig=***"),
            ),
            (
                "https://h/v2/a/blobs/uploads/0b1f3f5e-8d4f-4f0c-9b6e-0123456789ab?_state=abc",
                "https://h/v2/a/blobs/uploads/0b1f3f5e-8d4f-4f0c-9b6e-0123456789ab?_state=***".to_owned(),
            ),
            (
                "https://h/v2/a/blobs/uploads/AJMKFXgGy0N8kQnmPq7X3bE5cT1vW9zR2sLdHuYoIaZt",
                "https://h/v2/a/blobs/uploads/***".to_owned(),
            ),
            ("https://cdn.test/hmac=ab/f", "https://cdn.test/***/f".to_owned()),
            (
                "https://h/x?AJMKFXgGy0N8kQnmPq7X3bE5cT1vW9zR2sLd",
                "https://h/x?***=***".to_owned(),
            ),
        ] {
            assert_eq!(shown(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
