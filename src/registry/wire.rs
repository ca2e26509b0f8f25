//! HTTP as registries speak it, and nothing of what they hold: connections, TLS, addresses, proofs, refusals.
//!
//! [`Wire`] is the process's way out. Below it each file knows less: `host` (proofs and second tries), `endpoint` (where a
//! host answers), `transport` (one request, one answer), `tls`. Nothing here uses the protocol files above.

mod answer;
mod auth;
mod authorization;
mod body_limits;
mod bounded_map;
mod certificates;
mod challenge;
mod connect_error;
mod endpoint;
pub(super) mod headers;
mod host;
mod mirror;
mod next_page;
mod no_proxy;
mod origin;
mod other_registries;
mod proxies;
mod realm;
mod refusal;
mod request;
mod resolver;
mod server_text;
mod tls;
mod token;
mod trace;
mod transport;
mod trust;
mod upload_body;
mod url_policy;
mod zone;

pub use mirror::Mirror;
pub use proxies::Proxies;
pub use trust::{Insecure, Trust};

pub(super) use answer::Answer;
pub(super) use auth::CredentialSource;
pub(super) use body_limits::LEAST_CHUNK;
pub(super) use challenge::Scope;
pub(super) use endpoint::HUB_INDEX;
pub(super) use host::{Host, WholeAnswer};
pub(super) use next_page::{NextPage, next_page};
pub(super) use origin::{encrypted_again, has_lost_port};
pub(super) use refusal::{DENIED, MANIFEST_UNKNOWN, NAME_UNKNOWN, Refusal, described, kind_of, may_pass};
pub(super) use request::{Request, ShowLogin, Wording};
pub(super) use upload_body::UploadBody;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use crate::progress::WireWatcher;

use answer::IDLE_TIMEOUT;
use connect_error::authority;
use endpoint::{Endpoint, Shared};
use resolver::Resolver;
use trace::Trace;
use transport::Surroundings;

/// The process's way to all hosts: what is trusted, and what was learned so far.
#[derive(Debug)]
pub struct Wire {
    shared: Rc<Shared>,
    endpoints: RefCell<HashMap<String, Rc<Endpoint>>>,
}

impl Wire {
    pub fn new(trust: Trust) -> Self {
        Self::with(trust, None, None)
    }

    /// A wire for a user who allows so long a silence of the other side, and wants to be told of each request.
    pub fn with(trust: Trust, idle_timeout: Option<Duration>, watcher: Option<WireWatcher>) -> Self {
        let surroundings = Surroundings {
            resolver: Resolver::default(),
            proxies: trust.proxies.clone(),
            idle_timeout: idle_timeout.unwrap_or(IDLE_TIMEOUT),
            trace: Trace::new(watcher),
        };
        Self {
            shared: Rc::new(Shared::new(trust, surroundings)),
            endpoints: RefCell::default(),
        }
    }

    /// The host behind a domain, as references spell it.
    pub(in crate::registry) fn endpoint(&self, domain: &str) -> Rc<Endpoint> {
        self.known(domain, || Endpoint::new(domain, None, &self.shared))
    }

    pub(in crate::registry) fn mirror(&self, mirror: &Mirror) -> Rc<Endpoint> {
        let key = mirror.to_string();
        self.known(&key, || {
            let domain = authority(mirror.url());
            Endpoint::new(&domain, Some(mirror.url().clone()), &self.shared)
        })
    }

    fn known(&self, key: &str, make: impl FnOnce() -> Endpoint) -> Rc<Endpoint> {
        let mut endpoints = self.endpoints.borrow_mut();
        if let Some(endpoint) = endpoints.get(key) {
            return endpoint.clone();
        }
        let endpoint = Rc::new(make());
        endpoints.insert(key.to_owned(), endpoint.clone());
        endpoint
    }
}

#[cfg(test)]
pub(super) mod tests;
