//! `inspect --remote`: what an image on a registry is, for its manifest and its config; no layer is moved.

use clap::Args;
use serde_json::{Map, Value};

use super::shown;
use crate::commands::{Context, RegistryArgs, Status};
use crate::content::Source as _;
use crate::error::{Error, Kind, Result};
use crate::image::inspection::{Inspection, Known, brief};
use crate::image::size::total;
use crate::image::{Body, ImageConfig, ImageManifest, Manifest, Platform, Reference};
use crate::places::with_nearest_tags;
use crate::registry::Repository;
use crate::transfer;

#[derive(Debug, Args)]
pub(super) struct RemoteArgs {
    /// Inspect the image on its registry, without a pull
    #[arg(long)]
    remote: bool,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl RemoteArgs {
    pub(super) fn is_wanted(&self) -> bool {
        self.remote
    }

    /// Shows the images as their registries have them; of an index, the one for this machine or for `platform`.
    pub(super) async fn show(
        &self,
        format: Option<&str>,
        names: &[String],
        platform: Option<&Platform>,
        context: &Context,
    ) -> Result<Status> {
        let mut found = Vec::new();
        for name in names {
            found.push(self.find(name, platform, context).await);
        }
        let mut found = found.into_iter();
        let next = |_: &str| {
            found
                .next()
                .unwrap_or_else(|| Err(Error::new(Kind::NotFound, "no such image")))
        };
        Ok(shown::show(format, names, next, context))
    }

    async fn find(&self, text: &str, wanted: Option<&Platform>, context: &Context) -> Result<Inspection> {
        let name = Reference::parse(text)?.or_latest();
        let repository = context.registry(name.domain(), &self.registry)?.repository(&name);
        let root = match repository.resolve(name.version()).await {
            Ok(root) => root,
            Err(e) => return Err(with_nearest_tags(e, &repository, &name).await),
        };
        let manifest = choose(&repository, &root, wanted).await?;
        let Body::Image(image) = &manifest.body else {
            return Err(Error::new(Kind::Unsupported, format!("{text} is an index of indexes")));
        };
        let config = transfer::read(&repository, &image.config).await?;
        if let (Some(wanted), Body::Image(_)) = (wanted, &root.body) {
            ImageConfig::parse(&config)?.platform.check_serves(wanted, text)?;
        }
        let tag = name.tag().filter(|_| name.digest().is_none()).map(|_| name.clone());
        let known = Known {
            id: &image.config.digest,
            target: &root.descriptor,
            tags: tag.as_slice(),
            digests: &[name.at_digest(root.digest())],
            size: total(image.layers.iter().map(|layer| layer.size)),
        };
        Ok(Inspection::new(known, &config)?.with(&facts(&root, &manifest, image)))
    }
}

async fn choose(repository: &Repository, root: &Manifest, platform: Option<&Platform>) -> Result<Manifest> {
    match &root.body {
        Body::Image(_) => Ok(root.clone()),
        Body::Index(index) => {
            let host = Platform::host();
            repository
                .manifest(&index.choose(platform.unwrap_or(&host))?.digest)
                .await
        }
    }
}

/// What only a registry tells: what the name stands for, and what a pull would bring.
fn facts(root: &Manifest, manifest: &Manifest, image: &ImageManifest) -> Map<String, Value> {
    let mut facts = Map::new();
    facts.insert("Descriptor".to_owned(), brief(&root.descriptor));
    if let Body::Index(index) = &root.body {
        let platforms = index.manifests.iter().filter(|child| !child.is_attestation());
        let platforms = platforms.filter_map(|child| child.platform.as_ref().map(ToString::to_string));
        facts.insert("Manifest".to_owned(), brief(&manifest.descriptor));
        facts.insert("Platforms".to_owned(), platforms.collect());
    }
    facts.insert("Layers".to_owned(), image.layers.iter().map(brief).collect());
    facts
}
