//! What a transfer tells whoever watches. The core emits events; `ui` alone makes them visible.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::content::Outcome;
use crate::error::Error;
use crate::image::Digest;

/// The way that the layers go: docker has different words for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Pull,
    Push,
    /// Loading an archive: shown on a terminal only.
    Load,
}

/// A layer as the plan lists it, in the order of the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    pub digest: Digest,
    /// Compressed, in bytes.
    pub size: u64,
    /// The digest of the uncompressed layer, where the config names it.
    pub diff_id: Option<Digest>,
    /// Whether the sink holds this layer, and all below it, already.
    pub present: bool,
}

#[derive(Debug)]
pub enum Event<'a> {
    /// The layers of one image, base first. Blobs that are not layers have events too, but no line of their own.
    Planned(&'a [Layer]),
    /// Its turn comes later: other transfers are under way.
    Waiting {
        blob: &'a Digest,
    },
    /// Bytes begin to flow; `offset` of them were there already.
    Started {
        blob: &'a Digest,
        offset: u64,
    },
    /// `bytes` more have passed.
    Advanced {
        blob: &'a Digest,
        bytes: u64,
    },
    /// All bytes are there; the digest is being checked.
    Verifying {
        blob: &'a Digest,
    },
    /// The try failed; the next one comes after `wait`.
    Retrying {
        blob: &'a Digest,
        wait: Duration,
        why: &'a Error,
    },
    Finished {
        blob: &'a Digest,
        outcome: &'a Outcome,
    },
}

/// Watches transfers. Never blocks for long and never fails.
pub trait Progress: Send + Sync {
    fn on(&self, event: Event<'_>);
}

/// What goes over the wire. Nothing in it is secret: a login has a name here, and a URL no signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WireEvent {
    /// A request goes out: its method and URL, the name of the login that is shown, and the length of its body.
    Asked {
        number: u64,
        request: String,
        login: Option<String>,
        bytes: u64,
    },
    /// The head of the answer is there: from which address, by a proxy or not, over which version of TLS.
    Answered {
        number: u64,
        status: u16,
        after: Duration,
        from: Option<SocketAddr>,
        is_proxied: bool,
        tls: Option<&'static str>,
    },
    /// The answer is at its end, or is read no further, after so many bytes of its body.
    Ended {
        number: u64,
        after: Duration,
        bytes: u64,
    },
    Failed {
        number: u64,
        after: Duration,
        why: String,
    },
    /// The last request is sent once more.
    Again {
        wait: Duration,
        why: String,
    },
}

/// A function that is told what goes over the wire, as it goes.
pub type WireWatcher = Arc<dyn Fn(&WireEvent) + Send + Sync>;
