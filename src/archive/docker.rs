//! `manifest.json`: what `docker save` writes, and what all `docker load` since 1.10 read.
//!
//! <https://github.com/moby/docker-image-spec/blob/v1.2.0/v1.2.md#combined-image-json--filesystem-changeset-format>

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fs::File;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};

use super::contents::Contents;
use super::entries::{broken, cleaned};
use super::errors::{bad, wrong_diff_id};
use super::files::{Files as _, path_of};
use super::held::Held;
use super::images::{Listed, Reader, check_platforms};
use crate::content::Kept;
use crate::error::{Clue, During, Error, Kind, Result};
use crate::image::digest::Algorithm;
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
    if items.len() > MAX_IMAGES {
        return Err(bad(format!("the archive lists more than {MAX_IMAGES} images")));
    }
    let archive = Archive {
        contents,
        held,
        looked_into: RefCell::default(),
    };
    let reader = Reader {
        files: contents,
        has: held.has,
    };
    // The same image under several names is one image, and looked at once.
    let mut places: HashMap<Vec<Digest>, usize> = HashMap::new();
    let mut images: Vec<Listed> = Vec::new();
    for item in &items {
        let tags = item.repo_tags.iter().flatten();
        let names = tags.map(|text| tag(text)).collect::<Result<Vec<_>>>()?;
        let parts = archive.parts(item)?;
        if let Some(&place) = places.get(&parts) {
            images[place].names.extend(names);
            continue;
        }
        places.insert(parts, images.len());
        images.push(reader.finished(archive.image(item, names, platforms)?)?);
    }
    Ok(images)
}

/// More images than anybody saves into one archive.
const MAX_IMAGES: usize = 10_000;

/// An archive, and what was found out about its files.
struct Archive<'a> {
    contents: &'a Contents,
    held: &'a Held<'a>,
    /// What each file is packed with and unpacks to: many layers may be one file.
    looked_into: RefCell<HashMap<(Digest, Algorithm), (Packing, Digest)>>,
}

impl Archive<'_> {
    /// The files of an image, the config first: two with the same are the same image.
    fn parts(&self, item: &Item) -> Result<Vec<Digest>> {
        let paths = [&item.config].into_iter().chain(&item.layers);
        let part = |path: &String| {
            let kept = self.file(path)?;
            Ok(kept.map_or_else(|| Digest::of(b""), |kept| kept.digest.clone()))
        };
        paths.map(part).collect()
    }

    /// What a path leads to; docker on Windows wrote it with backslashes.
    fn file(&self, path: &str) -> Result<Option<&Kept>> {
        let found = self.contents.file(&inside(path)?)?;
        if found.is_none() && path.contains('\\') {
            return self.contents.file(&inside(&path.replace('\\', "/"))?);
        }
        Ok(found)
    }

    fn image(&self, item: &Item, names: Vec<Reference>, platforms: &[Platform]) -> Result<Listed> {
        let raw = self.contents.document(&inside(&item.config)?)?;
        let raw = raw.ok_or_else(|| absent(&item.config))?;
        let config = ImageConfig::parse(&raw)?;
        check_platforms(&config.platform, platforms)?;
        let layers = self.layers(&item.layers, &config.diff_ids)?;
        let id = Digest::of(&raw);
        let config = Descriptor::new(CONFIG_TYPE, id.clone(), raw.len() as u64);
        let root = made(&config, &layers)?;
        let mut known = HashSet::new();
        let mut blobs: Vec<Descriptor> = layers.into_iter().chain([config]).collect();
        blobs.retain(|blob| known.insert(blob.digest.clone()));
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

    fn layers(&self, paths: &[String], diff_ids: &[Digest]) -> Result<Vec<Descriptor>> {
        if paths.len() != diff_ids.len() {
            let (expected, got) = (diff_ids.len(), paths.len());
            return Err(bad(format!(
                "invalid manifest, layers length mismatch: expected {expected}, got {got}"
            )));
        }
        let each = paths.iter().zip(diff_ids).enumerate();
        each.map(|(number, (path, expected))| match path.as_str() {
            "" => left_out(number, expected, self.held),
            path => self.layer(path, number, expected),
        })
        .collect()
    }

    fn layer(&self, path: &str, number: usize, expected: &Digest) -> Result<Descriptor> {
        let kept = self.file(path)?.ok_or_else(|| absent(path))?;
        let key = (kept.digest.clone(), expected.algorithm());
        let known = self.looked_into.borrow().get(&key).cloned();
        let (packing, actual) = match known {
            Some(known) => known,
            None => looked_into(kept, expected.algorithm())?,
        };
        self.looked_into.borrow_mut().insert(key, (packing, actual.clone()));
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
}

/// What a layer is packed with, and the digest of what is in it.
fn looked_into(kept: &Kept, algorithm: Algorithm) -> Result<(Packing, Digest)> {
    let open =
        || File::open(&kept.path).during(format!("reading a part of the archive again, {}", kept.path.display()));
    let (packing, _) = peeked(open()?).map_err(broken)?;
    let digest = match packing {
        Packing::Plain => kept.digest.clone(),
        _ => content_digest(open()?, algorithm).map_err(broken)?,
    };
    Ok((packing, digest))
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
