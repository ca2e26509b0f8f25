//! A reverse proxy in front of a registry that records every exchange and misbehaves on demand.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use futures_util::FutureExt;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::authority::{Authority, Identity};
use super::fault::{Effects, Matcher, Reply, Rule, When};
use super::listener::{Body, FREE, Failure, Flushes, Listener};
use super::recorded_body::{Download, Exchange, Side, Upload};
use super::registry::Program;
use super::runtime::wait_for;

/// One request and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) method: String,
    /// The path with its query.
    pub(crate) path: String,
    /// The request's headers, their names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The first 64 KiB of the request body.
    pub(crate) body: Vec<u8>,
    /// How many bytes of the request body came.
    pub(crate) body_bytes: u64,
    /// The status of the answer; 0 while there is none.
    pub(crate) status: u16,
    pub(crate) response_headers: Vec<(String, String)>,
    /// How many bytes of the response body went out.
    pub(crate) sent: u64,
    /// Whether the response went out to its end.
    pub(crate) complete: bool,
    pub(crate) started: Instant,
    pub(crate) ended: Option<Instant>,
}

impl Recorded {
    /// The value of a request header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The value of a response header.
    pub(crate) fn response_header(&self, name: &str) -> Option<&str> {
        find(&self.response_headers, name)
    }

    /// Whether the method is this and the path contains that.
    pub(crate) fn is(&self, method: &str, part: &str) -> bool {
        self.method == method && self.path.contains(part)
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut found = headers.iter().filter(|(key, _)| key == name);
    found.next().map(|(_, value)| value.as_str())
}

/// The running proxy.
pub(crate) struct Recorder {
    listener: Listener,
    shared: Arc<Shared>,
}

/// What the proxy's connections have in common.
pub(crate) struct Shared {
    upstream: Option<String>,
    scheme: &'static str,
    log: Mutex<Vec<Recorded>>,
    rules: Mutex<Vec<Rule>>,
    rate: AtomicU64,
}

impl Recorder {
    /// Plain HTTP in front of `127.0.0.1:PORT`, which speaks plain HTTP too.
    pub(crate) fn front(upstream: &str) -> Self {
        Self::start(Some(upstream), None)
    }

    /// HTTPS with a certificate for 127.0.0.1 and localhost, in front of plain HTTP.
    pub(crate) fn front_tls(upstream: &str, authority: &Authority) -> Self {
        Self::start(Some(upstream), Some(&authority.issue(&["127.0.0.1", "localhost"])))
    }

    /// A recorder in front of nothing: what no rule answers is 404.
    pub(crate) fn alone() -> Self {
        Self::start(None, None)
    }

    /// A recorder in front of something or nothing, with TLS by this certificate or without.
    pub(crate) fn start(upstream: Option<&str>, identity: Option<&Identity>) -> Self {
        Self::start_at(FREE, upstream, identity)
    }

    /// Like [`Recorder::start`], on this address.
    pub(crate) fn start_at(address: SocketAddr, upstream: Option<&str>, identity: Option<&Identity>) -> Self {
        let shared = Arc::new(Shared {
            upstream: upstream.map(str::to_owned),
            scheme: if identity.is_some() { "https" } else { "http" },
            log: Mutex::default(),
            rules: Mutex::default(),
            rate: AtomicU64::new(u64::MAX),
        });
        let handler = Arc::clone(&shared);
        let listener = Listener::start_at(
            address,
            identity.map(Identity::server_config),
            Arc::new(move |request, flushes| handle(Arc::clone(&handler), request, flushes).boxed()),
        );
        Self { listener, shared }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        self.listener.address().to_string()
    }

    /// The base URL with its scheme.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.shared.scheme, self.host())
    }

    /// Begins a rule for the requests that match; see [`When`] for what it can do to them.
    pub(crate) fn on(&self, matches: impl Fn(&Recorded) -> bool + Send + 'static) -> When<'_> {
        When::new(self, Box::new(matches) as Matcher)
    }

    /// Begins a rule for the requests with this method whose path contains `part`.
    pub(crate) fn on_path(&self, method: &str, part: &str) -> When<'_> {
        let (method, part) = (method.to_owned(), part.to_owned());
        self.on(move |request| request.is(&method, &part))
    }

    pub(crate) fn install(&self, rule: Rule) {
        lock(&self.shared.rules).push(rule);
    }

    /// Limits every body, up and down, to this many bytes a second; `None` sets them free.
    pub(crate) fn throttle(&self, bytes_per_second: Option<u64>) {
        let rate = bytes_per_second.unwrap_or(u64::MAX);
        self.shared.rate.store(rate, Ordering::Relaxed);
    }

    /// All requests so far in the order of their arrival.
    pub(crate) fn requests(&self) -> Vec<Recorded> {
        lock(&self.shared.log).clone()
    }

    /// How many requests so far fit.
    pub(crate) fn count(&self, fits: impl Fn(&Recorded) -> bool) -> usize {
        self.requests().iter().filter(|entry| fits(entry)).count()
    }

    /// How many connections came so far.
    pub(crate) fn connections(&self) -> usize {
        self.listener.connections()
    }

    /// How many bytes of response bodies went out so far.
    pub(crate) fn body_bytes_down(&self) -> u64 {
        self.requests().iter().map(|entry| entry.sent).sum()
    }

    /// How many bytes of request bodies came in so far.
    pub(crate) fn body_bytes_up(&self) -> u64 {
        self.requests().iter().map(|entry| entry.body_bytes).sum()
    }

    /// How many of the fitting exchanges were open at the same time at most.
    pub(crate) fn most_at_once(&self, fits: impl Fn(&Recorded) -> bool) -> usize {
        let entries: Vec<_> = self.requests().into_iter().filter(fits).collect();
        let open_at = |time: Instant| {
            let open = |entry: &&Recorded| entry.started <= time && entry.ended.is_none_or(|ended| ended > time);
            entries.iter().filter(open).count()
        };
        let counts = entries.iter().map(|entry| open_at(entry.started));
        counts.max().unwrap_or(0)
    }

    /// Waits until a request fits and returns it as it is then; for kill tests.
    pub(crate) fn wait_for(&self, fits: impl Fn(&Recorded) -> bool) -> Recorded {
        wait_for("a request", || self.requests().into_iter().find(&fits))
    }

    /// Lets all requests pass from now on.
    pub(crate) fn clear_rules(&self) {
        lock(&self.shared.rules).clear();
    }

    /// Forgets all requests so far; open exchanges must have ended.
    pub(crate) fn clear(&self) {
        lock(&self.shared.log).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Changes an entry of the record, if it is still there.
    pub(crate) fn update(&self, number: usize, change: impl FnOnce(&mut Recorded)) {
        if let Some(entry) = lock(&self.log).get_mut(number) {
            change(entry);
        }
    }

    /// Bytes a second, if limited.
    pub(crate) fn rate(&self) -> Option<u64> {
        Some(self.rate.load(Ordering::Relaxed)).filter(|rate| *rate != u64::MAX)
    }

    fn begin(&self, request: &Request<impl Sized>) -> usize {
        let mut log = lock(&self.log);
        let path = request.uri().path_and_query();
        log.push(Recorded {
            method: request.method().to_string(),
            path: path.map(ToString::to_string).unwrap_or_default(),
            headers: texts(request.headers()),
            body: Vec::new(),
            body_bytes: 0,
            status: 0,
            response_headers: Vec::new(),
            sent: 0,
            complete: false,
            started: Instant::now(),
            ended: None,
        });
        log.len() - 1
    }

    fn entry(&self, number: usize) -> Option<Recorded> {
        lock(&self.log).get(number).cloned()
    }

    fn effects(&self, number: usize) -> Effects {
        self.entry(number).map_or_else(Effects::default, |request| {
            Effects::choose(&mut lock(&self.rules), &request)
        })
    }
}

fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect()
}

async fn handle(shared: Arc<Shared>, request: Request<Incoming>, flushes: Flushes) -> Result<Response<Body>, Failure> {
    let number = shared.begin(&request);
    let exchange = |side| Exchange {
        shared: Arc::clone(&shared),
        number,
        side,
    };
    let (mut head, body) = request.into_parts();
    let mut upload = Upload {
        body: BodyExt::boxed_unsync(body.map_err(Failure::other)),
        exchange: exchange(Side::Request),
        reset: None,
        received: 0,
    };
    if shared.upstream.is_none() {
        // Rules of a server of its own may want to read the body; a small one is read first.
        let limited = Limited::new(upload.into_body(), 16 * 1024 * 1024);
        let whole = limited.collect().await.map_err(Failure::other)?.to_bytes();
        upload = Upload {
            body: full(whole),
            exchange: exchange(Side::Request),
            reset: None,
            received: 0,
        };
    }
    let effects = shared.effects(number);
    if let Some(gathering) = &effects.gathering {
        gathering.wait().await;
    }
    tokio::time::sleep(effects.delay).await;
    if effects.ignores_range {
        head.headers.remove("range");
    }
    for change in &effects.request_changes {
        change(&mut head);
    }
    upload.reset = effects.reset_upload;
    let mut response = match (effects.reply, &shared.upstream) {
        (Some(reply), _) => {
            // As nginx does it: who is still sending gets the answer, not a reset.
            tokio::spawn(upload.into_body().collect());
            compose(reply)?
        }
        (None, Some(upstream)) => {
            let request = Request::from_parts(head, upload.into_body());
            forward(upstream, shared.scheme, request).await?
        }
        (None, None) => compose(Reply::new(404, "no rule for this request\n"))?,
    };
    if !effects.response_changes.is_empty()
        && let Some(recorded) = shared.entry(number)
    {
        let (mut parts, body) = response.into_parts();
        for change in &effects.response_changes {
            change(&recorded, &mut parts);
        }
        response = Response::from_parts(parts, body);
    }
    for (name, value) in effects.response_headers {
        let name = HeaderName::try_from(name).map_err(Failure::other)?;
        match value {
            Some(value) => drop(
                response
                    .headers_mut()
                    .insert(name, value.try_into().map_err(Failure::other)?),
            ),
            None => drop(response.headers_mut().remove(name)),
        }
    }
    shared.update(number, |entry| {
        entry.status = response.status().as_u16();
        entry.response_headers = texts(response.headers());
    });
    Ok(response.map(|body| {
        Download {
            body,
            exchange: exchange(Side::Response),
            flushes,
            cut: effects.cut,
            stall: effects.stall,
            corrupt: effects.corrupt,
            rest: Bytes::new(),
            sent: 0,
        }
        .into_body()
    }))
}

fn full(bytes: Bytes) -> Body {
    BodyExt::boxed_unsync(Full::new(bytes).map_err(|never| match never {}))
}

fn compose(reply: Reply) -> Result<Response<Body>, Failure> {
    let mut response = Response::builder()
        .status(reply.status)
        .header("Content-Length", reply.body.len());
    for (name, value) in &reply.headers {
        // A test may say the length itself, even a wrong one.
        if name.eq_ignore_ascii_case("content-length") {
            response.headers_mut().map(|headers| headers.remove("content-length"));
        }
        response = response.header(name, HeaderValue::from_bytes(value.as_bytes()).map_err(Failure::other)?);
    }
    response.body(full(reply.body)).map_err(Failure::other)
}

/// Passes a request on as it comes, the client's Host header included, since docker-registry builds
/// its Location headers from it.
async fn forward(upstream: &str, scheme: &'static str, mut request: Request<Body>) -> Result<Response<Body>, Failure> {
    let stream = TcpStream::connect(upstream).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(Failure::other)?;
    tokio::spawn(connection);
    let path = request.uri().path_and_query().map(ToString::to_string);
    *request.uri_mut() = path.unwrap_or_else(|| "/".to_owned()).parse().map_err(Failure::other)?;
    request.headers_mut().remove("connection");
    request.headers_mut().remove("expect");
    // `rdock serve` without a password knows only its own names on loopback.
    if crate::REGISTRY == Program::Rdock {
        let host = HeaderValue::from_str(upstream).map_err(Failure::other)?;
        request.headers_mut().insert("host", host);
    }
    request
        .headers_mut()
        .insert("x-forwarded-proto", HeaderValue::from_static(scheme));
    let mut response = sender.send_request(request).await.map_err(Failure::other)?;
    response.headers_mut().remove("connection");
    Ok(response.map(|body| BodyExt::boxed_unsync(body.map_err(Failure::other))))
}
