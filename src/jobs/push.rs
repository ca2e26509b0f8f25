//! `push`: the very bytes of the store, to wherever the name points.

use std::collections::HashMap;

use super::bring::{Listing, bring};
use super::{News, Reporter};
use crate::content::{Opener, Outcome, Sink, Source as _};
use crate::error::{Error, Kind, Result};
use crate::image::{Body, Descriptor, Digest, ImageManifest, Manifest, Platform, Reference, Referral};
use crate::places::{self, Destination, Incoming, Means, Place, in_store, on_registry};
use crate::transfer::{self, Limits, Plan};

/// What is pushed to one repository.
pub struct Push<'a> {
    means: Means<'a>,
    destination: Box<dyn Destination>,
    /// The repositories of the registry that are known to hold a blob, or to which a manifest was pushed.
    locations: HashMap<Digest, Vec<String>>,
    platform: Option<Platform>,
    limits: Limits,
    reporter: Reporter<'a>,
}

/// The tag that is named, or every tag of its repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    Tag,
    AllTags,
}

/// What a tag stands for at the registry now.
pub struct Pushed {
    pub digest: Digest,
    /// The manifest's, in bytes.
    pub size: usize,
}

impl<'a> Push<'a> {
    /// A push of the platform's image alone, if one is named.
    pub fn new(
        means: Means<'a>,
        repository: &Reference,
        platform: Option<Platform>,
        limits: Limits,
        reporter: Reporter<'a>,
    ) -> Result<Self> {
        Ok(Self {
            destination: places::destination(&on_registry(repository.clone()), &means)?,
            locations: means.store.notes().locations(repository.domain())?,
            means,
            platform,
            limits,
            reporter,
        })
    }

    /// The name to push, or all tags of its repository. All of them exist here.
    pub fn local_names(&self, shown: &Reference, which: Which) -> Result<Vec<Reference>> {
        let tags = self.means.store.names().tags(shown)?;
        if tags.is_empty() {
            return Err(Error::new(
                Kind::NotFound,
                format!(
                    "An image does not exist locally with the tag: {}",
                    shown.familiar_name()
                ),
            ));
        }
        if which == Which::AllTags {
            return Ok(tags);
        }
        if !tags.contains(shown) {
            return Err(Error::new(
                Kind::NotFound,
                format!("tag does not exist: {}", shown.familiar()),
            ));
        }
        Ok(vec![shown.clone()])
    }

    /// Pushes one tag.
    pub async fn one(&self, name: &Reference) -> Result<Pushed> {
        let Some(descriptor) = self.means.store.names().target(name)? else {
            return Err(Error::new(
                Kind::NotFound,
                format!("tag does not exist: {}", name.familiar()),
            ));
        };
        let whole = self.means.store.manifest(&descriptor.digest).await?;
        let manifest = self.part(name, &whole).await?;
        let read = |image: &ImageManifest| self.means.store.images().config(image);
        let plan = Plan::for_tree(&self.means.store, &manifest, read, |_| false).await?;
        let (from, to) = (in_store(name.clone()), on_registry(name.clone()));
        if self.stands(&to, &manifest).await {
            let progress = self.reporter.watch();
            transfer::run(&plan, &self.means.store, &Complete, self.limits, &progress).await?;
        } else {
            let origin = places::origin(&from, &self.means).await?;
            let incoming = Incoming {
                root: &manifest,
                from: (&from, &*origin),
                to: &to,
                mounts: &self.locations,
            };
            let target = &*self.destination;
            bring(target, incoming, Listing::Named, &plan, self.limits, &self.reporter).await?;
        }
        let is_whole = manifest.digest() == whole.digest();
        let remembered = is_whole.then_some((name.at_digest(manifest.digest()), descriptor));
        if let Err(e) = self.remember(name, remembered, &manifest, &plan) {
            // A store that may only be read, or has no room: the registry has the image all the same.
            self.reporter.tell(News::NotRemembered(&e));
        }
        Ok(Pushed {
            digest: manifest.digest().clone(),
            size: manifest.raw.len(),
        })
    }

    /// What of the image is to be pushed: all of it, or what is for the platform asked for.
    async fn part(&self, name: &Reference, image: &Manifest) -> Result<Manifest> {
        let Some(wanted) = &self.platform else {
            return Ok(image.clone());
        };
        let name = name.familiar();
        match &image.body {
            Body::Image(body) => {
                let actual = self.means.store.images().config(body)?.platform;
                let fits = actual.distance_to(wanted).is_some();
                fits.then(|| image.clone()).ok_or_else(|| {
                    Error::new(
                        Kind::NotFound,
                        format!(
                            "image with reference {name} was found but its platform ({actual}) does not match the specified platform ({wanted})"
                        ),
                    )
                })
            }
            Body::Index(index) => {
                let child = index.choose(wanted).map_err(|e| {
                    let why = format!(
                        "image with reference {name} was found but does not provide the specified platform ({wanted})"
                    );
                    let error = Error::new(Kind::NotFound, why);
                    match e.clue() {
                        Some(clue) => error.with_clue(clue.clone()),
                        None => error,
                    }
                })?;
                self.means.store.manifest(&child.digest).await
            }
        }
    }

    /// Whether the tag stands for this very manifest, so that there is nothing to do. Asked only where it was pushed from
    /// here before: whoever may not push is to be told so. Nor is it asked of what refers to another image, since that
    /// one's list may have to be mended.
    async fn stands(&self, to: &Place, manifest: &Manifest) -> bool {
        let path = to.reference().map(Reference::path);
        let paths = self.locations.get(manifest.digest());
        let was_pushed = paths.is_some_and(|paths| paths.iter().any(|it| Some(it.as_str()) == path));
        if !was_pushed || Referral::of(manifest).is_some() {
            return false;
        }
        // A failure here is told by what has to be done all the same.
        let standing = self.destination.standing(to).await.ok().flatten();
        standing.as_ref() == Some(manifest.digest())
    }

    /// Notes the digest that the image has on the registry, and where its blobs now are.
    fn remember(
        &self,
        name: &Reference,
        digest: Option<(Reference, Descriptor)>,
        manifest: &Manifest,
        plan: &Plan,
    ) -> Result<()> {
        if let Some((name, descriptor)) = digest
            && self.means.store.names().target(&name)?.is_none()
        {
            self.means.store.names().set(&name, &descriptor)?;
        }
        let blobs = plan.blobs.iter().map(|blob| &blob.digest);
        let pushed: Vec<Digest> = blobs.chain([manifest.digest()]).cloned().collect();
        self.means
            .store
            .notes()
            .remember_location(name.domain(), name.path(), &pushed)
    }
}

/// A repository that holds the whole image already.
struct Complete;

impl Sink for Complete {
    async fn look_for(&self, blob: &Descriptor) -> Result<Option<Outcome>> {
        let is_foreign = blob.is_foreign();
        Ok(Some(if is_foreign {
            Outcome::Skipped
        } else {
            Outcome::AlreadyPresent
        }))
    }

    /// Receives nothing: nothing that is looked for is missing.
    async fn receive(&self, _: &Descriptor, _: &Opener<'_>) -> Result<Outcome> {
        Ok(Outcome::AlreadyPresent)
    }

    async fn put_manifest(&self, _: &Manifest) -> Result<()> {
        Ok(())
    }
}
