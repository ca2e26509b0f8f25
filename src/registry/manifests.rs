//! Manifests: looked at, read, written, taken away
//! (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md#content-management>).

use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Method, StatusCode};
use tokio::time::sleep;

use super::removal::{confirm, is_removed, not_removed};
use super::requests::{OCTETS, Requests};
use super::wire::{Answer, Host, Refusal, Request, WholeAnswer, Wording, described, headers, may_pass};
use crate::error::{Clue, Error, Kind, Result};
use crate::image::manifest::MAX_SIZE;
use crate::image::{Digest, Manifest, Referral, Version};

/// Waits before a manifest is put again whose blobs the registry says it lacks. They are there, but distribution 2.8
/// rewrites a blob's link in place when another client uploads the same blob, and storages that become consistent a
/// little later do not see it yet.
const FOR_BLOBS: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

/// The manifests of one repository.
#[derive(Clone, Copy)]
pub(super) struct Manifests<'a> {
    pub(super) requests: &'a Requests,
}

impl Manifests<'_> {
    /// The domain of the registry.
    pub(super) fn host(&self) -> &str {
        &self.requests.hosts.domain
    }

    /// The digest that a tag stands for, without its manifest: the Hub does not count this as a pull. None when the
    /// registry does not tell.
    pub(super) async fn head(self, version: Version<'_>) -> Result<Option<Digest>> {
        let request = self.request(Method::HEAD, version);
        for mirror in self.requests.hosts.mirrors() {
            match mirror.host.ask(&request).await {
                Ok(answer) if answer.is_done() => {
                    if let Some(digest) = claimed(&answer, version) {
                        return Ok(Some(digest));
                    }
                }
                Ok(_) => {}
                Err(_) => mirror.give_up(),
            }
        }
        let host = self.requests.main();
        let answer = host.send(&request).await?;
        if answer.is_done() {
            return Ok(claimed(&answer, version));
        }
        if may_pass(answer.status) {
            return Err(host.refusal(answer).await.first());
        }
        // The answer to HEAD has no words; and some servers know GET only.
        let manifest = self.read(version).await?;
        Ok(Some(manifest.descriptor.digest))
    }

    /// The manifest or index of a tag or digest. Errors are in docker's final words for pull.
    pub(super) async fn read(self, version: Version<'_>) -> Result<Manifest> {
        let request = self.request(Method::GET, version);
        for mirror in self.requests.hosts.mirrors() {
            match try_once(&mirror.host, &request).await {
                Ok(Some(page)) => {
                    if let Ok(manifest) = parsed(page, version) {
                        return Ok(manifest);
                    }
                }
                Ok(None) => {}
                Err(_) => mirror.give_up(),
            }
        }
        match self.requests.main().fetch(&request, MAX_SIZE).await? {
            Ok(page) => {
                let is_web_page = headers::content_type(&page.headers).is_some_and(|it| it.starts_with("text/html"));
                parsed(page, version).map_err(|e| {
                    if !is_web_page {
                        return e;
                    }
                    let host = self.requests.hosts.domain.clone();
                    e.with_clue(Clue::NoRegistry { host })
                })
            }
            Err(failure) => Err(self.requests.refused_reading(&failure, Some(version))),
        }
    }

    /// The manifest or index as the registry itself has it, asked for as `docker manifest` asks: no mirror, and failures
    /// in the registry's own words.
    pub(super) async fn read_from_registry(self, version: Version<'_>) -> Result<Manifest> {
        let request = self.request(Method::GET, version).worded(Wording::AsSent);
        match self.requests.main().fetch(&request, MAX_SIZE).await? {
            Ok(page) => parsed(page, version),
            Err(failure) => Err(failure.whole()),
        }
    }

    /// Puts a manifest under a tag or its digest. The answer is what it refers to, where the registry does not list that by
    /// itself: then its client has to.
    pub(super) async fn put(self, manifest: &Manifest, at: &str) -> Result<Result<Option<Referral>, Refusal>> {
        let request = self
            .requests
            .writing(Method::PUT, &format!("manifests/{at}"))
            .worded(Wording::AsSent)
            .body(media_type(&manifest.descriptor.media_type), manifest.raw.clone());
        let host = self.requests.main();
        let mut waits = FOR_BLOBS.iter();
        let answer = loop {
            let answer = host.send(&request).await?;
            if answer.status.is_success() {
                self.check_stored(&answer, manifest.digest())?;
                break answer;
            }
            let failure = host.refusal(answer).await;
            match waits.next().filter(|_| failure.lacks_blobs()) {
                Some(wait) => sleep(*wait).await,
                None => return Ok(Err(failure)),
            }
        };
        let ours = manifest.digest();
        let claimed = headers::content_digest(&answer.headers);
        let is_listed = headers::has_listed_subject(&answer.headers);
        answer.discard().await;
        match claimed {
            Some(theirs) if theirs.algorithm() == ours.algorithm() && theirs != *ours => Err(Error::new(
                Kind::Corrupt,
                format!("the registry stored the manifest {ours} as {theirs}"),
            )),
            _ => Ok(Ok(Referral::of(manifest).filter(|_| !is_listed))),
        }
    }

    /// What is not 201, or is a page, has to name the manifest: any page says 200, and Quay calls all that it says a page.
    fn check_stored(self, answer: &Answer, digest: &Digest) -> Result<()> {
        let claimed = headers::content_digest(&answer.headers);
        let is_created = answer.status == StatusCode::CREATED && !answer.is_web_page();
        if is_created || claimed.as_ref() == Some(digest) {
            return Ok(());
        }
        let host = self.requests.hosts.domain.clone();
        let said = described(answer.status);
        let message = format!("{host} answers {said} to the manifest {digest} and does not say that it has stored it");
        Err(Error::new(Kind::Unsupported, message).with_clue(Clue::NoRegistry { host }))
    }

    /// The digest that stands under a version; none where nothing does, or the registry does not say. No mirror
    /// answers for what is about to be written.
    pub(super) async fn standing(self, version: Version<'_>) -> Result<Option<Digest>> {
        let (name, value) = headers::accept_manifests();
        let request = self
            .requests
            .writing(Method::HEAD, &format!("manifests/{version}"))
            .header(name, value);
        let answer = self.requests.main().send(&request).await?;
        if !answer.is_done() {
            return Ok(None);
        }
        Ok(match version {
            Version::Digest(digest) if !names_another(&answer, digest) && speaks_of_manifest(&answer) => {
                Some(digest.clone())
            }
            _ => claimed(&answer, version),
        })
    }

    /// Takes away a manifest, and with it every tag that stands for it.
    pub(super) async fn remove(self, digest: &Digest) -> Result<()> {
        let host = self.requests.main();
        let request = self.requests.writing(Method::DELETE, &format!("manifests/{digest}"));
        let answer = host.send(&request).await?;
        match answer.status {
            _ if is_removed(&answer) => confirm(self.requests, answer, Version::Digest(digest)).await,
            status if status.is_success() => Err(not_removed(self.requests, status)),
            _ => {
                let refusal = host.refusal(answer).await;
                let said = refusal.first();
                if !refusal.is_unsupported() {
                    return Err(said);
                }
                let domain = self.requests.hosts.domain.clone();
                let error = Error::new(Kind::Unsupported, format!("{domain} does not let images be deleted"));
                Err(error.caused_by(said).with_clue(Clue::NoDeletion { host: domain }))
            }
        }
    }

    fn request(self, method: Method, version: Version<'_>) -> Request {
        let (name, value) = headers::accept_manifests();
        let shown = match version {
            Version::Tag(_) => Wording::AsHead,
            Version::Digest(_) => Wording::AsSent,
        };
        self.requests
            .reading(method, &format!("manifests/{version}"))
            .header(name, value)
            .worded(shown)
    }
}

/// The digest that an answer names, which is the one that was asked for if any was.
fn claimed(answer: &Answer, version: Version<'_>) -> Option<Digest> {
    let claimed = headers::content_digest(&answer.headers)?;
    match version {
        Version::Digest(wanted) => (claimed == *wanted).then_some(claimed),
        Version::Tag(_) => Some(claimed),
    }
}

/// Whether it names another digest of the same kind.
fn names_another(answer: &Answer, digest: &Digest) -> bool {
    let claimed = headers::content_digest(&answer.headers);
    claimed.is_some_and(|claimed| claimed.algorithm() == digest.algorithm() && claimed != *digest)
}

/// Whether it is about a manifest, though it does not name it.
fn speaks_of_manifest(answer: &Answer) -> bool {
    headers::content_type(&answer.headers).is_some_and(|it| it.starts_with("application/vnd."))
}

/// Asks a mirror, which is no great loss when it fails.
async fn try_once(host: &Host, request: &Request) -> Result<Option<WholeAnswer>> {
    let answer = host.ask(request).await?;
    if answer.status != StatusCode::OK {
        answer.discard().await;
        return Ok(None);
    }
    let (headers, url) = (answer.headers.clone(), answer.url.clone());
    let body = answer.read(MAX_SIZE).await?;
    Ok(Some(WholeAnswer { headers, url, body }))
}

/// Takes the bytes for what was asked for, or for what the registry says they are.
fn parsed(page: WholeAnswer, version: Version<'_>) -> Result<Manifest> {
    let claimed = headers::content_digest(&page.headers);
    let expected = match version {
        Version::Digest(digest) => Some(digest),
        Version::Tag(_) => claimed.as_ref(),
    };
    Manifest::parse(page.body, headers::content_type(&page.headers), expected)
}

/// A media type as a header line; what cannot stand in one becomes the type of plain bytes.
fn media_type(text: &str) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(OCTETS)
}
