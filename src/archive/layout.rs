//! `oci-layout` and `index.json`: what an OCI layout lists, and under which names.
//!
//! <https://github.com/opencontainers/image-spec/blob/main/image-layout.md>

use serde::{Deserialize, Serialize};

use super::bad;
use super::images::Shelf;
use crate::error::Result;
use crate::image::annotations::{IMAGE_NAME, REF_NAME};
use crate::image::manifest::OCI_INDEX;
use crate::image::{Descriptor, Reference, null};

pub(super) const INDEX: &str = "index.json";
pub(super) const MARKER: &str = "oci-layout";
const VERSION: &str = "1.0.0";

#[derive(Serialize, Deserialize)]
struct Marker {
    #[serde(rename = "imageLayoutVersion")]
    version: String,
}

#[derive(Serialize, Deserialize)]
struct Index {
    #[serde(rename = "schemaVersion", default, deserialize_with = "null::or_default")]
    schema_version: u64,
    #[serde(rename = "mediaType", default, deserialize_with = "null::or_default")]
    media_type: String,
    #[serde(default)]
    manifests: Option<Vec<Descriptor>>,
}

/// What one line of `index.json` leads to, and its name if that is one.
pub(super) struct Entry {
    pub(super) name: Option<Reference>,
    pub(super) descriptor: Descriptor,
}

/// The entries of the layout with their names; `None` where there is no layout.
pub(super) fn entries(shelf: &dyn Shelf) -> Result<Option<Vec<Entry>>> {
    let Some(raw) = shelf.document(INDEX)? else {
        return Ok(None);
    };
    if let Some(raw) = shelf.document(MARKER)? {
        let marker: Marker =
            serde_json::from_slice(&raw).map_err(|e| bad(format!("its {MARKER} is not valid")).caused_by(e))?;
        if marker.version != VERSION {
            return Err(bad(format!(
                "it is a layout of version {:?}, not {VERSION}",
                marker.version
            )));
        }
    }
    let index: Index =
        serde_json::from_slice(&raw).map_err(|e| bad(format!("its {INDEX} is not valid")).caused_by(e))?;
    let entries = index.manifests.unwrap_or_default().into_iter();
    let named = |descriptor: Descriptor| Entry {
        name: name_of(&descriptor),
        descriptor,
    };
    Ok(Some(entries.map(named).collect()))
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

pub(super) fn marker() -> Vec<u8> {
    format!("{{\"imageLayoutVersion\":\"{VERSION}\"}}").into_bytes()
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
    let index = Index {
        schema_version: 2,
        media_type: OCI_INDEX.into(),
        manifests: Some(manifests),
    };
    serde_json::to_vec(&index).map_err(|e| bad("its index cannot be written").caused_by(e))
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
