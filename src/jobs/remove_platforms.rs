//! `rmi --platform`: takes some platforms out of an image, and leaves the others under its names.

use std::collections::HashSet;
use std::time::Duration;

use super::commit::{self, Arrival};
use crate::content::Sink as _;
use crate::error::Result;
use crate::image::narrowed::{self, Narrowed};
use crate::image::{Body, Descriptor, Digest, Manifest, Platform, Reference, graph};
use crate::places::described;
use crate::store::{Found, Image, Store};

/// What has to be done for an image to be without some platforms.
#[derive(Debug)]
pub enum Removal {
    /// Nothing is left: the image is to be removed.
    Everything,
    /// Done: these manifests are gone.
    Some(Vec<Digest>),
}

/// Takes the platforms out of the image that `text` means, under all names that mean the same.
pub async fn run(store: &Store, text: &str, platforms: &[Platform]) -> Result<Removal> {
    let writer = store.begin()?;
    let Found { image, root, .. } = store.images().find(text)?;
    let whole = store.images().manifest(&root.digest)?;
    let Body::Index(index) = &whole.body else {
        let actual = store.images().config_of(&image)?.platform;
        platforms
            .iter()
            .try_for_each(|wanted| actual.check_serves(wanted, text))?;
        return Ok(Removal::Everything);
    };
    let mut unwanted = Vec::new();
    for wanted in platforms {
        let child = index
            .choose(wanted)
            .ok()
            .filter(|child| store.blobs().has(&child.digest));
        unwanted.push(child.ok_or_else(|| wanted.missing_from(text))?.clone());
    }
    let stays = |child: &&Descriptor| {
        let is_unwanted = unwanted.iter().any(|it| it.digest == child.digest);
        !child.is_attestation() && !is_unwanted && store.blobs().has(&child.digest)
    };
    let kept: HashSet<Digest> = index
        .manifests
        .iter()
        .filter(stays)
        .map(|it| it.digest.clone())
        .collect();
    let left = match narrowed::keep(&whole, |digest| kept.contains(digest))? {
        Narrowed::Nothing | Narrowed::Whole => return Ok(Removal::Everything),
        Narrowed::One(child) => store.images().manifest(&child.digest)?,
        Narrowed::Part(part) => {
            writer.put_manifest(&part).await?;
            *part
        }
    };
    let is_meant = |name: &&Reference| {
        let target = store.names().target(name).ok().flatten();
        target.is_some_and(|target| target.digest == root.digest)
    };
    let names = image.tags.iter().chain(&image.digests).filter(is_meant);
    let meant = described(store, &left)?;
    let arrival = |name: &Reference| {
        // A name by digest goes on to mean a part of what it meant.
        let root = name.digest().unwrap_or(left.digest());
        Arrival::new(vec![name.clone()], root, meant.clone())
    };
    commit::to_store(store, names.map(arrival).collect())?;
    drop(writer);
    free(store, &root, &unwanted)?;
    Ok(Removal::Some(unwanted.into_iter().map(|it| it.digest).collect()))
}

/// Frees what only the removed platforms needed.
fn free(store: &Store, root: &Descriptor, unwanted: &[Descriptor]) -> Result<()> {
    let removed: Vec<Manifest> = unwanted
        .iter()
        .filter_map(|it| store.images().manifest(&it.digest).ok())
        .collect();
    let is_left_over = |image: &Image| {
        let is_removed = unwanted.iter().any(|it| it.digest == image.manifest.digest);
        is_removed && image.tags.is_empty() && image.digests.is_empty()
    };
    // The old index, where its image for this machine went, is listed without a name now.
    store.sweep().prune(is_left_over, Duration::MAX)?;
    for manifest in &removed {
        let blobs = graph::blobs(manifest).map(|blob| &blob.digest);
        for digest in [manifest.digest(), &root.digest].into_iter().chain(blobs) {
            store.sweep().blob(digest)?;
        }
    }
    Ok(())
}
