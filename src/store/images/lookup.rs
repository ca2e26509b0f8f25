//! Finds a local image by what a person typed, as docker does: exact ID, stored name, unique ID prefix.

use crate::error::{Clue, Error, Kind, Result};
use crate::image::{Descriptor, Digest, Reference};
use crate::store::images::catalog::{Group, Image};
use crate::store::images::index::stored_form;
use crate::store::images::nearest;

/// An image and the stored name by which it was found; without one it was found by its ID.
#[derive(Debug)]
pub struct Found {
    pub image: Image,
    /// What the name points to: the image's manifest, or an index with it.
    pub root: Descriptor,
    pub name: Option<Reference>,
}

/// Where in `images` the image lies that `text` means, and the stored name if it was one.
pub(in crate::store) fn locate(text: &str, images: &[Group]) -> Result<(usize, Option<Reference>)> {
    let exact = Digest::parse(text).or_else(|_| Digest::parse(&format!("sha256:{text}")));
    if let Ok(id) = exact {
        return match images.iter().position(|image| image.id == id) {
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
    let mut matching = images
        .iter()
        .enumerate()
        .filter(|(_, image)| is_id_prefix(&image.id, text));
    if let (Some((place, _)), None) = (matching.next(), matching.next()) {
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
