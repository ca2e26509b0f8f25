//! A fake Docker Hub on a fake internet: a real registry behind tokens, a token server, search and
//! a content network.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::authority::Authority;
use super::fault::Reply;
use super::image::Built;
use super::internet::Internet;
use super::listener::FREE;
use super::recorder::Recorder;
use super::registry::{Registry, has_repository};
use super::search;
use super::token::Tokens;
use super::token_challenge::{self, TokenServer};

/// The place that the Hub sends those to who need a token.
const TOKEN_SERVER: TokenServer<'static> = TokenServer {
    realm: "https://auth.docker.io/token",
    service: "registry.docker.io",
};
const CDN: &str = "production.cloudflare.docker.com";

/// The Hub with its hosts; users are alice (`s3cret-pw`) and bob (`hunter2:with:colons`).
///
/// `library/*` is for reading only, a user writes below the own name, `alice/secret` is private,
/// and what does not exist is told from what is private by nothing at all.
pub(crate) struct Hub {
    registry: Recorder,
    auth: Recorder,
    index: Recorder,
    cdn: Recorder,
    backend: Registry,
    internet: Internet,
    tokens: Arc<Mutex<Tokens>>,
}

impl Hub {
    /// An empty Hub.
    pub(crate) fn new() -> Self {
        Self::at(&Authority::new(), [FREE; 4], search::results())
    }

    /// An empty Hub whose registry, token server, search and content network have these addresses, and what its
    /// search finds for `nginx`.
    pub(crate) fn at(authority: &Authority, addresses: [SocketAddr; 4], found: Vec<Value>) -> Self {
        let backend = Registry::open();
        let host = backend.host();
        let front = |address, upstream, names: &[&str]| {
            let identity = authority.issue(names);
            Recorder::start_at(address, upstream, Some(&identity))
        };
        let registry = front(addresses[0], Some(host.as_str()), &["registry-1.docker.io"]);
        let auth = front(addresses[1], None, &["auth.docker.io"]);
        let index = front(addresses[2], None, &["index.docker.io", "docker.io"]);
        let cdn = front(addresses[3], Some(host.as_str()), &[CDN]);
        let internet = Internet::new(authority)
            .host("registry-1.docker.io:443", &registry.host())
            .host("auth.docker.io:443", &auth.host())
            .host("index.docker.io:443", &index.host())
            .host("docker.io:443", &index.host())
            .host(&format!("{CDN}:443"), &cdn.host());
        let storage = backend.storage();
        let tokens = Tokens::new(move |repository| has_repository(&storage, repository));
        let tokens = Arc::new(Mutex::new(tokens));
        let hub = Self {
            registry,
            auth,
            index,
            cdn,
            backend,
            internet,
            tokens,
        };
        hub.install(found);
        hub
    }

    fn install(&self, found: Vec<Value>) {
        let tokens = Arc::clone(&self.tokens);
        self.registry
            .on(|_| true)
            .respond(move |request| token_challenge::refusal(&lock(&tokens), request, &TOKEN_SERVER));
        let tokens = Arc::clone(&self.tokens);
        self.auth
            .on(|request| request.path.starts_with("/token"))
            .respond(move |request| Some(lock(&tokens).answer(request)));
        search::serve(&self.index, found);
        // Storage services refuse a second way to authenticate beside the signature.
        self.cdn.on(|_| true).respond(|request| {
            let bad = request.header("authorization").is_some() || request.method != "GET";
            bad.then(|| Reply::new(400, "only one auth mechanism allowed\n"))
        });
    }

    /// The internet it lives in; `hub.internet().apply(&mut sandbox)` moves a sandbox there.
    pub(crate) fn internet(&self) -> &Internet {
        &self.internet
    }

    /// registry-1.docker.io, for its record and for faults.
    pub(crate) fn registry(&self) -> &Recorder {
        &self.registry
    }

    /// auth.docker.io, for its record and for faults.
    pub(crate) fn auth(&self) -> &Recorder {
        &self.auth
    }

    /// index.docker.io and docker.io, for their record.
    pub(crate) fn index(&self) -> &Recorder {
        &self.index
    }

    /// The content network that blobs may be redirected to, for its record and for faults.
    pub(crate) fn cdn(&self) -> &Recorder {
        &self.cdn
    }

    /// Puts an image into the Hub past all challenges, for example as `library/nginx`.
    pub(crate) fn seed(&self, repository: &str, tag: &str, image: &Built) {
        self.backend.push(repository, tag, image);
    }

    /// The open registry behind, to see what really arrived.
    pub(crate) fn backend(&self) -> &Registry {
        &self.backend
    }

    /// The folder in which the registry behind keeps its files.
    pub(crate) fn storage(&self) -> PathBuf {
        self.backend.storage()
    }

    /// Hides a repository from all but its owner.
    pub(crate) fn make_private(&self, repository: &str) {
        lock(&self.tokens).private.insert(repository.to_owned());
    }

    /// How many seconds tokens live, those minted before included.
    pub(crate) fn set_expiry(&self, seconds: u64) {
        lock(&self.tokens).expires_in = seconds;
    }

    /// Makes all access tokens worthless now.
    pub(crate) fn revoke_tokens(&self) {
        lock(&self.tokens).revoke();
    }

    /// Gives refresh tokens to those who ask for them.
    pub(crate) fn give_refresh_tokens(&self) {
        lock(&self.tokens).refreshes = true;
    }

    /// Refuses token requests by POST, as some servers do, with this status and reason.
    pub(crate) fn refuse_oauth(&self, status: u16, details: &str) {
        lock(&self.tokens).oauth_refusal = Some(Reply::json(status, &json!({"details": details})));
    }

    /// Redirects the reading of blobs to the content network by a signed URL.
    pub(crate) fn redirect_blobs(&self) {
        self.registry
            .on(|request| request.method == "GET" && request.path.contains("/blobs/sha256:"))
            .respond(|request| {
                let url = format!("https://{CDN}{}?X-Amz-Signature=s1gn3d", request.path);
                Some(Reply::new(307, "").header("Location", &url))
            });
    }

    /// Every Authorization header with the host that got it.
    pub(crate) fn authorizations(&self) -> Vec<(String, String)> {
        [&self.registry, &self.auth, &self.index, &self.cdn]
            .iter()
            .flat_map(|recorder| recorder.requests())
            .filter_map(|request| {
                let header = request.header("authorization")?.to_owned();
                Some((request.header("host").unwrap_or_default().to_owned(), header))
            })
            .collect()
    }
}

fn lock(tokens: &Mutex<Tokens>) -> MutexGuard<'_, Tokens> {
    tokens.lock().unwrap_or_else(PoisonError::into_inner)
}
