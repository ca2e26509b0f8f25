//! Manifests: read, put under a tag or a digest, deleted by either.
//!
//! A manifest that is put under a tag is named by its digest too, so that it can still be had after the tag has moved.

use std::collections::HashSet;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use hyper::{Request, Response, StatusCode};
use serde_json::json;

use super::super::backing::{Backing, off_thread};
use super::super::http::body::{self, Body, Unread};
use super::super::http::connection::Peer;
use super::super::http::held_bodies::{HeldBodies, HeldBody};
use super::super::http::query::Query;
use super::super::http::refusal::{Code, Refusal};
use super::super::http::reply::{Answer, Reply, empty};
use super::describe::{CONTENT_DIGEST, describe, etag, is_known, not_modified};
use super::facts::{FactsCache, roots};
use super::route::{At, Name};
use super::state::State;
use crate::error::{Kind, Result as Outcome};
use crate::image::graph;
use crate::image::manifest::OCI_MANIFEST;
use crate::image::{Body as Contents, Descriptor, Digest, Digester, ImageConfig, Manifest, Reference};
use crate::store::Named;

/// What every registry must take, and this one takes no more: 4 MiB.
const MAX_SIZE: usize = 4 << 20;
/// Tags that one request may give.
const MAX_TAGS: usize = 100;

const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
const TAG: HeaderName = HeaderName::from_static("oci-tag");

/// `GET` and `HEAD`.
pub(in crate::server) async fn get<B: Backing>(
    state: &State<B>,
    name: &Name,
    version: &At,
    headers: &HeaderMap,
) -> Answer {
    if let Some(upstream) = &state.upstream {
        upstream.refresh(name, version).await?;
    }
    let (facts, of, wanted) = (state.facts.clone(), name.repository.clone(), version.clone());
    let is_gone = is_gone(state, name, version);
    let found = state.store.run(move |store| {
        let Some((digest, media_type)) = locate(store, &facts, &of, &wanted, is_gone)? else {
            return Ok(None);
        };
        let raw = match store.document(&digest) {
            Err(e) if e.kind() == Kind::NotFound => return Ok(None),
            raw => raw?,
        };
        let own = || facts.of(store, &digest).map(|facts| facts.media_type().to_owned());
        let media_type = media_type.filter(|text| !text.is_empty()).or_else(own);
        Ok(Some((digest, media_type, raw)))
    });
    // What there is no repository for there is no manifest for: skopeo asks for this code alone.
    let (digest, media_type, raw) = found.await?.ok_or_else(|| Refusal::no_manifest(version))?;
    if is_known(headers, &etag(&digest)) {
        return Ok(not_modified(&digest));
    }
    let mut reply = Response::new(Body::of(raw));
    // Clients refuse an answer without a type.
    let media_type = media_type.filter(|text| !text.is_empty());
    describe(&mut reply, &digest, media_type.as_deref().unwrap_or(OCI_MANIFEST));
    Ok(reply)
}

fn is_gone<B: Backing>(state: &State<B>, name: &Name, version: &At) -> bool {
    let digest = version.digest();
    digest.is_some_and(|digest| state.links.is_deleted(name.repository.name(), digest))
}

/// The manifest that is meant, and its type where a name tells; none where no name leads to it.
fn locate<B: Backing>(
    store: &B,
    facts: &FactsCache,
    repository: &Reference,
    version: &At,
    is_gone: bool,
) -> Outcome<Option<(Digest, Option<String>)>> {
    let repositories = store.repositories()?;
    let named = repositories.of(repository).unwrap_or_default();
    let described = |it: &Named| (it.manifest.digest.clone(), Some(it.manifest.media_type.clone()));
    let digest = match version {
        At::Tag(tag) => {
            let tagged = named.iter().find(|it| it.name.tag() == Some(tag));
            return Ok(tagged.map(described));
        }
        At::Digest(digest) => digest,
    };
    if let Some(own) = named.iter().find(|it| it.manifest.digest == *digest) {
        return Ok(Some(described(own)));
    }
    if is_gone || !facts.lead(store, named, digest)? {
        return Ok(None);
    }
    Ok(Some((digest.clone(), None)))
}

pub(in crate::server) async fn put<B: Backing>(
    state: &State<B>,
    name: &Name,
    version: &At,
    query: &Query,
    sent: Sent,
) -> Answer {
    let expected = version.digest().cloned();
    let manifest = off_thread(move || Ok(sent.into_manifest(expected.as_ref()))).await??;
    let digest = manifest.digest().clone();
    let (names, tags) = given_names(name, version, query, &digest)?;
    let _held = state.retention.hold().await?;
    let listed: Vec<Digest> = match &manifest.body {
        Contents::Image(image) => image.layers.iter().chain([&image.config]).collect(),
        Contents::Index(index) => index.manifests.iter().collect::<Vec<_>>(),
    }
    .into_iter()
    .map(|blob| blob.digest.clone())
    .collect();
    let repository = name.repository.name();
    let own = state.is_divided.then(|| state.links.among(repository, listed.iter()));
    let (facts, of) = (state.facts.clone(), name.repository.clone());
    let checked = state
        .store
        .run(move |store| Ok(prepare(store, &facts, &of, manifest, own)));
    let (manifest, gone) = checked.await??;
    let facts = state.facts.clone();
    let put = state.store.change(move |store| {
        store.put(&manifest, &names, &gone)?;
        let facts = facts.of(store, manifest.digest());
        Ok(facts.and_then(|facts| facts.subject.clone()))
    });
    let subject = put.await?;
    for given in listed.iter().chain([&digest]) {
        state.links.give(repository, given);
    }
    Ok(created(name, &digest, subject.as_ref(), &tags))
}

/// Checks the manifest; with it come back the names that are needed no more beside it. `own` are blobs that the
/// repository has beside those that its names lead to; without it those of all repositories do.
fn prepare<B: Backing>(
    store: &B,
    facts: &FactsCache,
    repository: &Reference,
    mut manifest: Manifest,
    own: Option<HashSet<Digest>>,
) -> Result<(Manifest, Vec<Reference>), Refusal> {
    let own = match own {
        Some(mut own) => {
            own.extend(facts.below(store, roots(store.repositories()?.of(repository)))?);
            Some(own)
        }
        None => None,
    };
    check(store, &manifest, own.as_ref())?;
    let mut gone = Vec::new();
    if matches!(manifest.body, Contents::Index(_)) {
        let shape = facts.check_shape(store, &manifest);
        shape.map_err(|e| Refusal::bad(Code::ManifestInvalid, e.to_string()))?;
        gone = covered(store, facts, repository, &manifest);
    }
    add_platform(store, &mut manifest);
    Ok((manifest, gone))
}

/// What a client sends as a manifest.
pub(in crate::server) struct Sent {
    raw: Bytes,
    media_type: Option<String>,
}

impl Sent {
    /// Reads the body; the client may be silent for so long. The bytes count as held by the registry for as long as what
    /// comes with them lives.
    pub(in crate::server) async fn receive(
        request: Request<Incoming>,
        silence: Duration,
        bodies: &Rc<HeldBodies>,
    ) -> Result<(Self, HeldBody), Refusal> {
        let mut held = bodies.begin(request.extensions().get::<Peer>().copied());
        let media_type = request.headers().get(CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let read = body::read(request.into_body(), MAX_SIZE, silence, &mut |more| held.grow(more)).await;
        let raw = read.map_err(|why| match why {
            Unread::TooLarge => Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                Code::ManifestInvalid,
                format!("a manifest may have {MAX_SIZE} bytes"),
            ),
            Unread::Broken => Refusal::bad(Code::ManifestInvalid, "the manifest ended early"),
            Unread::Late => Refusal::late(Code::ManifestInvalid, "the manifest does not go on"),
            Unread::Crowded => Refusal::crowded("too many manifests are being pushed at once"),
        })?;
        Ok((Self { raw, media_type }, held))
    }

    /// The bytes must be those of the digest where one was said.
    fn into_manifest(self, expected: Option<&Digest>) -> Result<Manifest, Refusal> {
        if let Some(expected) = expected {
            let mut digester = Digester::new(expected.algorithm());
            digester.update(&self.raw);
            let actual = digester.finish();
            if actual != *expected {
                let refusal = Refusal::bad(Code::DigestInvalid, "provided digest did not match uploaded content");
                return Err(refusal.about(json!({ "digest": actual })));
            }
        }
        Manifest::parse(self.raw, self.media_type.as_deref(), expected)
            .map_err(|e| Refusal::bad(Code::ManifestInvalid, e.to_string()))
    }
}

pub(in crate::server) async fn delete<B: Backing>(state: &State<B>, name: &Name, version: &At) -> Answer {
    let repository = name.repository.name();
    let (facts, of, wanted) = (state.facts.clone(), name.repository.clone(), version.clone());
    let is_gone = is_gone(state, name, version);
    let deleted = state
        .store
        .change(move |store| Ok(take_away(store, &facts, &of, &wanted, is_gone)));
    let below = deleted.await??;
    if let At::Digest(digest) = version {
        // Its blobs are the repository's until they are freed: a client that cleans up deletes them next.
        for blob in below.iter().filter(|blob| *blob != digest) {
            if !state.links.is_deleted(repository, blob) {
                state.links.give(repository, blob);
            }
        }
        state.links.delete(repository, digest);
    }
    state.links.empty(repository);
    state.retention.names_have_gone();
    Ok(empty(StatusCode::ACCEPTED))
}

/// Takes the tag, or all names of the manifest. What a manifest led to comes back.
fn take_away<B: Backing>(
    store: &B,
    facts: &FactsCache,
    repository: &Reference,
    version: &At,
    is_gone: bool,
) -> Result<HashSet<Digest>, Refusal> {
    let repositories = store.repositories()?;
    let named = repositories.of(repository).unwrap_or_default();
    let digest = match version {
        At::Tag(tag) => {
            let (gone, given) = untag(named, tag)?;
            store.rename(&gone, &given)?;
            return Ok(HashSet::new());
        }
        At::Digest(digest) => digest,
    };
    let stands_for = |it: &&Named| it.manifest.digest == *digest || it.name.digest() == Some(digest);
    let gone: Vec<Reference> = named.iter().filter(stands_for).map(|it| it.name.clone()).collect();
    // Part of an index: the index stays, and its bytes with it.
    if gone.is_empty() && (is_gone || !facts.lead(store, named, digest)?) {
        return Err(Refusal::no_manifest(digest));
    }
    let below = facts.below(store, vec![digest.clone()])?;
    store.rename(&gone, &[])?;
    Ok(below)
}

/// The tag alone goes: if it was the manifest's last name here, the digest becomes one.
fn untag(named: &[Named], tag: &str) -> Result<(Vec<Reference>, Vec<Named>), Refusal> {
    let Some(tagged) = named.iter().find(|it| it.name.tag() == Some(tag)) else {
        return Err(Refusal::no_manifest(tag));
    };
    let others = named.iter().filter(|it| it.name != tagged.name);
    let is_last = !others
        .into_iter()
        .any(|it| it.manifest.digest == tagged.manifest.digest);
    let by_digest = is_last.then(|| Named {
        name: tagged.name.at_digest(&tagged.manifest.digest),
        manifest: tagged.manifest.clone(),
    });
    Ok((vec![tagged.name.clone()], by_digest.into_iter().collect()))
}

/// The names that a push gives, and those of its tags that stood in the query.
fn given_names<'a>(
    name: &Name,
    version: &At,
    query: &'a Query,
    digest: &Digest,
) -> Result<(Vec<Reference>, Vec<&'a str>), Refusal> {
    let mut names = vec![name.repository.at_digest(digest)];
    let tags: Vec<&str> = match version {
        At::Tag(_) => Vec::new(),
        At::Digest(_) => query.all("tag").collect(),
    };
    if tags.len() > MAX_TAGS {
        let why = format!("a request may give {MAX_TAGS} tags");
        return Err(Refusal::new(StatusCode::URI_TOO_LONG, Code::ManifestInvalid, why));
    }
    if let At::Tag(tag) = version {
        names.extend(name.repository.at_tag(tag));
    }
    for tag in &tags {
        let tagged = name.repository.at_tag(tag);
        names.push(tagged.map_err(|e| Refusal::bad(Code::ManifestInvalid, e.to_string()))?);
    }
    Ok((names, tags))
}

/// All that the manifest needs must be here before it; what it is about need not. Of blobs that are `apart`, one in
/// another repository alone is not here.
fn check<B: Backing>(store: &B, manifest: &Manifest, apart: Option<&HashSet<Digest>>) -> Result<(), Refusal> {
    let needed: Vec<&Descriptor> = match &manifest.body {
        Contents::Image(image) => {
            let layers = image.layers.iter().filter(|layer| layer.urls.is_empty());
            layers.chain([&image.config]).collect()
        }
        Contents::Index(index) => index.manifests.iter().collect(),
    };
    let mut missing = Vec::new();
    for blob in needed {
        let is_shown = apart.is_none_or(|own| own.contains(&blob.digest));
        match store.size(&blob.digest).filter(|_| is_shown) {
            None => missing.push(json!({ "digest": blob.digest })),
            Some(size) if size != blob.size => {
                let why = format!("blob {} has {size} bytes, the manifest says {}", blob.digest, blob.size);
                return Err(Refusal::bad(Code::ManifestInvalid, why));
            }
            Some(_) => {}
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    missing.dedup();
    Err(Refusal::bad(Code::ManifestBlobUnknown, "blob unknown to registry").about_each(missing))
}

/// Names of an index's children that say no more than the index itself will: pushed by digest, about nothing.
fn covered<B: Backing>(store: &B, facts: &FactsCache, repository: &Reference, index: &Manifest) -> Vec<Reference> {
    let is_about = |child: &Descriptor| {
        facts
            .of(store, &child.digest)
            .is_some_and(|facts| facts.subject.is_some())
    };
    graph::children(index)
        .filter(|child| !is_about(child))
        .map(|child| repository.at_digest(&child.digest))
        .collect()
}

/// Notes what an image is for, as a pull does, so that the store's other users know.
fn add_platform<B: Backing>(store: &B, manifest: &mut Manifest) {
    if let Contents::Image(image) = &manifest.body
        && image.config.media_type.contains("image")
        && let Ok(raw) = store.document(&image.config.digest)
        && let Ok(config) = ImageConfig::parse_as(&image.config.media_type, &raw)
    {
        manifest.descriptor.platform = Some(config.platform.into());
    }
}

fn created(name: &Name, digest: &Digest, subject: Option<&Digest>, tags: &[&str]) -> Reply {
    let mut reply = empty(StatusCode::CREATED);
    let headers = reply.headers_mut();
    let mut add = |header, value: &str| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.append(header, value);
        }
    };
    add(LOCATION, &format!("/v2/{}/manifests/{digest}", name.path));
    add(CONTENT_DIGEST, digest.as_str());
    if let Some(subject) = subject {
        add(SUBJECT, subject.as_str());
    }
    for tag in tags {
        add(TAG, tag);
    }
    reply
}
