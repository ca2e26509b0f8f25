//! Manifests that a registry refuses: for what it lacks, for their type, or for a tag that may not be moved.

use super::manifests::Manifests;
use super::uploads::Uploads;
use super::wire::Refusal;
use crate::error::{Clue, Error, Kind, Result};
use crate::image::{Digest, Manifest, Version};

/// The refusal in the registry's words, with what is known of its reason.
pub(super) fn explained(host: &str, manifest: &Manifest, refusal: &Refusal) -> Error {
    let said = refusal.whole();
    let digests: Vec<String> = refusal.lacking().map(ToString::to_string).collect();
    if !digests.is_empty() {
        let host = host.to_owned();
        return said.with_clue(Clue::Lacking { host, digests });
    }
    // A registry that takes no such manifests (zot has no docker types, Quay none of them in an OCI index) says so in
    // many ways, few of them clear.
    if refusal.may_be_of_type() {
        let media_type = manifest.descriptor.media_type.clone();
        return said.with_clue(Clue::TypeRefused { media_type });
    }
    said
}

/// A refusal to put a manifest under a tag. Where the tag stands for it already, all is as it was to be: ECR, Harbor, GAR,
/// Quay, ACR, zot and Artifactory have tags that may not be moved, and refuse each with a status and words of its own what
/// would move nothing (buildkit#3776, containers-roadmap#2179, hub-feedback#2466).
pub(super) async fn of_tag(
    manifests: Manifests<'_>,
    uploads: &Uploads,
    manifest: &Manifest,
    tag: &str,
    refusal: &Refusal,
) -> Result<()> {
    let said = explained(manifests.host(), manifest, refusal);
    let may_be_the_tag = matches!(refusal.status.as_u16(), 400 | 403 | 405 | 409 | 412 | 422 | 423);
    if !may_be_the_tag || matches!(said.clue(), Some(Clue::Lacking { .. })) {
        return Err(said);
    }
    match standing(manifests, tag).await {
        // Whoever may not push is to be told so, whatever the tag stands for.
        Some(digest) if digest == *manifest.digest() => match said.kind() {
            Kind::Denied if !uploads.may_begin(&digest).await => Err(said),
            _ => Ok(()),
        },
        Some(digest) if !is_of_login(&said) => Err(said.with_clue(Clue::TagStands {
            tag: tag.to_owned(),
            digest: digest.to_string(),
        })),
        _ => Err(said),
    }
}

/// Whether a login may be all that is missing.
fn is_of_login(refusal: &Error) -> bool {
    matches!(
        refusal.clue(),
        Some(Clue::LoginNeeded { .. } | Clue::LoginRefused { .. } | Clue::SentOn { .. })
    )
}

/// The digest that a tag stands for at the registry itself; none where nothing does, or it cannot be known.
async fn standing(manifests: Manifests<'_>, tag: &str) -> Option<Digest> {
    let version = Version::Tag(tag);
    if let Ok(Some(digest)) = manifests.standing(version).await {
        return Some(digest);
    }
    let manifest = manifests.read_from_registry(version).await.ok()?;
    Some(manifest.digest().clone())
}
