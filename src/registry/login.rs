//! Logging in: whether the registry takes a credential.

use reqwest::{Method, StatusCode, Url};
use serde::de::IgnoredAny;

use super::hosts::Hosts;
use super::wire::{Answer, CredentialSource, Host, Request, Scope, described, headers, kind_of};
use crate::credentials::{Credential, FoundLogin, Secret};
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
    let given = CredentialSource::Given(FoundLogin {
        credential,
        origin: "the login to be tried".to_owned(),
    });
    let host = Host::new(hosts.main.endpoint.clone(), given);
    let ping = Request::new(Method::GET, "/v2/");
    let answer = host.send(&ping).await?;
    if !answer.status.is_success() {
        return Err(refused(hosts, &answer));
    }
    check_registry(hosts, answer).await?;
    if !host.auth.is_learned() {
        insist(hosts, &host, &ping).await?;
    }
    let identity_token = host.auth.take_identity();
    Ok(Login { identity_token })
}

/// Shows the credential to a registry that asks for none at `/v2/` (zot, Nexus with anonymous access): there, and where
/// only those it knows may look. One that asks for it nowhere takes any, as with docker.
async fn insist(hosts: &Hosts, host: &Host, ping: &Request) -> Result<()> {
    if let Some(answer) = host.ask_unasked(ping).await?
        && matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
    {
        return Err(refused(hosts, &answer));
    }
    let catalog = Request::new(Method::GET, "/v2/_catalog?n=1").scopes([Scope::catalog()]);
    match host.ask(&catalog).await {
        // Whose token server gave a token has accepted the password, whatever it is good for.
        Ok(answer) if answer.status == StatusCode::UNAUTHORIZED && !host.auth.has_token() => {
            Err(refused(hosts, &answer))
        }
        Ok(answer) => {
            answer.discard().await;
            Ok(())
        }
        Err(e) if e.kind() == Kind::Unauthorized => Err(e),
        Err(_) => Ok(()),
    }
}

/// Refuses what does not answer as a registry, the page of a login wall above all: it takes any password.
async fn check_registry(hosts: &Hosts, answer: Answer) -> Result<()> {
    let at = shown(&answer);
    let is_vouched = headers::is_registry_s(&answer.headers);
    let is_own = !answer.is_elsewhere && !answer.is_web_page();
    let body = answer.read(MAX_GREETING).await?;
    let is_greeting = body.trim_ascii().is_empty() || serde_json::from_slice::<IgnoredAny>(&body).is_ok();
    if is_own && (is_vouched || is_greeting) {
        return Ok(());
    }
    let host = hosts.domain.clone();
    let message = format!("login attempt to {host} was answered by {at}, which is no answer of its registry");
    Err(Error::new(Kind::Unsupported, message).with_clue(Clue::NoRegistry { host }))
}

fn refused(hosts: &Hosts, answer: &Answer) -> Error {
    let status = described(answer.status);
    let message = format!("login attempt to {} failed with status: {status}", shown(answer));
    let mut error = Error::new(kind_of(answer.status), message);
    if let Some(strange) = headers::strange_schemes(&answer.headers) {
        error = error.caused_by(strange);
    }
    match error.kind() {
        Kind::NotFound => error.with_clue(Clue::NoRegistry {
            host: hosts.domain.clone(),
        }),
        _ => error,
    }
}

/// The longest answer to `/v2/` that is read, in bytes.
const MAX_GREETING: usize = 64 << 10;

/// Where an answer came from, without the query, which may be signed.
fn shown(answer: &Answer) -> Url {
    let mut url = answer.url.clone();
    url.set_query(None);
    url
}
