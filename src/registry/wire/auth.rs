//! Which proof a request to a host carries, learned from the host's own challenges.

use std::cell::RefCell;
use std::rc::Rc;

use reqwest::Url;
use reqwest::header::HeaderValue;
use tokio::sync::OnceCell;

use super::authorization::{Authorization, secrets};
use super::challenge::{Challenge, Scope};
use super::endpoint::Endpoint;
use super::realm::Realm;
use super::token::{Purpose, Tokens, fetch};
use crate::credentials::{Credential, Credentials, FoundLogin, Secret};
use crate::error::{Clue, Error, Kind, Result};

/// Where the credential comes from.
#[derive(Debug)]
pub(in crate::registry) enum CredentialSource {
    /// From where the user keeps it; asked for once, and only when a host wants one.
    Stored(Rc<Credentials>),
    /// From the user, to be tried.
    Given(FoundLogin),
    /// There is none.
    None,
}

/// What is known of how a host wants to be convinced.
#[derive(Debug)]
pub(in crate::registry) struct Auth {
    source: CredentialSource,
    found: OnceCell<Option<FoundLogin>>,
    /// Why there is no credential, or why it is not shown: told when the host insists.
    trouble: RefCell<Option<String>>,
    wanted: RefCell<Option<Wanted>>,
    tokens: Tokens,
    identity: RefCell<Option<Secret>>,
}

#[derive(Debug, Clone)]
enum Wanted {
    Basic,
    Bearer(Realm),
}

/// What a request carries in `Authorization`.
#[derive(Debug)]
pub(super) struct Proof {
    pub(super) header: Authorization,
    /// What the token was asked for; nothing for a password or a token of the user's own.
    scopes: Option<Vec<Scope>>,
    is_new: bool,
    answers: Scheme,
}

/// The scheme of the challenge that a proof answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Basic,
    Bearer,
}

impl Auth {
    pub(super) fn new(source: CredentialSource) -> Self {
        Self {
            source,
            found: OnceCell::new(),
            trouble: RefCell::default(),
            wanted: RefCell::default(),
            tokens: Tokens::default(),
            identity: RefCell::default(),
        }
    }

    /// The proof to begin with: none before the host has asked for one.
    pub(super) async fn proof(&self, endpoint: &Endpoint, scopes: &[Scope]) -> Result<Option<Proof>> {
        let wanted = self.wanted.borrow().clone();
        match wanted {
            None => Ok(None),
            Some(Wanted::Basic) => self.password(endpoint).await.map(Some),
            Some(Wanted::Bearer(realm)) => self.token(endpoint, &realm, scopes.to_vec(), None).await.map(Some),
        }
    }

    /// A better proof than the `last` one, for a host that refused it; none when there is no better one.
    pub(super) async fn better(
        &self,
        endpoint: &Endpoint,
        base: &Url,
        challenges: &[Challenge],
        last: Option<&Proof>,
        scopes: &[Scope],
    ) -> Result<Option<Proof>> {
        let by_scheme = |scheme: &str| challenges.iter().find(|challenge| challenge.scheme == scheme);
        let realm = match by_scheme("bearer") {
            Some(challenge) => Some((challenge, Realm::of(challenge, endpoint, base).await)),
            None => None,
        };
        // Where the token server cannot be asked or does not answer, a password will do for a host that takes one as well.
        if let Some((challenge, realm)) = realm.filter(|(_, realm)| realm.is_ok() || by_scheme("basic").is_none()) {
            let realm = realm?;
            let scopes = Scope::merge(challenge.scopes().into_iter().chain(scopes.iter().cloned()));
            let is_spent = |last: &Proof| {
                last.answers == Scheme::Bearer
                    && last.is_new
                    && last.scopes.as_ref().is_none_or(|asked| *asked == scopes)
            };
            if !last.is_some_and(is_spent) {
                let refused = last.map(|last| &last.header.value);
                match self.token(endpoint, &realm, scopes, refused).await {
                    // Not before: where there is no token for this, other requests may do without one.
                    Ok(proof) => {
                        self.wanted.replace(Some(Wanted::Bearer(realm)));
                        return Ok(Some(proof));
                    }
                    Err(e)
                        if e.kind() == Kind::Unavailable && by_scheme("basic").is_some() && self.has_credential() => {}
                    Err(e) => return Err(e),
                }
            }
        }
        // Harbor asks for another scheme than the one just shown (harbor#18856).
        let is_other = |last: &Proof| last.answers == Scheme::Bearer && self.has_credential();
        if by_scheme("basic").is_some() && last.is_none_or(is_other) {
            let proof = self.password(endpoint).await?;
            self.wanted.replace(Some(Wanted::Basic));
            return Ok(Some(proof));
        }
        Ok(None)
    }

    /// Whether the host has asked for a proof.
    pub(in crate::registry) fn is_learned(&self) -> bool {
        self.wanted.borrow().is_some()
    }

    /// Whether it was a token that the host asked for.
    pub(in crate::registry) fn has_token(&self) -> bool {
        matches!(*self.wanted.borrow(), Some(Wanted::Bearer(_)))
    }

    /// The password for a host that has not asked for it; none where there is none.
    pub(super) async fn unasked(&self, endpoint: &Endpoint) -> Result<Option<Proof>> {
        match self.login(endpoint).await.map(|found| &found.credential) {
            Some(Credential::Basic { .. }) => self.password(endpoint).await.map(Some),
            _ => Ok(None),
        }
    }

    /// The password for a host that refuses and does not say what it wants; none where there is none.
    pub(super) async fn guessed(&self, endpoint: &Endpoint) -> Result<Option<Proof>> {
        let proof = self.unasked(endpoint).await?;
        if proof.is_some() {
            self.wanted.replace(Some(Wanted::Basic));
        }
        Ok(proof)
    }

    /// Whether there is a credential, looked for now if it was not before.
    pub(super) async fn finds_credential(&self, endpoint: &Endpoint) -> bool {
        self.login(endpoint).await.is_some()
    }

    /// Whether a credential was found.
    pub(super) fn has_credential(&self) -> bool {
        matches!(self.source, CredentialSource::Given(_)) || self.found.get().is_some_and(Option::is_some)
    }

    /// What kept the credential from being used.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.borrow().clone()
    }

    /// All that this host was shown and must not be seen in what it says.
    pub(super) fn secrets(&self) -> Vec<String> {
        let login = match &self.source {
            CredentialSource::Given(login) => Some(login),
            _ => self.found.get().and_then(Option::as_ref),
        };
        let of_login = login.map(|login| secrets(&login.credential)).unwrap_or_default();
        self.tokens.secrets().into_iter().chain(of_login).collect()
    }

    /// The identity token that the token server gave for the password.
    pub(in crate::registry) fn take_identity(&self) -> Option<Secret> {
        self.identity.take()
    }

    async fn password(&self, endpoint: &Endpoint) -> Result<Proof> {
        let login = self.login(endpoint).await;
        let header = match login.map(|found| (&found.credential, &found.origin)) {
            Some((Credential::Basic { username, password }, origin)) => {
                Authorization::basic(username, password, origin)?
            }
            Some((Credential::RegistryToken(token), origin)) => Authorization::bearer(token, origin)?,
            Some((Credential::IdentityToken(_), _)) | None => {
                let domain = endpoint.domain.clone();
                let error = Error::new(Kind::Unauthorized, "no basic auth credentials")
                    .with_clue(Clue::LoginNeeded { host: domain });
                return Err(match self.trouble() {
                    Some(trouble) => error.caused_by(trouble),
                    None => error,
                });
            }
        };
        Ok(Proof {
            header,
            scopes: None,
            is_new: true,
            answers: Scheme::Basic,
        })
    }

    async fn token(
        &self,
        endpoint: &Endpoint,
        realm: &Realm,
        scopes: Vec<Scope>,
        refused: Option<&HeaderValue>,
    ) -> Result<Proof> {
        let login = self.login(endpoint).await;
        if let Some(FoundLogin {
            credential: Credential::RegistryToken(token),
            origin,
        }) = login
        {
            return Ok(Proof {
                header: Authorization::bearer(token, origin)?,
                scopes: None,
                is_new: true,
                answers: Scheme::Bearer,
            });
        }
        let purpose = match self.source {
            CredentialSource::Given(_) => Purpose::LogIn,
            CredentialSource::Stored(_) | CredentialSource::None => Purpose::Work,
        };
        if login.is_some() && !realm.shares_password {
            let why = format!(
                "the password was not sent to {}, which names say is not of {}",
                realm.authority(),
                endpoint.domain
            );
            if purpose == Purpose::LogIn {
                return Err(Error::new(Kind::Unauthorized, why));
            }
            self.trouble.replace(Some(why));
        }
        let explained = |e: Error| match (e.kind(), self.trouble()) {
            (Kind::Unauthorized | Kind::Denied, Some(trouble)) => e.caused_by(trouble),
            _ => e,
        };
        let fetched = self.tokens.take(realm, &scopes, refused, async || {
            let shared = login.filter(|_| realm.shares_password);
            let mut token = fetch(endpoint, realm, &scopes, shared, purpose)
                .await
                .map_err(explained)?;
            if let Some(identity) = token.identity.take() {
                self.identity.replace(Some(identity));
            }
            Ok(token)
        });
        let (header, is_new) = fetched.await?;
        Ok(Proof {
            header,
            scopes: Some(scopes),
            is_new,
            answers: Scheme::Bearer,
        })
    }

    /// The login for a host. One that cannot be had is none, as in docker, until the host insists.
    async fn login(&self, endpoint: &Endpoint) -> Option<&FoundLogin> {
        let stored = match &self.source {
            CredentialSource::Given(login) => return Some(login),
            CredentialSource::None => return None,
            CredentialSource::Stored(stored) => stored,
        };
        let find = async || match stored.look_up(&endpoint.domain).await {
            Ok(found) => found,
            Err(e) => {
                self.trouble.replace(Some(e.to_string()));
                None
            }
        };
        self.found.get_or_init(find).await.as_ref()
    }
}
