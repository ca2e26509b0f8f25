//! Manifests: read, put under a tag or a digest, deleted by either.
//!
//! A manifest that is put under a tag is named by its digest too, so that it can still be had after the tag has moved.

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use hyper::{Request, Response, StatusCode};
use serde_json::json;

use super::super::Server;
use super::super::http::body::{self, Body, Unread};
use super::super::http::query::Query;
use super::super::http::refusal::{Code, Refusal};
use super::super::http::reply::{Answer, Reply, empty};
use super::super::retention::off_thread;
use super::blobs::{CONTENT_DIGEST, describe, etag, is_known, not_modified};
use super::links;
use super::route::{At, Name};
use crate::error::Kind;
use crate::image::manifest::OCI_MANIFEST;
use crate::image::{Body as Contents, Descriptor, Digest, Digester, Manifest, Reference};
use crate::store::{Named, Store};

/// What every registry must take, and this one takes no more: 4 MiB.
const MAX_SIZE: usize = 4 << 20;
/// Tags that one request may give.
const MAX_TAGS: usize = 100;

const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
const TAG: HeaderName = HeaderName::from_static("oci-tag");

impl Server {
    pub(in crate::server) async fn manifest(&self, name: &Name, version: &At, headers: &HeaderMap) -> Answer {
        if let Some(upstream) = &self.upstream {
            upstream.refresh(name, version).await?;
        }
        let (digest, media_type) = self.locate(name, version).await?;
        if is_known(headers, &etag(&digest)) {
            return Ok(not_modified(&digest));
        }
        let raw = match self.store.blobs().read(&digest) {
            Err(e) if e.kind() == Kind::NotFound => return Err(Refusal::no_manifest(&digest)),
            raw => raw?,
        };
        let own = || {
            let facts = self.subjects.of(&digest, &self.store);
            facts.map(|facts| facts.media_type().to_owned()).unwrap_or_default()
        };
        let media_type = media_type.filter(|text| !text.is_empty()).unwrap_or_else(own);
        // Clients refuse an answer without a type.
        let media_type = if media_type.is_empty() {
            OCI_MANIFEST
        } else {
            &media_type
        };
        let mut reply = Response::new(Body::of(raw));
        describe(&mut reply, &digest, media_type);
        Ok(reply)
    }

    /// Which manifest is meant, and its type where the index tells.
    async fn locate(&self, name: &Name, version: &At) -> Result<(Digest, Option<String>), Refusal> {
        let repositories = self.store.names().repositories()?;
        let Some(named) = repositories.of(&name.repository) else {
            // What there is no repository for there is no manifest for: skopeo asks for this code alone.
            return Err(Refusal::no_manifest(version));
        };
        match version {
            At::Tag(tag) => named
                .iter()
                .find(|it| it.name.tag() == Some(tag))
                .map(|it| (it.manifest.digest.clone(), Some(it.manifest.media_type.clone())))
                .ok_or_else(|| Refusal::no_manifest(tag)),
            At::Digest(digest) => {
                let own = named.iter().find(|it| it.manifest.digest == *digest);
                let is_gone = || self.links.is_deleted(name.repository.name(), digest);
                if own.is_none() && (is_gone() || !self.subjects.lead(named, digest, &self.store).await?) {
                    return Err(Refusal::no_manifest(digest));
                }
                Ok((digest.clone(), own.map(|it| it.manifest.media_type.clone())))
            }
        }
    }

    pub(in crate::server) async fn put_manifest(
        &self,
        name: &Name,
        version: &At,
        query: &Query,
        request: Request<Incoming>,
    ) -> Answer {
        let media_type = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let media_type = media_type.map(str::to_owned);
        let expected = version.digest();
        let raw = self.receive_manifest(request, expected).await?;
        let mut manifest = Manifest::parse(raw, media_type.as_deref(), expected)
            .map_err(|e| Refusal::bad(Code::ManifestInvalid, e.to_string()))?;
        let (names, tags) = given_names(name, version, query, manifest.digest())?;
        let _held = self.retention.hold().await?;
        let store = self.store.clone();
        let (manifest, checked) = off_thread(move || {
            let checked = check(&manifest, &store);
            add_platform(&mut manifest, &store);
            Ok((manifest, checked))
        })
        .await?;
        let children = checked?;
        if !children.is_empty() {
            let shape = self.subjects.check_shape(&manifest, &self.store).await;
            shape.map_err(|e| Refusal::bad(Code::ManifestInvalid, e.to_string()))?;
        }
        let gone = self.covered(&name.repository, &children);
        let digest = manifest.digest().clone();
        let repository = name.repository.name();
        let blobs = match &manifest.body {
            Contents::Image(image) => image.layers.iter().chain([&image.config]).collect(),
            Contents::Index(index) => index.manifests.iter().collect::<Vec<_>>(),
        };
        for given in blobs.into_iter().map(|blob| &blob.digest).chain([&digest]) {
            self.links.give(repository, given);
        }
        let store = self.store.clone();
        off_thread(move || store.names().put(&manifest, &names, &gone)).await?;
        let facts = self.subjects.of(&digest, &self.store);
        let subject = facts.and_then(|facts| facts.subject.as_ref().map(|subject| subject.digest.clone()));
        Ok(created(name, &digest, subject.as_ref(), &tags))
    }

    /// The bytes, which must be those of the digest where one was said.
    async fn receive_manifest(&self, request: Request<Incoming>, expected: Option<&Digest>) -> Result<Bytes, Refusal> {
        let raw = body::read(request.into_body(), MAX_SIZE, self.timeouts.body)
            .await
            .map_err(|why| match why {
                Unread::TooLarge => Refusal::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    Code::ManifestInvalid,
                    format!("a manifest may have {MAX_SIZE} bytes"),
                ),
                Unread::Broken => Refusal::bad(Code::ManifestInvalid, "the manifest ended early"),
                Unread::Late => Refusal::late(Code::ManifestInvalid, "the manifest does not go on"),
            })?;
        if let Some(expected) = expected {
            let mut digester = Digester::new(expected.algorithm());
            digester.update(&raw);
            let actual = digester.finish();
            if actual != *expected {
                return Err(
                    Refusal::bad(Code::DigestInvalid, "provided digest did not match uploaded content")
                        .about(json!({ "digest": actual })),
                );
            }
        }
        Ok(raw)
    }

    pub(in crate::server) async fn delete_manifest(&self, name: &Name, version: &At) -> Answer {
        let repository = name.repository.name();
        let repositories = self.store.names().repositories()?;
        let Some(named) = repositories.of(&name.repository) else {
            return Err(Refusal::no_manifest(version));
        };
        let (gone, given) = match version {
            At::Tag(tag) => untag(named, tag)?,
            At::Digest(digest) => (self.all_names(repository, named, digest).await?, Vec::new()),
        };
        let (store, root) = (self.store.clone(), version.digest().cloned());
        let below = off_thread(move || {
            let below = links::below(&store, root.into_iter().collect())?;
            store.names().replace(&gone, &given)?;
            Ok(below)
        })
        .await?;
        if let At::Digest(digest) = version {
            // Its blobs are the repository's until they are freed: a client that cleans up deletes them next.
            for blob in below.iter().filter(|blob| *blob != digest) {
                if !self.links.is_deleted(repository, blob) {
                    self.links.give(repository, blob);
                }
            }
            self.links.delete(repository, digest);
        }
        self.emptied.borrow_mut().insert(name.repository.name().to_owned());
        self.retention.names_have_gone();
        Ok(empty(StatusCode::ACCEPTED))
    }

    /// All names of the repository that stand for this manifest.
    async fn all_names(&self, repository: &str, named: &[Named], digest: &Digest) -> Result<Vec<Reference>, Refusal> {
        let stands_for = |it: &&Named| it.manifest.digest == *digest || it.name.digest() == Some(digest);
        let found: Vec<Reference> = named.iter().filter(stands_for).map(|it| it.name.clone()).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        if !self.links.is_deleted(repository, digest) && self.subjects.lead(named, digest, &self.store).await? {
            // Part of an index: the index stays, and its bytes with it.
            return Ok(Vec::new());
        }
        Err(Refusal::no_manifest(digest))
    }
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

/// All that the manifest needs must be here before it; what it is about need not. The children of an index come back.
fn check(manifest: &Manifest, store: &Store) -> Result<Vec<Descriptor>, Refusal> {
    let (needed, children): (Vec<&Descriptor>, _) = match &manifest.body {
        Contents::Image(image) => {
            let layers = image.layers.iter().filter(|layer| layer.urls.is_empty());
            (layers.chain([&image.config]).collect(), Vec::new())
        }
        Contents::Index(index) => (index.manifests.iter().collect(), index.manifests.clone()),
    };
    let mut missing = Vec::new();
    for blob in needed {
        match store.blobs().size(&blob.digest) {
            None => missing.push(json!({ "digest": blob.digest })),
            Some(size) if size != blob.size => {
                let why = format!("blob {} has {size} bytes, the manifest says {}", blob.digest, blob.size);
                return Err(Refusal::bad(Code::ManifestInvalid, why));
            }
            Some(_) => {}
        }
    }
    if !missing.is_empty() {
        missing.dedup();
        return Err(Refusal::bad(Code::ManifestBlobUnknown, "blob unknown to registry").about_each(missing));
    }
    Ok(children)
}

/// Notes what an image is for, as a pull does, so that the store's other users know.
fn add_platform(manifest: &mut Manifest, store: &Store) {
    if let Contents::Image(image) = &manifest.body
        && image.config.media_type.contains("image")
        && let Ok(config) = store.images().config(image)
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
