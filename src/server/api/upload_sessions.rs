//! Upload sessions: one file each, one writer at a time, found again after a restart.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::{HeaderValue, RETRY_AFTER};
use tokio::sync::{Mutex, MutexGuard, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::super::auth::random::{ID_LEN, random_id};
use super::super::http::body::drain;
use super::super::http::refusal::{Code, Refusal};
use super::super::retention::off_thread;
use super::route::Name;
use crate::error::{Error, Kind, Result};
use crate::image::Digest;
use crate::image::digest::Algorithm;
use crate::store::{Store, Upload};

/// Sessions at once. A client opens as many as it likes; files and memory have an end.
const MOST: usize = 2000;
/// Pieces are written and hashed in batches of this many bytes, while the next one arrives.
const BATCH: usize = 512 << 10;
/// How long a session that nobody writes to stays in memory; from its file it can be taken up again.
const REMEMBERED: Duration = Duration::from_mins(10);

pub(in crate::server) struct UploadSessions {
    store: Store,
    remembered: Duration,
    silence: Duration,
    /// By the name of the file.
    open: RefCell<HashMap<String, Rc<UploadSession>>>,
}

/// What one client sends to one repository.
pub(in crate::server) struct UploadSession {
    pub(in crate::server) id: String,
    file: String,
    upload: Mutex<Option<Upload>>,
    /// Counts those who want to write; the newest one gets to.
    claims: watch::Sender<u64>,
    silence: Duration,
    touched: Cell<Instant>,
}

/// The right to write, until somebody newer wants it: a client whose connection broke comes back before the registry
/// has noticed.
pub(in crate::server) struct Claim<'a> {
    session: &'a UploadSession,
    upload: MutexGuard<'a, Option<Upload>>,
    newer: watch::Receiver<u64>,
}

/// How a body ended.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::server) enum Ended {
    Whole,
    /// The connection broke, or a newer request took over. What has come is kept.
    Cut,
    /// The client fell silent. What has come is kept.
    Silent,
}

impl UploadSessions {
    /// Clients may send nothing for as long as `silence`.
    pub(in crate::server) fn new(store: Store, kept_for: Duration, silence: Duration) -> Self {
        Self {
            store,
            silence,
            remembered: kept_for.min(REMEMBERED),
            open: RefCell::default(),
        }
    }

    pub(in crate::server) async fn begin(
        &self,
        name: &Name,
        algorithm: Algorithm,
    ) -> Result<Rc<UploadSession>, Refusal> {
        if self.open.borrow().len() >= MOST {
            let refusal = Refusal::new(
                StatusCode::TOO_MANY_REQUESTS,
                Code::TooManyRequests,
                "too many uploads are under way",
            );
            return Err(refusal.with(RETRY_AFTER, HeaderValue::from_static("30")));
        }
        let id = random_id()?;
        let file = file_of(name, &id);
        let (store, path) = (self.store.clone(), file.clone());
        let upload = off_thread(move || store.upload(&path, algorithm)).await?;
        Ok(self.insert(id, file, upload))
    }

    /// The session of this ID in this repository: under another one's name there is none.
    pub(in crate::server) async fn find(&self, name: &Name, id: &str) -> Result<Rc<UploadSession>, Refusal> {
        let unknown = || {
            Refusal::new(
                StatusCode::NOT_FOUND,
                Code::BlobUploadUnknown,
                "blob upload unknown to registry",
            )
        };
        if !is_id(id) {
            return Err(unknown());
        }
        let file = file_of(name, id);
        if let Some(session) = self.open.borrow().get(&file) {
            return Ok(Rc::clone(session));
        }
        let (store, path) = (self.store.clone(), file.clone());
        // Which algorithm it was begun with is forgotten; if it was another, the file is hashed again at the end.
        let left = off_thread(move || store.left_upload(&path, Algorithm::Sha256)).await?;
        // Two requests may have looked at once.
        if let Some(session) = self.open.borrow().get(&file) {
            return Ok(Rc::clone(session));
        }
        left.map(|upload| self.insert(id.to_owned(), file, upload))
            .ok_or_else(unknown)
    }

    fn insert(&self, id: String, file: String, upload: Upload) -> Rc<UploadSession> {
        let session = Rc::new(UploadSession {
            id,
            file: file.clone(),
            upload: Mutex::new(Some(upload)),
            claims: watch::Sender::new(0),
            silence: self.silence,
            touched: Cell::new(Instant::now()),
        });
        self.open.borrow_mut().insert(file, Rc::clone(&session));
        session
    }

    pub(in crate::server) fn forget(&self, session: &UploadSession) {
        self.open.borrow_mut().remove(&session.file);
    }

    /// Forgets those that nobody has written to for too long; a sweep of the store removes their files in the end.
    pub(in crate::server) fn expire(&self) {
        let is_fresh = |session: &UploadSession| session.touched.get().elapsed() < self.remembered;
        self.open
            .borrow_mut()
            .retain(|_, session| is_fresh(session) || session.upload.try_lock().is_err());
    }

    pub(in crate::server) fn count(&self) -> usize {
        self.open.borrow().len()
    }
}

impl UploadSession {
    /// Waits for whoever writes to it, who is told to stop.
    pub(in crate::server) async fn claim(&self) -> Claim<'_> {
        self.claims.send_modify(|count| *count += 1);
        let newer = self.claims.subscribe();
        let upload = self.upload.lock().await;
        Claim {
            session: self,
            upload,
            newer,
        }
    }
}

impl Claim<'_> {
    /// The upload; an error when another request has ended it.
    pub(in crate::server) fn upload(&mut self) -> Result<&mut Upload, Refusal> {
        self.upload.as_mut().ok_or_else(ended)
    }

    pub(in crate::server) fn take(&mut self) -> Result<Upload, Refusal> {
        self.upload.take().ok_or_else(ended)
    }

    /// Adds the body. Must not be cancelled: the upload travels to the threads that write.
    pub(in crate::server) async fn fill(&mut self, mut body: Incoming) -> Result<Ended, Refusal> {
        let mut upload = self.take()?;
        let mut batch = Vec::new();
        let mut ended = None;
        loop {
            let is_last = ended.is_some();
            let writing = spawn_blocking(move || {
                let written = upload.append(&batch);
                (upload, written)
            });
            let next = async {
                if is_last {
                    return (Vec::new(), None);
                }
                self.batch(&mut body).await
            };
            let (task, next) = tokio::join!(writing, next);
            let written;
            (upload, written) = task.map_err(lost)?;
            self.session.touched.set(Instant::now());
            if let Err(e) = written {
                self.upload.replace(upload);
                drain(body).await;
                return Err(e.into());
            }
            if let Some(ended) = ended {
                self.upload.replace(upload);
                return Ok(ended);
            }
            (batch, ended) = next;
        }
    }

    /// The next bytes, and how the body ended if it did.
    async fn batch(&mut self, body: &mut Incoming) -> (Vec<Bytes>, Option<Ended>) {
        let mut batch = Vec::new();
        let mut len = 0;
        while len < BATCH {
            let frame = tokio::select! {
                biased;
                _ = self.newer.changed() => return (batch, Some(Ended::Cut)),
                frame = timeout(self.session.silence, body.frame()) => frame,
            };
            match frame {
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        len += data.len();
                        batch.push(data);
                    }
                }
                Ok(None) => return (batch, Some(Ended::Whole)),
                Ok(Some(Err(_))) => return (batch, Some(Ended::Cut)),
                Err(_) => return (batch, Some(Ended::Silent)),
            }
        }
        (batch, None)
    }
}

fn ended() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        Code::BlobUploadUnknown,
        "another request has ended this upload",
    )
}

fn lost(e: tokio::task::JoinError) -> Error {
    Error::new(Kind::Io, "the thread that writes an upload was lost").caused_by(e)
}

/// The name of a session's file: it holds the repository too, so that an ID is worth nothing under another one's name.
fn file_of(name: &Name, id: &str) -> String {
    let owner = Digest::of(name.repository.name().as_bytes());
    format!("{id}-{}", &owner.hex()[..16])
}

fn is_id(text: &str) -> bool {
    text.len() == ID_LEN && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}
