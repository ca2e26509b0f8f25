//! The images of one repository on their way to another.

use std::cell::RefCell;
use std::collections::HashSet;

use futures_util::{StreamExt, TryStreamExt, future, stream};

use super::super::digest::check_platform;
use super::super::{Context, Status};
use super::CopyArgs;
use super::origin::Origin;
use super::outlook::{Fate, Outlook};
use super::place::Place;
use super::tape::Tape;
use super::target::{Receiver, Target};
use crate::content::Source;
use crate::error::{Error, Kind, Result};
use crate::image::graph::{self, Limits, Walk};
use crate::image::manifest::{DOCKER_MANIFEST, OCI_MANIFEST};
use crate::image::{Body, Descriptor, Digest, Manifest, Platform};
use crate::progress::Direction;
use crate::transfer::{self, Plan};

/// How many images are looked at, at once; each may ask for several manifests.
const AT_ONCE: usize = 4;
/// The endings under which cosign keeps what belongs to an image, behind its digest with a dash
/// (<https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md#discovery>).
const COSIGN_ENDINGS: [&str; 3] = ["sig", "att", "sbom"];

pub(super) struct Batch<'a> {
    context: &'a Context,
    args: &'a CopyArgs,
    platform: Option<Platform>,
    /// The repository or folder of the images.
    from: Place,
    pub(super) origin: Origin,
    target: Target,
    /// The path of the source, where it is on the destination's registry.
    neighbour: Option<String>,
    /// What this run has brought to the destination, or found there.
    known: RefCell<HashSet<Digest>>,
}

/// An image that was looked at: what it is, and what of it has to move.
struct Looked {
    root: Manifest,
    plan: Plan,
    /// Whether the name stands for it at the destination already.
    is_named: bool,
}

impl<'a> Batch<'a> {
    pub(super) fn new(
        context: &'a Context,
        args: &'a CopyArgs,
        platform: Option<Platform>,
        (from, origin): (Place, Origin),
        target: Target,
        neighbour: Option<String>,
    ) -> Self {
        Self {
            context,
            args,
            platform,
            from,
            origin,
            target,
            neighbour,
            known: RefCell::default(),
        }
    }

    /// Copies image after image; one that cannot be copied does not keep the others from it.
    pub(super) async fn copy(&self, pairs: &[(Place, Place)]) -> Result<Status> {
        // Without a store that can be written to, an upload that is cut off begins anew in the next run, no more.
        drop(self.context.store().begin());
        let mut status = Status::Done;
        let cosign_tags = self.cosign_tags().await?;
        for some in pairs.chunks(AT_ONCE) {
            let looks = some.iter().map(|(from, to)| self.look(from, to));
            for ((from, to), looked) in some.iter().zip(future::join_all(looks).await) {
                let copied = match looked {
                    Ok(looked) => Box::pin(self.one(from, to, looked, &cosign_tags)).await,
                    Err(e) => Err(e),
                };
                match copied {
                    Ok(()) => {}
                    Err(e) if pairs.len() > 1 && is_of_one_image(&e) => {
                        self.context.fail(&e.during(format!("copying {from}")));
                        status = Status::Failed;
                    }
                    Err(e) => return Err(e),
                }
            }
        }
        Ok(status)
    }

    /// Adds up what a copy would move.
    pub(super) async fn foresee(&self, pairs: &[(Place, Place)], outlook: &mut Outlook) -> Result<()> {
        for some in pairs.chunks(AT_ONCE) {
            let looks = some.iter().map(|(from, to)| self.look(from, to));
            for looked in future::join_all(looks).await {
                let looked = looked?;
                let mut plans = vec![];
                if self.args.referrers {
                    for subject in self.subjects(&looked.root).await? {
                        for referrer in self.missing_referrers(&subject).await? {
                            plans.push(self.plan(&referrer).await?);
                            outlook.manifest(referrer.digest(), referrer.descriptor.size);
                        }
                    }
                }
                for child in looked.plan.children.iter() {
                    outlook.manifest(&child.digest, child.size);
                }
                if !looked.is_named {
                    outlook.manifest(looked.root.digest(), looked.root.descriptor.size);
                }
                plans.push(looked.plan);
                let blobs = plans.into_iter().flat_map(|plan| plan.blobs);
                let fates = stream::iter(blobs).map(async |blob| self.fate(&blob).await.map(|fate| (blob, fate)));
                let fates: Vec<_> = fates.buffered(AT_ONCE).try_collect().await?;
                for (blob, fate) in fates {
                    outlook.blob(&blob, fate);
                }
            }
        }
        Ok(())
    }

    async fn fate(&self, blob: &Descriptor) -> Result<Fate> {
        Ok(if blob.is_foreign() {
            Fate::Skipped
        } else if self.target.has_blob(blob).await? {
            Fate::Present
        } else {
            self.neighbour.clone().map_or(Fate::Copied, Fate::Mounted)
        })
    }

    async fn look(&self, from: &Place, to: &Place) -> Result<Looked> {
        let (root, standing) = future::try_join(self.origin.resolve(from), self.target.standing(to)).await?;
        let root = self.choose(root).await?;
        if let Place::Registry(name) = to
            && let Some(wanted) = name.digest()
            && wanted != root.digest()
        {
            let message = format!("{from} has the digest {}, not that of {to}", root.digest());
            return Err(Error::new(Kind::Conflict, message));
        }
        let is_named = standing.as_ref() == Some(root.digest());
        let plan = self.plan(&root).await?;
        Ok(Looked { root, plan, is_named })
    }

    /// What has to move for an image. One that is there as a whole, under whatever name, needs nothing.
    async fn plan(&self, root: &Manifest) -> Result<Plan> {
        let is_image = matches!(root.body, Body::Image(_));
        if is_image && self.target.has_manifest(root.digest()).await? {
            return Ok(Plan::default());
        }
        Plan::for_missing(&self.origin, root, async |digest| {
            self.target.has_manifest(digest).await
        })
        .await
    }

    /// The image for the wanted platform, or all of them.
    async fn choose(&self, root: Manifest) -> Result<Manifest> {
        let Some(wanted) = &self.platform else {
            return Ok(root);
        };
        match &root.body {
            Body::Index(index) => self.origin.manifest(&index.choose(wanted)?.digest).await,
            Body::Image(image) => {
                check_platform(&self.origin, image, wanted).await?;
                Ok(root)
            }
        }
    }

    async fn one(&self, from: &Place, to: &Place, looked: Looked, cosign_tags: &[String]) -> Result<()> {
        let Looked { root, plan, is_named } = looked;
        let is_current = is_named && plan.blobs.is_empty() && plan.children.is_empty();
        self.say(&format!("Copying {from} to {to}"));
        if !is_current {
            let receiver = self.receiver(&root, from, to, &plan).await?;
            self.transfer(plan, &receiver).await?;
            receiver.name(&root, to).await?;
        }
        let tag = to.tag().unwrap_or_default();
        let lead = if tag.is_empty() {
            String::new()
        } else {
            format!("{tag}: ")
        };
        self.say(&format!("{lead}digest: {} size: {}", root.digest(), root.raw.len()));
        let attached = if self.args.referrers {
            self.attach(&root, to, cosign_tags).await?
        } else {
            0
        };
        if attached > 0 {
            self.say(&format!(
                "{lead}copied with {attached} referrer{}",
                if attached == 1 { "" } else { "s" }
            ));
        }
        let status = if is_current && attached == 0 {
            "Image is up to date for"
        } else {
            "Copied image to"
        };
        self.say(&format!("Status: {status} {to}"));
        self.context.screen.line(&match to {
            Place::Registry(name) => name.to_string(),
            Place::Layout { .. } | Place::Archive { .. } => to.to_string(),
        });
        Ok(())
    }

    /// The end that takes in one image.
    async fn receiver(&self, root: &Manifest, from: &Place, to: &Place, plan: &Plan) -> Result<Receiver> {
        Ok(match &self.target {
            Target::Repository(repository) => {
                let uploads = self.context.store();
                let from = self.neighbour.iter();
                let mounts =
                    from.flat_map(|path| plan.blobs.iter().map(|blob| (blob.digest.clone(), vec![path.clone()])));
                let repository = repository.clone().mounting_from(mounts.collect());
                Receiver::Repository(match to {
                    Place::Registry(name) => repository.remembering(uploads.sessions(name.domain(), name.path())),
                    Place::Layout { .. } | Place::Archive { .. } => repository,
                })
            }
            Target::Layout(store) => Receiver::Layout(store.clone(), store.begin()?),
            Target::Archive(file) => {
                Receiver::Archive(Box::new(Tape::begin(file, root, &self.origin, from, to).await?))
            }
        })
    }

    /// Moves blobs and children. What an image before this one has brought is not asked for again.
    async fn transfer(&self, mut plan: Plan, receiver: &Receiver) -> Result<()> {
        let known = |digest: &Digest| self.known.borrow().contains(digest);
        plan.blobs.retain(|blob| !known(&blob.digest));
        plan.children.retain(|child| !known(child));
        plan.layers.retain(|layer| !known(&layer.digest));
        let progress = self.context.screen.progress(Direction::Push, self.args.quiet);
        let mut limits = self.args.transfer.limits();
        if matches!(receiver, Receiver::Archive(_)) {
            // A tar has one place to write to.
            limits.streams = Some(1);
        }
        transfer::run(&plan, &self.origin, receiver, limits, &progress).await?;
        let blobs = plan.blobs.into_iter().map(|blob| blob.digest);
        let children = plan.children.iter().map(|child| child.digest.clone());
        self.known.borrow_mut().extend(blobs.chain(children));
        Ok(())
    }

    /// Copies what speaks of an image or of one of its platforms, and what speaks of that in turn. How many that were.
    async fn attach(&self, root: &Manifest, to: &Place, cosign_tags: &[String]) -> Result<usize> {
        let mut attached = 0;
        let mut pending = self.subjects(root).await?;
        let subjects = pending.clone();
        let mut seen: HashSet<Digest> = pending.iter().cloned().collect();
        while let Some(subject) = pending.pop() {
            let listed = self.origin.referrers(&subject).await?;
            pending.extend(
                listed
                    .iter()
                    .map(|it| it.digest.clone())
                    .filter(|it| seen.insert(it.clone())),
            );
            for referrer in self.missing_among(&subject, listed).await? {
                let plan = self.plan(&referrer).await?;
                let receiver = self.receiver(&referrer, &self.from, to, &plan).await?;
                self.transfer(plan, &receiver).await?;
                receiver.attach(&referrer).await?;
                attached += 1;
            }
        }
        for subject in &subjects {
            let stem = subject.as_str().replace(':', "-");
            for tag in COSIGN_ENDINGS.map(|ending| format!("{stem}.{ending}")) {
                if cosign_tags.contains(&tag) {
                    attached += self.copy_tag(&tag, to).await?;
                }
            }
        }
        Ok(attached)
    }

    /// The image and all that it leads to by way of indexes.
    async fn subjects(&self, root: &Manifest) -> Result<Vec<Digest>> {
        let mut walk = Walk::new([&root.descriptor], Limits::IMAGE)?;
        let mut subjects = Vec::new();
        let mut images: HashSet<Digest> = HashSet::new();
        while let Some(node) = walk.next_unread() {
            // What an image leads to has been planned, and no image has to be read for it.
            if !images.contains(&node.digest) {
                let index = if node.digest == *root.digest() {
                    root.clone()
                } else {
                    self.origin.manifest(&node.digest).await?
                };
                let is_image =
                    |child: &&Descriptor| [OCI_MANIFEST, DOCKER_MANIFEST].contains(&child.media_type.as_str());
                images.extend(graph::children(&index).filter(is_image).map(|it| it.digest.clone()));
                walk.answer(&node, graph::children(&index))?;
            }
            subjects.push(node.digest);
        }
        Ok(subjects)
    }

    async fn copy_tag(&self, tag: &str, beside: &Place) -> Result<usize> {
        let (from, to) = (self.from.at_tag(tag)?, beside.at_tag(tag)?);
        let looked = self.look(&from, &to).await?;
        if looked.is_named {
            return Ok(0);
        }
        let receiver = self.receiver(&looked.root, &from, &to, &looked.plan).await?;
        self.transfer(looked.plan, &receiver).await?;
        receiver.name(&looked.root, &to).await?;
        Ok(1)
    }

    async fn missing_referrers(&self, subject: &Digest) -> Result<Vec<Manifest>> {
        let listed = self.origin.referrers(subject).await?;
        self.missing_among(subject, listed).await
    }

    /// Those referrers that the destination does not list.
    async fn missing_among(&self, subject: &Digest, listed: Vec<Descriptor>) -> Result<Vec<Manifest>> {
        if listed.is_empty() {
            return Ok(Vec::new());
        }
        let there = self.target.referrers(subject).await?;
        let missing = listed
            .into_iter()
            .filter(|it| !there.iter().any(|have| have.digest == it.digest));
        let read = stream::iter(missing).map(async |it| self.origin.manifest(&it.digest).await);
        read.buffered(AT_ONCE).try_collect().await
    }

    /// The tags under which cosign may have put something.
    async fn cosign_tags(&self) -> Result<Vec<String>> {
        if !self.args.referrers {
            return Ok(Vec::new());
        }
        let is_cosign_s = |tag: &String| COSIGN_ENDINGS.iter().any(|ending| tag.ends_with(&format!(".{ending}")));
        match self.origin.tags().await {
            Ok(tags) => Ok(tags.into_iter().filter(is_cosign_s).collect()),
            Err(e) if matches!(e.kind(), Kind::Denied | Kind::Unauthorized | Kind::Unsupported) => {
                self.context
                    .screen
                    .note(&format!("WARNING: cosign's signatures are not looked for: {e}"));
                Ok(Vec::new())
            }
            Err(e) => Err(e),
        }
    }

    fn say(&self, line: &str) {
        if !self.args.quiet {
            self.context.screen.line(line);
        }
    }
}

/// Whether the others may still be copied.
pub(super) fn is_of_one_image(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::NotFound | Kind::Unsupported | Kind::Corrupt | Kind::Conflict
    )
}
