//! Logging in: whether the registry takes a credential.

use reqwest::Method;

use super::hosts::Hosts;
use super::wire::{Host, Keys, Request, described, kind_of};
use crate::credentials::{Credential, Secret};
use crate::error::{Clue, Error, Kind, Result};

/// A credential that the registry took.
#[derive(Debug)]
pub struct Login {
    /// What to keep instead of the password, where the token server gives one.
    pub identity_token: Option<Secret>,
}

/// Whether the registry takes this credential.
pub(super) async fn try_out(hosts: &Hosts, credential: Credential) -> Result<Login> {
    // Proofs of an earlier login must not vouch for this one.
    let host = Host::new(hosts.main.endpoint.clone(), Keys::Given(credential));
    let answer = host.send(&Request::new(Method::GET, "/v2/")).await?;
    if answer.status.is_success() {
        answer.discard().await;
        let identity_token = host.auth.take_identity();
        return Ok(Login { identity_token });
    }
    let mut url = answer.url.clone();
    url.set_query(None);
    let status = answer.status;
    let message = format!("login attempt to {url} failed with status: {}", described(status));
    let error = Error::new(kind_of(status), message);
    Err(match error.kind() {
        Kind::NotFound => error.with_clue(Clue::NoRegistry {
            host: hosts.domain.clone(),
        }),
        _ => error,
    })
}
