//! Bearer tokens: random words that stand for a user's rights for some minutes.
//!
//! <https://distribution.github.io/distribution/spec/auth/token/> and the form of `OAuth2`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::access::Need;
use super::random::random_id;
use crate::error::Result;

/// As Docker Hub's.
const LIFE: Duration = Duration::from_mins(5);
/// Tokens at once; the oldest go first.
const MOST: usize = 10_000;

/// The tokens that have been given and not run out.
#[derive(Default)]
pub(in crate::server) struct Tokens(RefCell<HashMap<String, Token>>);

struct Token {
    user: String,
    scopes: Vec<String>,
    until: Instant,
}

/// What a token is worth for a request.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::server) enum Worth {
    Enough { user: String },
    TooLittle,
    Nothing,
}

impl Tokens {
    /// A new token for this user, as the token endpoint's answer. Scopes are of the form `TYPE:NAME:ACTIONS`.
    pub(in crate::server) fn give(&self, user: &str, scopes: Vec<String>) -> Result<Value> {
        let word = random_id()? + &random_id()?;
        let mut tokens = self.0.borrow_mut();
        if tokens.len() >= MOST {
            let now = Instant::now();
            tokens.retain(|_, token| token.until > now);
        }
        if tokens.len() >= MOST
            && let Some(oldest) = tokens
                .iter()
                .min_by_key(|(_, token)| token.until)
                .map(|(word, _)| word.clone())
        {
            tokens.remove(&oldest);
        }
        let scope = scopes.join(" ");
        let token = Token {
            user: user.to_owned(),
            scopes,
            until: Instant::now() + LIFE,
        };
        tokens.insert(word.clone(), token);
        Ok(json!({
            "token": word, "access_token": word, "expires_in": LIFE.as_secs(), "scope": scope,
            "issued_at": jiff::Timestamp::now().to_string(),
        }))
    }

    /// Whether the token allows this.
    pub(in crate::server) fn worth(&self, word: &str, need: Need<'_>) -> Worth {
        let tokens = self.0.borrow();
        let Some(token) = tokens.get(word).filter(|token| token.until > Instant::now()) else {
            return Worth::Nothing;
        };
        let is_allowed = match need {
            Need::Nothing | Need::Login => true,
            Need::Scope(kind, name, actions) => actions.split(',').all(|action| token.allows(kind, name, action)),
        };
        if !is_allowed {
            return Worth::TooLittle;
        }
        Worth::Enough {
            user: token.user.clone(),
        }
    }
}

impl Token {
    fn allows(&self, kind: &str, name: &str, action: &str) -> bool {
        self.scopes.iter().any(|scope| {
            let Some((of, rest)) = scope.split_once(':') else {
                return false;
            };
            let Some((named, actions)) = rest.rsplit_once(':') else {
                return false;
            };
            of == kind && named == name && actions.split(',').any(|it| it == action || it == "*")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_worth_what_it_was_given_for() {
        let tokens = Tokens::default();
        let given = tokens
            .give("alice", vec!["repository:a/b:pull,push".to_owned()])
            .unwrap();
        let word = given["token"].as_str().unwrap();
        let alice = || Worth::Enough { user: "alice".into() };
        assert_eq!(tokens.worth(word, Need::Login), alice());
        assert_eq!(
            tokens.worth(word, Need::Scope("repository", "a/b", "pull,push")),
            alice()
        );
        assert_eq!(
            tokens.worth(word, Need::Scope("repository", "a/b", "delete")),
            Worth::TooLittle
        );
        assert_eq!(
            tokens.worth(word, Need::Scope("repository", "a", "pull")),
            Worth::TooLittle
        );
        assert_eq!(tokens.worth("guess", Need::Login), Worth::Nothing);
    }
}
