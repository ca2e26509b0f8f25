//! Who may come in: everybody, or the users of an htpasswd file, by Basic or with a token of the registry's own.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CACHE_CONTROL, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::super::http::access_log::Log;
use super::super::http::body::{self, Unread};
use super::super::http::query::Query;
use super::super::http::refusal::{Code, Refusal};
use super::super::http::reply::{Answer, json as json_reply};
use super::htpasswd::Htpasswd;
use super::tokens::{Tokens, Worth};
use crate::error::{Error, Kind, Result};

const MAX_FORM: usize = 64 << 10;
const FORM_TIMEOUT: Duration = Duration::from_secs(10);
/// What the token endpoint calls this registry.
const SERVICE: &str = "rdock";

/// What a request must be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Need<'a> {
    Nothing,
    /// Any user will do.
    Login,
    /// In the words of docker's token spec: type, name, actions.
    Scope(&'static str, &'a str, &'static str),
}

pub(in crate::server) struct Access {
    htpasswd: Option<Htpasswd>,
    realm: Option<String>,
    tokens: Tokens,
}

impl Access {
    pub(in crate::server) fn new(htpasswd: Option<PathBuf>, realm: Option<String>, log: &Log) -> Result<Self> {
        if let Some(realm) = &realm {
            let is_url = realm.starts_with("http://") || realm.starts_with("https://");
            if !is_url || realm.contains(['"', '\\', ' ']) || realm.chars().any(char::is_control) {
                return Err(Error::new(
                    Kind::Usage,
                    format!("the token realm {realm:?} is not a URL"),
                ));
            }
            if htpasswd.is_none() {
                return Err(Error::new(Kind::Usage, "tokens need users: give --htpasswd too"));
            }
        }
        Ok(Self {
            htpasswd: htpasswd.map(|path| Htpasswd::open(path, Rc::clone(log))).transpose()?,
            realm,
            tokens: Tokens::default(),
        })
    }

    /// Whether nobody has to prove who he is.
    pub(in crate::server) fn is_open(&self) -> bool {
        self.htpasswd.is_none()
    }

    /// The user who asks, or nobody where everybody may; an error for one who may not.
    pub(in crate::server) async fn admit<B>(&self, request: &Request<B>, need: Need<'_>) -> Result<String, Refusal> {
        let Some(htpasswd) = &self.htpasswd else {
            return Ok(String::new());
        };
        if need == Need::Nothing {
            return Ok(String::new());
        }
        let header = request
            .headers()
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let unauthorized = || self.challenge(need, None);
        let Some((scheme, proof)) = header.and_then(|header| header.split_once(' ')) else {
            return Err(unauthorized());
        };
        if scheme.eq_ignore_ascii_case("basic") {
            let (user, password) = basic(proof).ok_or_else(unauthorized)?;
            if !htpasswd.knows(&user, &password).await {
                return Err(unauthorized());
            }
            return Ok(user);
        }
        if scheme.eq_ignore_ascii_case("bearer") && self.realm.is_some() {
            return match self.tokens.worth(proof.trim(), need) {
                Worth::Enough { user } => Ok(user),
                // Without it podman asks for no greater token.
                Worth::TooLittle => Err(self.challenge(need, Some("insufficient_scope"))),
                Worth::Nothing => Err(self.challenge(need, Some("invalid_token"))),
            };
        }
        Err(unauthorized())
    }

    /// The refusal that says how somebody may prove who he is, and what was wrong with what he showed
    /// (<https://www.rfc-editor.org/rfc/rfc6750.html#section-3.1>).
    fn challenge(&self, need: Need<'_>, wrong: Option<&str>) -> Refusal {
        let wrong = wrong.map_or_else(String::new, |wrong| format!(",error=\"{wrong}\""));
        let challenge = match &self.realm {
            None => "Basic realm=\"rdock\"".to_owned(),
            Some(realm) => {
                let scope = match need {
                    Need::Scope(kind, name, actions) => format!(",scope=\"{kind}:{name}:{actions}\""),
                    Need::Nothing | Need::Login => String::new(),
                };
                format!("Bearer realm=\"{realm}\",service=\"{SERVICE}\"{scope}{wrong}")
            }
        };
        let refusal = unauthorized().about(detail(need));
        match HeaderValue::try_from(challenge) {
            Ok(challenge) => refusal.with(WWW_AUTHENTICATE, challenge),
            Err(_) => refusal,
        }
    }

    /// The token endpoint: GET with Basic, or POST with a form.
    pub(in crate::server) async fn token(&self, request: Request<Incoming>) -> Answer {
        let Some(htpasswd) = self.htpasswd.as_ref().filter(|_| self.realm.is_some()) else {
            return Err(Refusal::not_found("this registry gives no tokens"));
        };
        let header = request
            .headers()
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let by_header = header
            .and_then(|header| header.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
            .and_then(|(_, proof)| basic(proof));
        let (login, scopes) = if *request.method() == Method::POST {
            let form = body::read(request.into_body(), MAX_FORM, FORM_TIMEOUT).await;
            let form = form.map_err(|why| match why {
                Unread::Late => Refusal::late(Code::Unsupported, "the form does not go on"),
                Unread::TooLarge | Unread::Broken => Refusal::bad(Code::Unsupported, "the form cannot be read"),
            })?;
            let form = Query::parse(&String::from_utf8_lossy(&form));
            if form.first("grant_type") != Some("password") {
                // Clients ask once more with GET then.
                let why = "only grant_type=password is known";
                return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, Code::Unsupported, why));
            }
            let login = form.first("username").zip(form.first("password"));
            let login = login.map(|(user, password)| (user.to_owned(), password.to_owned()));
            (login, scopes(&form))
        } else {
            let query = Query::parse(request.uri().query().unwrap_or_default());
            (by_header, scopes(&query))
        };
        let refused = || {
            let challenge = HeaderValue::from_static("Basic realm=\"rdock\"");
            unauthorized()
                .about(detail(Need::Login))
                .with(WWW_AUTHENTICATE, challenge)
        };
        let (user, password) = login.ok_or_else(refused)?;
        if !htpasswd.knows(&user, &password).await {
            return Err(refused());
        }
        let mut reply = json_reply(self.tokens.give(&user, scopes)?.to_string());
        reply
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(reply)
    }
}

/// Every user may do everything: the scopes are granted as they are asked for.
fn scopes(query: &Query) -> Vec<String> {
    let texts = query.all("scope").flat_map(|text| text.split(' '));
    texts
        .filter(|text| !text.is_empty())
        .take(100)
        .map(str::to_owned)
        .collect()
}

fn unauthorized() -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, Code::Unauthorized, "authentication required")
}

/// What was asked for, as docker's registry says it.
fn detail(need: Need<'_>) -> Value {
    match need {
        Need::Scope(kind, name, actions) => actions
            .split(',')
            .map(|action| json!({ "Type": kind, "Class": "", "Name": name, "Action": action }))
            .collect(),
        Need::Nothing | Need::Login => json!([]),
    }
}

fn basic(proof: &str) -> Option<(String, String)> {
    let decoded = String::from_utf8(STANDARD.decode(proof.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}
