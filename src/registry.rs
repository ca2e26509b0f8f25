//! The distribution protocol over HTTP (<https://github.com/opencontainers/distribution-spec>).
//!
//! A [`Wire`] is the process's way out, a [`Registry`] is a host, a [`Repository`] is a name on it: a source and a sink
//! of content. Below them, each layer knows less: `site` (proofs and second tries), `endpoint` (where a host answers),
//! `transport` (one request, one answer), `tls`.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt;

use crate::content::{BodyLimit, ByteStream};
use crate::credentials::Credentials;
use crate::image::Reference;

mod answer;
mod auth;
mod blobs;
mod certificates;
mod challenge;
mod endpoint;
mod front;
mod headers;
mod listing;
mod login;
mod manifests;
mod mirror;
mod names;
mod origin;
mod plight;
mod presence;
mod referrers;
mod removal;
mod reply;
mod repository;
mod request;
mod search;
mod session;
mod site;
mod tls;
mod token;
mod transport;
mod trust;
mod upload;

pub use endpoint::Wire;
pub use login::Login;
pub use mirror::Mirror;
pub use repository::Repository;
pub use search::Hit;
pub use trust::{Insecure, Trust};

use auth::Keys;
use site::Site;

/// A host that holds repositories. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Registry(Rc<Sites>);

#[derive(Debug)]
struct Sites {
    domain: String,
    wire: Rc<Wire>,
    main: Site,
    mirrors: Vec<MirrorSite>,
}

/// A server that is asked before the Hub, until it fails.
#[derive(Debug)]
struct MirrorSite {
    site: Site,
    /// Shared with the streams that it feeds.
    failed: Arc<AtomicBool>,
}

impl MirrorSite {
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
        let mirrors = mirrors.iter().map(|mirror| MirrorSite {
            site: Site::new(wire.mirror(mirror), keys()),
            failed: Arc::default(),
        });
        Self(Rc::new(Sites {
            domain: domain.to_owned(),
            wire: wire.clone(),
            main: Site::new(wire.host(domain), keys()),
            mirrors: mirrors.collect(),
        }))
    }

    /// The same registry, with what earlier runs learned of how long a body it takes.
    #[must_use]
    pub fn bounded_by(self, limit: BodyLimit) -> Self {
        self.main().host.front.remember(limit);
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

    fn main(&self) -> &Site {
        &self.0.main
    }

    /// The mirrors that have not failed so far.
    fn mirrors(&self) -> impl Iterator<Item = &MirrorSite> {
        self.0
            .mirrors
            .iter()
            .filter(|mirror| !mirror.failed.load(Ordering::Relaxed))
    }
}
