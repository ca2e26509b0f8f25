//! The hosts that answer for a registry: its own, and the mirrors that are asked before it for what is pulled.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt;

use super::wire::{CredentialSource, Host, Mirror, Wire};
use crate::content::ByteStream;

#[derive(Debug)]
pub(super) struct Hosts {
    /// `host[:port]`, or `docker.io`.
    pub(super) domain: String,
    pub(super) wire: Rc<Wire>,
    pub(super) main: Host,
    mirrors: Vec<MirrorHost>,
}

impl Hosts {
    pub(super) fn new(domain: &str, wire: &Rc<Wire>, keys: &dyn Fn() -> CredentialSource, mirrors: &[Mirror]) -> Self {
        let mirrors = mirrors.iter().map(|mirror| MirrorHost {
            host: Host::new(wire.mirror(mirror), keys()),
            failed: Arc::default(),
        });
        Self {
            domain: domain.to_owned(),
            wire: wire.clone(),
            main: Host::new(wire.endpoint(domain), keys()),
            mirrors: mirrors.collect(),
        }
    }

    /// The mirrors that have not failed so far.
    pub(super) fn mirrors(&self) -> impl Iterator<Item = &MirrorHost> {
        self.mirrors
            .iter()
            .filter(|mirror| !mirror.failed.load(Ordering::Relaxed))
    }
}

/// A server that is asked before the Hub, until it fails.
#[derive(Debug)]
pub(super) struct MirrorHost {
    pub(super) host: Host,
    /// Shared with the streams that it feeds.
    failed: Arc<AtomicBool>,
}

impl MirrorHost {
    /// Leaves it alone from now on: the Hub has all that it has.
    pub(super) fn give_up(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    pub(super) fn watch(&self, stream: ByteStream) -> ByteStream {
        let failed = self.failed.clone();
        Box::pin(stream.inspect(move |item| {
            if item.is_err() {
                failed.store(true, Ordering::Relaxed);
            }
        }))
    }
}
