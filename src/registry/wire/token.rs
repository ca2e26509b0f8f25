//! Bearer tokens: asked of the server that the challenge names, kept while they last
//! (<https://distribution.github.io/distribution/spec/auth/token/>, <…/oauth/>).

use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

use super::answer::Answer;
use super::authorization::{Authorization, secrets};
use super::bounded_map::BoundedMap;
use super::challenge::Scope;
use super::endpoint::{Endpoint, asked};
use super::realm::Realm;
use super::refusal::Refusal;
use super::request::Request;
use crate::credentials::{Credential, FoundLogin, Secret};
use crate::error::{Clue, Error, Kind, Result};

const MAX_REPLY: usize = 1 << 20;
/// No token of a registry is longer, in bytes; few servers take as long a header.
const MAX_TOKEN: usize = 64 << 10;
/// The most tokens that are kept: `serve` asks for one for each repository that its clients name.
const MAX_KEPT: usize = 128;
/// How long a token lasts when the server does not say, and at least.
const SHORTEST_LIFE: Duration = Duration::from_mins(1);
/// No token is used for longer, whatever the server says.
const LONGEST_LIFE: Duration = Duration::from_hours(24);
/// A token is not used any more when less than this is left of it.
const RESERVE: Duration = Duration::from_secs(30);
/// The client, as token servers log it.
const CLIENT_ID: &str = "rdock";

/// What a token is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Work,
    /// To see whether the credential is good, and to trade it for an identity token where that is offered.
    LogIn,
}

/// A token as the server gave it.
pub(super) struct NewToken {
    pub(super) token: Secret,
    life: Duration,
    /// An identity token, to be kept instead of the password.
    pub(super) identity: Option<Secret>,
}

/// Go, and so docker, takes the members' names in any case.
#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(alias = "Token")]
    token: Option<String>,
    #[serde(alias = "Access_Token", alias = "AccessToken")]
    access_token: Option<String>,
    /// A number; some servers write it as a text.
    expires_in: Option<Value>,
    refresh_token: Option<String>,
}

/// Asks for a token: with an identity token by POST (OAuth 2), else by GET, which every token server offers. The
/// credential, if there is one, is shown to the server.
pub(super) async fn fetch(
    endpoint: &Endpoint,
    realm: &Realm,
    scopes: &[Scope],
    login: Option<&FoundLogin>,
    purpose: Purpose,
) -> Result<NewToken> {
    let (request, proof) = match login {
        Some(FoundLogin {
            credential: Credential::IdentityToken(identity),
            origin,
        }) => (by_oauth(realm, scopes, identity).holding(origin), None),
        Some(FoundLogin {
            credential: Credential::Basic { username, password },
            origin,
        }) => {
            let proof = Authorization::basic(username, password, origin)?;
            (by_get(realm, scopes, Some(username), purpose), Some(proof))
        }
        _ => (by_get(realm, scopes, None, purpose), None),
    };
    let url = request.url(&realm.url)?;
    let doing = || asked(&request.method, &url);
    let answer = endpoint.exchange(&request, &url, proof.as_ref()).await?;
    if !answer.status.is_success() {
        return Err(refused(answer, endpoint, login, purpose).await);
    }
    let body = answer.read(MAX_REPLY).await.map_err(|e| e.during(doing()))?;
    let reply: TokenAnswer = serde_json::from_slice(&body).map_err(|_| {
        let message = "the token server's answer is not valid JSON";
        Error::new(Kind::Unauthorized, message).during(doing())
    })?;
    // Where both are given and differ, no document says which is meant.
    let token = given(reply.token.as_deref())
        .or(given(reply.access_token.as_deref()))
        .ok_or_else(|| {
            let message = "authorization server did not include a token in the response";
            Error::new(Kind::Unauthorized, message)
        })?;
    if token.expose().len() > MAX_TOKEN {
        let message = format!("the token is longer than {MAX_TOKEN} bytes");
        return Err(Error::new(Kind::Unauthorized, message).during(doing()));
    }
    Ok(NewToken {
        token,
        life: life(reply.expires_in.as_ref()),
        identity: given(reply.refresh_token.as_deref()),
    })
}

/// What a token server that gives no token says, without the secrets that it repeats.
async fn refused(answer: Answer, endpoint: &Endpoint, login: Option<&FoundLogin>, purpose: Purpose) -> Error {
    let (status, headers) = (answer.status, answer.headers.clone());
    let mut failure = Refusal::new(status, &headers, &answer.read_refusal().await);
    failure.hide(&login.map(|login| secrets(&login.credential)).unwrap_or_default());
    let host = endpoint.domain.clone();
    failure.login.clue = match (failure.kind(), login) {
        (Kind::Unauthorized | Kind::Denied, None) => Some(Clue::LoginNeeded { host }),
        // Whoever is just logging in need not be told to.
        // GHCR denies an expired token even what is public.
        (Kind::Unauthorized | Kind::Denied, Some(_)) if purpose == Purpose::Work => Some(Clue::LoginRefused { host }),
        _ => None,
    };
    failure.whole()
}

/// A secret, where there is one.
fn given(text: Option<&str>) -> Option<Secret> {
    let text = text.unwrap_or_default().trim();
    (!text.is_empty()).then(|| Secret::new(text.to_owned()))
}

/// The lifetime that the server says, where that makes sense.
fn life(expires_in: Option<&Value>) -> Duration {
    let seconds = match expires_in {
        Some(Value::String(text)) => text.trim().parse().ok(),
        other => other.and_then(Value::as_f64),
    };
    let life = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    life.unwrap_or(SHORTEST_LIFE).clamp(SHORTEST_LIFE, LONGEST_LIFE)
}

fn by_get(realm: &Realm, scopes: &[Scope], account: Option<&str>, purpose: Purpose) -> Request {
    let mut url = realm.url.clone();
    {
        let mut query = url.query_pairs_mut();
        query.extend_pairs(account.map(|account| ("account", account)));
        if purpose == Purpose::LogIn {
            query.extend_pairs([("client_id", CLIENT_ID), ("offline_token", "true")]);
        }
        query.extend_pairs(scopes.iter().map(|scope| ("scope", scope.to_string())));
        query.extend_pairs(realm.service.iter().map(|service| ("service", service)));
    }
    if url.query() == Some("") {
        url.set_query(None);
    }
    Request::to(Method::GET, url)
}

fn by_oauth(realm: &Realm, scopes: &[Scope], identity: &Secret) -> Request {
    let scopes: Vec<String> = scopes.iter().map(ToString::to_string).collect();
    let mut form = realm.url.clone();
    form.set_query(None);
    form.query_pairs_mut()
        .append_pair("grant_type", "refresh_token")
        .append_pair("service", realm.service.as_deref().unwrap_or_default())
        .append_pair("client_id", CLIENT_ID)
        .append_pair("scope", &scopes.join(" "))
        .append_pair("refresh_token", identity.expose());
    let body = Bytes::from(form.query().unwrap_or_default().to_owned());
    let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    Request::to(Method::POST, realm.url.clone()).body(form_type, body)
}

/// The tokens in use, one for each set of scopes. The lock is held while one is fetched: many requests that begin at
/// once need one token.
#[derive(Debug)]
pub(super) struct Tokens(Mutex<BoundedMap<(String, Vec<Scope>), KeptToken>>);

impl Default for Tokens {
    fn default() -> Self {
        Self(Mutex::new(BoundedMap::new(MAX_KEPT)))
    }
}

#[derive(Debug)]
struct KeptToken {
    header: Authorization,
    since: Instant,
    life: Duration,
}

impl KeptToken {
    /// Renewed early, by our own clock: at three quarters of its life, or when little is left.
    fn is_fresh(&self, now: Instant) -> bool {
        let age = now.saturating_duration_since(self.since);
        age < self.life.mul_f64(0.75) && age + RESERVE <= self.life
    }
}

impl Tokens {
    /// The tokens themselves; none while one is fetched.
    pub(super) fn secrets(&self) -> Vec<String> {
        let Ok(kept) = self.0.try_lock() else {
            return Vec::new();
        };
        kept.values().filter_map(|token| token.header.secret()).collect()
    }

    /// The token for these scopes and whether it is just fetched. One equal to `refused` is not given again.
    pub(super) async fn take(
        &self,
        realm: &Realm,
        scopes: &[Scope],
        refused: Option<&HeaderValue>,
        fetch: impl AsyncFnOnce() -> Result<NewToken>,
    ) -> Result<(Authorization, bool)> {
        let mut kept = self.0.lock().await;
        let mut sorted = scopes.to_vec();
        sorted.sort();
        let key = (realm.url.to_string(), sorted);
        if let Some(known) = kept.get(&key)
            && known.is_fresh(Instant::now())
            && refused != Some(&known.header.value)
        {
            return Ok((known.header.clone(), false));
        }
        let since = Instant::now();
        let grant = fetch().await?;
        let header = Authorization::bearer(&grant.token, &named(scopes))?;
        let life = grant.life;
        kept.insert(
            key,
            KeptToken {
                header: header.clone(),
                since,
                life,
            },
        );
        Ok((header, true))
    }
}

/// A token as people know it.
fn named(scopes: &[Scope]) -> String {
    let scopes: Vec<String> = scopes.iter().map(ToString::to_string).collect();
    match scopes.as_slice() {
        [] => "a token".to_owned(),
        scopes => format!("a token for {}", scopes.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    mod fuzz;

    use reqwest::Url;

    use super::*;

    fn realm(url: &str) -> Realm {
        Realm {
            url: Url::parse(url).unwrap(),
            service: Some("a service".to_owned()),
            shares_password: true,
        }
    }

    #[test]
    fn each_scope_is_a_parameter_and_the_realm_s_own_query_stays() {
        let scopes = [Scope::push("a/b"), Scope::pull("c")];
        let request = by_get(&realm("https://h/token?x=1"), &scopes, Some("me"), Purpose::LogIn);
        let url = request.url(&Url::parse("https://h/").unwrap()).unwrap();
        assert_eq!(
            url.as_str(),
            "https://h/token?x=1&account=me&client_id=rdock&offline_token=true\
             &scope=repository%3Aa%2Fb%3Apull%2Cpush&scope=repository%3Ac%3Apull&service=a+service"
        );
        let bare = Realm {
            service: None,
            ..realm("https://h/token")
        };
        let url = by_get(&bare, &[], None, Purpose::Work).url(&bare.url).unwrap();
        assert_eq!(url.as_str(), "https://h/token");
    }

    #[test]
    fn a_token_is_renewed_before_it_ends() {
        let now = Instant::now();
        let kept = |life: u64| KeptToken {
            header: Authorization::bearer(&Secret::new("x"), "x").unwrap(),
            since: now,
            life: Duration::from_secs(life),
        };
        let at = |seconds: u64| now + Duration::from_secs(seconds);
        assert!(kept(60).is_fresh(at(30)) && !kept(60).is_fresh(at(31)));
        assert!(kept(300).is_fresh(at(224)) && !kept(300).is_fresh(at(225)));
    }

    #[tokio::test]
    async fn one_token_serves_until_it_is_refused() {
        let tokens = Tokens::default();
        let realm = realm("https://h/token");
        let grant = async |token: &str| {
            Ok(NewToken {
                token: Secret::new(token.to_owned()),
                life: SHORTEST_LIFE,
                identity: None,
            })
        };
        let scopes = [Scope::pull("a"), Scope::pull("b")];
        let swapped = [Scope::pull("b"), Scope::pull("a")];
        let (first, new) = tokens
            .take(&realm, &scopes, None, async || grant("1").await)
            .await
            .unwrap();
        assert!(new && first.value.is_sensitive());
        assert_eq!(&*first.name, "a token for repository:a:pull repository:b:pull");
        let (again, new) = tokens
            .take(&realm, &swapped, None, async || grant("2").await)
            .await
            .unwrap();
        assert!(!new && again.value == first.value);
        let (other, new) = tokens
            .take(&realm, &scopes, Some(&first.value), async || grant("3").await)
            .await
            .unwrap();
        assert!(new && other.value != first.value);
        let (kept, new) = tokens
            .take(&realm, &scopes, Some(&first.value), async || grant("4").await)
            .await
            .unwrap();
        assert!(!new && kept.value == other.value);
    }

    #[tokio::test]
    async fn tokens_do_not_pile_up() {
        let tokens = Tokens::default();
        let realm = realm("https://h/token");
        let is_new = async |repository: usize| {
            let fetch = async || {
                Ok(NewToken {
                    token: Secret::new(format!("t{repository}")),
                    life: SHORTEST_LIFE,
                    identity: None,
                })
            };
            let scopes = [Scope::pull(&format!("r{repository}"))];
            tokens.take(&realm, &scopes, None, fetch).await.unwrap().1
        };
        for repository in 0..=MAX_KEPT {
            assert!(is_new(repository).await);
        }
        assert!(!is_new(MAX_KEPT).await && !is_new(1).await);
        assert!(is_new(0).await);
    }
}
