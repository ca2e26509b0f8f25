//! The images of one repository on their way to another.

use std::cell::RefCell;
use std::collections::HashSet;

use futures_util::{StreamExt, TryStreamExt, future, stream};

use super::dry_run::{DryRun, Fate};
use super::request::{Copied, Referrers, Request};
use crate::content::Source as _;
use crate::error::{Clue, Error, Kind, Result};
use crate::image::graph::{self, Limits, Walk};
use crate::image::manifest::{DOCKER_MANIFEST, OCI_MANIFEST};
use crate::image::{Body, Descriptor, Digest, Manifest, Reference};
use crate::jobs::bring::{Listing, bring};
use crate::jobs::{News, is_of_one_image};
use crate::places::{self, Destination, Incoming, Origin, Place, check_platform};
use crate::transfer::Plan;

/// How many images are looked at, at once; each may ask for several manifests.
const AT_ONCE: usize = 4;
/// The endings under which cosign keeps what belongs to an image, behind its digest with a dash
/// (<https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md#discovery>).
const COSIGN_ENDINGS: [&str; 3] = ["sig", "att", "sbom"];

pub(super) struct Batch<'a> {
    request: &'a Request<'a>,
    /// The repository or folder of the images.
    from: Place,
    pub(super) origin: Box<dyn Origin>,
    target: Box<dyn Destination>,
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
    pub(super) async fn open(request: &'a Request<'a>, from: &Place, to: &Place) -> Result<Self> {
        Ok(Self {
            request,
            origin: places::origin(from, &request.means).await?,
            target: places::destination(to, &request.means)?,
            neighbour: from.mounted_by(to).map(str::to_owned),
            from: from.clone(),
            known: RefCell::default(),
        })
    }

    fn source(&self) -> &dyn Origin {
        &*self.origin
    }

    fn tell(&self, news: News<'_>) {
        self.request.reporter.tell(news);
    }

    /// Copies image after image; one that cannot be copied does not keep the others from it.
    pub(super) async fn copy(&self, pairs: &[(Place, Place)]) -> Result<Copied> {
        // Without a store that can be written to, an upload that is cut off begins anew in the next run, no more.
        drop(self.request.means.store.begin());
        let mut copied_all = Copied::All;
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
                        self.tell(News::NotCopied(e.during(format!("copying {from}"))));
                        copied_all = Copied::Some;
                    }
                    Err(e) => return Err(e),
                }
            }
        }
        Ok(copied_all)
    }

    /// Adds up what a copy would move.
    pub(super) async fn foresee(&self, pairs: &[(Place, Place)], dry_run: &mut DryRun) -> Result<()> {
        for some in pairs.chunks(AT_ONCE) {
            let looks = some.iter().map(|(from, to)| self.look(from, to));
            for looked in future::join_all(looks).await {
                let looked = looked?;
                let mut plans = vec![];
                if self.request.referrers == Referrers::Along {
                    for subject in self.subjects(&looked.root).await? {
                        for referrer in self.missing_referrers(&subject).await? {
                            plans.push(self.plan(&referrer).await?);
                            dry_run.manifest(referrer.digest(), referrer.descriptor.size);
                        }
                    }
                }
                for child in looked.plan.children.iter() {
                    dry_run.manifest(&child.digest, child.size);
                }
                if !looked.is_named {
                    dry_run.manifest(looked.root.digest(), looked.root.descriptor.size);
                }
                plans.push(looked.plan);
                let blobs = plans.into_iter().flat_map(|plan| plan.blobs);
                let fates = stream::iter(blobs).map(async |blob| self.fate(&blob).await.map(|fate| (blob, fate)));
                let fates: Vec<_> = fates.buffered(AT_ONCE).try_collect().await?;
                for (blob, fate) in fates {
                    dry_run.blob(&blob, fate);
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
        if let Some(wanted) = to.reference().and_then(Reference::digest)
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
        Plan::for_missing(&self.source(), root, async |digest| {
            self.target.has_manifest(digest).await
        })
        .await
    }

    /// The image for the wanted platform, or all of them.
    async fn choose(&self, root: Manifest) -> Result<Manifest> {
        let Some(wanted) = &self.request.platform else {
            return Ok(root);
        };
        match &root.body {
            Body::Index(index) => self.source().manifest(&index.choose(wanted)?.digest).await,
            Body::Image(image) => {
                check_platform(&self.source(), image, wanted).await?;
                Ok(root)
            }
        }
    }

    async fn one(&self, from: &Place, to: &Place, looked: Looked, cosign_tags: &[String]) -> Result<()> {
        let Looked { root, plan, is_named } = looked;
        let is_current = is_named && plan.blobs.is_empty() && plan.children.is_empty();
        self.tell(News::Copying { from, to });
        if !is_current {
            self.bring(&root, (from, to), Listing::Named, plan).await?;
        }
        self.tell(News::Copied { to, manifest: &root });
        let attached = match self.request.referrers {
            Referrers::Along => self.attach(&root, to, cosign_tags).await?,
            Referrers::Left => 0,
        };
        self.tell(News::CopyEnds {
            to,
            attached,
            is_new: !is_current || attached > 0,
        });
        Ok(())
    }

    /// Moves an image, and lists it. What an image before this one has brought is not asked for again.
    async fn bring(&self, root: &Manifest, ends: (&Place, &Place), listing: Listing, mut plan: Plan) -> Result<()> {
        let known = |digest: &Digest| self.known.borrow().contains(digest);
        plan.blobs.retain(|blob| !known(&blob.digest));
        plan.children.retain(|child| !known(child));
        plan.layers.retain(|layer| !known(&layer.digest));
        let paths = self.neighbour.iter();
        let mounts = paths.flat_map(|path| plan.blobs.iter().map(|blob| (blob.digest.clone(), vec![path.clone()])));
        let incoming = Incoming {
            root,
            from: (ends.0, self.source()),
            to: ends.1,
            mounts: &mounts.collect(),
        };
        let Request { limits, reporter, .. } = self.request;
        let brought = bring(&*self.target, incoming, listing, &plan, *limits, reporter).await;
        brought.map_err(type_refused)?;
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
                self.bring(&referrer, (&self.from, to), Listing::Attached, plan).await?;
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
                    self.source().manifest(&node.digest).await?
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
        self.bring(&looked.root, (&from, &to), Listing::Named, looked.plan)
            .await?;
        Ok(1)
    }

    async fn missing_referrers(&self, subject: &Digest) -> Result<Vec<Manifest>> {
        let listed = self.origin.referrers(subject).await?;
        self.missing_among(subject, listed).await
    }

    /// The referrers that the destination does not list.
    async fn missing_among(&self, subject: &Digest, listed: Vec<Descriptor>) -> Result<Vec<Manifest>> {
        if listed.is_empty() {
            return Ok(Vec::new());
        }
        let there = self.target.referrers(subject).await?;
        let missing = listed
            .into_iter()
            .filter(|it| !there.iter().any(|have| have.digest == it.digest));
        let read = stream::iter(missing).map(async |it| self.source().manifest(&it.digest).await);
        read.buffered(AT_ONCE).try_collect().await
    }

    /// The tags under which cosign may have put something.
    async fn cosign_tags(&self) -> Result<Vec<String>> {
        if self.request.referrers == Referrers::Left {
            return Ok(Vec::new());
        }
        let is_cosign_s = |tag: &String| COSIGN_ENDINGS.iter().any(|ending| tag.ends_with(&format!(".{ending}")));
        match self.origin.tags().await {
            Ok(tags) => Ok(tags.into_iter().filter(is_cosign_s).collect()),
            Err(e) if matches!(e.kind(), Kind::Denied | Kind::Unauthorized | Kind::Unsupported) => {
                self.tell(News::SignaturesNotSought(&e));
                Ok(Vec::new())
            }
            Err(e) => Err(e),
        }
    }
}

/// What registries say of a type that they do not take is seldom clear; docker's words for a push say no more.
fn type_refused(error: Error) -> Error {
    match error.clue() {
        Some(Clue::TypeRefused { media_type }) => {
            let doing = format!("the registry does not take this manifest, of type {media_type}");
            error.during(doing)
        }
        _ => error,
    }
}
