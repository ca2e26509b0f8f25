//! The local lists, and the images that they are made of: fetched from their registry, each with its platform.

use crate::commands::{Context, RegistryArgs};
use crate::error::{Clue, Error, Kind, Result};
use crate::image::{Body, Manifest, Platform, Reference};
use crate::manifest_lists::{ManifestLists, Member};
use crate::registry::Repository;
use crate::transfer;

pub(super) fn lists(context: &Context) -> ManifestLists {
    ManifestLists::at(context.settings.logins.config_folder.join("manifests"))
}

/// The manifest of a name, with failures in docker's words.
pub(super) async fn fetch(repository: &Repository, name: &Reference) -> Result<Manifest> {
    repository.document(name.version()).await.map_err(|e| match e.clue() {
        _ if e.kind() == Kind::NotFound => Error::new(Kind::NotFound, format!("no such manifest: {name}")),
        Some(Clue::Unreachable { .. } | Clue::UnknownAuthority { .. } | Clue::PlainHttp { .. }) => {
            e.during("failed to configure transport: error pinging v2 registry")
        }
        _ => e,
    })
}

/// The image with its manifest, which is fetched where an old docker has not kept it.
pub(super) async fn complete(member: Member, args: &RegistryArgs, context: &Context) -> Result<Member> {
    if !member.raw.is_empty() {
        return Ok(member);
    }
    let name = member.name.at_digest(&member.descriptor.digest);
    let repository = context.registry(name.domain(), args)?.repository(&name);
    let raw = fetch(&repository, &name).await?.raw;
    Ok(Member { raw, ..member })
}

/// One image with the platform that its config tells, as a list takes it.
pub(super) async fn member_of(repository: &Repository, name: &Reference, manifest: &Manifest) -> Result<Member> {
    let Body::Image(image) = &manifest.body else {
        return Err(Error::new(Kind::Usage, format!("{name} is a manifest list")));
    };
    let config = transfer::read(repository, &image.config).await?;
    // What is no image's config tells no platform.
    let mut platform: Platform = serde_json::from_slice(&config).unwrap_or_default();
    platform
        .rest
        .retain(|member, _| member == crate::image::manifest_list::OS_FEATURES);
    let mut descriptor = manifest.descriptor.clone();
    descriptor.platform = Some(platform.into());
    Ok(Member {
        name: name.clone(),
        descriptor,
        raw: manifest.raw.clone(),
    })
}
