//! HTTP as registries speak it, and nothing of what they hold: connections, TLS, addresses, proofs, refusals.
//!
//! [`Wire`] is the process's way out. Below it each file knows less: `host` (proofs and second tries), `endpoint` (where a
//! host answers), `transport` (one request, one answer), `tls`. Nothing here uses the protocol files above.

mod answer;
mod auth;
mod body_limits;
mod bounded_map;
mod certificates;
mod challenge;
mod connect_error;
mod endpoint;
pub(super) mod headers;
mod host;
mod mirror;
mod no_proxy;
mod origin;
mod other_registries;
mod refusal;
mod request;
mod resolver;
mod tls;
mod token;
mod transport;
mod trust;

pub use endpoint::Wire;
pub use mirror::Mirror;
pub use no_proxy::NoProxy;
pub use trust::{Insecure, Trust};

pub(super) use answer::Answer;
pub(super) use auth::CredentialSource;
pub(super) use body_limits::LEAST_CHUNK;
pub(super) use challenge::Scope;
pub(super) use endpoint::HUB_INDEX;
pub(super) use host::{Host, WholeAnswer};
pub(super) use origin::{encrypted_again, has_lost_port};
pub(super) use refusal::{DENIED, MANIFEST_UNKNOWN, NAME_UNKNOWN, Refusal, described, kind_of, may_pass};
pub(super) use request::{Request, ShowLogin, Wording};
pub(super) use transport::UploadBody;

#[cfg(test)]
pub(super) mod tests;
