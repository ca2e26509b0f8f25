//! Bearer tokens: random words that stand for a user and some scopes for some minutes.
//!
//! <https://distribution.github.io/distribution/spec/auth/token/> and the form of `OAuth2`.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::random::random_id;
use super::scope::Scope;
use crate::error::Result;

/// Docker Hub's lifetime of a token.
const LIFE: Duration = Duration::from_mins(5);
/// Bytes of tokens at once; the oldest go first.
const MOST: usize = 8 << 20;
/// Bytes of a token without its scopes, and no less.
const TOKEN: usize = 500;

/// The tokens that have been given and not run out.
#[derive(Default)]
pub(in crate::server) struct Tokens(RefCell<Given>);

#[derive(Default)]
struct Given {
    tokens: HashMap<Rc<str>, Token>,
    /// The oldest first.
    order: VecDeque<Rc<str>>,
    bytes: usize,
}

#[derive(Clone)]
pub(in crate::server) struct Token {
    pub(super) user: String,
    pub(super) scopes: Rc<[Scope]>,
    until: Instant,
}

impl Token {
    fn weight(&self) -> usize {
        TOKEN + self.user.len() + self.scopes.iter().map(Scope::weight).sum::<usize>()
    }
}

impl Given {
    fn forget_oldest(&mut self) {
        if let Some(token) = self.order.pop_front().and_then(|word| self.tokens.remove(&word)) {
            self.bytes -= token.weight();
        }
    }
}

impl Tokens {
    /// A new token for this user, as the token endpoint's answer.
    pub(in crate::server) fn give(&self, user: &str, scopes: Vec<Scope>) -> Result<Value> {
        let word = random_id()? + &random_id()?;
        let texts: Vec<String> = scopes.iter().map(Scope::to_string).collect();
        let token = Token {
            user: user.to_owned(),
            scopes: scopes.into(),
            until: Instant::now() + LIFE,
        };
        let key: Rc<str> = word.as_str().into();
        let mut given = self.0.borrow_mut();
        given.bytes += token.weight();
        given.order.push_back(Rc::clone(&key));
        given.tokens.insert(key, token);
        while given.bytes > MOST {
            given.forget_oldest();
        }
        Ok(json!({
            "token": word, "access_token": word, "expires_in": LIFE.as_secs(), "scope": texts.join(" "),
            "issued_at": jiff::Timestamp::now().to_string(),
        }))
    }

    /// What this word stands for.
    pub(in crate::server) fn find(&self, word: &str) -> Option<Token> {
        let given = self.0.borrow();
        given
            .tokens
            .get(word)
            .filter(|token| token.until > Instant::now())
            .cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::need::Action;
    use super::*;

    fn scope(text: &str) -> Scope {
        Scope::parse(text, &|name| Some(name.trim_start_matches("library/").to_owned())).unwrap()
    }

    #[test]
    fn a_token_stands_for_what_it_was_given_for() {
        let tokens = Tokens::default();
        let given = tokens
            .give("alice", vec![scope("repository:library/b:pull,push,dance")])
            .unwrap();
        assert_eq!(given["scope"], "repository:library/b:pull,push");
        let token = tokens.find(given["token"].as_str().unwrap()).unwrap();
        assert_eq!(token.user, "alice");
        let may = |name, action| token.scopes.iter().any(|scope| scope.allows(name, action));
        assert!(may("b", Action::Pull) && may("b", Action::Push));
        assert!(!may("b", Action::Delete) && !may("library/b", Action::Pull) && !may("a", Action::Pull));
        assert!(tokens.find("guess").is_none());
    }

    #[test]
    fn tokens_take_no_more_than_they_may() {
        let tokens = Tokens::default();
        let first = tokens.give("alice", vec![Scope::Catalog]).unwrap();
        let long = format!("repository:{}:pull", "a".repeat(8000));
        for _ in 0..2000 {
            tokens.give("alice", vec![scope(&long)]).unwrap();
        }
        let given = tokens.0.borrow();
        assert!(given.bytes <= MOST && given.tokens.len() == given.order.len() && given.tokens.len() < 1000);
        drop(given);
        assert!(tokens.find(first["token"].as_str().unwrap()).is_none());
    }
}
