//! What the tags of a repository stand for, for as few requests as will do: a manifest each, then for each different
//! image its config, once.

use std::collections::HashMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use crate::content::Source;
use crate::error::{Error, Kind, Result};
use crate::image::size::total;
use crate::image::{
    Body, Descriptor, Digest, ImageConfig, ImageManifest, Index, Manifest, Platform, Reference, Version,
};
use crate::registry::Repository;
use crate::transfer;

/// How many things are asked for at once.
const AT_ONCE: usize = 8;

#[derive(Debug, Clone, Default)]
pub(super) struct Details {
    pub(super) digest: Option<Digest>,
    pub(super) media_type: String,
    /// What it is where it is no image: a chart, a module.
    pub(super) artifact_type: Option<String>,
    /// What a pull brings, in bytes; of an index, what this machine's platform pulls.
    pub(super) size: Option<u64>,
    pub(super) created: Option<Timestamp>,
    pub(super) platforms: Vec<String>,
    /// How many children of an index say something about the others.
    pub(super) attestations: usize,
    /// Why there is nothing more to tell.
    pub(super) fault: Option<String>,
}

impl Details {
    /// The platforms, and what is not one.
    pub(super) fn kinds(&self) -> String {
        let kinds = match &self.artifact_type {
            Some(artifact) => artifact.clone(),
            None => self.platforms.join(", "),
        };
        match self.attestations {
            0 => kinds,
            1 => format!("{kinds} (+1 attestation)"),
            several => format!("{kinds} (+{several} attestations)"),
        }
    }
}

/// The details of each tag, in the order of the tags.
pub(super) async fn of_tags(repository: &Repository, name: &Reference, tags: &[String]) -> Result<Vec<Details>> {
    let roots = roots(repository, name, tags).await?;
    let manifests: HashMap<Digest, Manifest> = roots
        .iter()
        .filter_map(|root| root.as_ref().ok())
        .map(|root| (root.digest().clone(), root.clone()))
        .collect();
    let images = images(repository, &manifests).await?;
    let configs = configs(repository, &images).await?;
    let describe = |(tag, root): (&String, Result<Manifest>)| match root {
        Ok(root) => describe(&root, images.get(root.digest()).map(AsRef::as_ref), &configs),
        Err(e) => Details {
            fault: Some(format!("{tag}: {e}")),
            ..Details::default()
        },
    };
    Ok(tags.iter().zip(roots).map(describe).collect())
}

/// The manifest or index of each tag; one that cannot be had is told of, and a failure that concerns all ends it.
async fn roots(repository: &Repository, name: &Reference, tags: &[String]) -> Result<Vec<Result<Manifest>>> {
    if !name.is_hub() {
        let read = async |tag: &String| tolerate(repository.resolve(Version::Tag(tag)).await);
        return stream::iter(tags).map(read).buffered(AT_ONCE).try_collect().await;
    }
    // The Hub counts every manifest that is read as a pull, and none that is only looked at.
    let look = async |tag: &String| tolerate(repository.head(Version::Tag(tag)).await);
    let heads: Vec<Result<Option<Digest>>> = stream::iter(tags).map(look).buffered(AT_ONCE).try_collect().await?;
    let mut read: HashMap<Digest, Manifest> = HashMap::new();
    let mut roots = Vec::new();
    for (tag, head) in tags.iter().zip(heads) {
        roots.push(match head {
            Ok(Some(digest)) if read.contains_key(&digest) => Ok(read[&digest].clone()),
            Ok(digest) => {
                let version = digest.as_ref().map_or(Version::Tag(tag), Version::Digest);
                tolerate(repository.resolve(version).await)?.inspect(|root| {
                    read.insert(root.digest().clone(), root.clone());
                })
            }
            Err(e) => Err(e),
        });
    }
    Ok(roots)
}

/// The image that stands for each root: itself, or of an index the one for this machine, or its first.
async fn images(
    repository: &Repository,
    roots: &HashMap<Digest, Manifest>,
) -> Result<HashMap<Digest, Box<ImageManifest>>> {
    let read = async |(digest, root): (&Digest, &Manifest)| {
        let image = image_of(repository, root).await?;
        Ok::<_, Error>(image.map(|image| (digest.clone(), image)))
    };
    let images: Vec<_> = stream::iter(roots).map(read).buffered(AT_ONCE).try_collect().await?;
    Ok(images.into_iter().flatten().collect())
}

async fn image_of(repository: &Repository, root: &Manifest) -> Result<Option<Box<ImageManifest>>> {
    let index = match &root.body {
        Body::Image(image) => return Ok(Some(image.clone())),
        Body::Index(index) => index,
    };
    let Some(child) = typical(index) else {
        return Ok(None);
    };
    match tolerate(repository.manifest(&child.digest).await)?.map(|child| child.body) {
        Ok(Body::Image(image)) => Ok(Some(image)),
        Ok(Body::Index(_)) | Err(_) => Ok(None),
    }
}

fn typical(index: &Index) -> Option<&Descriptor> {
    let first = || index.manifests.iter().find(|child| !child.is_attestation());
    index.choose(&Platform::host()).ok().or_else(first)
}

/// The configs of images, each once; an artifact's tells nothing.
async fn configs(
    repository: &Repository,
    images: &HashMap<Digest, Box<ImageManifest>>,
) -> Result<HashMap<Digest, ImageConfig>> {
    let mut wanted: Vec<&Descriptor> = images
        .values()
        .map(|image| &image.config)
        .filter(|it| is_of_image(it))
        .collect();
    wanted.sort_by_key(|config| config.digest.clone());
    wanted.dedup_by_key(|config| config.digest.clone());
    let read = async |config: &Descriptor| {
        let raw = tolerate(transfer::read(repository, config).await)?;
        let parsed = raw.and_then(|raw| ImageConfig::parse(&raw)).ok();
        Ok::<_, Error>(parsed.map(|parsed| (config.digest.clone(), parsed)))
    };
    let configs: Vec<_> = stream::iter(wanted).map(read).buffered(AT_ONCE).try_collect().await?;
    Ok(configs.into_iter().flatten().collect())
}

fn is_of_image(config: &Descriptor) -> bool {
    matches!(
        config.media_type.as_str(),
        "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json"
    )
}

fn describe(root: &Manifest, image: Option<&ImageManifest>, configs: &HashMap<Digest, ImageConfig>) -> Details {
    let config = image.and_then(|image| configs.get(&image.config.digest));
    let artifact = image.filter(|image| !is_of_image(&image.config));
    let mut details = Details {
        digest: Some(root.digest().clone()),
        media_type: root.descriptor.media_type.clone(),
        artifact_type: artifact.map(|image| image.config.media_type.clone()),
        size: image.map(|image| total(image.layers.iter().chain([&image.config]).map(|blob| blob.size))),
        created: config.and_then(|config| config.created),
        ..Details::default()
    };
    match &root.body {
        Body::Image(_) => details
            .platforms
            .extend(config.map(|config| config.platform.to_string())),
        Body::Index(index) => {
            let (attestations, images): (Vec<_>, Vec<_>) =
                index.manifests.iter().partition(|child| child.is_attestation());
            let platforms = images.iter().filter_map(|child| child.platform.as_ref());
            details.platforms = platforms.map(ToString::to_string).collect();
            details.attestations = attestations.len();
        }
    }
    details
}

/// A failure of one thing as a value; one that the next request would meet as well as an error.
fn tolerate<T>(result: Result<T>) -> Result<Result<T>> {
    let is_of_one = |e: &Error| matches!(e.kind(), Kind::NotFound | Kind::Unsupported | Kind::Corrupt);
    match result {
        Err(e) if !is_of_one(&e) => Err(e),
        result => Ok(result),
    }
}
