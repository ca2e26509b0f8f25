//! What must not be seen: passwords and tokens.

use std::fmt;

/// Text that shows itself only on request: no `Display`, and stars as `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the wire, the file or the helper.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// A secret from the command line.
impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What a registry is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A user name and a password (or access token in its place).
    Basic { username: String, password: Secret },
    /// An OAuth refresh token: traded for access tokens at the token endpoint.
    IdentityToken(Secret),
    /// Sent as Bearer as it is.
    RegistryToken(Secret),
}
