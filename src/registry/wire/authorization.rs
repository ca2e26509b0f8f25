//! What stands in an `Authorization` header, with the name of the login that it shows.

use std::fmt;
use std::rc::Rc;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use reqwest::header::{AUTHORIZATION, HeaderValue};

use crate::credentials::{Credential, Secret};
use crate::error::{Error, Kind, Result};

/// A header line and where its secret comes from.
#[derive(Clone)]
pub(super) struct Authorization {
    pub(super) value: HeaderValue,
    /// For people: no secret.
    pub(super) name: Rc<str>,
}

impl Authorization {
    /// `Basic` with a user name and a password.
    pub(super) fn basic(username: &str, password: &Secret, name: &str) -> Result<Self> {
        let pair = format!("{username}:{}", password.expose());
        Self::new("Basic", &BASE64_STANDARD.encode(pair), name)
    }

    /// `Bearer` with a token.
    pub(super) fn bearer(token: &Secret, name: &str) -> Result<Self> {
        Self::new("Bearer", token.expose(), name)
    }

    /// What it shows, without the scheme.
    pub(super) fn secret(&self) -> Option<String> {
        let (_, secret) = self.value.to_str().ok()?.split_once(' ')?;
        Some(secret.to_owned())
    }

    fn new(scheme: &str, proof: &str, name: &str) -> Result<Self> {
        let mut value = HeaderValue::try_from(format!("{scheme} {proof}")).map_err(|_| {
            let message = format!("the {scheme} credential cannot stand in an {AUTHORIZATION} header");
            Error::new(Kind::Unauthorized, message)
        })?;
        value.set_sensitive(true);
        let name = name.into();
        Ok(Self { value, name })
    }
}

/// What a server was shown of a credential, in each form: it may say it again.
pub(super) fn secrets(credential: &Credential) -> Vec<String> {
    match credential {
        Credential::Basic { username, password } => {
            let pair = format!("{username}:{}", password.expose());
            vec![BASE64_STANDARD.encode(pair), password.expose().to_owned()]
        }
        Credential::IdentityToken(token) | Credential::RegistryToken(token) => vec![token.expose().to_owned()],
    }
}

/// Its name alone.
impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authorization").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_breaks_the_header_is_refused_without_being_shown() {
        let bad = Secret::new("line\nbreak".to_owned());
        let error = Authorization::bearer(&bad, "a token").unwrap_err();
        assert!(!format!("{error:?} {error}").contains("break"));
        let good = Authorization::bearer(&Secret::new("hidden"), "a token").unwrap();
        assert!(good.value.is_sensitive() && !format!("{good:?}").contains("hidden"));
    }
}
