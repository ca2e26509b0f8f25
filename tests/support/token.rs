//! The token server of the fake Docker Hub: who may do what, and opaque tokens that say so.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::fault::Reply;
use super::recorder::Recorded;

/// `(repository, action)`.
type Right = (String, String);

/// The state of the token server.
pub(crate) struct Tokens {
    /// The repositories that the registry has.
    exists: Box<dyn Fn(&str) -> bool + Send>,
    pub(crate) users: BTreeMap<String, String>,
    pub(crate) private: BTreeSet<String>,
    pub(crate) expires_in: u64,
    pub(crate) refreshes: bool,
    /// The answer to every request by POST, if those are refused.
    pub(crate) oauth_refusal: Option<Reply>,
    /// Whether all scopes but the last are forgotten, as GitLab does (manifest-tool#53).
    pub(crate) grants_last_scope_only: bool,
    access: BTreeMap<String, (BTreeSet<Right>, Instant)>,
    refresh: BTreeMap<String, String>,
}

impl Tokens {
    pub(crate) fn new(exists: impl Fn(&str) -> bool + Send + 'static) -> Self {
        let users = [("alice", "s3cret-pw"), ("bob", "hunter2:with:colons")];
        Self {
            exists: Box::new(exists),
            users: users
                .map(|(user, password)| (user.to_owned(), password.to_owned()))
                .into(),
            private: BTreeSet::from(["alice/secret".to_owned()]),
            expires_in: 300,
            refreshes: false,
            oauth_refusal: None,
            grants_last_scope_only: false,
            access: BTreeMap::new(),
            refresh: BTreeMap::new(),
        }
    }

    /// Makes all tokens worthless at once.
    pub(crate) fn revoke(&mut self) {
        self.access.clear();
    }

    /// What a token allows, or nothing if it is unknown or too old.
    pub(crate) fn rights(&self, token: &str) -> Option<&BTreeSet<Right>> {
        let (rights, minted) = self.access.get(token)?;
        let age = minted.elapsed();
        (age < Duration::from_secs(self.expires_in)).then_some(rights)
    }

    /// Answers a request for a token.
    pub(crate) fn answer(&mut self, request: &Recorded) -> Reply {
        match (request.method.as_str(), &self.oauth_refusal) {
            ("GET", _) => self.get(request),
            ("POST", None) => self.post(request),
            ("POST", Some(refusal)) => refusal.clone(),
            _ => Reply::json(405, &json!({"details": "method not allowed"})),
        }
    }

    fn get(&mut self, request: &Recorded) -> Reply {
        let mut user = String::new();
        if let Some(header) = request.header("authorization") {
            match basic(header).filter(|(user, password)| self.knows(user, password)) {
                Some((name, _)) => user = name,
                None => return wrong_password(),
            }
        }
        let query = request.path.split_once('?').map_or("", |(_, query)| query);
        let query = pairs(query);
        let (token, _) = self.mint(&user, &scopes(&query));
        let mut reply = json!({
            "token": token,
            "access_token": token,
            "expires_in": self.expires_in,
            "issued_at": jiff::Timestamp::now().to_string(),
        });
        if value(&query, "offline_token") == "true" && self.refreshes && !user.is_empty() {
            reply["refresh_token"] = json!(self.mint_refresh(&user));
        }
        Reply::json(200, &reply)
    }

    fn post(&mut self, request: &Recorded) -> Reply {
        let form = String::from_utf8_lossy(&request.body).into_owned();
        let form = pairs(&form);
        let user = match value(&form, "grant_type") {
            "password" => {
                let user = value(&form, "username");
                let good = self.knows(user, value(&form, "password"));
                good.then(|| user.to_owned())
            }
            "refresh_token" => self.refresh.get(value(&form, "refresh_token")).cloned(),
            _ => return Reply::json(400, &json!({"error": "unsupported_grant_type"})),
        };
        let Some(user) = user else {
            return wrong_password();
        };
        let (token, granted) = self.mint(&user, &scopes(&form));
        let mut reply = json!({
            "access_token": token,
            "scope": granted,
            "expires_in": self.expires_in,
            "issued_at": jiff::Timestamp::now().to_string(),
        });
        if value(&form, "access_type") == "offline" && self.refreshes {
            reply["refresh_token"] = json!(self.mint_refresh(&user));
        }
        Reply::json(200, &reply)
    }

    fn knows(&self, user: &str, password: &str) -> bool {
        self.users.get(user).is_some_and(|known| known == password)
    }

    /// Makes a token that allows as much of the scopes as the user may do, however little.
    fn mint(&mut self, user: &str, scopes: &[String]) -> (String, String) {
        let mut rights = BTreeSet::new();
        let forgotten = if self.grants_last_scope_only {
            scopes.len().saturating_sub(1)
        } else {
            0
        };
        for scope in &scopes[forgotten..] {
            let Some((name, actions)) = parse(scope) else {
                continue;
            };
            for action in actions.split(',') {
                if self.allows(user, name, action) {
                    rights.insert((name.to_owned(), action.to_owned()));
                }
            }
        }
        let granted: Vec<String> = rights
            .iter()
            .map(|(name, action)| format!("repository:{name}:{action}"))
            .collect();
        let token = random("opaque");
        self.access.insert(token.clone(), (rights, Instant::now()));
        (token, granted.join(" "))
    }

    fn mint_refresh(&mut self, user: &str) -> String {
        let token = random("refresh");
        self.refresh.insert(token.clone(), user.to_owned());
        token
    }

    /// The Hub's policy: what is missing or private looks the same, nobody but its owner writes.
    fn allows(&self, user: &str, name: &str, action: &str) -> bool {
        let owner = name.split_once('/').map_or("", |(owner, _)| owner);
        if !user.is_empty() && owner == user {
            return matches!(action, "pull" | "push" | "delete");
        }
        let exists = (self.exists)(name);
        action == "pull" && exists && !self.private.contains(name)
    }
}

/// The repository and the actions of `repository:NAME:ACTIONS`; a name may hold colons.
fn parse(scope: &str) -> Option<(&str, &str)> {
    let (name, actions) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
    Some((name, actions))
}

/// Every scope, whether it came in a parameter of its own or with others in one.
fn scopes(pairs: &[(String, String)]) -> Vec<String> {
    let values = pairs.iter().filter(|(key, _)| key == "scope");
    values
        .flat_map(|(_, value)| value.split(' ').map(str::to_owned))
        .collect()
}

/// The first value of a key, or nothing.
pub(crate) fn value<'a>(pairs: &'a [(String, String)], key: &str) -> &'a str {
    let mut found = pairs.iter().filter(|(name, _)| name == key);
    found.next().map_or("", |(_, value)| value)
}

fn wrong_password() -> Reply {
    Reply::json(401, &json!({"details": "incorrect username or password"}))
}

fn random(kind: &str) -> String {
    format!("{kind}-{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..))
}

/// User and password of a Basic header.
fn basic(header: &str) -> Option<(String, String)> {
    let decoded = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// The decoded pairs of a query or a form.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        })
        .collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        let code = tail
            .get(..2)
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (first, code) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
