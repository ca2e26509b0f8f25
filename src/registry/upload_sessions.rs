//! Upload sessions: opened, found again, or spared where a neighbour has the blob.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use reqwest::{Method, StatusCode, Url};
use tokio::time::timeout;

use super::requests::Requests;
use super::upload_notes::UploadNotes;
use super::wire::{Answer, Request, Scope, Wording, encrypted_again, headers};
use crate::error::{Clue, Kind, Result};
use crate::image::digest::Algorithm;
use crate::image::{Descriptor, Digest};

/// How many neighbours are asked for a blob.
const MOUNT_TRIES: usize = 3;

/// A place on the registry that a blob is being written to.
#[derive(Debug)]
pub(super) struct UploadSession {
    /// Each answer names a new one, and only the newest counts.
    pub(super) url: Url,
    /// How many bytes it holds.
    pub(super) offset: u64,
    pub(super) least_chunk: u64,
}

/// What a request for a mount led to.
pub(super) enum Begun {
    Mounted { from: String },
    Open(UploadSession),
}

/// The upload sessions of one repository.
#[derive(Clone)]
pub(super) struct UploadSessions {
    pub(super) requests: Rc<Requests>,
    /// Other repositories that hold a blob.
    pub(super) neighbours: Rc<HashMap<Digest, Vec<String>>>,
    pub(super) notes: Rc<UploadNotes>,
    /// Whether it is worth asking for mounts: not where one failed otherwise than by a refusal.
    pub(super) has_mounts: Rc<Cell<bool>>,
}

impl UploadSessions {
    /// The session that was left behind, if the registry still has it. Registry 2.8 never does.
    pub(super) async fn resume(&self, blob: &Descriptor) -> Result<Option<UploadSession>> {
        let Some(url) = self.notes.take(blob) else {
            return Ok(None);
        };
        let endpoint = &self.requests.main().endpoint;
        if endpoint
            .url_policy()
            .await?
            .check(&endpoint.base().await?, &url)
            .is_err()
        {
            self.notes.forget(&blob.digest);
            return Ok(None);
        }
        let found = self.find(&url, blob.size).await;
        match &found {
            Ok(Some(_)) => {}
            Ok(None) => self.notes.forget(&blob.digest),
            Err(_) => self.notes.remember(blob, &url),
        }
        found
    }

    /// The session as the registry has it now, of a blob of this size; none where it does not say.
    pub(super) async fn find(&self, url: &Url, size: u64) -> Result<Option<UploadSession>> {
        let answer = self
            .requests
            .main()
            .send(&self.request(Method::GET, url.clone()))
            .await?;
        let held = headers::received(&answer.headers).filter(|&held| held <= size);
        let (Some(offset), true) = (held, answer.status.is_success()) else {
            answer.discard().await;
            return Ok(None);
        };
        self.after(answer, offset, Some(url.clone())).await.map(Some)
    }

    /// Asks for the blob where neighbours are known to have it. That is to save an upload, no more: nothing is asked
    /// twice, and whatever goes wrong is left to the upload.
    pub(super) async fn mount(&self, digest: &Digest) -> Option<Begun> {
        let own = self.requests.name.path();
        let known = self.neighbours.get(digest).map(Vec::as_slice).unwrap_or_default();
        for from in known.iter().filter(|from| *from != own).take(MOUNT_TRIES) {
            if !self.has_mounts.get() {
                return None;
            }
            let both = [Scope::push(own), Scope::pull(from)];
            let request = self
                .requests
                .writing(Method::POST, &format!("blobs/uploads/?mount={digest}&from={from}"))
                .scopes(both);
            let host = self.requests.main();
            let answer = match timeout(host.endpoint.idle_timeout(), host.ask(&request)).await {
                Ok(Ok(answer)) => answer,
                // GitLab and the Hub may refuse the token for the mount alone (rust-oci-client#235).
                Ok(Err(e)) if matches!(e.kind(), Kind::Unauthorized | Kind::Denied) => continue,
                Ok(Err(_)) | Err(_) => {
                    self.has_mounts.set(false);
                    return None;
                }
            };
            match answer.status {
                StatusCode::CREATED => {
                    answer.discard().await;
                    return Some(Begun::Mounted { from: from.clone() });
                }
                // Not mounted, but the session it opened must be used, or it stays behind.
                StatusCode::ACCEPTED => return self.after(answer, 0, None).await.ok().map(Begun::Open),
                status => {
                    self.has_mounts.set(may_refuse_one(status));
                    answer.discard().await;
                }
            }
        }
        None
    }

    /// Whether the registry lets uploads begin here.
    pub(super) async fn may_begin(&self, digest: &Digest) -> bool {
        let Ok(session) = self.open(digest).await else {
            return false;
        };
        let end = self.request(Method::DELETE, session.url);
        if let Ok(answer) = self.requests.main().ask(&end).await {
            answer.discard().await;
        }
        true
    }

    pub(super) async fn open(&self, digest: &Digest) -> Result<UploadSession> {
        let path = match digest.algorithm() {
            Algorithm::Sha256 => "blobs/uploads/".to_owned(),
            other => format!("blobs/uploads/?digest-algorithm={}", other.name()),
        };
        let host = self.requests.main();
        // Once: whoever moves the blob tries again.
        let answer = host.ask(&self.requests.writing(Method::POST, &path)).await?;
        if !answer.status.is_success() {
            return Err(host.refusal(answer).await.first());
        }
        let is_web_page = answer.is_web_page();
        self.after(answer, 0, None).await.map_err(|e| {
            if !is_web_page {
                return e;
            }
            let host = self.requests.hosts.domain.clone();
            e.with_clue(Clue::NoRegistry { host })
        })
    }

    pub(super) fn request(&self, method: Method, url: Url) -> Request {
        Request::to(method, url)
            .scopes([Scope::push(self.requests.name.path())])
            .worded(Wording::Bare)
    }

    /// The session as this answer leaves it. An answer without a Location leaves it where it was.
    pub(super) async fn after(&self, answer: Answer, offset: u64, was: Option<Url>) -> Result<UploadSession> {
        let endpoint = &self.requests.main().endpoint;
        let url = match (headers::location(&answer.headers, &answer.url), was) {
            (Err(_), Some(url)) => url,
            (location, _) => encrypted_again(location?, &answer.url),
        };
        endpoint.url_policy().await?.check(&answer.url, &url)?;
        let least_chunk = headers::chunk_min_length(&answer.headers).unwrap_or(0);
        answer.discard().await;
        Ok(UploadSession {
            url,
            offset,
            least_chunk,
        })
    }
}

/// Whether this refusal of a mount is of the one neighbour that was named, and says nothing of others.
fn may_refuse_one(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 401 | 403 | 404)
}
