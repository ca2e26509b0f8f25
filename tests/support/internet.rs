//! A fake internet: a proxy that knows true host names and leads them to servers on loopback.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::authority::Authority;
use super::listener::{Body, Failure, Listener};
use super::sandbox::Sandbox;

/// The proxy and the authority that its hosts' certificates come from.
pub(crate) struct Internet {
    listener: Listener,
    shared: Arc<Shared>,
    _folder: TempDir,
    certificate: PathBuf,
}

#[derive(Default)]
struct Shared {
    hosts: Mutex<BTreeMap<String, String>>,
    log: Mutex<Vec<(String, Verdict)>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Known,
    Unknown,
}

impl Internet {
    /// An internet without hosts, whose hosts are trusted when `authority` signed them.
    pub(crate) fn new(authority: &Authority) -> Self {
        let shared = Arc::new(Shared::default());
        let handler = Arc::clone(&shared);
        let listener = Listener::start(
            None,
            Arc::new(move |request, _| answer(Arc::clone(&handler), request).boxed()),
        );
        let folder = tempfile::tempdir().unwrap();
        let certificate = authority.pem_file(folder.path());
        Self {
            listener,
            shared,
            _folder: folder,
            certificate,
        }
    }

    /// Leads `name:port` to a server on loopback; port 443 by CONNECT, 80 also by plain requests.
    pub(crate) fn host(self, name_and_port: &str, address: &str) -> Self {
        let mut hosts = self.shared.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.insert(name_and_port.to_owned(), address.to_owned());
        drop(hosts);
        self
    }

    /// Makes a sandbox live in this internet: its proxy variables and `SSL_CERT_FILE`.
    ///
    /// `NO_PROXY` stays unset. Like Docker, rdock has to reach loopback without the proxy.
    pub(crate) fn apply(&self, sandbox: &mut Sandbox) {
        sandbox.set_env("HTTPS_PROXY", self.proxy());
        sandbox.set_env("HTTP_PROXY", self.proxy());
        sandbox.set_env("SSL_CERT_FILE", self.certificate());
    }

    /// The proxy's URL.
    pub(crate) fn proxy(&self) -> String {
        format!("http://{}", self.listener.address())
    }

    /// The file with the authority's certificate.
    pub(crate) fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// All `name:port` that clients asked for, known or not, in order.
    pub(crate) fn connections(&self) -> Vec<String> {
        self.names(|_| true)
    }

    /// The `name:port` that clients asked for and that do not exist here.
    pub(crate) fn refused(&self) -> Vec<String> {
        self.names(|verdict| verdict == Verdict::Unknown)
    }

    fn names(&self, fits: impl Fn(Verdict) -> bool) -> Vec<String> {
        let log = self.shared.log.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = log.iter().filter(|(_, verdict)| fits(*verdict));
        fitting.map(|(name, _)| name.clone()).collect()
    }
}

impl Shared {
    /// Looks a name up and records that somebody asked.
    fn find(&self, name: &str) -> Option<String> {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let address = hosts.get(name).cloned();
        let verdict = address.as_ref().map_or(Verdict::Unknown, |_| Verdict::Known);
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((name.to_owned(), verdict));
        address
    }
}

async fn answer(shared: Arc<Shared>, mut request: Request<Incoming>) -> Result<Response<Body>, Failure> {
    let Some(authority) = request.uri().authority().cloned() else {
        return refuse("this is a proxy");
    };
    let port = authority.port_u16().unwrap_or(80);
    let name = format!("{}:{port}", authority.host());
    let Some(address) = shared.find(&name) else {
        return refuse(&format!("no such host: {name}"));
    };
    let Ok(mut stream) = TcpStream::connect(&address).await else {
        return refuse(&format!("connection refused: {name}"));
    };
    if request.method() == Method::CONNECT {
        tokio::spawn(async move {
            if let Ok(upgraded) = hyper::upgrade::on(&mut request).await {
                let mut client = TokioIo::new(upgraded);
                let _ = tokio::io::copy_bidirectional(&mut client, &mut stream).await;
            }
        });
        let body = BodyExt::boxed_unsync(Empty::new().map_err(|never| match never {}));
        return Ok(Response::new(body));
    }
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(Failure::other)?;
    tokio::spawn(connection);
    let path = request.uri().path_and_query().map(ToString::to_string);
    *request.uri_mut() = path.unwrap_or_else(|| "/".to_owned()).parse().map_err(Failure::other)?;
    let response = sender.send_request(request).await.map_err(Failure::other)?;
    Ok(response.map(|body| BodyExt::boxed_unsync(body.map_err(Failure::other))))
}

fn refuse(reason: &str) -> Result<Response<Body>, Failure> {
    let body = Full::from(format!("{reason}\n")).map_err(|never| match never {});
    Response::builder()
        .status(502)
        .body(BodyExt::boxed_unsync(body))
        .map_err(Failure::other)
}
