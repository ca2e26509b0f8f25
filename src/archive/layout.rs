//! What an OCI layout lists, and under which names.

use super::errors::bad;
use super::files::Files;
use crate::error::Result;
use crate::image::annotations::{IMAGE_NAME, REF_NAME};
use crate::image::layout::{INDEX, LayoutIndex, MARKER, Rest, Unreadable, check_marker};
use crate::image::{Descriptor, Reference};

/// What one line of `index.json` leads to, and its name if that is one.
pub(super) struct Entry {
    pub(super) name: Option<Reference>,
    pub(super) descriptor: Descriptor,
}

/// The entries of the layout with their names; `None` where there is no layout.
pub(super) fn entries(files: &dyn Files) -> Result<Option<Vec<Entry>>> {
    let named = |descriptor: Descriptor| Entry {
        name: name_of(&descriptor),
        descriptor,
    };
    let listed = manifests(files)?;
    Ok(listed.map(|listed| listed.into_iter().map(named).collect()))
}

/// What `index.json` lists; `None` where there is no layout.
pub fn manifests(files: &dyn Files) -> Result<Option<Vec<Descriptor>>> {
    let Some(raw) = files.document(INDEX)? else {
        return Ok(None);
    };
    if let Some(marker) = files.document(MARKER)? {
        check_marker(&marker).map_err(|why| match why {
            Unreadable::NotValid(e) => bad(format!("its {MARKER} is not valid")).caused_by(e),
            Unreadable::Version { is, known } => bad(format!("it is a layout of version {is}, not {known}")),
        })?;
    }
    let index = LayoutIndex::parse(&raw).map_err(|why| match why {
        Unreadable::NotValid(e) => bad(format!("its {INDEX} is not valid")).caused_by(e),
        Unreadable::Version { is, known } => bad(format!("its {INDEX} has schema version {is}, not {known}")),
    })?;
    // What is passed over here would be missing there.
    if let Some(stranger) = index.rest.strangers.first() {
        return Err(bad(format!("its {INDEX} is not valid: {stranger} is no descriptor")));
    }
    Ok(Some(index.manifests))
}

/// A name that is only a tag, as `oci:FOLDER:latest` leaves it, names nothing.
fn name_of(entry: &Descriptor) -> Option<Reference> {
    let whole = entry.annotations.get(IMAGE_NAME);
    let reference = entry.annotations.get(REF_NAME).filter(|text| text.contains([':', '/']));
    let name = whole
        .into_iter()
        .chain(reference)
        .find_map(|text| Reference::parse(text).ok());
    name.map(|name| match name.digest() {
        Some(digest) => name.at_digest(digest),
        None => name.or_latest(),
    })
}

/// `index.json` with an entry for each name, as docker writes it, and one for an image without a name.
pub(super) fn index<'a>(images: impl IntoIterator<Item = (&'a [Reference], &'a Descriptor)>) -> Result<Vec<u8>> {
    let mut manifests = Vec::new();
    for (names, root) in images {
        manifests.extend(names.iter().map(|name| named(root, name)));
        if names.is_empty() {
            manifests.push(bare(root));
        }
    }
    let written = Rest::default().written_with(manifests.iter());
    written.map_err(|e| bad("its index cannot be written").caused_by(e))
}

fn named(root: &Descriptor, name: &Reference) -> Descriptor {
    let mut entry = bare(root);
    entry.annotations.insert(IMAGE_NAME, &name.to_string());
    if let Some(tag) = name.tag() {
        entry.annotations.insert(REF_NAME, tag);
    }
    entry
}

fn bare(root: &Descriptor) -> Descriptor {
    Descriptor {
        platform: root.platform.clone(),
        ..Descriptor::new(root.media_type.clone(), root.digest.clone(), root.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_whole_one_or_none() {
        for (image_name, ref_name, name) in [
            ("docker.io/library/app:1", "1", Some("docker.io/library/app:1")),
            ("", "latest", None),
            ("", "quay.io/a/b", Some("quay.io/a/b:latest")),
            ("", "app:1", Some("docker.io/library/app:1")),
            ("Not A Name", "app:1", Some("docker.io/library/app:1")),
        ] {
            let mut entry = bare(&Descriptor::new("m", crate::image::Digest::of(b"x"), 1));
            for (key, value) in [(IMAGE_NAME, image_name), (REF_NAME, ref_name)] {
                if !value.is_empty() {
                    entry.annotations.insert(key, value);
                }
            }
            assert_eq!(
                name_of(&entry).map(|it| it.to_string()).as_deref(),
                name,
                "{image_name} {ref_name}"
            );
        }
    }
}
