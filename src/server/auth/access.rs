//! Who may come in: everybody, or the users of an htpasswd file, by Basic or with a token of the registry's own; and what
//! each may do, if a file of rights says so.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CACHE_CONTROL, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::super::http::access_log::Log;
use super::super::http::body::{self, Unread};
use super::super::http::query::Query;
use super::super::http::refusal::{Code, Refusal};
use super::super::http::reply::{Answer, json as json_reply};
use super::caller::Caller;
use super::htpasswd::Htpasswd;
use super::need::Need;
use super::rights::Rights;
use super::scope::Scope;
use super::tokens::Tokens;
use super::watched_file::WatchedFile;
use crate::error::{Error, Kind, Result};

const MAX_FORM: usize = 64 << 10;
const FORM_TIMEOUT: Duration = Duration::from_secs(10);
/// Scopes that one token may be asked for.
const MAX_SCOPES: usize = 100;
/// What the token endpoint calls this registry.
const SERVICE: &str = "rdock";

/// Who may come in, and to what. Without users everybody may everything.
#[derive(Default)]
pub struct Users {
    /// Names and bcrypt hashes.
    pub htpasswd: Option<PathBuf>,
    /// Which user may do what with which repositories; without it each may everything.
    pub rights: Option<PathBuf>,
    /// Where clients get tokens: the URL of this registry's own `/token` as they reach it.
    pub token_realm: Option<String>,
}

pub(in crate::server) struct Access {
    htpasswd: Option<Htpasswd>,
    rights: Option<WatchedFile<Rights>>,
    realm: Option<String>,
    tokens: Tokens,
}

impl Access {
    pub(in crate::server) fn new(users: Users, log: &Log) -> Result<Self> {
        let usage = |why: &str| Err(Error::new(Kind::Usage, why));
        if let Some(realm) = &users.token_realm {
            let is_url = realm.starts_with("http://") || realm.starts_with("https://");
            if !is_url || realm.contains(['"', '\\', ' ']) || realm.chars().any(char::is_control) {
                return usage(&format!("the token realm {realm:?} is not a URL"));
            }
        }
        match &users {
            Users { htpasswd: Some(_), .. } => {}
            Users { rights: Some(_), .. } => return usage("rights need users: give --htpasswd too"),
            Users {
                token_realm: Some(_), ..
            } => return usage("tokens need users: give --htpasswd too"),
            _ => {}
        }
        let htpasswd = users.htpasswd.map(|path| Htpasswd::open(path, Rc::clone(log)));
        let rights = users
            .rights
            .map(|path| WatchedFile::open(path, Rights::parse, Rc::clone(log)));
        Ok(Self {
            htpasswd: htpasswd.transpose()?,
            rights: rights.transpose()?,
            realm: users.token_realm,
            tokens: Tokens::default(),
        })
    }

    /// Whether nobody has to prove who he is.
    pub(in crate::server) fn is_open(&self) -> bool {
        self.htpasswd.is_none()
    }

    /// Whether somebody may see one repository and not another.
    pub(in crate::server) fn is_divided(&self) -> bool {
        self.rights.is_some() || self.realm.is_some()
    }

    /// The caller, if he may do what he asks for.
    pub(in crate::server) async fn admit<B>(&self, request: &Request<B>, need: Need<'_>) -> Result<Caller, Refusal> {
        let Some(htpasswd) = self.htpasswd.as_ref().filter(|_| need != Need::Nothing) else {
            return Ok(Caller::default());
        };
        let header = request
            .headers()
            .get(AUTHORIZATION)
            .map(|value| value.to_str().unwrap_or_default());
        let caller = match header {
            Some(header) => self.identify(htpasswd, header, need).await?,
            None if need == Need::Login => return Err(self.challenge(need, None)),
            None => self.caller(String::new(), None).await,
        };
        let is_known = header.is_some();
        // Without `insufficient_scope` podman asks for no greater token.
        match need {
            Need::Nothing | Need::Login => Ok(caller),
            Need::Catalog if caller.may_list_some() => Ok(caller),
            Need::Catalog => Err(self.challenge(need, is_known.then_some(INSUFFICIENT))),
            Need::Repository { name, actions, .. } => {
                if !actions.iter().all(|action| caller.has_scope(name, *action)) {
                    return Err(self.challenge(need, Some(INSUFFICIENT)));
                }
                if actions.iter().all(|action| caller.has_right(name, *action)) {
                    return Ok(caller);
                }
                Err(if is_known {
                    denied(need)
                } else {
                    self.challenge(need, None)
                })
            }
        }
    }

    async fn caller(&self, user: String, scopes: Option<Rc<[Scope]>>) -> Caller {
        let rights = match &self.rights {
            // A file that cannot be used allows nothing.
            Some(file) => Some(file.current().await.unwrap_or_default()),
            None if user.is_empty() && scopes.is_none() => Some(Rc::default()),
            None => None,
        };
        Caller { user, scopes, rights }
    }

    async fn identify(&self, htpasswd: &Htpasswd, header: &str, need: Need<'_>) -> Result<Caller, Refusal> {
        let unauthorized = || self.challenge(need, None);
        let (scheme, proof) = header.split_once(' ').ok_or_else(unauthorized)?;
        if scheme.eq_ignore_ascii_case("basic") {
            let (user, password) = basic(proof).ok_or_else(unauthorized)?;
            if user.is_empty() || !htpasswd.knows(&user, &password).await {
                return Err(unauthorized());
            }
            return Ok(self.caller(user, None).await);
        }
        if scheme.eq_ignore_ascii_case("bearer") && self.realm.is_some() {
            let token = self.tokens.find(proof.trim());
            let token = token.ok_or_else(|| self.challenge(need, Some("invalid_token")))?;
            return Ok(self.caller(token.user, Some(token.scopes)).await);
        }
        Err(unauthorized())
    }

    /// The refusal that says how somebody may prove who he is, and what was wrong with what he showed
    /// (<https://www.rfc-editor.org/rfc/rfc6750.html#section-3.1>).
    fn challenge(&self, need: Need<'_>, wrong: Option<&str>) -> Refusal {
        let challenge = match &self.realm {
            None => BASIC.to_owned(),
            Some(realm) => {
                let wrong = wrong.map_or_else(String::new, |wrong| format!(",error=\"{wrong}\""));
                let scope = need.scope().map_or_else(String::new, |(kind, name, actions)| {
                    format!(",scope=\"{kind}:{name}:{actions}\"")
                });
                format!("Bearer realm=\"{realm}\",service=\"{SERVICE}\"{scope}{wrong}")
            }
        };
        let detail = match wrong {
            Some(INSUFFICIENT) => detail(need),
            _ => nameless(detail(need)),
        };
        let refusal = unauthorized().about(detail);
        match HeaderValue::try_from(challenge) {
            Ok(challenge) => refusal.with(WWW_AUTHENTICATE, challenge),
            Err(_) => refusal,
        }
    }

    /// The token endpoint: GET with Basic, or POST with a form. `canonical` tells a repository's name in the catalog.
    pub(in crate::server) async fn token(
        &self,
        request: Request<Incoming>,
        canonical: impl Fn(&str) -> Option<String>,
    ) -> Answer {
        let Some(htpasswd) = self.htpasswd.as_ref().filter(|_| self.realm.is_some()) else {
            return Err(Refusal::not_found("this registry gives no tokens"));
        };
        let (login, asked) = match *request.method() {
            Method::POST => of_form(request).await?,
            _ => of_query(&request),
        };
        let refused = || {
            let challenge = HeaderValue::from_static(BASIC);
            unauthorized()
                .about(detail(Need::Login))
                .with(WWW_AUTHENTICATE, challenge)
        };
        let user = match login {
            Login::Nobody => String::new(),
            Login::User(user, password) if !user.is_empty() && htpasswd.knows(&user, &password).await => user,
            Login::User(..) | Login::Unreadable => return Err(refused()),
        };
        let caller = self.caller(user, None).await;
        if caller.user.is_empty() && !caller.may_list_some() {
            return Err(refused());
        }
        let scopes = asked.iter().take(MAX_SCOPES);
        let scopes = scopes.filter_map(|text| Scope::parse(text, &canonical));
        let granted = scopes.filter_map(|scope| scope.limited(|name, action| caller.may(name, action)));
        let given = self.tokens.give(&caller.user, granted.collect())?;
        let mut reply = json_reply(given.to_string());
        reply
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(reply)
    }
}

/// The refusal of a token that is for something else.
const INSUFFICIENT: &str = "insufficient_scope";
const BASIC: &str = "Basic realm=\"rdock\"";

/// The user who asks for a token.
enum Login {
    Nobody,
    User(String, String),
    Unreadable,
}

fn of_query<B>(request: &Request<B>) -> (Login, Vec<String>) {
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let header = |headers: &HeaderMap| {
        headers
            .get(AUTHORIZATION)
            .map(|it| it.to_str().unwrap_or_default().to_owned())
    };
    let login = match header(request.headers()) {
        None => Login::Nobody,
        Some(header) => header
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
            .and_then(|(_, proof)| basic(proof))
            .map_or(Login::Unreadable, |(user, password)| Login::User(user, password)),
    };
    (login, scopes(&query))
}

async fn of_form(request: Request<Incoming>) -> Result<(Login, Vec<String>), Refusal> {
    let form = body::read(request.into_body(), MAX_FORM, FORM_TIMEOUT, &mut |_| true).await;
    let form = form.map_err(|why| match why {
        Unread::Late => Refusal::late(Code::Unsupported, "the form does not go on"),
        Unread::TooLarge | Unread::Broken | Unread::Crowded => {
            Refusal::bad(Code::Unsupported, "the form cannot be read")
        }
    })?;
    let form = Query::parse(&String::from_utf8_lossy(&form));
    if form.first("grant_type") != Some("password") {
        // Clients ask once more with GET then.
        let why = "only grant_type=password is known";
        return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, Code::Unsupported, why));
    }
    let login = form.first("username").zip(form.first("password"));
    let login = login.map_or(Login::Unreadable, |(user, password)| {
        Login::User(user.to_owned(), password.to_owned())
    });
    Ok((login, scopes(&form)))
}

fn scopes(query: &Query) -> Vec<String> {
    let texts = query.all("scope").flat_map(|text| text.split(' '));
    texts.filter(|text| !text.is_empty()).map(str::to_owned).collect()
}

fn unauthorized() -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, Code::Unauthorized, "authentication required")
}

/// The refusal for somebody who is known and may not.
fn denied(need: Need<'_>) -> Refusal {
    let why = "requested access to the resource is denied";
    Refusal::new(StatusCode::FORBIDDEN, Code::Denied, why).about(detail(need))
}

/// What was asked for, as docker's registry says it.
fn detail(need: Need<'_>) -> Value {
    let Some((kind, name, actions)) = need.scope() else {
        return json!([]);
    };
    let of_action = |action| json!({ "Type": kind, "Class": "", "Name": name, "Action": action });
    actions.split(',').map(of_action).collect()
}

/// Who has proved nothing reads no name of a repository in the body, not even the one that he asked for.
fn nameless(mut detail: Value) -> Value {
    for of_action in detail.as_array_mut().into_iter().flatten() {
        of_action["Name"] = json!("");
    }
    detail
}

fn basic(proof: &str) -> Option<(String, String)> {
    let decoded = String::from_utf8(STANDARD.decode(proof.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}
