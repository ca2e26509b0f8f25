//! A host together with its proofs: sends requests until they are answered for good.

use std::rc::Rc;

use bytes::Bytes;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode, Url};
use tokio::sync::OnceCell;
use tokio::time::sleep;

use super::answer::Answer;
use super::auth::{Auth, CredentialSource, Proof};
use super::challenge::Challenge;
use super::connect_error::authority;
use super::endpoint::{Endpoint, asked};
use super::headers;
use super::origin::same_origin;
use super::other_registries::OtherRegistries;
use super::refusal::{Refusal, described, may_pass};
use super::request::{Request, ShowLogin, Wording};
use super::upload_body::UploadBody;
use crate::backoff::Backoff;
use crate::error::{Clue, Error, Kind, Result};

/// How often one request is sent at most: without a proof, with one, with one for what the host says it wants, and with one
/// of another scheme.
const PROOFS: usize = 4;

/// An answer with its whole body.
pub(in crate::registry) struct WholeAnswer {
    pub(in crate::registry) headers: HeaderMap,
    pub(in crate::registry) url: Url,
    pub(in crate::registry) body: Bytes,
}

#[derive(Debug)]
pub(in crate::registry) struct Host {
    pub(in crate::registry) endpoint: Rc<Endpoint>,
    pub(in crate::registry) auth: Auth,
    /// What it asks for at `/v2/`, once that was asked.
    ping_challenges: OnceCell<Vec<Challenge>>,
    other_registries: OtherRegistries,
}

impl Host {
    pub(in crate::registry) fn new(endpoint: Rc<Endpoint>, source: CredentialSource) -> Self {
        Self {
            endpoint,
            auth: Auth::new(source),
            ping_challenges: OnceCell::new(),
            other_registries: OtherRegistries::default(),
        }
    }

    /// Sends a request, and again after failures that may pass. What fails in the end was tried often enough.
    pub(in crate::registry) async fn send(&self, request: &Request) -> Result<Answer> {
        self.send_again(request, &mut Backoff::default()).await
    }

    async fn send_again(&self, request: &Request, backoff: &mut Backoff) -> Result<Answer> {
        loop {
            let mut result = Box::pin(self.ask(request)).await;
            if let Err(e) = &result
                && !self.endpoint.has_answered()
            {
                backoff.limit_to(first_tries(e));
            }
            let wait = match &mut result {
                Ok(answer) => pause_after(answer, backoff).await,
                Err(e) if may_pass_later(e) => backoff.after_failure(e.retry_after()),
                Err(_) => None,
            };
            match wait {
                Some(wait) => {
                    self.endpoint.trace().asks_again(wait, &briefly(&result));
                    sleep(wait).await;
                }
                None => return result.map(Answer::into_final).map_err(Error::into_final),
            }
        }
    }

    /// Sends a request and reads the whole answer, of at most `limit` bytes; or why there is none. Heads and bodies that
    /// fail share their tries.
    pub(in crate::registry) async fn fetch(
        &self,
        request: &Request,
        limit: usize,
    ) -> Result<Result<WholeAnswer, Refusal>> {
        let mut backoff = Backoff::default();
        loop {
            let answer = self.send_again(request, &mut backoff).await?;
            if !answer.status.is_success() {
                return Ok(Err(self.refusal(answer).await));
            }
            let (headers, url) = (answer.headers.clone(), answer.url.clone());
            let failure = match answer.read(limit).await {
                Ok(body) => return Ok(Ok(WholeAnswer { headers, url, body })),
                Err(e) => e.during(asked(&request.method, &url)),
            };
            match may_pass_later(&failure).then(|| backoff.after_failure(None)).flatten() {
                Some(wait) => {
                    self.endpoint.trace().asks_again(wait, "the answer was cut off");
                    sleep(wait).await;
                }
                None => return Err(failure.into_final()),
            }
        }
    }

    /// Sends a request once, with the proof that the host turns out to want, to the base that it turns out to have.
    pub(in crate::registry) async fn ask(&self, request: &Request) -> Result<Answer> {
        loop {
            let base = self.endpoint.base().await?;
            let result = self.ask_at(&base, request).await;
            if self.endpoint.is_final(&base, &result).await? {
                return result;
            }
        }
    }

    async fn ask_at(&self, base: &Url, request: &Request) -> Result<Answer> {
        let url = request.url(base)?;
        let is_own = same_origin(&url, base);
        let worded = |e: Error| reworded(e, request, &url);
        let mut proof = if is_own {
            self.first_proof(base, request).await.map_err(worded)?
        } else {
            None
        };
        let is_eager = proof.is_some() && request.login == ShowLogin::AtOnce;
        for sent in 1.. {
            let header = proof.as_ref().map(|proof| &proof.header);
            let answer = self.endpoint.exchange(request, &url, header).await?;
            if !same_origin(&answer.url, base) && OtherRegistries::wants_token(request, &answer) {
                return Box::pin(self.other_registries.ask_again(&self.endpoint, request, answer)).await;
            }
            if sent == PROOFS || !is_own {
                return Ok(answer);
            }
            let better = self.next_proof(base, &answer, proof.as_ref(), request).await;
            let better = better.map_err(worded)?;
            match better {
                Some(better) => proof = Some(better),
                // A login that is refused is no reason to see less than without one.
                None if is_eager && proof.is_some() && wants_proof(&answer) => proof = None,
                None => return Ok(answer),
            }
            answer.discard().await;
        }
        Err(Error::new(Kind::Unauthorized, "no proof is good enough"))
    }

    /// What to show to a host after this answer, if there is anything better than the `last` proof.
    async fn next_proof(
        &self,
        base: &Url,
        answer: &Answer,
        last: Option<&Proof>,
        request: &Request,
    ) -> Result<Option<Proof>> {
        if last.is_none() && may_hide(answer) {
            return match Box::pin(self.learn(base, request)).await? {
                None if answer.status == StatusCode::UNAUTHORIZED && !self.auth.is_learned() => {
                    self.auth.guessed(&self.endpoint).await
                }
                learned => Ok(learned),
            };
        }
        let is_wanted = wants_proof(answer)
            || (last.is_none() && may_want_proof(answer) && self.auth.finds_credential(&self.endpoint).await);
        if is_wanted {
            return self.improve(base, answer, last, request).await;
        }
        Ok(None)
    }

    async fn first_proof(&self, base: &Url, request: &Request) -> Result<Option<Proof>> {
        let proof = self.auth.proof(&self.endpoint, &request.scopes).await?;
        if proof.is_some() || request.login == ShowLogin::WhenAsked {
            return Ok(proof);
        }
        match Box::pin(self.learn(base, request)).await {
            Ok(Some(proof)) => Ok(Some(proof)),
            _ if self.auth.is_learned() => Ok(None),
            _ => self.auth.unasked(&self.endpoint).await,
        }
    }

    /// A proof of the kind that the host wants at `/v2/`, for one who has a login that it did not ask for elsewhere:
    /// GHES and others hide what is private from whoever shows none.
    async fn learn(&self, base: &Url, request: &Request) -> Result<Option<Proof>> {
        if !self.auth.finds_credential(&self.endpoint).await {
            return Ok(None);
        }
        let challenges = self.ping_challenges.get_or_init(|| self.ping(base)).await;
        self.auth
            .better(&self.endpoint, base, challenges, None, &request.scopes)
            .await
    }

    async fn ping(&self, base: &Url) -> Vec<Challenge> {
        let ping = Request::new(Method::GET, "/v2/");
        let Ok(url) = ping.url(base) else {
            return Vec::new();
        };
        match self.endpoint.exchange(&ping, &url, None).await {
            Ok(answer) if wants_proof(&answer) => headers::challenges(&answer.headers),
            _ => Vec::new(),
        }
    }

    /// Sends a request once with a password that nobody has asked for; none where there is no password.
    pub(in crate::registry) async fn ask_unasked(&self, request: &Request) -> Result<Option<Answer>> {
        let Some(proof) = self.auth.unasked(&self.endpoint).await? else {
            return Ok(None);
        };
        let url = request.url(&self.endpoint.base().await?)?;
        let answer = self.endpoint.exchange(request, &url, Some(&proof.header)).await?;
        Ok(Some(answer))
    }

    /// Streams a body, once, with the proof at hand. When the host refuses that proof the next try has a new one.
    pub(in crate::registry) async fn upload(&self, request: &Request, body: UploadBody) -> Result<Answer> {
        let base = self.endpoint.base().await?;
        let url = request.url(&base)?;
        let is_own = same_origin(&url, &base);
        let proof = if is_own {
            self.auth.proof(&self.endpoint, &request.scopes).await?
        } else {
            None
        };
        let header = proof.as_ref().map(|proof| &proof.header);
        let answer = self.endpoint.upload(request, &url, header, body).await?;
        if is_own && answer.status == StatusCode::UNAUTHORIZED {
            let better = self.improve(&base, &answer, proof.as_ref(), request).await?;
            if better.is_some() {
                return Err(Error::new(Kind::Unavailable, "the token ended during the upload"));
            }
        }
        Ok(answer)
    }

    /// Reads a refusal, with what is known of the credential beside it.
    pub(in crate::registry) async fn refusal(&self, answer: Answer) -> Refusal {
        let (status, headers, is_elsewhere) = (answer.status, answer.headers.clone(), answer.is_elsewhere);
        let is_final = answer.is_final;
        let strange = headers::strange_schemes(&headers).filter(|_| status == StatusCode::UNAUTHORIZED);
        // Where blobs are stored nobody asks for a login by a challenge: what does is another registry.
        let is_challenge = status == StatusCode::UNAUTHORIZED && headers.contains_key(WWW_AUTHENTICATE);
        let other =
            (is_elsewhere && is_challenge && answer.url.path().starts_with("/v2/")).then(|| authority(&answer.url));
        let body = answer.read_refusal().await;
        let mut failure = Refusal::new(status, &headers, &body);
        failure.is_final = is_final;
        failure.hide(&self.auth.secrets());
        if is_elsewhere && other.is_none() {
            failure.hide_storage();
        }
        let host = self.endpoint.domain.clone();
        failure.login.clue = match (failure.kind(), self.auth.has_credential()) {
            (Kind::Unauthorized | Kind::Denied, _) if other.is_some() => other.map(|to| Clue::SentOn { host, to }),
            _ if strange.is_some() => None,
            (Kind::Unauthorized | Kind::Denied, false) => Some(Clue::LoginNeeded { host }),
            (Kind::Unauthorized, true) if self.auth.trouble().is_none() => Some(Clue::LoginRefused { host }),
            _ if failure.is_unreadable() => Some(Clue::NoRegistry { host }),
            _ => None,
        };
        if matches!(failure.kind(), Kind::Unauthorized | Kind::Denied) {
            failure.login.trouble = strange.or_else(|| self.auth.trouble());
        }
        failure
    }

    async fn improve(
        &self,
        base: &Url,
        answer: &Answer,
        last: Option<&Proof>,
        request: &Request,
    ) -> Result<Option<Proof>> {
        let challenges = headers::challenges(&answer.headers);
        self.auth
            .better(&self.endpoint, base, &challenges, last, &request.scopes)
            .await
    }
}

/// How often a request is sent to a host that has not answered anything yet: enough for a bad line (56 of 61 failures on
/// one were this), and few enough for someone who waits to hear of a wrong name.
fn first_tries(failure: &Error) -> u32 {
    match failure.clue() {
        Some(Clue::Silent { .. }) => 2,
        _ => 3,
    }
}

/// A 401, or a 403 that names the scope it misses.
fn wants_proof(answer: &Answer) -> bool {
    let misses_scope = |challenge: &Challenge| challenge.parameter("error") == Some("insufficient_scope");
    !answer.is_elsewhere
        && match answer.status {
            StatusCode::UNAUTHORIZED => true,
            StatusCode::FORBIDDEN => headers::challenges(&answer.headers).iter().any(misses_scope),
            _ => false,
        }
}

/// Whether it is refused by another word than the right one, with what would help beside it.
fn may_want_proof(answer: &Answer) -> bool {
    !answer.is_elsewhere
        && matches!(answer.status.as_u16(), 403 | 404)
        && headers::challenges(&answer.headers).iter().any(Challenge::is_known)
}

/// Whether it may be there for others: refused without a word of what would help.
fn may_hide(answer: &Answer) -> bool {
    !answer.is_elsewhere
        && matches!(answer.status.as_u16(), 401 | 403 | 404)
        && headers::challenges(&answer.headers).is_empty()
}

/// What went wrong, without the server's words: they may repeat a secret.
fn briefly(result: &Result<Answer>) -> String {
    match result {
        Ok(answer) => described(answer.status),
        Err(e) if e.kind() == Kind::RateLimited => "too many requests".to_owned(),
        Err(_) => "it failed".to_owned(),
    }
}

fn may_pass_later(failure: &Error) -> bool {
    matches!(failure.kind(), Kind::Unavailable | Kind::RateLimited) && !failure.is_final()
}

/// The wait before the same request is sent again; none when this answer is the last word.
async fn pause_after(answer: &mut Answer, backoff: &mut Backoff) -> Option<std::time::Duration> {
    let is_worth_it =
        answer.status == StatusCode::TOO_MANY_REQUESTS || may_pass(answer.status) || is_throttled(answer).await;
    let asked = headers::requested_wait(answer.status, &answer.headers);
    is_worth_it.then(|| backoff.after_failure(asked)).flatten()
}

/// Whether it says in words that there were too many requests: ECR does so with 400 as well.
async fn is_throttled(answer: &mut Answer) -> bool {
    if answer.status != StatusCode::BAD_REQUEST {
        return false;
    }
    let (status, headers) = (answer.status, answer.headers.clone());
    let body = answer.look_at_refusal().await;
    Refusal::new(status, &headers, body).kind() == Kind::RateLimited
}

/// A failure to get a proof, with the request it was for in front, as docker's client library puts it.
fn reworded(error: Error, request: &Request, url: &Url) -> Error {
    match request.wording {
        Wording::Bare => error,
        Wording::AsSent => error.during(asked(&request.method, url)),
        Wording::AsHead => error.during(asked(&reqwest::Method::HEAD, url)),
    }
}
