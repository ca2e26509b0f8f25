//! What of the store is meant, by name, ID or repository, and what of it is saved.

use std::collections::HashSet;

use crate::content::Source as _;
use crate::error::{Error, Kind, Result};
use crate::image::narrowed::{self, Narrowed};
use crate::image::{Body, Descriptor, Manifest, Platform, Reference};
use crate::store::Store;
use crate::transfer::Plan;

/// An image that is saved, under all names by which it was asked for.
pub(super) struct Chosen {
    pub(super) names: Vec<Reference>,
    pub(super) root: Descriptor,
    pub(super) plan: Plan,
    /// The root, where it is a part of an index that was made for this archive.
    pub(super) made: Option<Manifest>,
}

/// The images that these texts mean, each once.
pub(super) async fn all(store: &Store, texts: &[String], platforms: &[Platform]) -> Result<Vec<Chosen>> {
    let mut chosen: Vec<Chosen> = Vec::new();
    for text in texts {
        for (name, root) in meant(store, text)? {
            let root = store.manifest(&root.digest).await?;
            let (root, mut plan) = planned(store, root, platforms, text).await?;
            let name = match name.as_ref().and_then(Reference::digest) {
                Some(digest) if digest != root.digest() => {
                    // The name is true where the index that it means goes along.
                    let whole = store.manifest(digest).await.ok().filter(|whole| is_child(&root, whole));
                    whole.and_then(|whole| {
                        plan.children.push_parent(whole);
                        name
                    })
                }
                _ => name,
            };
            let made = (!store.blobs().has(root.digest())).then(|| root.clone());
            match chosen.iter_mut().find(|it| it.root.digest == *root.digest()) {
                Some(known) if name.as_ref().is_some_and(|name| known.names.contains(name)) => {}
                Some(known) => known.names.extend(name),
                None => chosen.push(Chosen {
                    names: name.into_iter().collect(),
                    root: root.descriptor,
                    plan,
                    made,
                }),
            }
        }
    }
    Ok(chosen)
}

fn is_child(image: &Manifest, index: &Manifest) -> bool {
    match &index.body {
        Body::Index(index) => index.manifests.iter().any(|child| child.digest == *image.digest()),
        Body::Image(_) => false,
    }
}

/// What docker takes the argument for: an ID, a tag, or all tags of a repository.
fn meant(store: &Store, text: &str) -> Result<Vec<(Option<Reference>, Descriptor)>> {
    let by_id = || {
        let found = store.images().find(text);
        found.map(|found| vec![(None, found.root)])
    };
    let no_such_image = |e: Error| match e.kind() {
        Kind::NotFound => like(Some(&e), format!("No such image: {text}")),
        _ => e,
    };
    let name = match Reference::parse(text) {
        Ok(name) if name.familiar_name() != "sha256" => name,
        _ => return by_id().map_err(no_such_image),
    };
    if !name.is_name_only() {
        let Some(root) = store.names().target(&name)? else {
            return Err(like(
                store.images().find(text).err().as_ref(),
                "reference does not exist".to_owned(),
            ));
        };
        return Ok(vec![(Some(name), root)]);
    }
    let mut found = Vec::new();
    for tag in store.names().tags(&name)? {
        if let Some(root) = store.names().target(&tag)? {
            found.push((Some(tag), root));
        }
    }
    if !found.is_empty() {
        return Ok(found);
    }
    let images = store.images().all()?;
    let is_there = |digest: &Reference| digest.name() == name.name();
    found.extend(
        images
            .into_iter()
            .filter(|it| it.digests.iter().any(is_there))
            .map(|it| (None, it.manifest)),
    );
    if !found.is_empty() {
        return Ok(found);
    }
    by_id().map_err(no_such_image)
}

/// Docker's words for it here, with the advice that the store has.
fn like(found: Option<&Error>, message: String) -> Error {
    let clue = found.and_then(Error::clue).cloned();
    let error = Error::new(Kind::NotFound, message);
    match clue {
        Some(clue) => error.with_clue(clue),
        None => error,
    }
}

/// What to save of an index: all of it if all of it is here, else the image for this machine; the platforms asked for.
async fn planned(store: &Store, root: Manifest, platforms: &[Platform], text: &str) -> Result<(Manifest, Plan)> {
    let plan = async |manifest: &Manifest| {
        Plan::for_tree(store, manifest, |image| store.images().config(image), |_| false).await
    };
    let index = match &root.body {
        Body::Image(image) => {
            let actual = store.images().config(image)?.platform;
            platforms
                .iter()
                .try_for_each(|wanted| actual.check_serves(wanted, text))?;
            let plan = plan(&root).await?;
            return Ok((root, plan));
        }
        Body::Index(index) => index,
    };
    if platforms.is_empty()
        && let Ok(plan) = plan(&root).await
        && plan.blobs.iter().all(|blob| store.blobs().has_whole(blob))
    {
        return Ok((root, plan));
    }
    let child = if platforms.is_empty() {
        let is_there = |it: &&Descriptor| !it.is_attestation() && store.blobs().has(&it.digest);
        match index.choose(&Platform::host()) {
            Ok(child) if store.blobs().has(&child.digest) => child,
            chosen => index.manifests.iter().find(is_there).map_or(chosen, Ok)?,
        }
    } else {
        let mut images = HashSet::new();
        for wanted in platforms {
            let child = index
                .choose(wanted)
                .ok()
                .filter(|child| store.blobs().has(&child.digest));
            images.insert(child.ok_or_else(|| wanted.missing_from(text))?.digest.clone());
        }
        match (narrowed::keep(&root, |digest| images.contains(digest))?, platforms) {
            (Narrowed::Part(part), [_, _, ..]) => {
                let plan = plan(&part).await?;
                return Ok((*part, plan));
            }
            (Narrowed::Whole, [_, _, ..]) => {
                let plan = plan(&root).await?;
                return Ok((root, plan));
            }
            _ => index.choose(&platforms[0])?,
        }
    };
    let child = store.manifest(&child.digest).await?;
    let plan = plan(&child).await?;
    Ok((child, plan))
}
