//! The distribution protocol over HTTP (<https://github.com/opencontainers/distribution-spec>).
//!
//! A [`Wire`] is the process's way out, [`Registries`] are the hosts of a run, a [`Registry`] is a host, a
//! [`Repository`] is a name on it: a source and a sink of content. Below them `wire` speaks HTTP and knows nothing of the protocol.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt;

use crate::content::{BodyLimit, ByteStream};
use crate::credentials::Credentials;
use crate::image::Reference;

mod blobs;
mod exists;
mod listing;
mod login;
mod manifests;
mod referrers;
mod registries;
mod removal;
mod repository;
mod search;
mod session;
mod upload;
mod wire;

pub use login::Login;
pub use registries::Registries;
pub use repository::Repository;
pub use search::Hit;
pub use wire::{Insecure, Mirror, Trust, Wire};

use wire::{Host, Keys};

/// A host that holds repositories. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Registry(Rc<Hosts>);

#[derive(Debug)]
struct Hosts {
    domain: String,
    wire: Rc<Wire>,
    main: Host,
    mirrors: Vec<MirrorHost>,
}

/// A server that is asked before the Hub, until it fails.
#[derive(Debug)]
struct MirrorHost {
    host: Host,
    /// Shared with the streams that it feeds.
    failed: Arc<AtomicBool>,
}

impl MirrorHost {
    /// Leaves it alone from now on: the Hub has all that it has.
    fn give_up(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    fn watch(&self, stream: ByteStream) -> ByteStream {
        let failed = self.failed.clone();
        Box::pin(stream.inspect(move |item| {
            if item.is_err() {
                failed.store(true, Ordering::Relaxed);
            }
        }))
    }
}

#[cfg(test)]
mod tests;

impl Registry {
    /// The registry of a domain as references spell it. Mirrors are asked first, for what is pulled only.
    pub fn new(domain: &str, wire: &Rc<Wire>, credentials: &Rc<Credentials>, mirrors: &[Mirror]) -> Self {
        let keys = || Keys::Stored(credentials.clone());
        Self::with_keys(domain, wire, &keys, mirrors)
    }

    fn with_keys(domain: &str, wire: &Rc<Wire>, keys: &dyn Fn() -> Keys, mirrors: &[Mirror]) -> Self {
        let mirrors = mirrors.iter().map(|mirror| MirrorHost {
            host: Host::new(wire.mirror(mirror), keys()),
            failed: Arc::default(),
        });
        Self(Rc::new(Hosts {
            domain: domain.to_owned(),
            wire: wire.clone(),
            main: Host::new(wire.endpoint(domain), keys()),
            mirrors: mirrors.collect(),
        }))
    }

    /// The same registry, with what earlier runs learned of how long a body it takes.
    #[must_use]
    pub fn bounded_by(self, limit: BodyLimit) -> Self {
        self.main().endpoint.body_limits.remember(limit);
        self
    }

    /// `host[:port]`, or `docker.io`.
    pub fn domain(&self) -> &str {
        &self.0.domain
    }

    /// The repository of this name; its tag and digest do not matter.
    pub fn repository(&self, name: &Reference) -> Repository {
        Repository::new(self.clone(), name.without_version(), HashMap::new())
    }

    fn main(&self) -> &Host {
        &self.0.main
    }

    /// The mirrors that have not failed so far.
    fn mirrors(&self) -> impl Iterator<Item = &MirrorHost> {
        self.0
            .mirrors
            .iter()
            .filter(|mirror| !mirror.failed.load(Ordering::Relaxed))
    }
}
