//! What is there already, asked of the registry itself: no mirror answers for what is about to be written.

use reqwest::Method;

use super::repository::Repository;
use super::wire::headers;
use crate::error::Result;
use crate::image::{Digest, Version};

impl Repository {
    /// Whether the blob is there. A registry that does not say is taken to lack it: the upload will tell why.
    pub async fn has_blob(&self, digest: &Digest) -> Result<bool> {
        let request = self.writing(Method::HEAD, &format!("blobs/{digest}"));
        let answer = self.registry.main().send(&request).await?;
        Ok(answer.status.is_success())
    }

    /// The digest that stands under a version; none where nothing does, or the registry does not say.
    pub async fn standing(&self, version: Version<'_>) -> Result<Option<Digest>> {
        let (name, value) = headers::accept_manifests();
        let request = self
            .writing(Method::HEAD, &format!("manifests/{version}"))
            .header(name, value);
        let answer = self.registry.main().send(&request).await?;
        if !answer.status.is_success() {
            return Ok(None);
        }
        let claimed = headers::content_digest(&answer.headers);
        Ok(match version {
            Version::Digest(digest) => Some(claimed.unwrap_or_else(|| digest.clone())),
            Version::Tag(_) => claimed,
        })
    }
}
