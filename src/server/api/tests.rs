//! The rules of the registry, asked over HTTP like any registry's, but in memory: neither a disk nor a socket is needed.

mod deletion;
mod discovery;
mod fuzz;
mod limits;
mod putting;
mod rights;

use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::task::{JoinHandle, LocalSet, spawn_local};

use super::Api;
use super::repository_names::RepositoryNames;
use super::state::State;
use super::upload_sessions::UploadSessions;
use crate::image::Digest;
use crate::server::auth::Users;
use crate::server::auth::access::Access;
use crate::server::backing::memory::Memory;
use crate::server::backing::{Backing as _, OffThread};
use crate::server::http::access_log::Log;

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// A registry in memory, and the memory.
struct Rules {
    api: Rc<Api<Memory>>,
    memory: Memory,
    runtime: tokio::runtime::Runtime,
    local: LocalSet,
}

/// What came back: the status line and the headers as they are, and the body.
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Rules {
    fn new() -> Self {
        Self::with(Users::default())
    }

    fn with(users: Users) -> Self {
        let memory = Memory::default();
        let (log, silence, kept_for): (Log, _, _) = (Rc::new(|_| {}), Duration::from_mins(1), Duration::from_hours(1));
        let store = OffThread::new(memory.clone());
        let access = Access::new(users, &log).unwrap();
        let api = Api {
            state: State {
                is_divided: access.is_divided(),
                ..State::new(store.clone(), RepositoryNames::of_hub(), kept_for)
            },
            sessions: UploadSessions::new(store, kept_for, silence),
            access,
            metrics: Rc::default(),
            has_metrics: false,
            bodies: Rc::default(),
            silence,
            log,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Self {
            api: Rc::new(api),
            memory,
            runtime: runtime.unwrap(),
            local: LocalSet::new(),
        }
    }

    fn ask(&self, line: &str) -> Answer {
        self.send(line, &[], b"")
    }

    /// Sends `METHOD PATH` with these headers and this body.
    fn send(&self, line: &str, headers: &[&str], body: &[u8]) -> Answer {
        let request = request(line, headers, body.len(), body);
        Answer::read(&self.run(self.exchange(&request)))
    }

    /// Sends so much of a body, and then the connection breaks.
    fn send_part(&self, line: &str, len: usize, part: &[u8]) {
        let request = request(line, &[], len, part);
        self.run(async {
            let (mut far, served) = self.connect();
            far.write_all(&request).await.unwrap();
            drop(far);
            served.await.unwrap();
        });
    }

    fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.local.block_on(&self.runtime, work)
    }

    async fn exchange(&self, request: &[u8]) -> Vec<u8> {
        let (mut far, served) = self.connect();
        let mut answer = Vec::new();
        // An answer may come before all has been read.
        let _ = far.write_all(request).await;
        far.read_to_end(&mut answer).await.unwrap();
        served.await.unwrap();
        answer
    }

    fn connect(&self) -> (DuplexStream, JoinHandle<()>) {
        let (near, far) = duplex(64 << 10);
        let api = Rc::clone(&self.api);
        let served = spawn_local(async move {
            let answer = service_fn(async |request| Ok::<_, Infallible>(api.answer(request, true).await.0));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(near), answer).await;
        });
        (far, served)
    }

    fn put_blob(&self, repository: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let line = format!("POST /v2/{repository}/blobs/uploads/?digest={digest}");
        self.send(&line, &[], bytes).is(201);
        digest
    }

    fn put(&self, repository: &str, at: &str, manifest: &Value) -> Answer {
        let media_type = format!("Content-Type: {}", manifest["mediaType"].as_str().unwrap());
        let line = format!("PUT /v2/{repository}/manifests/{at}");
        self.send(&line, &[&media_type], manifest.to_string().as_bytes())
    }

    /// An image with a layer of its own, whose blobs are in the repository.
    fn image(&self, repository: &str, text: &str) -> Value {
        let config = json!({"os": "linux", "architecture": "amd64", "text": text}).to_string();
        let manifest = json!({"schemaVersion": 2, "mediaType": IMAGE,
            "config": described(CONFIG, config.as_bytes()), "layers": [described(LAYER, text.as_bytes())]});
        self.put_blob(repository, config.as_bytes());
        self.put_blob(repository, text.as_bytes());
        manifest
    }

    fn has(&self, digest: &Digest) -> bool {
        self.memory.size(digest).is_some()
    }
}

impl Answer {
    fn read(raw: &[u8]) -> Self {
        let end = raw.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(raw[..end].to_vec()).unwrap();
        Self {
            status: head[9..12].parse().unwrap(),
            head,
            body: raw[end + 4..].to_vec(),
        }
    }

    #[track_caller]
    fn is(self, status: u16) -> Self {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{}\n{text}", self.head);
        self
    }

    #[track_caller]
    fn refuses(self, status: u16, code: &str) -> Self {
        let answer = self.is(status);
        assert_eq!(answer.json()["errors"][0]["code"], code);
        answer
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines
            .find(|(it, _)| it.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

fn request(line: &str, headers: &[&str], len: usize, body: &[u8]) -> Vec<u8> {
    let mut head = format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len}\r\n");
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

fn described(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": Digest::of(bytes), "size": bytes.len()})
}

fn of(document: &Value) -> Digest {
    Digest::of(document.to_string().as_bytes())
}

fn index(children: &[&Value]) -> Value {
    let describe = |child: &&Value| described(child["mediaType"].as_str().unwrap(), child.to_string().as_bytes());
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": children.iter().map(describe).collect::<Vec<_>>()})
}
