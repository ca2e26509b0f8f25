//! Upload sessions: opened, found again, remembered between tries and between runs.

use std::cell::RefCell;
use std::collections::HashMap;

use reqwest::{Method, StatusCode, Url};

use super::repository::Repository;
use super::wire::{Answer, Request, Scope, Shown, headers};
use crate::content::Remembered;
use crate::error::{Kind, Result};
use crate::image::digest::Algorithm;
use crate::image::{Descriptor, Digest};

/// How many neighbours are asked for a blob.
const MOUNT_TRIES: usize = 3;
/// Uploads of smaller blobs are not worth remembering between runs, in bytes.
const REMEMBERED_FROM: u64 = 1 << 20;

/// A place on the registry that a blob is being written to.
#[derive(Debug)]
pub(super) struct Session {
    /// Each answer names a new one, and only the newest counts.
    pub(super) url: Url,
    /// How many bytes it holds.
    pub(super) offset: u64,
    pub(super) least_chunk: u64,
}

/// What a request for a mount led to.
pub(super) enum Begun {
    Mounted { from: String },
    Open(Session),
}

/// A blob that the registry lacks, and the session that asking for it may have opened.
#[derive(Default)]
pub(super) struct Missing {
    pub(super) session: Option<Session>,
}

/// What is known of uploads that are not done.
#[derive(Default)]
pub(super) struct Uploads {
    /// Blobs that the registry was asked for and lacks.
    missing: RefCell<HashMap<Digest, Missing>>,
    /// Where uploads stood that were begun.
    urls: RefCell<HashMap<Digest, Url>>,
    /// Those of them that the next run is to know of.
    remembered: RefCell<HashMap<Digest, Remembered>>,
}

impl Uploads {
    pub(super) fn is_missing(&self, digest: &Digest, session: Option<Session>) {
        self.missing.borrow_mut().insert(digest.clone(), Missing { session });
    }

    /// What looking for the blob led to, once.
    pub(super) fn take(&self, digest: &Digest) -> Option<Missing> {
        self.missing.borrow_mut().remove(digest)
    }
}

impl Repository {
    /// Notes where an upload stands, before bytes are sent there.
    pub(super) fn remember(&self, blob: &Descriptor, url: &Url) {
        self.begun.urls.borrow_mut().insert(blob.digest.clone(), url.clone());
        if blob.size < REMEMBERED_FROM {
            return;
        }
        let mut remembered = self.begun.remembered.borrow_mut();
        if !remembered.contains_key(&blob.digest)
            && let Some(new) = self.claim(&blob.digest)
        {
            remembered.insert(blob.digest.clone(), new);
        }
        if let Some(upload) = remembered.get(&blob.digest) {
            upload.keep(Some(url.as_str()));
        }
    }

    pub(super) fn forget(&self, digest: &Digest) {
        self.begun.urls.borrow_mut().remove(digest);
        if let Some(upload) = self.begun.remembered.borrow_mut().remove(digest) {
            upload.keep(None);
        }
    }

    fn claim(&self, digest: &Digest) -> Option<Remembered> {
        self.memory.as_ref().and_then(|memory| memory(digest))
    }

    /// Where an earlier try or run left the upload.
    fn known(&self, blob: &Descriptor) -> Option<Url> {
        if let Some(url) = self.begun.urls.borrow_mut().remove(&blob.digest) {
            return Some(url);
        }
        if blob.size < REMEMBERED_FROM {
            return None;
        }
        let upload = self.claim(&blob.digest)?;
        let url = upload.session.as_deref().and_then(|url| Url::parse(url).ok());
        self.begun.remembered.borrow_mut().insert(blob.digest.clone(), upload);
        url
    }

    /// The session that was left behind, if the registry still has it. Registry 2.8 never does.
    pub(super) async fn resume(&self, blob: &Descriptor) -> Result<Option<Session>> {
        let Some(url) = self.known(blob) else {
            return Ok(None);
        };
        let endpoint = &self.registry.main().endpoint;
        if endpoint.road().await?.check(&endpoint.base().await?, &url).is_err() {
            self.forget(&blob.digest);
            return Ok(None);
        }
        let request = self.to_session(Method::GET, url.clone());
        let answer = match self.registry.main().send(&request).await {
            Ok(answer) => answer,
            Err(e) => {
                self.remember(blob, &url);
                return Err(e);
            }
        };
        let held = headers::received(&answer.headers).filter(|&held| held <= blob.size);
        let (Some(offset), true) = (held, answer.status.is_success()) else {
            answer.discard().await;
            self.forget(&blob.digest);
            return Ok(None);
        };
        self.session(answer, offset, Some(url)).await.map(Some)
    }

    /// Asks for the blob where neighbours are known to have it.
    pub(super) async fn mount(&self, digest: &Digest) -> Result<Option<Begun>> {
        for from in self.sources_of(digest).take(MOUNT_TRIES) {
            let both = [Scope::push(self.name.path()), Scope::pull(from)];
            let request = self
                .writing(Method::POST, &format!("blobs/uploads/?mount={digest}&from={from}"))
                .scopes(both);
            match self.registry.main().send(&request).await {
                Ok(answer) if answer.status == StatusCode::CREATED => {
                    answer.discard().await;
                    return Ok(Some(Begun::Mounted { from: from.clone() }));
                }
                // Not mounted, but the session it opened must be used, or it stays behind.
                Ok(answer) if answer.status == StatusCode::ACCEPTED => {
                    let session = self.session(answer, 0, None).await?;
                    return Ok(Some(Begun::Open(session)));
                }
                // GitLab and the Hub may refuse the mount alone (rust-oci-client#235).
                Ok(answer) => answer.discard().await,
                Err(e) if matches!(e.kind(), Kind::Unauthorized | Kind::Denied) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(None)
    }

    pub(super) async fn open_session(&self, digest: &Digest) -> Result<Session> {
        let path = match digest.algorithm() {
            Algorithm::Sha256 => "blobs/uploads/".to_owned(),
            other => format!("blobs/uploads/?digest-algorithm={}", other.name()),
        };
        let host = self.registry.main();
        let answer = host.send(&self.writing(Method::POST, &path)).await?;
        if !answer.status.is_success() {
            return Err(host.failure(answer).await.first());
        }
        self.session(answer, 0, None).await
    }

    pub(super) fn to_session(&self, method: Method, url: Url) -> Request {
        Request::to(method, url)
            .scopes([Scope::push(self.name.path())])
            .shown(Shown::Not)
    }

    /// The session as this answer leaves it. An answer without a Location leaves it where it was.
    pub(super) async fn session(&self, answer: Answer, offset: u64, was: Option<Url>) -> Result<Session> {
        let endpoint = &self.registry.main().endpoint;
        let url = match (headers::location(&answer.headers, &answer.url), was) {
            (Err(_), Some(url)) => url,
            (location, _) => encrypted_again(location?, &answer.url),
        };
        endpoint.road().await?.check(&answer.url, &url)?;
        let least_chunk = headers::chunk_min_length(&answer.headers).unwrap_or(0);
        answer.discard().await;
        Ok(Session {
            url,
            offset,
            least_chunk,
        })
    }
}

/// Registries behind a front that ends TLS (Nexus) may name themselves without it.
fn encrypted_again(mut location: Url, asked: &Url) -> Url {
    if asked.scheme() == "https" && location.scheme() == "http" && asked.host() == location.host() {
        let port = asked.port();
        if location.set_scheme("https").is_ok() && location.set_port(port).is_ok() {
            return location;
        }
    }
    location
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_that_forgot_its_encryption_is_put_right() {
        let fixed = |location: &str, asked: &str| {
            let url = |text| Url::parse(text).unwrap();
            encrypted_again(url(location), &url(asked)).to_string()
        };
        assert_eq!(fixed("http://h/u?s=1", "https://h:8443/v2/"), "https://h:8443/u?s=1");
        assert_eq!(fixed("http://h:80/u", "https://h/v2/"), "https://h/u");
        assert_eq!(fixed("http://other/u", "https://h/v2/"), "http://other/u");
        assert_eq!(fixed("http://h/u", "http://h/v2/"), "http://h/u");
    }
}
