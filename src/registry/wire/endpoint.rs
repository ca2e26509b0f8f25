//! Where a registry answers: its base URL, how it is reached, and what was learned of it.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Method, StatusCode, Url};
use tokio::sync::{Mutex, OnceCell as AsyncOnceCell};
use tokio::time::timeout;

use super::answer::{Answer, IDLE_TIMEOUT};
use super::body_limits::BodyLimits;
use super::certificates::Certificates;
use super::connect_error::authority;
use super::headers;
use super::mirror::Mirror;
use super::origin::{Zone, same_origin};
use super::refusal::described;
use super::request::Request;
use super::resolver::Resolver;
use super::tls::{self, Roots};
use super::transport::{Client, UploadBody, UrlPolicy};
use super::trust::Trust;
use crate::error::{Error, Kind, Result};
use crate::image::reference::HUB;

/// Where the Hub's registry answers.
const HUB_REGISTRY: &str = "registry-1.docker.io";
/// Where the Hub's search answers.
pub(in crate::registry) const HUB_INDEX: &str = "index.docker.io";
/// How long an insecure host may take to speak TLS before plain HTTP is tried; as long as in docker.
const TLS_TIMEOUT: Duration = Duration::from_secs(10);

/// The process's way to all hosts: what is trusted, and what was learned so far.
#[derive(Debug)]
pub struct Wire {
    shared: Rc<Shared>,
    endpoints: RefCell<HashMap<String, Rc<Endpoint>>>,
}

#[derive(Debug)]
struct Shared {
    trust: Trust,
    idle_timeout: Duration,
    resolver: Resolver,
    roots: OnceCell<Roots>,
}

impl Wire {
    pub fn new(trust: Trust) -> Self {
        Self::with_idle_timeout(trust, IDLE_TIMEOUT)
    }

    /// The way out of someone who bears so long a silence of the other side.
    pub fn with_idle_timeout(trust: Trust, idle_timeout: Duration) -> Self {
        let shared = Shared {
            trust,
            idle_timeout,
            resolver: Resolver::default(),
            roots: OnceCell::new(),
        };
        Self {
            shared: Rc::new(shared),
            endpoints: RefCell::default(),
        }
    }

    /// The host behind a domain, as references spell it.
    pub(in crate::registry) fn endpoint(&self, domain: &str) -> Rc<Endpoint> {
        self.known(domain, || Endpoint::new(domain, None, &self.shared))
    }

    pub(in crate::registry) fn mirror(&self, mirror: &Mirror) -> Rc<Endpoint> {
        let key = mirror.to_string();
        self.known(&key, || {
            let domain = authority(mirror.url());
            Endpoint::new(&domain, Some(mirror.url().clone()), &self.shared)
        })
    }

    fn known(&self, key: &str, make: impl FnOnce() -> Endpoint) -> Rc<Endpoint> {
        let mut endpoints = self.endpoints.borrow_mut();
        if let Some(endpoint) = endpoints.get(key) {
            return endpoint.clone();
        }
        let endpoint = Rc::new(make());
        endpoints.insert(key.to_owned(), endpoint.clone());
        endpoint
    }
}

/// One server and what was learned of it.
#[derive(Debug)]
pub(in crate::registry) struct Endpoint {
    pub(in crate::registry) domain: String,
    /// The base URL of a mirror, whose scheme is given.
    given: Option<Url>,
    shared: Rc<Shared>,
    access: AsyncOnceCell<Access>,
    base: Mutex<Option<Url>>,
    /// Whether it is known to speak the scheme of its base.
    is_sure: Cell<bool>,
    answered: Cell<bool>,
    tls_failure: RefCell<Option<String>>,
    pub(in crate::registry) body_limits: BodyLimits,
}

/// How a host is reached.
#[derive(Debug)]
struct Access {
    client: Client,
    policy: UrlPolicy,
    /// Whether it is on this machine, at a port of its own.
    is_local: bool,
}

impl Endpoint {
    fn new(domain: &str, given: Option<Url>, shared: &Rc<Shared>) -> Self {
        Self {
            domain: domain.to_owned(),
            given,
            shared: shared.clone(),
            access: AsyncOnceCell::new(),
            base: Mutex::default(),
            is_sure: Cell::new(false),
            answered: Cell::new(false),
            tls_failure: RefCell::default(),
            body_limits: BodyLimits::default(),
        }
    }

    /// Whether the registry has answered anything yet: before that, a failure is told at once.
    pub(in crate::registry) fn has_answered(&self) -> bool {
        self.answered.get()
    }

    /// The longest silence of the other side that the user bears.
    pub(in crate::registry) fn idle_timeout(&self) -> Duration {
        self.shared.idle_timeout
    }

    /// Why TLS was given up for plain HTTP.
    pub(in crate::registry) fn tls_failure(&self) -> Option<String> {
        self.tls_failure.borrow().clone()
    }

    pub(in crate::registry) async fn url_policy(&self) -> Result<UrlPolicy> {
        Ok(self.access().await?.policy)
    }

    /// The base URL: https, or for an insecure host what it turned out to speak, or for one of this machine what it is
    /// taken to speak until [`Endpoint::is_final`] knows better.
    pub(in crate::registry) async fn base(&self) -> Result<Url> {
        let mut base = self.base.lock().await;
        if let Some(known) = &*base {
            return Ok(known.clone());
        }
        let access = self.access().await?;
        let found = match &self.given {
            Some(given) => given.clone(),
            // On this machine nobody listens on the way, and a port speaks one of the two, mostly plain HTTP.
            None if access.is_local => self.url("http")?,
            None if access.policy.insecure => self.choose_scheme(access).await?,
            None => self.url("https")?,
        };
        *base = Some(found.clone());
        Ok(found)
    }

    /// Whether what came of a request to this base is final. A registry of this machine is taken to speak plain HTTP;
    /// when that brings no registry's answer, it is asked whether it speaks TLS, and then has another base.
    pub(super) async fn is_final(&self, base: &Url, result: &Result<Answer>) -> Result<bool> {
        let access = self.access().await?;
        if !access.is_local {
            return Ok(true);
        }
        let mut known = self.base.lock().await;
        if known.as_ref().is_some_and(|known| known != base) {
            return Ok(false);
        }
        let is_plain = matches!(result, Ok(answer) if !answer.is_elsewhere && is_registry(answer));
        if !is_plain && !self.is_sure.get() {
            let found = self.choose_scheme(access).await?;
            if found != *base {
                *known = Some(found);
                self.is_sure.set(true);
                return Ok(false);
            }
        }
        self.is_sure.set(self.is_sure.get() || result.is_ok());
        Ok(true)
    }

    /// Sends a request. A failure is worded as docker words it: before the first answer all are failures to ask for
    /// `/v2/`.
    pub(super) async fn exchange(&self, request: &Request, url: &Url, proof: Option<&HeaderValue>) -> Result<Answer> {
        let access = self.access().await?;
        let result = access.client.exchange(request, url, proof, access.policy).await;
        self.note(result, &request.method, url).await
    }

    /// Streams a body to where the registry wants it. A failure of the body's source is told as it is.
    pub(super) async fn upload(
        &self,
        request: &Request,
        url: &Url,
        proof: Option<&HeaderValue>,
        body: UploadBody,
    ) -> Result<Answer> {
        let access = self.access().await?;
        let watch = body.watch();
        let result = access.client.upload(request, url, proof, body).await;
        if let Some(failure) = watch.take_failure() {
            return Err(failure);
        }
        self.note(result, &request.method, url).await
    }

    async fn note(&self, result: Result<Answer>, method: &Method, url: &Url) -> Result<Answer> {
        let failure = match result {
            Ok(answer) => {
                self.answered.set(true);
                return Ok(answer);
            }
            Err(failure) => failure,
        };
        if self.has_answered() {
            return Err(failure.during(asked(method, url)));
        }
        let mut base = self.base.lock().await;
        let own = base.take_if(|base| same_origin(base, url));
        Err(match own.and_then(|base| base.join("v2/").ok()) {
            Some(ping) => failure.during(asked(&Method::GET, &ping)),
            None => failure.during(asked(method, url)),
        })
    }

    async fn access(&self) -> Result<&Access> {
        self.access.get_or_try_init(|| self.prepare()).await
    }

    async fn prepare(&self) -> Result<Access> {
        let Shared {
            trust,
            idle_timeout,
            resolver,
            roots,
        } = &*self.shared;
        if [HUB, HUB_INDEX].contains(&self.domain.as_str()) {
            let policy = UrlPolicy {
                insecure: false,
                zone: Zone::Public,
            };
            let tls = tls::verified(roots.get_or_init(Roots::load), Certificates::default())?;
            let client = Client::new(&tls, resolver, &trust.no_proxy, *idle_timeout)?;
            return Ok(Access {
                client,
                policy,
                is_local: false,
            });
        }
        let url = self.url("https")?;
        let addresses = resolver.addresses(url.host_str().unwrap_or_default()).await;
        let is_loopback = |address: &IpAddr| address.to_canonical().is_loopback();
        let has_own_port = self.given.is_none() && url.port().is_some();
        let is_local = has_own_port && !addresses.is_empty() && addresses.iter().all(is_loopback);
        let insecure = trust.is_insecure(&self.domain, &addresses);
        let mut zone = addresses.into_iter().map(Zone::of).max().unwrap_or(Zone::of_url(&url));
        if insecure {
            zone = zone.max(Zone::Private);
        }
        let tls = if insecure {
            tls::unverified()?
        } else {
            let own = Certificates::read(&trust.certificate_folders, &self.domain)?;
            tls::verified(roots.get_or_init(Roots::load), own)?
        };
        let client = Client::new(&tls, resolver, &trust.no_proxy, *idle_timeout)?;
        let policy = UrlPolicy { insecure, zone };
        Ok(Access {
            client,
            policy,
            is_local,
        })
    }

    /// https when a registry answers over it, whoever vouches for its certificate; else plain HTTP.
    async fn choose_scheme(&self, access: &Access) -> Result<Url> {
        let https = self.url("https")?;
        let ping = Request::new(Method::GET, "/v2/");
        let url = ping.url(&https)?;
        let pinging = access.client.exchange(&ping, &url, None, access.policy);
        let why = match timeout(TLS_TIMEOUT, pinging).await {
            Ok(Ok(answer)) if is_registry(&answer) => {
                answer.discard().await;
                return Ok(https);
            }
            Ok(Ok(answer)) => format!("received unexpected HTTP status: {}", described(answer.status)),
            Ok(Err(e)) => e.to_string(),
            Err(_) => "net/http: TLS handshake timeout".to_owned(),
        };
        *self.tls_failure.borrow_mut() = Some(why);
        self.url("http")
    }

    fn url(&self, scheme: &str) -> Result<Url> {
        let host = match self.domain.as_str() {
            HUB => HUB_REGISTRY,
            other => other,
        };
        Url::parse(&format!("{scheme}://{host}/"))
            .ok()
            .filter(|url| url.path() == "/" && url.username().is_empty())
            .filter(|url| url.query().is_none() && url.fragment().is_none())
            .ok_or_else(|| Error::new(Kind::Usage, format!("\"{host}\" is not a valid registry host")))
    }
}

/// What a registry answers to `GET /v2/` without a proof.
fn is_registry(answer: &Answer) -> bool {
    answer.status.is_success()
        || [StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS].contains(&answer.status)
        || headers::is_registry_s(&answer.headers)
}

/// `Get "https://host/v2/"`, without the query, which may be signed.
pub(super) fn asked(method: &Method, url: &Url) -> String {
    let name = method.as_str();
    let verb = name[..1].to_owned() + &name[1..].to_ascii_lowercase();
    let mut url = url.clone();
    url.set_query(None);
    format!("{verb} \"{url}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_query_is_not_shown() {
        let url = Url::parse("https://h/v2/a?sig=secret").unwrap();
        assert_eq!(asked(&Method::GET, &url), "Get \"https://h/v2/a\"");
    }

    #[test]
    fn the_hub_answers_elsewhere_and_nonsense_nowhere() {
        let wire = Wire::new(Trust::default());
        assert_eq!(
            wire.endpoint("docker.io").url("https").unwrap().as_str(),
            "https://registry-1.docker.io/"
        );
        assert_eq!(
            wire.endpoint("[::1]:5000").url("http").unwrap().as_str(),
            "http://[::1]:5000/"
        );
        for bad in ["", "a b", "h/path", "u:p@h", "h:99999", "h?x"] {
            assert!(wire.endpoint(bad).url("https").is_err(), "{bad}");
        }
    }
}
