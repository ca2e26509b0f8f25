//! Upload sessions: one writer at a time, found again after a restart.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::{HeaderValue, RETRY_AFTER};
use tokio::sync::{Mutex, MutexGuard, watch};

use super::super::auth::random::{ID_LEN, random_id};
use super::super::backing::{Backing, OffThread, Piece, Start, Upload, off_thread};
use super::super::http::body::{self, drain};
use super::super::http::connection::Peer;
use super::super::http::refusal::{Code, Refusal};
use super::super::http::timeouts::Pace;
use super::route::Name;
use crate::error::{Kind, Result};
use crate::image::Digest;
use crate::image::digest::Algorithm;

/// Sessions in memory; beyond that the one that was left alone for the longest stays a file only, from which it can be
/// taken up again.
const MOST: usize = 2000;
/// Sessions of one peer address.
const SHARE: usize = 500;
/// Pieces are written and hashed in batches of this many bytes, while the next one arrives.
const BATCH: usize = 512 << 10;
/// How long a session that nobody writes to stays in memory; from its file it can be taken up again.
const REMEMBERED: Duration = Duration::from_mins(10);

pub(in crate::server) struct UploadSessions<B: Backing> {
    store: OffThread<B>,
    remembered: Duration,
    silence: Duration,
    /// Sessions by the name of their file.
    open: RefCell<HashMap<String, Rc<UploadSession<B::Upload>>>>,
}

/// What one client sends to one repository.
pub(in crate::server) struct UploadSession<U> {
    pub(in crate::server) id: String,
    file: String,
    upload: Mutex<Option<U>>,
    /// Counts those who want to write; the newest one gets to.
    claims: watch::Sender<u64>,
    silence: Duration,
    touched: Cell<Instant>,
    /// The peer that began it; not known of one that was found as a file.
    peer: Option<Peer>,
}

/// The right to write, until somebody newer wants it: a client whose connection broke comes back before the registry
/// has noticed.
pub(in crate::server) struct Claim<'a, U> {
    session: &'a UploadSession<U>,
    upload: MutexGuard<'a, Option<U>>,
    newer: watch::Receiver<u64>,
}

/// How a body ended.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::server) enum Ended {
    Whole,
    /// The connection broke, or a newer request took over. What has come is kept.
    Cut,
    /// The client fell silent, or was too slow. What has come is kept.
    Silent,
}

impl<B: Backing> UploadSessions<B> {
    /// Clients may send nothing for as long as `silence`.
    pub(in crate::server) fn new(store: OffThread<B>, kept_for: Duration, silence: Duration) -> Self {
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
        peer: Option<Peer>,
    ) -> Result<Rc<UploadSession<B::Upload>>, Refusal> {
        let of_peer = |session: &&Rc<UploadSession<B::Upload>>| peer.is_some() && session.peer == peer;
        if self.open.borrow().values().filter(of_peer).count() >= SHARE {
            let refusal = Refusal::new(
                StatusCode::TOO_MANY_REQUESTS,
                Code::TooManyRequests,
                "too many uploads from this address are under way",
            );
            return Err(refusal.with(RETRY_AFTER, HeaderValue::from_static("30")));
        }
        let id = random_id()?;
        let file = file_of(name, &id);
        let name = file.clone();
        let upload = self
            .store
            .run(move |store| store.begin_upload(&name, algorithm))
            .await?;
        Ok(self.insert(id, file, upload, peer))
    }

    /// The session of this ID in this repository: under another one's name there is none.
    pub(in crate::server) async fn find(&self, name: &Name, id: &str) -> Result<Rc<UploadSession<B::Upload>>, Refusal> {
        if !is_id(id) {
            return Err(Refusal::no_upload());
        }
        let file = file_of(name, id);
        if let Some(session) = self.open.borrow().get(&file) {
            return Ok(Rc::clone(session));
        }
        let wanted = file.clone();
        let left = self.store.run(move |store| store.left_upload(&wanted)).await?;
        // Two requests may have looked at once.
        if let Some(session) = self.open.borrow().get(&file) {
            return Ok(Rc::clone(session));
        }
        left.map(|upload| self.insert(id.to_owned(), file, upload, None))
            .ok_or_else(Refusal::no_upload)
    }

    fn insert(&self, id: String, file: String, upload: B::Upload, peer: Option<Peer>) -> Rc<UploadSession<B::Upload>> {
        self.make_room();
        let session = Rc::new(UploadSession {
            id,
            file: file.clone(),
            upload: Mutex::new(Some(upload)),
            claims: watch::Sender::new(0),
            silence: self.silence,
            touched: Cell::new(Instant::now()),
            peer,
        });
        self.open.borrow_mut().insert(file, Rc::clone(&session));
        session
    }

    fn make_room(&self) {
        let mut open = self.open.borrow_mut();
        if open.len() < MOST {
            return;
        }
        let idle = open.values().filter(|session| session.upload.try_lock().is_ok());
        if let Some(oldest) = idle.min_by_key(|session| session.touched.get()) {
            let file = oldest.file.clone();
            open.remove(&file);
        }
    }

    pub(in crate::server) fn forget(&self, session: &UploadSession<B::Upload>) {
        self.open.borrow_mut().remove(&session.file);
    }

    /// Forgets those that nobody has written to for too long; a sweep of the store removes their files in the end.
    pub(in crate::server) fn expire(&self) {
        let is_fresh = |session: &UploadSession<B::Upload>| session.touched.get().elapsed() < self.remembered;
        self.open
            .borrow_mut()
            .retain(|_, session| is_fresh(session) || session.upload.try_lock().is_err());
    }

    /// Whether a client is sending something just now.
    pub(in crate::server) fn has_writer(&self) -> bool {
        let open = self.open.borrow();
        open.values().any(|session| session.upload.try_lock().is_err())
    }

    pub(in crate::server) fn count(&self) -> usize {
        self.open.borrow().len()
    }
}

impl<U: Upload> UploadSession<U> {
    /// Waits for whoever writes to it, who is told to stop.
    pub(in crate::server) async fn claim(&self) -> Claim<'_, U> {
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

impl<U: Upload> Claim<'_, U> {
    /// How many bytes have arrived; an error when another request has ended it.
    pub(in crate::server) fn len(&self) -> Result<u64, Refusal> {
        self.upload.as_ref().map(U::len).ok_or_else(ended)
    }

    /// How many of them the client knows of.
    pub(in crate::server) fn told(&self) -> Result<u64, Refusal> {
        self.upload.as_ref().map(U::told).ok_or_else(ended)
    }

    /// How many bytes have arrived, for the client to know.
    pub(in crate::server) fn tell(&mut self) -> Result<u64, Refusal> {
        let upload = self.upload.as_mut().ok_or_else(ended)?;
        upload.tell();
        Ok(upload.len())
    }

    pub(in crate::server) fn take(&mut self) -> Result<U, Refusal> {
        self.upload.take().ok_or_else(ended)
    }

    /// Adds the body, which should have so many bytes where that is known: if it has not, it is taken back. How it ended,
    /// and how many bytes came. Must not be cancelled: the upload travels to the threads that write.
    pub(in crate::server) async fn fill(
        &mut self,
        at: Start,
        body: Incoming,
        size: Option<u64>,
    ) -> Result<(Ended, u64), Refusal> {
        let mut upload = self.take()?;
        let opened = off_thread(move || upload.open(at).map(|()| upload)).await;
        let upload = match opened {
            Err(e) if e.kind() == Kind::NotFound => return Err(ended()),
            upload => upload?,
        };
        let start = upload.len();
        let (mut upload, how) = self.write(upload, body).await?;
        let sent = upload.len() - start;
        let piece = match how {
            Ok(Ended::Whole) if size.is_some_and(|size| size != sent) => Piece::TakenBack,
            Ok(Ended::Whole) => Piece::Told,
            _ => Piece::Untold,
        };
        let closing = off_thread(move || {
            let closed = upload.close(piece);
            Ok((upload, closed))
        });
        let (upload, closed) = closing.await?;
        self.upload.replace(upload);
        closed?;
        Ok((how?, sent))
    }

    /// The upload comes back however the body ended.
    async fn write(&mut self, mut upload: U, mut body: Incoming) -> Result<(U, Result<Ended>), Refusal> {
        let mut pace = Pace::new(self.session.silence);
        let mut batch = Vec::new();
        let mut ended = None;
        loop {
            let is_last = ended.is_some();
            let writing = off_thread(move || {
                let written = upload.append(&batch);
                Ok((upload, written))
            });
            let next = async {
                if is_last {
                    return (Vec::new(), None);
                }
                self.batch(&mut body, &mut pace).await
            };
            let (task, next) = tokio::join!(writing, next);
            let written;
            (upload, written) = task?;
            self.session.touched.set(Instant::now());
            if let Err(e) = written {
                drain(body).await;
                return Ok((upload, Err(e)));
            }
            if let Some(ended) = ended {
                return Ok((upload, Ok(ended)));
            }
            (batch, ended) = next;
        }
    }

    /// The next bytes, and how the body ended if it did.
    async fn batch(&mut self, body: &mut Incoming, pace: &mut Pace) -> (Vec<Bytes>, Option<Ended>) {
        let mut batch = Vec::new();
        let mut len = 0;
        while len < BATCH {
            let frame = tokio::select! {
                biased;
                _ = self.newer.changed() => return (batch, Some(Ended::Cut)),
                frame = body::next(pace, body) => frame,
            };
            match frame {
                Some(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        len += data.len();
                        batch.push(data);
                    }
                }
                Some(None) => return (batch, Some(Ended::Whole)),
                Some(Some(Err(_))) => return (batch, Some(Ended::Cut)),
                None => return (batch, Some(Ended::Silent)),
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

/// The name of a session's file: it holds the repository too, so that an ID is worth nothing under another one's name.
fn file_of(name: &Name, id: &str) -> String {
    let owner = Digest::of(name.repository.name().as_bytes());
    format!("{id}-{}", &owner.hex()[..16])
}

fn is_id(text: &str) -> bool {
    text.len() == ID_LEN && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}
