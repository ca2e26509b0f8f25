//! The local lists, and the images that they are made of: fetched from their registry, each with its platform.

use crate::commands::{Context, RegistryArgs};
use crate::drafts::{Draft, Drafts};
use crate::error::{Clue, Error, Kind, Result};
use crate::image::{Body, Manifest, Platform, Reference};
use crate::registry::Repository;
use crate::transfer;

pub(super) fn drafts(context: &Context) -> Drafts {
    Drafts::at(context.settings.config_folder.join("manifests"))
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
pub(super) async fn complete(draft: Draft, args: &RegistryArgs, context: &Context) -> Result<Draft> {
    if !draft.raw.is_empty() {
        return Ok(draft);
    }
    let name = draft.name.at_digest(&draft.descriptor.digest);
    let repository = context.registry(name.domain(), args)?.repository(&name);
    let raw = fetch(&repository, &name).await?.raw;
    Ok(Draft { raw, ..draft })
}

/// One image with the platform that its config tells, as a list takes it.
pub(super) async fn draft_of(repository: &Repository, name: &Reference, manifest: &Manifest) -> Result<Draft> {
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
    Ok(Draft {
        name: name.clone(),
        descriptor,
        raw: manifest.raw.clone(),
    })
}
