//! The token server that a registry names.

use reqwest::Url;

use super::challenge::Challenge;
use super::connect_error::authority;
use super::endpoint::Endpoint;
use super::origin::{encrypted_again, same_owner};
use super::server_text::printable;
use super::url_policy::has_login;
use super::zone::Zone;
use crate::error::{Error, Kind, Result};

/// The longest part of an unreadable realm that is shown, in characters.
const SHOWN_REALM: usize = 200;

/// The token server that a challenge names, and whether it may see the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Realm {
    pub(super) url: Url,
    pub(super) service: Option<String>,
    pub(super) shares_password: bool,
}

impl Realm {
    /// The registry alone chooses this server, so it must not lead to plain HTTP, into the local network, or the
    /// password to someone else (CVE-2026-48978).
    pub(super) async fn of(challenge: &Challenge, endpoint: &Endpoint, base: &Url) -> Result<Self> {
        let unusable = |what: String| {
            let domain = &endpoint.domain;
            Error::new(
                Kind::Unauthorized,
                format!("{domain} names {what} for its token server"),
            )
        };
        let realm = challenge
            .parameter("realm")
            .ok_or_else(|| unusable("no realm".to_owned()))?;
        let url = base.join(realm).map_err(|_| {
            let shown: String = printable(realm).chars().take(SHOWN_REALM).collect();
            unusable(format!("an unreadable realm (\"{shown}\")"))
        })?;
        let url = encrypted_again(url, base);
        let policy = endpoint.url_policy().await?;
        if url.scheme() != "https" && (url.scheme() != "http" || base.scheme() != "http") {
            return Err(unusable(format!(
                "an unsafe realm ({}://{})",
                url.scheme(),
                authority(&url)
            )));
        }
        if has_login(&url) {
            return Err(unusable(format!("a realm with a login in it ({})", authority(&url))));
        }
        if Zone::of_url(&url) > policy.zone {
            let what = format!("an address inside the network ({})", authority(&url));
            return Err(unusable(what));
        }
        Ok(Self {
            shares_password: same_owner(&url, base),
            service: challenge.parameter("service").map(str::to_owned),
            url,
        })
    }

    /// The name of the host, for messages.
    pub(super) fn authority(&self) -> String {
        authority(&self.url)
    }
}
