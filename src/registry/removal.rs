//! Tags, taken away
//! (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md#content-management>).

use reqwest::{Method, StatusCode};

use super::requests::Requests;
use crate::error::Result;
use crate::image::Version;

/// Takes away a tag and nothing else. False where the registry cannot do that: 2.8 can remove digests only.
pub(super) async fn remove_tag(requests: &Requests, tag: &str) -> Result<bool> {
    let host = requests.main();
    let request = requests.writing(Method::DELETE, &format!("manifests/{}", Version::Tag(tag)));
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
