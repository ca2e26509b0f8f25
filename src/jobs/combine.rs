//! `buildx imagetools create`: one index of images that are on registries, pushed under its tags.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::copy::{self, Copied, Referrers, Which};
use super::{News, Reporter, commit};
use crate::error::{Error, Kind, Result};
use crate::image::combined::{self, Annotation, Combined, as_listed};
use crate::image::{Body, Descriptor, Digest, Manifest, Platform, Reference};
use crate::places::{self, Incoming, Means};
use crate::progress::Progress;
use crate::registry::{Registries, Repository};
use crate::store::Store;
use crate::transfer::{self, Limits};

/// What an index is to be made of.
#[derive(Debug, Clone)]
pub enum Ingredient {
    Named(Reference),
    /// A digest in this repository.
    Manifest(Reference, Digest),
    /// The same, and what the index is to say of it.
    Described(Reference, Box<Descriptor>),
}

/// What becomes of a single image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Single {
    /// It is listed in an index of its own.
    Listed,
    /// It stays as it is.
    AsItIs,
}

/// A manifest or index that was found.
#[derive(Debug)]
pub struct Found {
    /// The name that was asked for.
    pub name: Reference,
    pub manifest: Manifest,
    /// What an index says of it.
    listed: Descriptor,
}

/// The means of one run.
pub struct Combination<'a> {
    pub registries: &'a Registries,
    pub store: Store,
    pub reporter: Reporter<'a>,
}

impl Combination<'_> {
    /// Finds what an index is to be made of; nothing is changed.
    pub async fn find(&self, ingredients: &[Ingredient]) -> Result<Vec<Found>> {
        let mut found = Vec::new();
        for ingredient in ingredients {
            found.push(self.find_one(ingredient).await?);
        }
        Ok(found)
    }

    async fn find_one(&self, ingredient: &Ingredient) -> Result<Found> {
        let (name, described) = match ingredient {
            Ingredient::Named(name) => (name.clone(), None),
            Ingredient::Manifest(repository, digest) => (repository.at_digest(digest), None),
            Ingredient::Described(repository, it) => (repository.at_digest(&it.digest), Some(it)),
        };
        let asked = name.clone().or_latest();
        let repository = self.registries.at(asked.domain())?.repository(&asked);
        let manifest = repository.resolve(asked.version()).await.map_err(|e| match e.kind() {
            Kind::NotFound => Error::new(Kind::NotFound, format!("{asked}: not found")),
            _ => e,
        })?;
        let mut listed = manifest.descriptor.clone();
        if let Some(described) = described {
            tell_apart(&mut listed, described)?;
        }
        if let Body::Image(_) = &manifest.body {
            complete(&mut listed, &manifest, &repository).await?;
        }
        Ok(Found { name, manifest, listed })
    }

    /// Brings what `made` lists of what was found to the repository of `tag`, and lets the tag mean `made`.
    pub async fn push(&self, made: &Manifest, found: &[Found], tag: &Reference) -> Result<()> {
        let tag = tag.clone().or_latest();
        let listed: HashSet<&Digest> = members(made).collect();
        let mut brought = HashSet::new();
        for part in found.iter().filter(|part| part.name.name() != tag.name()) {
            for digest in members(&part.manifest).filter(|digest| listed.contains(digest)) {
                if !brought.insert(digest) {
                    continue;
                }
                let from = places::on_registry(part.name.at_digest(digest));
                let to = places::on_registry(tag.at_digest(digest));
                self.reporter.tell(News::Bringing {
                    part: digest,
                    from: &part.name,
                });
                if copy::run(&self.copying(), &[(from, to)]).await? == Copied::Some {
                    return Err(Error::new(Kind::Unavailable, format!("{digest} was not copied")));
                }
            }
        }
        self.reporter.tell(News::Naming(made));
        let means = self.means();
        let from = found.first().map_or(&tag, |part| &part.name);
        let (from, to) = (places::on_registry(from.clone()), places::on_registry(tag.clone()));
        let origin = places::origin(&from, &means).await?;
        let destination = places::destination(&to, &means)?;
        let incoming = Incoming {
            root: made,
            from: (&from, &*origin),
            to: &to,
            mounts: &HashMap::new(),
        };
        commit::to_place(destination.begin(incoming).await?, made, &to).await
    }

    fn copying(&self) -> copy::Request<'_> {
        copy::Request {
            means: self.means(),
            which: Which::Named,
            platform: None,
            referrers: Referrers::Left,
            limits: Limits::default(),
            reporter: Reporter::new(|_| {}, || self.reporter.watch()),
        }
    }

    fn means(&self) -> Means<'_> {
        let progress: Arc<dyn Progress> = self.reporter.watch();
        Means {
            registries: self.registries,
            store: self.store.clone(),
            progress,
        }
    }
}

/// What an index lists; an image lists itself.
fn members(manifest: &Manifest) -> impl Iterator<Item = &Digest> {
    let (index, image) = match &manifest.body {
        Body::Index(index) => (Some(index), None),
        Body::Image(_) => (None, Some(manifest.digest())),
    };
    let listed = index.into_iter().flat_map(|index| &index.manifests);
    listed.map(|member| &member.digest).chain(image)
}

/// What was found, as one manifest: an index of it, unless it is one already or is to stay as it is.
pub fn combine(found: &[Found], annotations: &[Annotation], single: Single) -> Result<Combined> {
    if let ([only], []) = (found, annotations)
        && (single == Single::AsItIs || matches!(only.manifest.body, Body::Index(_)))
    {
        return Ok(Combined {
            index: only.manifest.clone(),
            leaves_annotations_out: false,
        });
    }
    let members = found.iter().flat_map(|part| match &part.manifest.body {
        Body::Index(index) => index.manifests.clone(),
        Body::Image(_) => vec![part.listed.clone()],
    });
    combined::combine(members, annotations)
}

/// What was made, for these platforms alone.
pub fn narrowed(made: &Manifest, found: &[Found], platforms: &[Platform]) -> Result<Manifest> {
    if let (Body::Image(_), [only]) = (&made.body, found) {
        let own = only.listed.platform.clone().unwrap_or_default();
        if platforms.iter().any(|wanted| own.distance_to(wanted) == Some(0)) {
            return Ok(made.clone());
        }
        let message = format!("input platform {own} does not match any of the provided platforms");
        return Err(Error::new(Kind::NotFound, message));
    }
    combined::for_platforms(made, platforms)
}

/// Takes over what the user says of a manifest.
fn tell_apart(listed: &mut Descriptor, described: &Descriptor) -> Result<()> {
    if described.size != 0 && described.size != listed.size {
        let Descriptor { digest, size, .. } = listed;
        let message = format!("invalid size mismatch for {digest}, {} != {size}", described.size);
        return Err(Error::new(Kind::Usage, message));
    }
    if !described.media_type.is_empty() {
        listed.media_type.clone_from(&described.media_type);
    }
    if !described.annotations.is_empty() {
        listed.annotations = described.annotations.clone();
    }
    listed.platform = described.platform.clone().or_else(|| listed.platform.take());
    Ok(())
}

/// Adds the platform that the config tells, where nothing else does.
async fn complete(listed: &mut Descriptor, manifest: &Manifest, repository: &Repository) -> Result<()> {
    let known = listed.platform.as_deref();
    if known.is_some_and(|it| !it.os.is_empty() && !it.architecture.is_empty()) {
        return Ok(());
    }
    let Body::Image(image) = &manifest.body else {
        return Ok(());
    };
    let config = transfer::read(repository, &image.config).await?;
    // What is no image's config tells no platform.
    let told = as_listed(serde_json::from_slice::<Platform>(&config).unwrap_or_default());
    let mut platform = listed.platform.take().map_or_else(Platform::default, |it| *it);
    if platform.architecture.is_empty() {
        platform.architecture = told.architecture;
        if platform.variant.is_empty() {
            platform.variant = told.variant;
        }
    }
    if platform.os.is_empty() {
        platform.os = told.os;
    }
    listed.platform = Some(Box::new(platform));
    Ok(())
}
