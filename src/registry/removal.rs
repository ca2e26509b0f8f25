//! Tags, taken away
//! (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md#content-management>).

use reqwest::{Method, StatusCode};

use super::requests::Requests;
use super::wire::{Answer, described, headers};
use crate::error::{Clue, Error, Kind, Result};
use crate::image::Version;

/// Takes away a tag and nothing else. False where the registry cannot do that: 2.8 can remove digests only.
pub(super) async fn remove_tag(requests: &Requests, tag: &str) -> Result<bool> {
    let host = requests.main();
    let request = requests.writing(Method::DELETE, &format!("manifests/{}", Version::Tag(tag)));
    let answer = host.send(&request).await?;
    match answer.status {
        _ if is_removed(&answer) => {
            confirm(requests, answer, Version::Tag(tag)).await?;
            Ok(true)
        }
        status if status.is_success() => Err(not_removed(requests, status)),
        // 2.8 takes the tag for a broken digest; others do not know the call (Harbor, goharbor#11971).
        StatusCode::BAD_REQUEST
        | StatusCode::NOT_FOUND
        | StatusCode::METHOD_NOT_ALLOWED
        | StatusCode::NOT_IMPLEMENTED => {
            let refusal = host.refusal(answer).await;
            // Whoever takes a busy registry for one that cannot remove tags would remove the digest, and more with it.
            if refusal.kind() == Kind::RateLimited {
                return Err(refusal.first());
            }
            Ok(false)
        }
        _ => Err(host.refusal(answer).await.first()),
    }
}

/// Whether a registry says that something is gone. A page is no word of a registry's, but an empty answer is often called
/// one (Quay).
pub(super) fn is_removed(answer: &Answer) -> bool {
    matches!(answer.status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) || answer.is_done()
}

/// Makes sure that it is gone where the answer is not the one that the protocol has for it: anything says 200.
pub(super) async fn confirm(requests: &Requests, answer: Answer, version: Version<'_>) -> Result<()> {
    let status = answer.status;
    answer.discard().await;
    if status != StatusCode::OK {
        return Ok(());
    }
    let (name, value) = headers::accept_manifests();
    let request = requests.writing(Method::HEAD, &format!("manifests/{version}"));
    let Ok(there) = requests.main().send(&request.header(name, value)).await else {
        return Ok(());
    };
    let stands = there.is_done() && headers::content_digest(&there.headers).is_some();
    there.discard().await;
    if !stands {
        return Ok(());
    }
    let host = requests.hosts.domain.clone();
    let message = format!("{host} answers {}, but {version} is still there", described(status));
    Err(Error::new(Kind::Unsupported, message))
}

/// Why nothing is gone though the answer says success: a web page came in place of a registry's word.
pub(super) fn not_removed(requests: &Requests, status: StatusCode) -> Error {
    let host = requests.hosts.domain.clone();
    let message = format!(
        "{host} answers {} with a web page: nothing is removed",
        described(status)
    );
    Error::new(Kind::Unsupported, message).with_clue(Clue::NoRegistry { host })
}
