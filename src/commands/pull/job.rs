//! One pull: what the registry has for a name comes into the store, and the name to mean it.

use super::PullArgs;
use crate::commands::Context;
use crate::commands::nearest::with_nearest_tags;
use crate::content::{BlobReader, Sink, Source};
use crate::error::{Error, Kind, Result};
use crate::image::{Body, Descriptor, Digest, ImageConfig, ImageManifest, Manifest, Platform, Reference, Version};
use crate::registry::Repository;
use crate::store::{Store, StoreWriter};
use crate::transfer::{self, Plan};
use crate::ui::Direction;

pub(super) struct Pull<'a> {
    pub(super) context: &'a Context,
    pub(super) args: &'a PullArgs,
    pub(super) store: Store,
    pub(super) repository: Repository,
    pub(super) platform: Option<Platform>,
}

pub(super) struct Pulled {
    /// Whether the name or the digest came to mean something new here.
    pub(super) is_new: bool,
    /// Docker's warning when the image is for another platform than the one asked for.
    pub(super) mismatch: Option<String>,
}

/// What of an image came to be in the store.
struct Brought {
    /// What the name is to mean.
    image: Descriptor,
    /// All its blobs.
    blobs: Vec<Digest>,
    /// The platform, where it is for one.
    platform: Option<Platform>,
}

impl Pull<'_> {
    pub(super) async fn one(&self, name: &Reference) -> Result<Pulled> {
        let up_to_date = match self.up_to_date(name).await {
            Ok(up_to_date) => up_to_date,
            Err(e) => return Err(with_nearest_tags(e, &self.repository, name).await),
        };
        if let Some(digest) = up_to_date {
            self.announce(name);
            self.say(&format!("Digest: {digest}"));
            return Ok(Pulled {
                is_new: false,
                mismatch: None,
            });
        }
        let root = match self.repository.resolve(name.version()).await {
            Ok(root) => root,
            Err(e) => return Err(with_nearest_tags(e, &self.repository, name).await),
        };
        self.announce(name);
        let writer = self.store.begin_fetching()?;
        let brought = match &root.body {
            Body::Index(_) if self.args.all_platforms => self.bring_all(&root, &writer).await?,
            _ => self.bring_one(name, &root, &writer).await?,
        };
        let is_new = self.name(name, &root, &brought.image)?;
        self.store
            .remember_location(name.domain(), name.path(), &brought.blobs)?;
        self.say(&format!("Digest: {}", root.digest()));
        Ok(Pulled {
            is_new,
            mismatch: brought.platform.and_then(|actual| self.mismatch(name, &actual)),
        })
    }

    /// The image for the platform.
    async fn bring_one(&self, name: &Reference, root: &Manifest, writer: &StoreWriter) -> Result<Brought> {
        let image = self.choose(root).await?;
        let Body::Image(body) = &image.body else {
            return Err(Error::new(Kind::Corrupt, format!("{name} is an index of indexes")));
        };
        let plan = Plan::for_image(body, None, |blob| self.store.has_whole(blob));
        writer.expect(plan.blobs.iter().chain([&image.descriptor, &root.descriptor]));
        self.transfer(&plan, writer).await?;
        let platform = self.store.config(body)?.platform;
        for manifest in [&image, root] {
            writer.put_manifest(manifest).await?;
        }
        Ok(Brought {
            image: Descriptor {
                platform: Some(platform.clone().into()),
                ..image.descriptor.clone()
            },
            blobs: blobs_of(body).collect(),
            platform: Some(platform),
        })
    }

    /// The whole index with the images for all its platforms, and what else it leads to.
    async fn bring_all(&self, root: &Manifest, writer: &StoreWriter) -> Result<Brought> {
        let source = StoreFirst {
            store: &self.store,
            repository: &self.repository,
        };
        let has = |blob: &Descriptor| self.store.has_whole(blob);
        let plan = Plan::for_tree(&source, root, |_| Ok(ImageConfig::default()), has).await?;
        let manifests = plan.children.iter().chain([root]).map(|it| &it.descriptor);
        writer.expect(plan.blobs.iter().chain(manifests));
        self.transfer(&plan, writer).await?;
        writer.put_manifest(root).await?;
        let images = plan.children.iter().filter_map(|child| match &child.body {
            Body::Image(body) => Some(body),
            Body::Index(_) => None,
        });
        Ok(Brought {
            image: root.descriptor.clone(),
            blobs: images.flat_map(|body| blobs_of(body)).collect(),
            platform: None,
        })
    }

    /// The digest the registry has for this name, if this store has just that, whole: it costs one HEAD.
    async fn up_to_date(&self, name: &Reference) -> Result<Option<Digest>> {
        let Some(local) = self.store.named(name)? else {
            return Ok(None);
        };
        if !self.store.is_whole(&local) {
            return Ok(None);
        }
        let Some(remote) = self.repository.head(name.version()).await? else {
            return Ok(None);
        };
        let by_digest = self.store.named(&name.at_digest(&remote))?;
        let is_known = by_digest.is_some_and(|it| it.digest == local.digest);
        let is_current = is_known
            && if self.args.all_platforms {
                local.digest == remote
            } else {
                self.is_wanted(&local, &remote).await
            };
        Ok(is_current.then_some(remote))
    }

    /// Whether the local image is what the registry's manifest, which is known here, means for the platform.
    async fn is_wanted(&self, local: &Descriptor, remote: &Digest) -> bool {
        if local.digest == *remote {
            let fits = |want: &Platform| local.platform.as_ref().and_then(|have| have.distance_to(want));
            return self.platform.as_ref().is_none_or(|want| fits(want).is_some());
        }
        let Ok(root) = self.store.manifest(remote).await else {
            return false;
        };
        let Body::Index(index) = &root.body else {
            return false;
        };
        index
            .choose(&self.wanted())
            .is_ok_and(|child| child.digest == local.digest)
    }

    fn wanted(&self) -> Platform {
        self.platform.clone().unwrap_or_else(Platform::host)
    }

    /// The image manifest itself, or the child of the index that serves the platform.
    async fn choose(&self, root: &Manifest) -> Result<Manifest> {
        let Body::Index(index) = &root.body else {
            return Ok(root.clone());
        };
        let child = index.choose(&self.wanted())?;
        let source = StoreFirst {
            store: &self.store,
            repository: &self.repository,
        };
        source.manifest(&child.digest).await
    }

    async fn transfer(&self, plan: &Plan, writer: &StoreWriter) -> Result<()> {
        if plan.blobs.is_empty() {
            for child in &plan.children {
                writer.put_manifest(child).await?;
            }
            return Ok(());
        }
        let transfer = &self.args.transfer;
        let progress = self.context.screen.progress(Direction::Pull, self.args.quiet);
        transfer::run(plan, &self.repository, writer, transfer.limits(), &progress).await
    }

    /// Names the image, in one step, by what was asked for and by digest. Whether either is news here.
    fn name(&self, name: &Reference, root: &Manifest, image: &Descriptor) -> Result<bool> {
        let mut names = vec![name.at_digest(root.digest())];
        if name.digest().is_none() {
            names.push(name.clone());
        }
        let mut is_new = false;
        for name in &names {
            is_new |= self.store.named(name)?.is_none_or(|old| old.digest != image.digest);
        }
        let entries: Vec<_> = names.into_iter().map(|name| (name, image.clone())).collect();
        self.store.name_all(&entries)?;
        Ok(is_new)
    }

    fn mismatch(&self, name: &Reference, actual: &Platform) -> Option<String> {
        let wanted = self.platform.as_ref()?;
        if actual.distance_to(wanted).is_some() {
            return None;
        }
        Some(format!(
            "WARNING: image with reference {} was found but does not match the specified platform: wanted {wanted}, actual: {actual}",
            name.familiar_name()
        ))
    }

    fn announce(&self, name: &Reference) {
        let what = match name.version() {
            Version::Tag(tag) => tag.to_owned(),
            Version::Digest(digest) => name.at_digest(digest).to_string(),
        };
        self.say(&format!("{what}: Pulling from {}", name.path()));
    }

    fn say(&self, line: &str) {
        if !self.args.quiet {
            self.context.screen.line(line);
        }
    }
}

fn blobs_of(image: &ImageManifest) -> impl Iterator<Item = Digest> {
    image
        .layers
        .iter()
        .chain([&image.config])
        .map(|blob| blob.digest.clone())
}

/// Manifests that the store has are not asked for again.
struct StoreFirst<'a> {
    store: &'a Store,
    repository: &'a Repository,
}

impl Source for StoreFirst<'_> {
    async fn manifest(&self, digest: &Digest) -> Result<Manifest> {
        match self.store.manifest(digest).await {
            Ok(known) => Ok(known),
            Err(_) => self.repository.manifest(digest).await,
        }
    }

    async fn open(&self, blob: &Descriptor, from: u64) -> Result<BlobReader> {
        self.repository.open(blob, from).await
    }
}
