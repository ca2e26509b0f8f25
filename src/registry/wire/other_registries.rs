//! Hosts that lead on to another registry: an anonymous token by that one's rules, and never the first one's password
//! (containerd#5503).

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use reqwest::{Method, StatusCode};

use super::answer::Answer;
use super::auth::{Auth, CredentialSource};
use super::challenge::Challenge;
use super::endpoint::Endpoint;
use super::headers;
use super::request::Request;
use crate::error::Result;

/// The origins that a host led to, each with the tokens that it gave.
#[derive(Debug, Default)]
pub(super) struct OtherRegistries(RefCell<HashMap<String, Rc<Auth>>>);

impl OtherRegistries {
    /// Whether another registry answers a reader, and wants a token.
    pub(super) fn wants_token(request: &Request, answer: &Answer) -> bool {
        let is_reading = matches!(request.method, Method::GET | Method::HEAD);
        is_reading
            && answer.status == StatusCode::UNAUTHORIZED
            && answer.url.path().starts_with("/v2/")
            && headers::challenges(&answer.headers).iter().any(is_bearer)
    }

    /// Asks again, with a token; the refusal stands where there is none.
    pub(super) async fn ask_again(&self, endpoint: &Endpoint, request: &Request, refusal: Answer) -> Result<Answer> {
        let url = refusal.url.clone();
        let Ok(base) = url.join("/") else {
            return Ok(refusal);
        };
        let origin = url.origin().ascii_serialization();
        let auth = self
            .0
            .borrow_mut()
            .entry(origin)
            .or_insert_with(|| Rc::new(Auth::new(CredentialSource::None)))
            .clone();
        let challenges = headers::challenges(&refusal.headers);
        // It knows its own names better than the host that led here.
        let says_scope = challenges.iter().any(|challenge| !challenge.scopes().is_empty());
        let scopes = if says_scope { &[] } else { request.scopes.as_slice() };
        let refusal = refusal.elsewhere();
        match auth.better(endpoint, &base, &challenges, None, scopes).await {
            Ok(Some(proof)) => {
                refusal.discard().await;
                let answer = endpoint.exchange(request, &url, Some(&proof.header)).await?;
                Ok(answer.elsewhere())
            }
            Ok(None) | Err(_) => Ok(refusal),
        }
    }
}

fn is_bearer(challenge: &Challenge) -> bool {
    challenge.scheme == "bearer"
}
