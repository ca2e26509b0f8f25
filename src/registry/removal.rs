//! Manifests, taken away
//! (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md#content-management>).

use reqwest::{Method, StatusCode};

use super::repository::Repository;
use crate::error::{Clue, Error, Kind, Result};
use crate::image::{Digest, Version};

impl Repository {
    /// Takes away a tag and nothing else. False where the registry cannot do that: 2.8 can remove digests only.
    pub async fn remove_tag(&self, tag: &str) -> Result<bool> {
        let host = self.registry.main();
        let request = self.writing(Method::DELETE, &format!("manifests/{}", Version::Tag(tag)));
        let answer = host.send(&request).await?;
        match answer.status {
            status if status.is_success() => {
                answer.discard().await;
                Ok(true)
            }
            // 2.8 takes the tag for a broken digest; others do not know the call (Harbor, goharbor#11971).
            StatusCode::BAD_REQUEST
            | StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::NOT_IMPLEMENTED => {
                answer.discard().await;
                Ok(false)
            }
            _ => Err(host.failure(answer).await.first()),
        }
    }

    /// Takes away a manifest, and with it every tag that stands for it.
    pub async fn remove_manifest(&self, digest: &Digest) -> Result<()> {
        let host = self.registry.main();
        let request = self.writing(Method::DELETE, &format!("manifests/{digest}"));
        let answer = host.send(&request).await?;
        match answer.status {
            status if status.is_success() => {
                answer.discard().await;
                Ok(())
            }
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED | StatusCode::BAD_REQUEST => {
                let domain = self.registry.domain().to_owned();
                let said = host.failure(answer).await.first();
                let error = Error::new(Kind::Unsupported, format!("{domain} does not let images be deleted"));
                Err(error.caused_by(said).with_clue(Clue::NoDeletion { host: domain }))
            }
            _ => Err(host.failure(answer).await.first()),
        }
    }
}
