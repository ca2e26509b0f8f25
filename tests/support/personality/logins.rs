//! How they let people in.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{LOGIN, Personality};
use crate::support::fault::Reply;
use crate::support::token::Tokens;
use crate::support::token_challenge::{TokenServer, refusal};

impl Personality {
    /// Tokens from this path of the registry itself. `refuses_post` is what a POST there is answered with, where only
    /// GET is known.
    pub(super) fn bearer(self, path: &'static str, service: &'static str, refuses_post: Option<u16>) -> Self {
        let mut tokens = Tokens::new(|_| false);
        tokens.oauth_refusal = refuses_post.map(|status| Reply::json(status, &json!({"details": "use GET"})));
        self.with_tokens(path, service, tokens)
    }

    /// Of several scopes that are asked for only the last is granted.
    pub(super) fn bearer_for_the_last_scope(self, path: &'static str, service: &'static str) -> Self {
        let mut tokens = Tokens::new(|_| false);
        tokens.grants_last_scope_only = true;
        self.with_tokens(path, service, tokens)
    }

    fn with_tokens(mut self, path: &'static str, service: &'static str, tokens: Tokens) -> Self {
        let tokens = Arc::new(Mutex::new(tokens));
        let server = Arc::clone(&tokens);
        self.front
            .on(move |request| request.path.starts_with(path))
            .respond(move |request| {
                let mut tokens = server.lock().unwrap_or_else(PoisonError::into_inner);
                Some(tokens.answer(request))
            });
        let realm = format!("{}{path}", self.url());
        self.front
            .on(|request| request.path.starts_with("/v2/"))
            .respond(move |request| {
                let tokens = tokens.lock().unwrap_or_else(PoisonError::into_inner);
                refusal(&tokens, request, &TokenServer { realm: &realm, service })
            });
        self.is_locked = true;
        self
    }

    /// Basic authentication with this challenge.
    pub(super) fn basic(mut self, challenge: &'static str) -> Self {
        let proof = format!("Basic {}", STANDARD.encode(format!("{}:{}", LOGIN.0, LOGIN.1)));
        self.front.on(|_| true).respond(move |request| {
            if request.header("authorization") == Some(proof.as_str()) {
                return None;
            }
            let body =
                json!({"errors": [{"code": "UNAUTHORIZED", "message": "access to the resource is not authorized"}]});
            Some(Reply::json(401, &body).header("WWW-Authenticate", challenge))
        });
        self.is_locked = true;
        self
    }

    /// A scope with this action is an error (Quay, as containers/image has it).
    pub(super) fn refusing_to_grant(self, action: &'static str, path: &'static str) -> Self {
        self.front
            .on(move |request| request.path.starts_with(path) && request.path.contains(action))
            .answer(400, &[], r#"{"error":"unable to decode repository and actions"}"#);
        self
    }

    /// Sets a cookie, and takes a client that sends it back for a browser without its other token (dotnet/sdk#37221).
    pub(super) fn refusing_cookies(self) -> Self {
        let body = r#"{"errors":[{"code":"FORBIDDEN","message":"CSRF token not found in request"}]}"#;
        self.front
            .on(|request| request.header("cookie").is_some())
            .answer(403, &[], body);
        self.front
            .on(|_| true)
            .set_header("set-cookie", "sid=1; Path=/; HttpOnly");
        self
    }
}
