//! One request, one answer: redirects, proofs that stay with their origin, time limits, size limits.
//!
//! Nothing here repeats a request; what may be repeated is decided where its meaning is known.

use std::time::Duration;

use futures_util::StreamExt;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH};
use reqwest::{Method, Response, Url, redirect};
use tokio::time::{timeout, timeout_at};

use super::answer::{Answer, silent};
use super::authorization::Authorization;
use super::connect_error::{authority, describe};
use super::headers;
use super::origin::same_origin;
use super::proxies::Proxies;
use super::request::Request;
use super::resolver::Resolver;
use super::tls::{Tls, Versions};
use super::trace::{Exchange, Trace};
use super::upload_body::UploadBody;
use super::url_policy::{UrlPolicy, check_length};
use crate::error::{Clue, Error, Kind, Result};

/// The longest wait for a connection, TLS included: four tries of TCP.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// The longest wait for the answer to an upload: a registry may have to copy the whole blob first.
const COMMIT_TIMEOUT: Duration = Duration::from_mins(5);
const MAX_REDIRECTS: usize = 10;

/// What all connections of a process have in common.
#[derive(Debug, Clone)]
pub(super) struct Surroundings {
    pub(super) resolver: Resolver,
    pub(super) proxies: Proxies,
    /// The longest silence of the other side.
    pub(super) idle_timeout: Duration,
    pub(super) trace: Trace,
}

/// The connections to one host and to where it leads.
#[derive(Debug)]
pub(super) struct Client {
    proxied: reqwest::Client,
    /// Connects to no address that is nearer than the host's own.
    direct: reqwest::Client,
    policy: UrlPolicy,
    tls_versions: Versions,
    surroundings: Surroundings,
}

impl Client {
    pub(super) fn new(tls: &Tls, policy: UrlPolicy, surroundings: &Surroundings) -> Result<Self> {
        let (resolver, proxies) = (&surroundings.resolver, &surroundings.proxies);
        let builder = || {
            reqwest::Client::builder()
                .tls_backend_preconfigured(tls.config.clone())
                .user_agent(concat!("rdock/", env!("CARGO_PKG_VERSION")))
                .redirect(redirect::Policy::none())
                .referer(false)
                .connect_timeout(CONNECT_TIMEOUT.min(surroundings.idle_timeout))
        };
        let guarded = resolver.guarded(policy.zone);
        let failed = |e: reqwest::Error| Error::new(Kind::Unsupported, "cannot set up HTTP").caused_by(e);
        Ok(Self {
            // It knows the names of proxies alone; theirs are the addresses of the rest.
            proxied: proxies
                .with(builder())
                .and_then(|builder| builder.dns_resolver(resolver.clone()).build())
                .map_err(failed)?,
            direct: builder().no_proxy().dns_resolver(guarded).build().map_err(failed)?,
            policy,
            tls_versions: tls.versions.clone(),
            surroundings: surroundings.clone(),
        })
    }

    /// Sends a request and follows where it is sent on to. The proof goes to the origin it is meant for only.
    pub(super) async fn exchange(&self, request: &Request, url: &Url, proof: Option<&Authorization>) -> Result<Answer> {
        let mut at = url.clone();
        let mut method = request.method.clone();
        for _ in 0..=MAX_REDIRECTS {
            let is_elsewhere = !same_origin(&at, url);
            let keeps_body = method == request.method;
            let mut sending = self.begin(&method, &at)?.headers(request.headers.clone());
            let proof = proof.filter(|_| !is_elsewhere);
            if let Some(proof) = proof {
                sending = sending.header(AUTHORIZATION, proof.value.clone());
            }
            let mut length = 0;
            if keeps_body && takes_body(&method) {
                length = request.body.len() as u64;
                sending = sending
                    .header(CONTENT_LENGTH, request.body.len())
                    .body(request.body.clone());
            }
            let idle_timeout = if takes_body(&method) {
                COMMIT_TIMEOUT
            } else {
                self.surroundings.idle_timeout
            };
            let login = proof.map(|proof| &*proof.name).or(request.holds.as_deref());
            let exchange = self.surroundings.trace.asks(&method, &at, login, length);
            let sent = timeout(head_timeout(idle_timeout), sending.send()).await;
            let mut answer = self.answer(sent.ok(), &at, exchange)?;
            answer.is_elsewhere = is_elsewhere;
            if !answer.is_redirect() {
                return Ok(answer);
            }
            let next = headers::location(&answer.headers, &at)?;
            let is_repeated = matches!(answer.status.as_u16(), 307 | 308);
            if writes(&method) && !(is_repeated && same_origin(&next, url)) {
                return Err(sent_on(&method, url, &next));
            }
            self.policy.check(&at, &next)?;
            if !is_repeated && method != Method::HEAD {
                method = Method::GET;
            }
            answer.discard().await;
            at = next;
        }
        let message = format!("stopped after {MAX_REDIRECTS} redirects");
        Err(Error::new(Kind::Unsupported, message))
    }

    /// Streams a body of `length` bytes, once; a redirect is an answer like any other.
    pub(super) async fn upload(
        &self,
        request: &Request,
        url: &Url,
        proof: Option<&Authorization>,
        body: UploadBody,
    ) -> Result<Answer> {
        let UploadBody { stream, length, watch } = body;
        let idle_timeout = self.surroundings.idle_timeout;
        watch.begin(head_timeout(idle_timeout));
        let watching = watch.clone();
        let mut left = length;
        let watched = stream.map(move |item| {
            left = left.saturating_sub(item.as_ref().map_or(0, |chunk| chunk.len() as u64));
            watching.saw(if left == 0 { COMMIT_TIMEOUT } else { idle_timeout }, item)
        });
        let mut sending = self
            .begin(&request.method, url)?
            .headers(request.headers.clone())
            // Without it the body would go out in chunked encoding, which several registries refuse.
            .header(CONTENT_LENGTH, length)
            .body(reqwest::Body::wrap_stream(watched));
        if let Some(proof) = proof {
            sending = sending.header(AUTHORIZATION, proof.value.clone());
        }
        let login = proof.map(|proof| &*proof.name);
        let exchange = self.surroundings.trace.asks(&request.method, url, login, length);
        let mut sending = std::pin::pin!(sending.send());
        let sent = loop {
            let deadline = watch.deadline();
            match timeout_at(deadline, sending.as_mut()).await {
                Ok(sent) => break Some(sent),
                Err(_) if watch.deadline() > deadline => {}
                Err(_) => break None,
            }
        };
        self.answer(sent, url, exchange)
    }

    /// What came of a request; nothing where nothing came in time.
    fn answer(&self, sent: Option<reqwest::Result<Response>>, url: &Url, mut exchange: Exchange) -> Result<Answer> {
        let response = match sent {
            Some(Ok(response)) => Ok(response),
            Some(Err(e)) => Err(describe(&e, url, &self.surroundings.resolver)),
            None => Err(unanswered(url)),
        };
        let response = response.inspect_err(|e| exchange.failed(e))?;
        let tls = url.host_str().filter(|_| url.scheme() == "https");
        let tls = tls.and_then(|host| self.tls_versions.of(host));
        let status = response.status().as_u16();
        let is_proxied = self.surroundings.proxies.cover(url)?;
        exchange.answered(status, response.remote_addr(), is_proxied, tls);
        let answer = Answer::new(response, url.clone(), exchange, &self.surroundings.resolver);
        headers::check_lengths(&answer.headers, url)?;
        Ok(answer.with_idle_timeout(self.surroundings.idle_timeout))
    }

    fn begin(&self, method: &Method, url: &Url) -> Result<reqwest::RequestBuilder> {
        check_length(url)?;
        let client = if self.surroundings.proxies.cover(url)? {
            &self.proxied
        } else {
            &self.direct
        };
        Ok(client.request(method.clone(), url.clone()))
    }
}

/// How long an answer is waited for, the connection included: whoever took long to be connected to has the half left.
fn head_timeout(idle_timeout: Duration) -> Duration {
    idle_timeout.max(CONNECT_TIMEOUT.min(idle_timeout) + idle_timeout / 2)
}

fn unanswered(url: &Url) -> Error {
    let host = authority(url);
    silent().with_clue(Clue::Silent { host })
}

/// A request that changes something is done only when the registry that was asked says so. What comes of a redirect is
/// another's word: the page of a login wall answers 200.
fn sent_on(method: &Method, from: &Url, to: &Url) -> Error {
    let (host, mut to) = (authority(from), to.clone());
    to.set_query(None);
    let message = format!("{host} sends the {method} on to {to}, which can not vouch for it: refused");
    Error::new(Kind::Unsupported, message).with_clue(Clue::NoRegistry { host })
}

fn writes(method: &Method) -> bool {
    takes_body(method) || *method == Method::DELETE
}

fn takes_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}
