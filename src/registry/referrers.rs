//! Referrers: what was said about a manifest, listed by the registry or, where it has no call for that, by a tag that
//! its clients keep (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema>).

use bytes::Bytes;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::manifests::Manifests;
use super::pages::{List, NoList};
use super::refused_manifests::explained;
use crate::error::{Error, Kind, Result};
use crate::image::manifest::{MAX_SIZE, OCI_INDEX};
use crate::image::referral::fallback_tag;
use crate::image::{Body, Descriptor, Digest, Index, Manifest, Referral, Version};

/// The most that is read of what refers to one manifest, and the most bytes over all pages.
const MAX_REFERRERS: usize = 10_000;
const MAX_REFERRERS_LENGTH: usize = 16 << 20;

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
        let requests = self.manifests.requests;
        let request = requests.reading(Method::GET, &format!("referrers/{subject}"));
        let what = format!("list of what refers to {subject}");
        let list = List {
            what: &what,
            max_page: MAX_SIZE,
            max_length: MAX_REFERRERS_LENGTH,
            max_entries: MAX_REFERRERS,
        };
        match list.read(requests.main(), request, descriptors).await? {
            Ok(listed) => listed.whole().map(Some),
            Err(NoList::Refused(failure)) if !is_unknown_call(failure.status) => Err(failure.first()),
            // A web page or another list is what servers say that know no such call.
            Err(NoList::Refused(_) | NoList::Unreadable) => Ok(None),
        }
    }

    /// The list under the fallback tag, with its document.
    async fn fallback_list(&self, subject: &Digest) -> Result<Option<(Manifest, Vec<Descriptor>)>> {
        let tag = fallback_tag(subject);
        match self.manifests.read(Version::Tag(&tag)).await {
            // GitLab takes the tag for the digest that it is made of (oras-go#1396).
            Ok(manifest) if manifest.digest() == subject => Ok(None),
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
        let _alone = self.manifests.requests.lists.lock().await;
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
        let _alone = self.manifests.requests.lists.lock().await;
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
        match self.manifests.put(&list, &fallback_tag(subject)).await? {
            Ok(_) => Ok(()),
            Err(refusal) => Err(explained(self.manifests.host(), &list, &refusal)),
        }
    }
}

/// The answers of registries without this call. The spec asks for 404; fronts have others, Artifactory 406
/// (go-containerregistry#1962), Harbor 2.7 a 401 that nothing helps against (regclient#389).
fn is_unknown_call(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 401 | 404 | 405 | 406 | 501)
}

fn descriptors(index: &[u8]) -> Option<Vec<Descriptor>> {
    let index: Index = serde_json::from_slice(index).ok()?;
    Some(index.manifests)
}
