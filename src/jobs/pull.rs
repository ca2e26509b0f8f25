//! `pull`: what the registry has for a name comes into the store, and the name to mean it.

use std::ops::Range;

use super::commit::{self, Arrival};
use super::{News, Reporter, is_of_one_image};
use crate::content::{BlobReader, Sink, Source, Span};
use crate::error::{Error, Kind, Result};
use crate::image::{Body, Descriptor, Digest, ImageConfig, ImageManifest, Manifest, Platform, Reference};
use crate::places::with_nearest_tags;
use crate::registry::Repository;
use crate::store::{Store, StoreWriter};
use crate::transfer::{self, Limits, Plan};

/// How much of an image of several platforms is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    OnePlatform,
    AllPlatforms,
}

/// What is pulled from one repository.
pub struct Pull<'a> {
    pub store: Store,
    pub repository: Repository,
    /// The platform that was asked for; without one, this machine's is meant.
    pub platform: Option<Platform>,
    pub extent: Extent,
    pub limits: Limits,
    pub reporter: Reporter<'a>,
}

/// What came of a pull.
#[derive(Debug, Default)]
pub struct Pulled {
    /// Whether a name or a digest came to mean something new here.
    pub is_new: bool,
    /// Images that are for another platform than the one asked for, and that platform.
    pub mismatches: Vec<(Reference, Platform)>,
    /// How many tags are here now, and how many were passed over.
    pub count: usize,
    pub passed_over: usize,
}

impl Pulled {
    fn add(&mut self, other: Self) {
        self.is_new |= other.is_new;
        self.mismatches.extend(other.mismatches);
        self.count += other.count;
        self.passed_over += other.passed_over;
    }
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
    /// Pulls every tag of the repository. One that cannot be pulled does not keep the others from it.
    pub async fn all_tags(&self, repository: &Reference) -> Result<Pulled> {
        let mut all = Pulled::default();
        for tag in self.repository.tags().await? {
            let name = repository.at_tag(&tag)?;
            match self.one(&name).await {
                Ok(pulled) => all.add(pulled),
                Err(why) if is_of_one_image(&why) => {
                    let name = &name;
                    self.reporter.tell(News::PassedOver { name, why: &why });
                    all.passed_over += 1;
                }
                Err(e) => return Err(e),
            }
        }
        Ok(all)
    }

    pub async fn one(&self, name: &Reference) -> Result<Pulled> {
        let up_to_date = match self.up_to_date(name).await {
            Ok(up_to_date) => up_to_date,
            Err(e) => return Err(with_nearest_tags(e, &self.repository, name).await),
        };
        if let Some(digest) = up_to_date {
            self.reporter.tell(News::Pulling(name));
            self.reporter.tell(News::Digest(&digest));
            return Ok(Pulled {
                count: 1,
                ..Pulled::default()
            });
        }
        let root = match self.repository.resolve(name.version()).await {
            Ok(root) => root,
            Err(e) => return Err(with_nearest_tags(e, &self.repository, name).await),
        };
        self.reporter.tell(News::Pulling(name));
        let writer = self.store.begin_fetching()?;
        let brought = match &root.body {
            Body::Index(_) if self.wants_all(name, &root)? => self.bring_all(&root, &writer).await?,
            _ => self.bring_one(name, &root, &writer).await?,
        };
        let mut names = vec![name.at_digest(root.digest())];
        if name.digest().is_none() {
            names.push(name.clone());
        }
        let arrival = Arrival::new(names, root.digest(), brought.image);
        let is_new = commit::to_store(&self.store, vec![arrival])?;
        let notes = self.store.notes();
        if let Err(why) = notes.remember_location(name.domain(), name.path(), &brought.blobs) {
            self.reporter.tell(News::NotRemembered(&why));
        }
        self.reporter.tell(News::Digest(root.digest()));
        let mismatch = brought.platform.filter(|actual| !self.fits(actual));
        Ok(Pulled {
            is_new,
            mismatches: mismatch.into_iter().map(|actual| (name.clone(), actual)).collect(),
            count: 1,
            passed_over: 0,
        })
    }

    /// Whether all platforms of an index are to come: they were asked for, or came before, and what is whole here is
    /// not made less.
    fn wants_all(&self, name: &Reference, root: &Manifest) -> Result<bool> {
        if self.extent == Extent::AllPlatforms {
            return Ok(true);
        }
        let mut is_kept = false;
        for name in [name, &name.at_digest(root.digest())] {
            is_kept |= self
                .store
                .names()
                .target(name)?
                .is_some_and(|it| it.digest == *root.digest());
        }
        if let (true, Body::Index(index)) = (is_kept, &root.body) {
            index.choose(&self.wanted())?;
        }
        Ok(is_kept)
    }

    /// Whether this is the platform that was asked for, if one was.
    fn fits(&self, actual: &Platform) -> bool {
        let wanted = self.platform.as_ref();
        wanted.is_none_or(|wanted| actual.distance_to(wanted).is_some())
    }

    /// The image for the platform.
    async fn bring_one(&self, name: &Reference, root: &Manifest, writer: &StoreWriter) -> Result<Brought> {
        let image = self.choose(root).await?;
        let Body::Image(body) = &image.body else {
            return Err(Error::new(Kind::Corrupt, format!("{name} is an index of indexes")));
        };
        let plan = Plan::for_image(body, None, |blob| self.store.blobs().has_whole(blob));
        let manifests = [image.digest(), root.digest()];
        writer.expect(plan.blobs.iter().map(|blob| &blob.digest).chain(manifests));
        self.transfer(&plan, &self.repository, writer).await?;
        let platform = self.store.images().config(body)?.platform;
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
        let has = |blob: &Descriptor| self.store.blobs().has_whole(blob);
        let plan = Plan::for_tree(&source, root, |_| Ok(ImageConfig::default()), has).await?;
        let manifests = plan.children.iter().map(|child| &child.digest).chain([root.digest()]);
        writer.expect(plan.blobs.iter().map(|blob| &blob.digest).chain(manifests));
        self.transfer(&plan, &source, writer).await?;
        writer.put_manifest(root).await?;
        Ok(Brought {
            image: root.descriptor.clone(),
            blobs: plan.needed().cloned().collect(),
            platform: None,
        })
    }

    /// The digest the registry has for this name, if this store has just that, whole: it costs one HEAD.
    async fn up_to_date(&self, name: &Reference) -> Result<Option<Digest>> {
        let Some(local) = self.store.names().target(name)? else {
            return Ok(None);
        };
        if !self.store.images().is_whole(&local) {
            return Ok(None);
        }
        let Some(remote) = self.repository.head(name.version()).await? else {
            return Ok(None);
        };
        let by_digest = self.store.names().target(&name.at_digest(&remote))?;
        let is_known = by_digest.is_some_and(|it| it.digest == local.digest);
        let is_current = is_known
            && match self.extent {
                Extent::AllPlatforms => local.digest == remote,
                Extent::OnePlatform => self.is_wanted(&local, &remote).await,
            };
        Ok(is_current.then_some(remote))
    }

    /// Whether the local image is what the registry's manifest, which is known here, means for the platform.
    async fn is_wanted(&self, local: &Descriptor, remote: &Digest) -> bool {
        let is_it = local.digest == *remote;
        if is_it && local.platform.as_ref().is_some_and(|it| self.fits(it)) {
            return true;
        }
        let Ok(root) = self.store.manifest(remote).await else {
            return false;
        };
        match &root.body {
            Body::Index(_) if is_it && self.platform.is_none() => true,
            Body::Index(index) => {
                let chosen = index.choose(&self.wanted());
                chosen.is_ok_and(|child| is_it || child.digest == local.digest)
            }
            Body::Image(_) => is_it && self.platform.is_none(),
        }
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

    async fn transfer(&self, plan: &Plan, source: &impl Source, writer: &StoreWriter) -> Result<()> {
        if plan.blobs.is_empty() {
            return plan.children.put(source, writer, 1).await;
        }
        let progress = self.reporter.watch();
        transfer::run(plan, source, writer, self.limits, &progress).await
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

    fn has_spans(&self) -> bool {
        self.repository.has_spans()
    }

    async fn open_span(&self, blob: &Descriptor, bytes: Range<u64>) -> Result<Span> {
        self.repository.open_span(blob, bytes).await
    }
}
