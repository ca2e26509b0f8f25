//! Finds a local image by what a person typed, as docker does: exact ID, stored name, unique ID prefix. What stands for
//! an ID is the digest of the config, of the manifest, or of the index that it came from.

use crate::error::{Clue, Error, Kind, Result};
use crate::image::{Body, Descriptor, Digest, Reference};
use crate::store::images::catalog::{self, Group, Image};
use crate::store::images::index::{Index, stored_form};
use crate::store::images::manifest_cache::ManifestCache;
use crate::store::images::nearest;

/// An image and the stored name by which it was found; without one it was found by its ID.
#[derive(Debug)]
pub struct Found {
    pub image: Image,
    /// What the name points to: the image's manifest, or an index with it.
    pub root: Descriptor,
    pub name: Option<Reference>,
}

/// The image that `text` means.
pub(in crate::store) fn find(text: &str, index: &Index, cache: &ManifestCache) -> Result<Found> {
    let mut groups = catalog::group(index.listed(), cache);
    let (place, name) = match locate(text, &groups) {
        Ok(located) => located,
        Err(e) => {
            let Part { id, root, .. } = locate_part(text, &groups, cache).ok_or(e)?;
            let image = Group::new(id, root.clone()).into_image(cache);
            return Ok(Found {
                image,
                root,
                name: None,
            });
        }
    };
    let mut group = groups.swap_remove(place);
    if let Some(entry) = name.as_ref().and_then(|name| index.entry(name)) {
        group.entry = entry.descriptor.clone();
    }
    let root = group.entry.clone();
    let image = group.into_image(cache);
    Ok(Found { image, root, name })
}

/// The place in `images` of the image that `text` means, and the stored name if it was one.
pub(in crate::store) fn locate(text: &str, images: &[Group]) -> Result<(usize, Option<Reference>)> {
    let exact = Digest::parse(text).or_else(|_| Digest::parse(&format!("sha256:{text}")));
    if let Ok(id) = exact {
        let place = images.iter().position(|image| image.id == id);
        return match place.or_else(|| {
            images
                .iter()
                .position(|image| stands_for(image, |digest| *digest == id))
        }) {
            Some(place) => Ok((place, None)),
            None => Err(no_such_image(id.as_str())),
        };
    }
    let name = Reference::parse(text).map_err(|e| in_the_daemon_s_words(text, e))?;
    let stored = stored_form(&name);
    let bears_it = |image: &Group| image.tags.contains(&stored) || image.digests.contains(&stored);
    if let Some(place) = images.iter().position(bears_it) {
        return Ok((place, Some(stored)));
    }
    // A prefix that several IDs share means none of them, and no manifest that alone begins so.
    let place = if has_id(images, text) {
        only(images, |image| is_id_prefix(&image.id, text))
    } else {
        only(images, |image| stands_for(image, |digest| is_id_prefix(digest, text)))
    };
    if let Some(place) = place {
        return Ok((place, None));
    }
    let error = no_such_image(name.or_latest().familiar());
    let near = nearest::names(&stored, images.iter().flat_map(|image| &image.tags));
    Err(if near.is_empty() {
        error
    } else {
        error.with_clue(Clue::NearestNames(near))
    })
}

/// Whether an ID begins so.
fn has_id(images: &[Group], text: &str) -> bool {
    images.iter().any(|image| is_id_prefix(&image.id, text))
}

/// The one place of an image that fits.
fn only(images: &[Group], fits: impl Fn(&Group) -> bool) -> Option<usize> {
    let mut matching = images.iter().enumerate().filter(|(_, image)| fits(image));
    match (matching.next(), matching.next()) {
        (Some((place, _)), None) => Some(place),
        _ => None,
    }
}

/// Whether a manifest or an index that stands for the image is meant.
fn stands_for(image: &Group, is_meant: impl Fn(&Digest) -> bool) -> bool {
    let pulled = image.digests.iter().filter_map(Reference::digest);
    image.manifests.iter().chain(pulled).any(is_meant)
}

/// One of several platforms of an image.
pub(in crate::store) struct Part<'a> {
    id: Digest,
    root: Descriptor,
    whole: &'a Group,
}

impl Part<'_> {
    /// What whoever takes it for an image may do with it.
    pub(in crate::store) fn clue(&self) -> Option<Clue> {
        let platform = self.root.platform.as_ref()?.to_string();
        let name = self.whole.names().first().map(|name| name.familiar().to_owned());
        let image = name.unwrap_or_else(|| self.whole.id.short().to_owned());
        Some(Clue::PartOf { platform, image })
    }
}

/// One of several platforms of an image, by the digest of its manifest or of its config: no image of the list, for an
/// index alone leads to it.
pub(in crate::store) fn locate_part<'a>(text: &str, images: &'a [Group], cache: &ManifestCache) -> Option<Part<'a>> {
    if has_id(images, text) {
        return None;
    }
    let mut found: Option<Part<'_>> = None;
    let manifests = images
        .iter()
        .flat_map(|image| image.manifests.iter().map(move |it| (image, it)));
    for (whole, manifest) in manifests {
        let Ok(root) = cache.manifest(manifest) else { continue };
        let Body::Index(index) = &root.body else { continue };
        for child in &index.manifests {
            // What is not here is no image.
            if child.is_attestation() || cache.manifest(&child.digest).is_err() {
                continue;
            }
            let id = cache.id(child);
            if !is_id_prefix(&id, text) && !is_id_prefix(&child.digest, text) {
                continue;
            }
            match &found {
                None => {
                    let root = child.clone();
                    found = Some(Part { id, root, whole });
                }
                Some(known) if known.id == id => {}
                Some(_) => return None,
            }
        }
    }
    found
}

/// Whether `text` is the beginning of the ID, with or without `sha256:`.
pub(in crate::store) fn is_id_prefix(id: &Digest, text: &str) -> bool {
    let hex = match text.split_once(':') {
        Some((algorithm, hex)) if algorithm == id.algorithm().name() => hex,
        _ => text,
    };
    !hex.is_empty() && id.hex().starts_with(hex)
}

fn no_such_image(name: &str) -> Error {
    Error::new(Kind::NotFound, format!("No such image: {name}"))
}

/// The daemon, which looks images up, leaves out which part must be lower-case.
fn in_the_daemon_s_words(text: &str, e: Error) -> Error {
    let lower = Reference::parse(&text.to_lowercase()).map_err(|e| e.to_string());
    if lower.as_ref().err() == Some(&e.to_string()) {
        return e;
    }
    Error::new(
        Kind::Usage,
        "invalid reference format: repository name must be lowercase",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(id: char, manifest: char) -> Group {
        let digest = |start: char| Digest::parse(&format!("sha256:{start}{}", "a".repeat(63))).unwrap();
        Group::new(
            Digest::parse(&format!("sha256:2{id}{}", "0".repeat(62))).unwrap(),
            Descriptor::new("m", digest(manifest), 1),
        )
    }

    #[test]
    fn a_prefix_that_several_ids_share_means_no_manifest_either() {
        let images = [group('1', '2'), group('3', '5')];
        let found = |text: &str| locate(text, &images).ok().map(|(place, _)| place);
        assert_eq!(found("2"), None);
        assert_eq!(found("21"), Some(0));
        assert_eq!(found("2a"), Some(0));
        assert_eq!(found("5"), Some(1));
    }
}
