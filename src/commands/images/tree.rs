//! `images --tree`: the platforms of each image, and which of them are here.

use std::collections::HashMap;
use std::ptr;

use super::rows::Row;
use crate::error::{Error, Kind, Result};
use crate::image::size::total;
use crate::image::{Body, Descriptor, Digest, Manifest, Reference};
use crate::store::{Image, Store};
use crate::ui::{Node, human, image_tree};

/// What docker does not show as a tree.
pub(super) fn check(flags: &[(bool, &str)]) -> Result<()> {
    match flags.iter().find(|(is_given, _)| *is_given) {
        Some((_, flag)) => {
            let message = format!("--{flag} is not yet supported with --tree");
            Err(Error::new(Kind::Usage, message))
        }
        None => Ok(()),
    }
}

/// The tree of the images in these rows.
pub(super) fn of(rows: &[Row<'_>], store: &Store) -> Result<String> {
    let images = rows.chunk_by(|a, b| ptr::eq(a.image, b.image));
    let images = images.map(|rows| node(rows, store)).collect::<Result<Vec<_>>>()?;
    Ok(image_tree(&images))
}

fn node(rows: &[Row<'_>], store: &Store) -> Result<Node> {
    let image = rows[0].image;
    let tagged = rows
        .iter()
        .filter(|row| image.tags.iter().any(|tag| tag.tag() == Some(row.tag)));
    let names = tagged.map(|row| format!("{}:{}", row.repository, row.tag)).collect();
    let mut blobs = HashMap::new();
    let platforms = match whole(image, store)?.body {
        Body::Index(index) => {
            let images = index.manifests.iter().filter(|child| !child.is_attestation());
            images.map(|child| platform(child, store, &mut blobs)).collect()
        }
        Body::Image(_) => {
            let mut manifest = image.manifest.clone();
            manifest.platform = Some(store.images().config_of(image)?.platform.into());
            vec![platform(&manifest, store, &mut blobs)]
        }
    };
    let size = human::size(total(blobs.into_values()));
    Ok(Node {
        names,
        id: image.id.short().to_owned(),
        disk_usage: size.clone(),
        content_size: size,
        platforms,
    })
}

/// What of its names leads furthest: an index where there is one.
fn whole(image: &Image, store: &Store) -> Result<Manifest> {
    let stored = |name: &Reference| store.images().manifest(&store.names().target(name).ok()??.digest).ok();
    let mut roots = image.tags.iter().chain(&image.digests).filter_map(stored);
    let index = roots.find(|root| matches!(root.body, Body::Index(_)));
    index.map_or_else(|| store.images().manifest(&image.manifest.digest), Ok)
}

/// One platform; its blobs are added to those of the image.
fn platform(manifest: &Descriptor, store: &Store, of_image: &mut HashMap<Digest, u64>) -> Node {
    let mut blobs = HashMap::new();
    if let Ok(Manifest {
        body: Body::Image(image),
        ..
    }) = store.images().manifest(&manifest.digest)
    {
        let parts = [manifest, &image.config].into_iter().chain(&image.layers);
        let here = parts.filter(|blob| store.blobs().has_whole(blob));
        blobs.extend(here.map(|blob| (blob.digest.clone(), blob.size)));
    }
    of_image.extend(blobs.iter().map(|(digest, size)| (digest.clone(), *size)));
    let size = human::size(total(blobs.into_values()));
    Node {
        names: vec![manifest.platform.as_ref().map(ToString::to_string).unwrap_or_default()],
        id: manifest.digest.short().to_owned(),
        disk_usage: size.clone(),
        content_size: size,
        platforms: Vec::new(),
    }
}
