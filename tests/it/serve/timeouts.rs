//! Clients that keep the registry waiting: they are told so and let go, and the others notice nothing. The registry of
//! these tests is the library's, since nobody should wait half a minute for a test.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rdock::server::{Options, Server, Timeouts, bind, self_signed};
use rdock::store::Store;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::support::http::{self, Answer};
use crate::support::layer::digest;
use crate::support::runtime::LIMIT;

/// How long these registries wait: a client on a busy machine needs some of it before it falls silent.
const SHORT: Duration = Duration::from_secs(4);
const BEGUN: &[u8] = b"GET /v2/ HTTP/1.1\r\nHost: x\r\n";

/// A registry that waits not long.
struct Impatient {
    host: String,
    log: Receiver<String>,
    folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Impatient {
    fn start(timeouts: Timeouts, is_secret: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (log, logged) = channel();
        let (stop, stopped) = oneshot::channel();
        let (say_host, host) = channel();
        let root = folder.path().to_owned();
        let thread = thread::spawn(move || {
            let options = Options {
                has_metrics: true,
                timeouts,
                log: Some(Rc::new(move |line| drop(log.send(line.to_owned())))),
                ..Options::default()
            };
            let hosts = ["127.0.0.1".to_owned()];
            let identity = is_secret.then(|| self_signed(&root, &hosts).unwrap().identity);
            let server = Server::new(Store::at(root.join("store")), options).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let listener = bind("127.0.0.1:0").await.unwrap();
                say_host.send(listener.local_addr().unwrap().to_string()).unwrap();
                server.serve(listener, identity, async { drop(stopped.await) }).await;
            });
        });
        Self {
            host: host.recv_timeout(LIMIT).unwrap(),
            log: logged,
            folder,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    fn with_heads() -> Self {
        let timeouts = Timeouts {
            head: SHORT,
            ..Timeouts::default()
        };
        Self::start(timeouts, false)
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.host).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
    }

    #[track_caller]
    fn get(&self, path: &str) -> Answer {
        http::ask(&self.host, "GET", path, &[], b"")
    }

    /// Opens an upload and says where.
    fn begin_upload(&self) -> String {
        let start = http::ask(&self.host, "POST", "/v2/a/blobs/uploads/", &[], b"").is(202);
        start.header("location").unwrap().to_owned()
    }

    /// The next line of the log that has these words.
    fn logged(&self, words: &str) -> String {
        let mut lines = std::iter::from_fn(|| self.log.recv_timeout(LIMIT).ok());
        lines.find(|line| line.contains(words)).unwrap()
    }
}

impl Drop for Impatient {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(thread::panicking() || ended.is_some_and(|ended| ended.is_ok()));
    }
}

/// All that is said until the connection is closed.
fn rest(stream: &mut impl Read) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

/// A whole 408 with this code, and what goes on the line once; the length of its body.
#[track_caller]
fn assert_late(answer: &str, code: &str) -> usize {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
    assert!(head.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{head}");
    let head = head.to_lowercase();
    let length = format!("\r\ncontent-length: {}", body.len());
    for line in [
        "\r\nconnection: close",
        "\r\ncontent-type: application/json",
        &length,
        "\r\ndate: ",
    ] {
        assert_eq!(head.matches(line).count(), 1, "{line} {head}");
    }
    let errors: Value = serde_json::from_str(body).unwrap();
    assert_eq!(errors["errors"][0]["code"], code, "{body}");
    assert!(errors["errors"][0]["message"].is_string(), "{body}");
    body.len()
}

#[test]
fn a_head_that_does_not_come_to_its_end_is_answered_with_408() {
    let registry = Impatient::with_heads();
    let mut stalled = registry.connect();
    stalled.write_all(BEGUN).unwrap();
    registry.get("/healthz").is(200);
    let len = assert_late(&rest(&mut stalled), "UNKNOWN");
    assert!(registry.logged("408").ends_with(&format!("\"-\" 408 {len}")));
    let counted = "rdock_requests_total{method=\"other\",status=\"408\"} 1\n";
    assert!(registry.get("/metrics").is(200).text().contains(counted));

    // A byte now and then wins no time, and does not cost the client its answer.
    let mut slow = registry.connect();
    slow.write_all(BEGUN).unwrap();
    let mut writer = slow.try_clone().unwrap();
    let began = Instant::now();
    let drip = thread::spawn(move || {
        while writer.write_all(b"X").is_ok() && began.elapsed() < LIMIT {
            thread::sleep(Duration::from_millis(10));
        }
    });
    let mut answer = [0; 4096];
    let len = slow.read(&mut answer).unwrap();
    assert_late(std::str::from_utf8(&answer[..len]).unwrap(), "UNKNOWN");
    drop(slow);
    drip.join().unwrap();
    assert!(began.elapsed() < LIMIT, "it was let go");
}

#[test]
fn a_connection_on_which_nothing_was_begun_is_closed_without_a_word() {
    let registry = Impatient::with_heads();
    let (mut fresh, mut blank, mut used, mut begun) = (
        registry.connect(),
        registry.connect(),
        registry.connect(),
        registry.connect(),
    );
    blank.write_all(b"\r\n").unwrap();
    for stream in [&mut used, &mut begun] {
        stream.write_all(&[BEGUN, b"\r\n"].concat()).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n{}") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.extend(byte);
        }
    }
    begun.write_all(b"G").unwrap();
    for silent in [&mut fresh, &mut blank, &mut used] {
        assert_eq!(rest(silent), "");
    }
    assert_late(&rest(&mut begun), "UNKNOWN");
}

#[test]
fn over_tls_a_stalled_handshake_is_closed_and_a_stalled_head_answered() {
    let timeouts = Timeouts {
        head: SHORT,
        ..Timeouts::default()
    };
    let registry = Impatient::start(timeouts, true);
    let mut stalled = registry.connect();
    stalled
        .write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        .unwrap();
    let mut secret = secret(&registry.folder.path().join("ca.crt"), registry.connect());
    secret.write_all(BEGUN).unwrap();
    assert_late(&rest(&mut secret), "UNKNOWN");
    assert_eq!(rest(&mut stalled), "");
}

fn secret(authority: &Path, stream: TcpStream) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream)
}

#[test]
fn a_body_that_does_not_go_on_is_answered_with_408_and_what_came_is_kept() {
    let timeouts = Timeouts {
        body: SHORT,
        ..Timeouts::default()
    };
    let registry = Impatient::start(timeouts, false);
    let place = registry.begin_upload();
    let (mut patch, mut put) = (registry.connect(), registry.connect());
    let length = "HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhello";
    write!(patch, "PATCH {place} {length}").unwrap();
    write!(put, "PUT /v2/a/manifests/1 {length}").unwrap();
    registry.get("/healthz").is(200);
    assert_late(&rest(&mut patch), "BLOB_UPLOAD_INVALID");
    assert_late(&rest(&mut put), "MANIFEST_INVALID");
    let kept = registry.get(&place).is(204);
    assert_eq!(kept.header("range"), Some("0-4"));
    let finish = format!("{place}?digest={}", digest(b"hello you"));
    let range = ["Content-Range: 5-8"];
    http::ask(&registry.host, "PUT", &finish, &range, b" you").is(201);
}

#[test]
fn a_body_that_trickles_is_answered_with_408_though_it_is_never_silent() {
    let timeouts = Timeouts {
        body: SHORT,
        ..Timeouts::default()
    };
    let registry = Impatient::start(timeouts, false);
    let place = registry.begin_upload();
    for (request, code) in [
        (format!("PATCH {place}"), "BLOB_UPLOAD_INVALID"),
        ("PUT /v2/a/manifests/1".to_owned(), "MANIFEST_INVALID"),
    ] {
        let mut stream = registry.connect();
        write!(
            stream,
            "{request} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
        )
        .unwrap();
        let mut writer = stream.try_clone().unwrap();
        let drip = thread::spawn(move || {
            let began = Instant::now();
            while writer.write_all(b"X").is_ok() && began.elapsed() < LIMIT {
                thread::sleep(Duration::from_millis(10));
            }
        });
        let mut answer = [0; 4096];
        let len = stream.read(&mut answer).unwrap();
        assert_late(std::str::from_utf8(&answer[..len]).unwrap(), code);
        drop(stream);
        drip.join().unwrap();
    }
}
