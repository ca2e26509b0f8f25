//! Referrers: what was said about a manifest, listed by the registry or, where it has no call for that, by a tag that
//! its clients keep (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema>).

use bytes::Bytes;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::listing::MAX_PAGES;
use super::manifests::Manifests;
use super::wire::{Request, headers, same_origin};
use crate::error::{Error, Kind, Result};
use crate::image::manifest::{MAX_SIZE, OCI_INDEX};
use crate::image::referral::fallback_tag;
use crate::image::{Body, Descriptor, Digest, Index, Manifest, Referral, Version};

/// What speaks of the manifests of one repository.
pub(super) struct Referrers<'a> {
    pub(super) manifests: Manifests<'a>,
}

impl Referrers<'_> {
    /// The manifests that speak of `subject`.
    pub(super) async fn list(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        match self.listed_referrers(subject).await? {
            Some(listed) => Ok(listed),
            None => Ok(self
                .fallback_list(subject)
                .await?
                .map(|(_, list)| list)
                .unwrap_or_default()),
        }
    }

    /// The registry's own list; none where it keeps none.
    async fn listed_referrers(&self, subject: &Digest) -> Result<Option<Vec<Descriptor>>> {
        let host = self.manifests.requests.main();
        let mut request = self
            .manifests
            .requests
            .reading(Method::GET, &format!("referrers/{subject}"));
        let mut listed = Vec::new();
        for _ in 0..MAX_PAGES {
            let page = match host.fetch(&request, MAX_SIZE).await? {
                Ok(page) => page,
                Err(failure) if is_unknown_call(failure.status) => return Ok(None),
                Err(failure) => return Err(failure.first()),
            };
            // A web page or another list is what servers say that know no such call.
            let Some(manifests) = descriptors(&page.body) else {
                return Ok(None);
            };
            listed.extend(manifests);
            match headers::next_page(&page.headers, &page.url).filter(|next| same_origin(next, &page.url)) {
                Some(next) => request = Request::to(Method::GET, next).scopes(request.scopes),
                None => return Ok(Some(listed)),
            }
        }
        let message = format!("the list of what refers to {subject} has no end");
        Err(Error::new(Kind::Unsupported, message))
    }

    /// The list under the fallback tag, with its document.
    async fn fallback_list(&self, subject: &Digest) -> Result<Option<(Manifest, Vec<Descriptor>)>> {
        let tag = fallback_tag(subject);
        match self.manifests.read(Version::Tag(&tag)).await {
            Ok(manifest) => match &manifest.body {
                Body::Index(index) => {
                    let list = index.manifests.clone();
                    Ok(Some((manifest, list)))
                }
                Body::Image(_) => Err(Error::new(
                    Kind::Conflict,
                    format!("the tag {tag} should list what refers to {subject}, but it is an image"),
                )),
            },
            Err(e) if e.kind() == Kind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Lists a manifest that was just put beside the others that speak of its subject: what the spec asks of the client
    /// of a registry that does not do it by itself.
    pub(super) async fn add(&self, referral: &Referral) -> Result<()> {
        let known = self.fallback_list(&referral.subject).await?;
        let mut list = match &known {
            Some((_, list)) if list.iter().any(|it| it.digest == referral.referrer.digest) => return Ok(()),
            Some((manifest, _)) => serde_json::from_slice(&manifest.raw).unwrap_or_default(),
            None => json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}),
        };
        let referrer = serde_json::to_value(&referral.referrer)
            .map_err(|e| Error::new(Kind::Unsupported, "a referrer cannot be listed").caused_by(e))?;
        if let Some(manifests) = list.get_mut("manifests").and_then(Value::as_array_mut) {
            manifests.push(referrer);
        }
        self.put_list(&list, &referral.subject).await
    }

    /// Takes a manifest that was just removed from the list of its subject, where the registry keeps none by itself
    /// (<https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#deleting-manifests>).
    pub(super) async fn remove(&self, referral: &Referral) -> Result<()> {
        let (subject, gone) = (&referral.subject, &referral.referrer.digest);
        if self.listed_referrers(subject).await?.is_some() {
            return Ok(());
        }
        let Some((manifest, list)) = self.fallback_list(subject).await? else {
            return Ok(());
        };
        if list.iter().all(|it| it.digest != *gone) {
            return Ok(());
        }
        let mut list: Value = serde_json::from_slice(&manifest.raw).unwrap_or_default();
        if let Some(manifests) = list.get_mut("manifests").and_then(Value::as_array_mut) {
            manifests.retain(|it| it["digest"] != gone.as_str());
        }
        self.put_list(&list, subject).await
    }

    async fn put_list(&self, list: &Value, subject: &Digest) -> Result<()> {
        let list = Manifest::parse(Bytes::from(list.to_string()), Some(OCI_INDEX), None)?;
        self.manifests.put(&list, &fallback_tag(subject)).await.map(drop)
    }
}

/// The answers of registries without this call. The spec asks for 404; fronts have others.
fn is_unknown_call(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 404 | 405 | 406 | 501)
}

fn descriptors(index: &[u8]) -> Option<Vec<Descriptor>> {
    let index: Index = serde_json::from_slice(index).ok()?;
    Some(index.manifests)
}
