//! One request, one answer: redirects, proofs that stay with their origin, time limits, size limits.
//!
//! Nothing here repeats a request; what may be repeated is decided where its meaning is known.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderValue};
use reqwest::{Method, Url, redirect};
use rustls::ClientConfig;
use tokio::time::{Instant, timeout, timeout_at};

use super::answer::{Answer, silent};
use super::connect_error::{authority, describe};
use super::headers;
use super::no_proxy::NoProxy;
use super::origin::{Zone, is_loopback, same_origin};
use super::request::Request;
use super::resolver::Resolver;
use crate::content::ByteStream;
use crate::error::{Clue, Error, Kind, Result};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest wait for the answer to an upload: a registry may have to copy the whole blob first.
const COMMIT_TIMEOUT: Duration = Duration::from_mins(5);
const MAX_REDIRECTS: usize = 10;

/// Where a registry may lead us.
#[derive(Debug, Clone, Copy)]
pub(in crate::registry) struct UrlPolicy {
    /// Whether plain HTTP will do after https.
    pub(super) insecure: bool,
    /// The nearest addresses that it may name.
    pub(super) zone: Zone,
}

impl UrlPolicy {
    /// Refuses plain HTTP after https, and addresses that a registry that far away has no business to name.
    pub(in crate::registry) fn check(self, from: &Url, to: &Url) -> Result<()> {
        let refused = |why: &str| {
            let (from, to) = (authority(from), authority(to));
            Error::new(Kind::Unsupported, format!("{from} points to {to}, {why}"))
        };
        if from.scheme() == "https" && to.scheme() != "https" && !self.insecure {
            return Err(refused("without encryption: refused"));
        }
        if Zone::of_url(to) > self.zone {
            return Err(refused("an address inside the network: refused"));
        }
        Ok(())
    }
}

/// The connections to one host and to where it leads.
#[derive(Debug)]
pub(super) struct Client {
    proxied: reqwest::Client,
    direct: reqwest::Client,
    resolver: Resolver,
    no_proxy: NoProxy,
    /// The longest silence of the other side.
    idle_timeout: Duration,
}

impl Client {
    pub(super) fn new(
        tls: &ClientConfig,
        resolver: &Resolver,
        no_proxy: &NoProxy,
        idle_timeout: Duration,
    ) -> Result<Self> {
        let builder = || {
            reqwest::Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .user_agent(concat!("rdock/", env!("CARGO_PKG_VERSION")))
                .redirect(redirect::Policy::none())
                .referer(false)
                .connect_timeout(CONNECT_TIMEOUT.min(idle_timeout))
                .dns_resolver(resolver.clone())
        };
        let failed = |e: reqwest::Error| Error::new(Kind::Unsupported, "cannot set up HTTP").caused_by(e);
        Ok(Self {
            proxied: builder().build().map_err(failed)?,
            direct: builder().no_proxy().build().map_err(failed)?,
            resolver: resolver.clone(),
            no_proxy: no_proxy.clone(),
            idle_timeout,
        })
    }

    /// Sends a request and follows where it is sent on to. The proof goes to the origin it is meant for only.
    pub(super) async fn exchange(
        &self,
        request: &Request,
        url: &Url,
        proof: Option<&HeaderValue>,
        policy: UrlPolicy,
    ) -> Result<Answer> {
        let mut at = url.clone();
        let mut method = request.method.clone();
        for _ in 0..=MAX_REDIRECTS {
            let is_elsewhere = !same_origin(&at, url);
            let keeps_body = method == request.method;
            let mut sending = self.begin(&method, &at).headers(request.headers.clone());
            if let Some(proof) = proof.filter(|_| !is_elsewhere) {
                sending = sending.header(AUTHORIZATION, proof);
            }
            if keeps_body && takes_body(&method) {
                sending = sending
                    .header(CONTENT_LENGTH, request.body.len())
                    .body(request.body.clone());
            }
            let idle_timeout = if takes_body(&method) {
                COMMIT_TIMEOUT
            } else {
                self.idle_timeout
            };
            let response = match timeout(CONNECT_TIMEOUT.min(idle_timeout) + idle_timeout, sending.send()).await {
                Ok(sent) => sent.map_err(|e| describe(&e, &at, &self.resolver))?,
                Err(_) => return Err(silent()),
            };
            let answer =
                Answer::new(response, at.clone(), is_elsewhere, &self.resolver).with_idle_timeout(self.idle_timeout);
            if !answer.is_redirect() {
                return Ok(answer);
            }
            let next = headers::location(&answer.headers, &at)?;
            let is_repeated = matches!(answer.status.as_u16(), 307 | 308);
            if writes(&method) && !(is_repeated && same_origin(&next, url)) {
                return Err(sent_on(&method, url, &next));
            }
            policy.check(&at, &next)?;
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
        proof: Option<&HeaderValue>,
        body: UploadBody,
    ) -> Result<Answer> {
        let UploadBody { stream, length, watch } = body;
        let idle_timeout = self.idle_timeout;
        watch.begin(CONNECT_TIMEOUT.min(idle_timeout) + idle_timeout);
        let watching = watch.clone();
        let mut left = length;
        let watched = stream.map(move |item| {
            left = left.saturating_sub(item.as_ref().map_or(0, |chunk| chunk.len() as u64));
            watching.saw(if left == 0 { COMMIT_TIMEOUT } else { idle_timeout }, item)
        });
        let mut sending = self
            .begin(&request.method, url)
            .headers(request.headers.clone())
            // Without it the body would go out in chunked encoding, which several registries refuse.
            .header(CONTENT_LENGTH, length)
            .body(reqwest::Body::wrap_stream(watched));
        if let Some(proof) = proof {
            sending = sending.header(AUTHORIZATION, proof);
        }
        let mut sending = std::pin::pin!(sending.send());
        loop {
            let deadline = watch.deadline();
            match timeout_at(deadline, sending.as_mut()).await {
                Ok(Ok(response)) => {
                    return Ok(
                        Answer::new(response, url.clone(), false, &self.resolver).with_idle_timeout(idle_timeout)
                    );
                }
                Ok(Err(e)) => return Err(describe(&e, url, &self.resolver)),
                Err(_) if watch.deadline() > deadline => {}
                Err(_) => return Err(silent()),
            }
        }
    }

    fn begin(&self, method: &Method, url: &Url) -> reqwest::RequestBuilder {
        let client = if is_loopback(url) || self.no_proxy.covers(url) {
            &self.direct
        } else {
            &self.proxied
        };
        client.request(method.clone(), url.clone())
    }
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

/// Bytes that can be sent once.
pub(in crate::registry) struct UploadBody {
    stream: ByteStream,
    length: u64,
    watch: UploadWatch,
}

impl UploadBody {
    pub(in crate::registry) fn new(stream: ByteStream, length: u64) -> Self {
        let watch = UploadWatch::default();
        Self { stream, length, watch }
    }

    pub(super) fn watch(&self) -> UploadWatch {
        self.watch.clone()
    }
}

/// Watches an upload: while bytes are taken it lives, and a failure of their source is kept to be told as such.
#[derive(Debug, Clone)]
pub(super) struct UploadWatch(Arc<Mutex<WatchState>>);

#[derive(Debug)]
struct WatchState {
    deadline: Instant,
    failure: Option<Error>,
}

impl Default for UploadWatch {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(WatchState {
            deadline: Instant::now(),
            failure: None,
        })))
    }
}

impl UploadWatch {
    fn begin(&self, limit: Duration) {
        self.state().deadline = Instant::now() + limit;
    }

    fn saw(&self, limit: Duration, item: Result<Bytes>) -> Result<Bytes, &'static str> {
        let mut state = self.state();
        state.deadline = Instant::now() + limit;
        item.map_err(|e| {
            state.failure = Some(e);
            "the source of the upload failed"
        })
    }

    fn deadline(&self) -> Instant {
        self.state().deadline
    }

    /// Why the source of the bytes failed, if it did.
    pub(super) fn take_failure(&self) -> Option<Error> {
        self.state().failure.take()
    }

    fn state(&self) -> MutexGuard<'_, WatchState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
