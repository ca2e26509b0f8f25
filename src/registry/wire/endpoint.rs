//! Where a registry answers: its base URL, how it is reached, and what was learned of it.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use reqwest::{Method, StatusCode, Url};
use tokio::sync::{Mutex, OnceCell as AsyncOnceCell};
use tokio::time::timeout;

use super::answer::Answer;
use super::authorization::Authorization;
use super::body_limits::BodyLimits;
use super::bounded_map::BoundedMap;
use super::certificates::Certificates;
use super::connect_error::authority;
use super::headers;
use super::origin::same_origin;
use super::refusal::described;
use super::request::Request;
use super::tls::{self, Roots};
use super::trace::Trace;
use super::transport::{Client, Surroundings};
use super::trust::{Trust, are_loopback};
use super::upload_body::UploadBody;
use super::url_policy::{UrlPolicy, has_login};
use super::zone::Zone;
use crate::error::{Clue, Error, Kind, Result};
use crate::image::reference::HUB;

/// Where the Hub's registry answers.
const HUB_REGISTRY: &str = "registry-1.docker.io";
/// Where the Hub's search answers.
pub(in crate::registry) const HUB_INDEX: &str = "index.docker.io";
/// How long an insecure host may take to speak TLS before plain HTTP is tried; as long as in docker.
const TLS_TIMEOUT: Duration = Duration::from_secs(10);

/// How many hosts are known to have answered: a registry may lead to any number.
const MAX_ANSWERED: usize = 128;

/// What all endpoints of a process have in common.
#[derive(Debug)]
pub(super) struct Shared {
    trust: Trust,
    surroundings: Surroundings,
    roots: OnceCell<Roots>,
}

impl Shared {
    pub(super) fn new(trust: Trust, surroundings: Surroundings) -> Self {
        let roots = OnceCell::new();
        Self {
            trust,
            surroundings,
            roots,
        }
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
    scheme: Scheme,
    /// Where something has answered, here or further on: the hosts with their ports.
    answered: RefCell<BoundedMap<String, ()>>,
    pub(in crate::registry) body_limits: BodyLimits,
}

/// Whether a host speaks TLS or plain HTTP.
#[derive(Debug, Default)]
struct Scheme {
    base: Mutex<Option<Url>>,
    /// Whether it is known to speak the scheme of its base.
    is_sure: Cell<bool>,
    /// Why TLS was given up for plain HTTP.
    tls_failure: RefCell<Option<String>>,
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
    /// The host behind a domain, as references spell it, or a mirror with its base URL.
    pub(super) fn new(domain: &str, given: Option<Url>, shared: &Rc<Shared>) -> Self {
        Self {
            domain: domain.to_owned(),
            given,
            shared: shared.clone(),
            access: AsyncOnceCell::new(),
            scheme: Scheme::default(),
            answered: RefCell::new(BoundedMap::new(MAX_ANSWERED)),
            body_limits: BodyLimits::default(),
        }
    }

    /// Whether anything has answered yet: before that, a failure is told soon.
    pub(in crate::registry) fn has_answered(&self) -> bool {
        !self.answered.borrow().is_empty()
    }

    /// The longest silence of the other side that the user allows.
    pub(in crate::registry) fn idle_timeout(&self) -> Duration {
        self.shared.surroundings.idle_timeout
    }

    /// Where the requests to it are told of.
    pub(super) fn trace(&self) -> &Trace {
        &self.shared.surroundings.trace
    }

    /// Why TLS was given up for plain HTTP.
    pub(in crate::registry) fn tls_failure(&self) -> Option<String> {
        self.scheme.tls_failure.borrow().clone()
    }

    pub(in crate::registry) async fn url_policy(&self) -> Result<UrlPolicy> {
        Ok(self.access().await?.policy)
    }

    /// The base URL: https, or for an insecure host what it turned out to speak, or for one of this machine what it is
    /// taken to speak until [`Endpoint::is_final`] knows better.
    pub(in crate::registry) async fn base(&self) -> Result<Url> {
        let mut base = self.scheme.base.lock().await;
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
        let mut known = self.scheme.base.lock().await;
        if known.as_ref().is_some_and(|known| known != base) {
            return Ok(false);
        }
        let is_plain = matches!(result, Ok(answer) if !answer.is_elsewhere && is_registry(answer));
        if !is_plain && !self.scheme.is_sure.get() {
            let found = self.choose_scheme(access).await?;
            if found != *base {
                *known = Some(found);
                self.scheme.is_sure.set(true);
                return Ok(false);
            }
        }
        self.scheme.is_sure.set(self.scheme.is_sure.get() || result.is_ok());
        Ok(true)
    }

    /// Sends a request. A failure is worded as docker words it: before the first answer all are failures to ask for
    /// `/v2/`.
    pub(super) async fn exchange(&self, request: &Request, url: &Url, proof: Option<&Authorization>) -> Result<Answer> {
        let access = self.access().await?;
        let result = access.client.exchange(request, url, proof).await;
        self.note(result, &request.method, url).await
    }

    /// Streams a body to where the registry wants it. A failure of the body's source is told as it is.
    pub(super) async fn upload(
        &self,
        request: &Request,
        url: &Url,
        proof: Option<&Authorization>,
        body: UploadBody,
    ) -> Result<Answer> {
        let access = self.access().await?;
        let watch = body.watch.clone();
        let result = access.client.upload(request, url, proof, body).await;
        if let Some(failure) = watch.take_failure() {
            return Err(failure);
        }
        self.note(result, &request.method, url).await
    }

    async fn note(&self, result: Result<Answer>, method: &Method, url: &Url) -> Result<Answer> {
        let failure = match result {
            Ok(answer) => {
                let mut answered = self.answered.borrow_mut();
                answered.insert(authority(url), ());
                answered.insert(authority(&answer.url), ());
                drop(answered);
                return Ok(answer);
            }
            Err(failure) if self.is_nobody(&failure) => failure.into_final(),
            Err(failure) => failure,
        };
        if self.has_answered() {
            return Err(failure.during(asked(method, url)));
        }
        let mut base = self.scheme.base.lock().await;
        let own = base.take_if(|base| same_origin(base, url));
        Err(match own.and_then(|base| base.join("v2/").ok()) {
            Some(ping) => failure.during(asked(&Method::GET, &ping)),
            None => failure.during(asked(method, url)),
        })
    }

    /// Whether there is nothing where nothing ever was: a wrong name or port, which no retry mends.
    fn is_nobody(&self, failure: &Error) -> bool {
        let Some(Clue::Unreachable { host }) = failure.clue() else {
            return false;
        };
        self.answered.borrow().get(host).is_none()
    }

    async fn access(&self) -> Result<&Access> {
        self.access.get_or_try_init(|| self.prepare()).await
    }

    async fn prepare(&self) -> Result<Access> {
        let Shared {
            trust, surroundings, ..
        } = &*self.shared;
        if [HUB, HUB_INDEX].contains(&self.domain.as_str()) {
            // A network may have a Docker Hub of its own behind its names.
            let policy = UrlPolicy {
                insecure: false,
                zone: self.zone_of(&self.url("https")?).await,
            };
            let client = self.client(Some(Certificates::default()), policy)?;
            return Ok(Access {
                client,
                policy,
                is_local: false,
            });
        }
        let url = self.url("https")?;
        let own = Certificates::read(&trust.certificate_folders, &self.domain)?;
        let addresses = surroundings
            .resolver
            .addresses(url.host_str().unwrap_or_default())
            .await;
        // Whoever put an authority's certificate there wants it to be asked for, on this machine too.
        let insecure = own.authorities.is_empty() && trust.is_insecure(&self.domain, &addresses);
        let has_own_port = self.given.is_none() && url.port().is_some();
        let is_local = insecure && has_own_port && are_loopback(&addresses);
        let mut zone = self.zone_of(&url).await;
        if insecure {
            zone = zone.max(Zone::Private);
        }
        let policy = UrlPolicy { insecure, zone };
        let client = self.client((!insecure).then_some(own), policy)?;
        Ok(Access {
            client,
            policy,
            is_local,
        })
    }

    /// One of several addresses is enough to be far away.
    async fn zone_of(&self, url: &Url) -> Zone {
        let resolver = &self.shared.surroundings.resolver;
        let addresses = resolver.addresses(url.host_str().unwrap_or_default()).await;
        addresses.into_iter().map(Zone::of).min().unwrap_or(Zone::of_url(url))
    }

    /// Connections that are verified by the system's roots and these, or by nothing.
    fn client(&self, own: Option<Certificates>, policy: UrlPolicy) -> Result<Client> {
        let Shared {
            surroundings, roots, ..
        } = &*self.shared;
        let tls = match own {
            Some(own) => tls::verified(roots.get_or_init(Roots::load), own)?,
            None => tls::unverified()?,
        };
        Client::new(&tls, policy, surroundings)
    }

    /// https when a registry answers over it, whoever vouches for its certificate; else plain HTTP.
    async fn choose_scheme(&self, access: &Access) -> Result<Url> {
        let https = self.url("https")?;
        let ping = Request::new(Method::GET, "/v2/");
        let url = ping.url(&https)?;
        let pinging = access.client.exchange(&ping, &url, None);
        let why = match timeout(TLS_TIMEOUT, pinging).await {
            Ok(Ok(answer)) if is_registry(&answer) => {
                answer.discard().await;
                return Ok(https);
            }
            Ok(Ok(answer)) => format!("received unexpected HTTP status: {}", described(answer.status)),
            Ok(Err(e)) => e.to_string(),
            Err(_) => "net/http: TLS handshake timeout".to_owned(),
        };
        *self.scheme.tls_failure.borrow_mut() = Some(why);
        self.url("http")
    }

    fn url(&self, scheme: &str) -> Result<Url> {
        let host = match self.domain.as_str() {
            HUB => HUB_REGISTRY,
            other => other,
        };
        Url::parse(&format!("{scheme}://{host}/"))
            .ok()
            .filter(|url| url.path() == "/" && !has_login(url))
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
    mod fuzz;

    use super::*;

    #[test]
    fn a_signed_query_is_not_shown() {
        let url = Url::parse("https://h/v2/a?sig=secret").unwrap();
        assert_eq!(asked(&Method::GET, &url), "Get \"https://h/v2/a\"");
    }

    #[test]
    fn the_hub_answers_elsewhere_and_nonsense_nowhere() {
        let wire = super::super::Wire::new(Trust::default());
        assert_eq!(
            wire.endpoint("docker.io").url("https").unwrap().as_str(),
            "https://registry-1.docker.io/"
        );
        assert_eq!(
            wire.endpoint("[::1]:5000").url("http").unwrap().as_str(),
            "http://[::1]:5000/"
        );
        for bad in ["", "a b", "h/path", "u:p@h", ":p@h", "h:99999", "h?x"] {
            assert!(wire.endpoint(bad).url("https").is_err(), "{bad}");
        }
    }
}
