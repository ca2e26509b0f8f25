//! `manifest.json`: what `docker save` writes, and what all `docker load` since 1.10 read.
//!
//! <https://github.com/moby/docker-image-spec/blob/v1.2.0/v1.2.md#combined-image-json--filesystem-changeset-format>

use std::fs::File;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};

use super::contents::Contents;
use super::entries::{broken, cleaned};
use super::errors::{bad, wrong_diff_id};
use super::files::{Files as _, path_of};
use super::held::Held;
use super::images::{Listed, Reader, check_platforms};
use crate::error::{Clue, During, Error, Kind, Result};
use crate::image::graph::Node;
use crate::image::manifest::DOCKER_MANIFEST;
use crate::image::{Descriptor, Digest, ImageConfig, Manifest, Platform, Reference, null};
use crate::tarball::{Packing, content_digest, peeked};

pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const CONFIG_TYPE: &str = "application/vnd.docker.container.image.v1+json";
pub(super) const GZIP_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const ZSTD_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.zstd";
const PLAIN_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";

/// One image. Go, and so docker, takes the members' names in any case.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    #[serde(deserialize_with = "null::or_default", alias = "config")]
    config: String,
    #[serde(default, deserialize_with = "said", alias = "repoTags", alias = "repotags")]
    repo_tags: Option<Vec<String>>,
    #[serde(default, deserialize_with = "null::each_or_default", alias = "layers")]
    layers: Vec<String>,
}

/// Those of a list that are not null.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let list: Option<Vec<Option<String>>> = Option::deserialize(deserializer)?;
    Ok(list.map(|list| list.into_iter().flatten().collect()))
}

/// The document for images with these names, configs and layers.
pub(super) fn manifest<'a>(
    images: impl IntoIterator<Item = (&'a [Reference], &'a Descriptor, &'a [Descriptor])>,
) -> Result<Vec<u8>> {
    let item = |(names, config, layers): (&[Reference], &Descriptor, &[Descriptor])| Item {
        config: path_of(&config.digest),
        repo_tags: Some(tags(names)).filter(|tags| !tags.is_empty()),
        layers: layers.iter().map(|layer| path_of(&layer.digest)).collect(),
    };
    let items: Vec<Item> = images.into_iter().map(item).collect();
    serde_json::to_vec(&items).map_err(|e| bad("its manifest.json cannot be written").caused_by(e))
}

/// Docker takes no names by digest.
fn tags(names: &[Reference]) -> Vec<String> {
    let tags = names.iter().filter(|name| name.digest().is_none());
    tags.map(|name| name.familiar().to_owned()).collect()
}

/// The images of an archive without a layout. Their layers have no manifests, so each image gets one that is made of
/// nothing but what the archive says: the same archive always gives the same digests.
pub(super) fn images(contents: &Contents, held: &Held<'_>, platforms: &[Platform]) -> Result<Vec<Listed>> {
    let Some(raw) = contents.document(MANIFEST)? else {
        return Err(match contents.document("repositories")? {
            Some(_) => Error::new(
                Kind::Unsupported,
                "the archive was written by a Docker before 1.10: load it there and save it again with a current one",
            ),
            None => bad("invalid archive: does not contain a manifest.json"),
        });
    };
    let items: Vec<Item> = serde_json::from_slice(&raw).map_err(|e| match e.classify() {
        serde_json::error::Category::Eof => bad("unexpected EOF"),
        _ => bad("the archive's manifest.json is not valid").caused_by(e),
    })?;
    let reader = Reader {
        files: contents,
        has: held.has,
    };
    items
        .iter()
        .map(|item| reader.finished(image(item, contents, held, platforms)?))
        .collect()
}

fn image(item: &Item, contents: &Contents, held: &Held<'_>, platforms: &[Platform]) -> Result<Listed> {
    let names = item
        .repo_tags
        .iter()
        .flatten()
        .map(|text| tag(text))
        .collect::<Result<_>>()?;
    let raw = contents
        .document(&inside(&item.config)?)?
        .ok_or_else(|| absent(&item.config))?;
    let config = ImageConfig::parse(&raw)?;
    check_platforms(&config.platform, platforms)?;
    let paths = &item.layers;
    if paths.len() != config.diff_ids.len() {
        let (expected, got) = (config.diff_ids.len(), paths.len());
        return Err(bad(format!(
            "invalid manifest, layers length mismatch: expected {expected}, got {got}"
        )));
    }
    let mut layers = Vec::new();
    for (number, (path, expected)) in paths.iter().zip(&config.diff_ids).enumerate() {
        layers.push(if path.is_empty() {
            left_out(number, expected, held)?
        } else {
            layer(path, contents, number, expected)?
        });
    }
    let id = Digest::of(&raw);
    let config = Descriptor::new(CONFIG_TYPE, id.clone(), raw.len() as u64);
    let root = made(&config, &layers)?;
    let mut blobs: Vec<Descriptor> = Vec::new();
    for blob in layers.into_iter().chain([config]) {
        if !blobs.iter().any(|known| known.digest == blob.digest) {
            blobs.push(blob);
        }
    }
    Ok(Listed {
        names,
        id,
        manifests: vec![Node {
            digest: root.digest().clone(),
            size: root.descriptor.size,
        }],
        root: root.descriptor.clone(),
        blobs,
        missing: Vec::new(),
        made: Some(root),
    })
}

fn tag(text: &str) -> Result<Reference> {
    let name = Reference::parse(text)?;
    if name.tag().is_none() || name.digest().is_some() {
        return Err(bad(format!("invalid tag {text:?}")));
    }
    Ok(name)
}

/// A layer that the archive does not have because this side does, as buildpacks leave them out.
fn left_out(number: usize, diff_id: &Digest, held: &Held<'_>) -> Result<Descriptor> {
    let Some(known) = (held.layer)(diff_id)? else {
        let message = format!("the archive leaves out layer {number} ({diff_id}), which the store does not have");
        return Err(Error::new(Kind::NotFound, message).with_clue(Clue::BaseNeeded));
    };
    let media_type = match known.media_type.rsplit(['.', '+']).next() {
        Some("gzip") => GZIP_LAYER,
        Some("zstd" | "zst") => ZSTD_LAYER,
        _ => PLAIN_LAYER,
    };
    Ok(Descriptor::new(media_type, known.digest, known.size))
}

fn layer(path: &str, contents: &Contents, number: usize, expected: &Digest) -> Result<Descriptor> {
    let mut kept = contents.file(&inside(path)?)?;
    if kept.is_none() && path.contains('\\') {
        // Docker on Windows wrote paths so.
        kept = contents.file(&inside(&path.replace('\\', "/"))?)?;
    }
    let kept = kept.ok_or_else(|| absent(path))?;
    let open = || File::open(&kept.path).during("reading a part of the archive again");
    let (packing, _) = peeked(open()?).map_err(broken)?;
    let actual = if packing == Packing::Plain {
        kept.digest.clone()
    } else {
        content_digest(open()?, expected.algorithm()).map_err(broken)?
    };
    if actual != *expected {
        return Err(wrong_diff_id(number, expected, &actual));
    }
    let media_type = match packing {
        Packing::Plain => PLAIN_LAYER,
        Packing::Gzip => GZIP_LAYER,
        Packing::Zstd => ZSTD_LAYER,
        Packing::Xz | Packing::Bzip2 => {
            return Err(Error::new(
                Kind::Unsupported,
                format!(
                    "layer {path} is packed in a way that no registry takes: unpack it and write the archive again"
                ),
            ));
        }
    };
    Ok(Descriptor::new(media_type, kept.digest.clone(), kept.size))
}

/// The manifest that docker would make, over the very bytes of the archive.
pub(super) fn made(config: &Descriptor, layers: &[Descriptor]) -> Result<Manifest> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Wire<'a> {
        schema_version: u64,
        media_type: &'static str,
        config: &'a Descriptor,
        layers: &'a [Descriptor],
    }
    let wire = Wire {
        schema_version: 2,
        media_type: DOCKER_MANIFEST,
        config,
        layers,
    };
    let raw = serde_json::to_vec(&wire).map_err(|e| bad("the manifest cannot be made").caused_by(e))?;
    Manifest::parse(Bytes::from(raw), None, None)
}

fn inside(path: &str) -> Result<String> {
    cleaned(path).ok_or_else(|| bad(format!("the archive's manifest.json leads out of it: {path:?}")))
}

fn absent(path: &str) -> Error {
    bad(format!(
        "the archive's manifest.json names {path:?}, which is not in it"
    ))
}
