//! `rdock push`: the very bytes of the store, to wherever the name points.

use std::collections::HashMap;

use clap::Args;

use super::{Context, RegistryArgs, Status, TransferArgs, TrustArgs};
use crate::content::{Opener, Outcome, Sink, Source};
use crate::error::{Error, Kind, Result};
use crate::image::{Body, Descriptor, Digest, ImageManifest, Manifest, Platform, Reference, Referral, Version};
use crate::registry::{Registry, Repository};
use crate::store::Store;
use crate::transfer::{self, Plan};
use crate::ui::Direction;

/// Upload an image to a registry
#[derive(Debug, Args)]
pub struct PushArgs {
    /// Push all tags of an image to the repository
    #[arg(short = 'a', long)]
    all_tags: bool,
    #[command(flatten)]
    trust: TrustArgs,
    /// Suppress verbose output
    #[arg(short, long)]
    quiet: bool,
    /// Push the image for this platform only
    #[arg(long, value_name = "string")]
    platform: Option<String>,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    pub(crate) transfer: TransferArgs,
    #[arg(value_name = "NAME[:TAG]")]
    name: String,
}

pub async fn run(args: PushArgs, context: &Context) -> Result<Status> {
    args.transfer.in_time(Box::pin(push(&args, context))).await
}

async fn push(args: &PushArgs, context: &Context) -> Result<Status> {
    args.trust.check(&context.settings)?;
    let typed = Reference::parse(&args.name)?;
    if typed.digest().is_some() {
        return Err(Error::new(Kind::Usage, "cannot push a digest reference"));
    }
    if args.all_tags && typed.tag().is_some() {
        return Err(Error::new(Kind::Usage, "tag can't be used with --all-tags/-a"));
    }
    let platform = args.platform.as_ref().map(|text| Platform::parse(text)).transpose()?;
    let say = |line: &str| {
        if !args.quiet {
            context.screen.line(line);
        }
    };
    let shown = if args.all_tags {
        typed.clone()
    } else {
        typed.clone().or_latest()
    };
    if typed.is_name_only() && !args.all_tags {
        say("Using default tag: latest");
    }
    say(&format!("The push refers to repository [{}]", typed.name()));
    let store = context.store();
    let _session = store.begin()?;
    let push = Push {
        context,
        args,
        registry: context
            .registries(&args.registry, Some(args.transfer.stall_timeout))?
            .at(typed.domain())?
            .bounded_by(store.body_limit(typed.domain())),
        locations: store.locations(typed.domain())?,
        store,
        platform,
    };
    let names = push.local_names(&shown)?;
    for name in names {
        let pushed = push.one(&name).await?;
        say(&pushed);
    }
    if args.quiet {
        context.screen.line(&shown.to_string());
    }
    Ok(Status::Done)
}

struct Push<'a> {
    context: &'a Context,
    args: &'a PushArgs,
    registry: Registry,
    /// The repositories of the registry that are known to hold a blob, or to which a manifest was pushed.
    locations: HashMap<Digest, Vec<String>>,
    store: Store,
    platform: Option<Platform>,
}

impl Push<'_> {
    /// The tags to push, all of which exist here.
    fn local_names(&self, shown: &Reference) -> Result<Vec<Reference>> {
        let tags = self.store.tags_of(shown)?;
        if tags.is_empty() {
            return Err(Error::new(
                Kind::NotFound,
                format!(
                    "An image does not exist locally with the tag: {}",
                    shown.familiar_name()
                ),
            ));
        }
        if self.args.all_tags {
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

    /// Pushes one tag; the answer is docker's last line.
    async fn one(&self, name: &Reference) -> Result<String> {
        let Some(descriptor) = self.store.named(name)? else {
            return Err(Error::new(
                Kind::NotFound,
                format!("tag does not exist: {}", name.familiar()),
            ));
        };
        let whole = self.store.manifest(&descriptor.digest).await?;
        let manifest = self.part(name, &whole).await?;
        let read = |image: &ImageManifest| self.store.config(image);
        let plan = Plan::for_tree(&self.store, &manifest, read, |_| false).await?;
        let repository = self
            .registry
            .repository(name)
            .mounting_from(self.locations.clone())
            .remembering(self.store.sessions(name.domain(), name.path()));
        let transfer = &self.args.transfer;
        let progress = self.context.screen.progress(Direction::Push, self.args.quiet);
        let tag = name.tag().unwrap_or_default();
        if self.stands(&repository, name, &manifest).await {
            transfer::run(&plan, &self.store, &Complete, transfer.limits(), &progress).await?;
        } else {
            transfer::run(&plan, &self.store, &repository, transfer.limits(), &progress).await?;
            repository.put_tag(&manifest, tag).await?;
        }
        let is_whole = manifest.digest() == whole.digest();
        let remembered = is_whole.then_some((name.at_digest(manifest.digest()), descriptor));
        if let Err(e) = self.remember(name, remembered, &manifest, &plan) {
            // A store that may only be read, or has no room: the registry has the image all the same.
            self.context
                .screen
                .note(&format!("WARNING: the store could not note the push: {e}"));
        }
        Ok(format!(
            "{tag}: digest: {} size: {}",
            manifest.digest(),
            manifest.raw.len()
        ))
    }

    /// What of the image is to be pushed: all of it, or what is for the platform asked for.
    async fn part(&self, name: &Reference, image: &Manifest) -> Result<Manifest> {
        let Some(wanted) = &self.platform else {
            return Ok(image.clone());
        };
        let name = name.familiar();
        match &image.body {
            Body::Image(body) => {
                let actual = self.store.config(body)?.platform;
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
                self.store.manifest(&child.digest).await
            }
        }
    }

    /// Whether the tag stands for this very manifest, so that there is nothing to do. Asked only where it was pushed from
    /// here before: whoever may not push is to be told so. Nor is it asked of what refers to another image, since that
    /// one's list may have to be mended.
    async fn stands(&self, repository: &Repository, name: &Reference, manifest: &Manifest) -> bool {
        let paths = self.locations.get(manifest.digest());
        let was_pushed = paths.is_some_and(|paths| paths.iter().any(|path| path == name.path()));
        if !was_pushed || Referral::of(manifest).is_some() {
            return false;
        }
        // A failure here is told by what has to be done all the same.
        let tag = Version::Tag(name.tag().unwrap_or_default());
        let digest = repository.standing(tag).await.ok().flatten();
        digest.as_ref() == Some(manifest.digest())
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
            && self.store.named(&name)?.is_none()
        {
            self.store.tag(&name, &descriptor)?;
        }
        let blobs = plan.blobs.iter().map(|blob| &blob.digest);
        let pushed: Vec<Digest> = blobs.chain([manifest.digest()]).cloned().collect();
        self.store.remember_location(name.domain(), name.path(), &pushed)
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

    /// Never needed: nothing that is looked for is missing.
    async fn receive(&self, _: &Descriptor, _: &Opener<'_>) -> Result<Outcome> {
        Ok(Outcome::AlreadyPresent)
    }

    async fn put_manifest(&self, _: &Manifest) -> Result<()> {
        Ok(())
    }
}
