//! Manifests: looked at, read, written.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use tokio::time::sleep;

use super::repository::{Repository, media_type};
use super::wire::{Host, Page, Request, Shown, headers, may_pass};
use crate::error::{Clue, Error, Kind, Result};
use crate::image::manifest::MAX_SIZE;
use crate::image::{Digest, Manifest, Referral, Version};

/// Waits before a manifest is put again whose blobs the registry says it lacks. They are there, but distribution 2.8
/// rewrites a blob's link in place when another client uploads the same blob, and storages that become consistent a
/// little later do not see it yet.
const FOR_BLOBS: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

impl Repository {
    /// The digest that a tag stands for, without its manifest: the Hub does not count this as a pull. None when the
    /// registry does not tell.
    pub async fn head(&self, version: Version<'_>) -> Result<Option<Digest>> {
        let request = self.manifest_request(Method::HEAD, version);
        for mirror in self.registry.mirrors() {
            match mirror.host.ask(&request).await {
                Ok(answer) if answer.status.is_success() => {
                    if let Some(digest) = headers::content_digest(&answer.headers) {
                        return Ok(Some(digest));
                    }
                }
                Ok(_) => {}
                Err(_) => mirror.give_up(),
            }
        }
        let host = self.registry.main();
        let answer = host.send(&request).await?;
        if answer.status.is_success() {
            return Ok(headers::content_digest(&answer.headers));
        }
        if may_pass(answer.status) {
            return Err(host.failure(answer).await.first());
        }
        // The answer to HEAD has no words; and some servers know GET only.
        let manifest = self.resolve(version).await?;
        Ok(Some(manifest.descriptor.digest))
    }

    /// The manifest or index of a tag or digest. Errors are in docker's final words for pull.
    pub async fn resolve(&self, version: Version<'_>) -> Result<Manifest> {
        let request = self.manifest_request(Method::GET, version);
        for mirror in self.registry.mirrors() {
            match try_once(&mirror.host, &request).await {
                Ok(Some(page)) => {
                    if let Ok(manifest) = read(page, version) {
                        return Ok(manifest);
                    }
                }
                Ok(None) => {}
                Err(_) => mirror.give_up(),
            }
        }
        match self.registry.main().fetch(&request, MAX_SIZE).await? {
            Ok(page) => {
                let is_web_page = headers::content_type(&page.headers).is_some_and(|it| it.starts_with("text/html"));
                read(page, version).map_err(|e| {
                    if !is_web_page {
                        return e;
                    }
                    let host = self.registry.domain().to_owned();
                    e.with_clue(Clue::NoRegistry { host })
                })
            }
            Err(failure) => Err(self.refused_reading(&failure, Some(version))),
        }
    }

    /// The manifest or index as the registry itself has it, asked for as `docker manifest` asks: no mirror, and failures
    /// in the registry's own words.
    pub async fn document(&self, version: Version<'_>) -> Result<Manifest> {
        let request = self.manifest_request(Method::GET, version).shown(Shown::AsSent);
        match self.registry.main().fetch(&request, MAX_SIZE).await? {
            Ok(page) => read(page, version),
            Err(failure) => Err(failure.whole()),
        }
    }

    /// Gives a manifest a name: what makes a push count. Its blobs and children are there already.
    pub async fn put_tag(&self, manifest: &Manifest, tag: &str) -> Result<()> {
        self.name.at_tag(tag)?;
        self.put(manifest, tag).await
    }

    pub(super) async fn put(&self, manifest: &Manifest, at: &str) -> Result<()> {
        let request = self
            .writing(Method::PUT, &format!("manifests/{at}"))
            .shown(Shown::AsSent)
            .body(media_type(&manifest.descriptor.media_type), manifest.raw.clone());
        let host = self.registry.main();
        let mut waits = FOR_BLOBS.iter();
        let answer = loop {
            let answer = host.send(&request).await?;
            if answer.status.is_success() {
                break answer;
            }
            let failure = host.failure(answer).await;
            match waits.next().filter(|_| failure.lacks_blobs()) {
                Some(wait) => sleep(*wait).await,
                None => return Err(failure.whole()),
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
            _ => match Referral::of(manifest) {
                Some(referral) if !is_listed => self.list_referrer(&referral).await,
                _ => Ok(()),
            },
        }
    }

    /// The digest that a name stands for: by its manifest, where the registry does not tell it otherwise.
    pub async fn digest(&self, version: Version<'_>) -> Result<Digest> {
        match self.head(version).await? {
            Some(digest) => Ok(digest),
            None => self.resolve(version).await.map(|it| it.digest().clone()),
        }
    }

    fn manifest_request(&self, method: Method, version: Version<'_>) -> Request {
        let (name, value) = headers::accept_manifests();
        let shown = match version {
            Version::Tag(_) => Shown::AsHead,
            Version::Digest(_) => Shown::AsSent,
        };
        self.reading(method, &format!("manifests/{version}"))
            .header(name, value)
            .shown(shown)
    }
}

/// Asks a mirror, which is no great loss when it fails.
async fn try_once(host: &Host, request: &Request) -> Result<Option<Page>> {
    let answer = host.ask(request).await?;
    if answer.status != StatusCode::OK {
        answer.discard().await;
        return Ok(None);
    }
    let (headers, url) = (answer.headers.clone(), answer.url.clone());
    let body = answer.read(MAX_SIZE).await?;
    Ok(Some(Page { headers, url, body }))
}

/// Takes the bytes for what was asked for, or for what the registry says they are.
fn read(page: Page, version: Version<'_>) -> Result<Manifest> {
    let claimed = headers::content_digest(&page.headers);
    let expected = match version {
        Version::Digest(digest) => Some(digest),
        Version::Tag(_) => claimed.as_ref(),
    };
    Manifest::parse(page.body, headers::content_type(&page.headers), expected)
}
