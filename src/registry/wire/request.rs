//! A small request that can be sent again.

use std::rc::Rc;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};

use super::challenge::Scope;
use crate::error::{Error, Kind, Result};

/// A request to the registry, or to where it pointed.
#[derive(Clone)]
pub(in crate::registry) struct Request {
    pub(super) method: Method,
    address: Address,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// What a token must be good for.
    pub(in crate::registry) scopes: Vec<Scope>,
    pub(super) wording: Wording,
    pub(super) login: ShowLogin,
    /// The name of the login that stands in the body.
    pub(super) holds: Option<Rc<str>>,
}

/// The moment when a stored login is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::registry) enum ShowLogin {
    WhenAsked,
    /// At once: who is not known gets less, and is not told (zot, Nexus with anonymous access).
    AtOnce,
}

#[derive(Clone)]
enum Address {
    Path(String),
    Url(Url),
}

/// How a failure to get a proof names the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::registry) enum Wording {
    /// `Get "https://…": why`
    AsSent,
    /// `Head "https://…": why`: docker looks at a tag with HEAD first.
    AsHead,
    /// The why alone, as docker words failed uploads.
    Bare,
}

impl Request {
    /// A request to a path of the registry.
    pub(in crate::registry) fn new(method: Method, path: impl Into<String>) -> Self {
        Self::with(method, Address::Path(path.into()))
    }

    /// A request to where the registry pointed.
    pub(in crate::registry) fn to(method: Method, url: Url) -> Self {
        Self::with(method, Address::Url(url))
    }

    fn with(method: Method, address: Address) -> Self {
        Self {
            method,
            address,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            scopes: Vec::new(),
            wording: Wording::AsSent,
            login: ShowLogin::WhenAsked,
            holds: None,
        }
    }

    pub(in crate::registry) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(in crate::registry) fn body(mut self, media_type: HeaderValue, body: Bytes) -> Self {
        self.body = body;
        self.header(CONTENT_TYPE, media_type)
    }

    /// Puts a login of this name into its body.
    pub(super) fn holding(mut self, login: &str) -> Self {
        self.holds = Some(login.into());
        self
    }

    pub(in crate::registry) fn scopes(mut self, scopes: impl IntoIterator<Item = Scope>) -> Self {
        self.scopes = Scope::merge(scopes);
        self
    }

    pub(in crate::registry) fn show_login(mut self, login: ShowLogin) -> Self {
        self.login = login;
        self
    }

    pub(in crate::registry) fn worded(mut self, wording: Wording) -> Self {
        self.wording = wording;
        self
    }

    pub(super) fn url(&self, base: &Url) -> Result<Url> {
        match &self.address {
            Address::Url(url) => Ok(url.clone()),
            // Below the base, which may have a path of its own where it is a mirror's.
            Address::Path(path) => base
                .join(path.trim_start_matches('/'))
                .map_err(|e| Error::new(Kind::Usage, format!("cannot ask for {path}")).caused_by(e)),
        }
    }
}
