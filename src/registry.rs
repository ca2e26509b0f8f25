//! The distribution protocol over HTTP (<https://github.com/opencontainers/distribution-spec>).
//!
//! A [`Wire`] is the process's way out, [`Registries`] are the hosts of a run, a [`Registry`] is a host, a
//! [`Repository`] is a name on it: a source and a sink of content. What a repository holds has a file each: manifests,
//! tags, blobs, referrers, uploads; they share `requests`. Below them `wire` speaks HTTP and knows nothing of the
//! protocol.

use std::rc::Rc;

use crate::content::BodyLimit;
use crate::credentials::{Credential, Credentials, Secret};
use crate::error::Result;
use crate::image::Reference;

pub mod attacks;
mod blob_parts;
mod blobs;
mod hosts;
mod listing;
mod login;
mod manifests;
mod pages;
mod referrers;
mod refused_manifests;
mod registries;
mod removal;
mod repository;
mod requests;
mod search;
mod upload_notes;
mod upload_sessions;
mod uploads;
mod wire;

pub use login::Login;
pub use pages::Listed;
pub use registries::Registries;
pub use repository::Repository;
pub use search::Hit;
pub use wire::{Insecure, Mirror, Proxies, Trust, Wire};

use hosts::Hosts;
use wire::CredentialSource;

/// A host that holds repositories. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Registry(Rc<Hosts>);

impl Registry {
    /// The registry of a domain as references spell it. Mirrors are asked first, for what is pulled only.
    pub fn new(domain: &str, wire: &Rc<Wire>, credentials: &Rc<Credentials>, mirrors: &[Mirror]) -> Self {
        let keys = || CredentialSource::Stored(credentials.clone());
        Self::with_keys(domain, wire, &keys, mirrors)
    }

    fn with_keys(domain: &str, wire: &Rc<Wire>, keys: &dyn Fn() -> CredentialSource, mirrors: &[Mirror]) -> Self {
        Self(Rc::new(Hosts::new(domain, wire, keys, mirrors)))
    }

    /// The same registry, with what earlier runs learned of how long a body it takes.
    #[must_use]
    pub fn bounded_by(self, limit: BodyLimit) -> Self {
        self.0.main.endpoint.body_limits.remember(limit);
        self
    }

    /// `host[:port]`, or `docker.io`.
    pub fn domain(&self) -> &str {
        &self.0.domain
    }

    /// The repository of this name; its tag and digest do not matter.
    pub fn repository(&self, name: &Reference) -> Repository {
        Repository::new(&self.0, name)
    }

    /// The names of all repositories, where the registry offers such a list.
    pub async fn catalog(&self) -> Result<Listed<String>> {
        listing::catalog(&self.0).await
    }

    /// What the registry finds, in its order, at most `limit`; none when it offers no search. Errors are docker's.
    pub async fn search(&self, term: &str, limit: u32) -> Result<Option<Vec<Hit>>> {
        search::find(&self.0, term, limit).await
    }

    /// Tries a user name and password as docker does. A registry that asks for nothing takes any.
    pub async fn log_in(&self, username: &str, password: &Secret) -> Result<Login> {
        let credential = Credential::Basic {
            username: username.to_owned(),
            password: Secret::new(password.expose().to_owned()),
        };
        login::try_out(&self.0, credential).await
    }

    /// Tries an identity token that an earlier login gave.
    pub async fn log_in_with_token(&self, identity_token: &Secret) -> Result<Login> {
        let token = Secret::new(identity_token.expose().to_owned());
        login::try_out(&self.0, Credential::IdentityToken(token)).await
    }
}

#[cfg(test)]
mod tests;
