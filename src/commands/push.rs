//! `rdock push`: the very bytes of the store, to wherever the name points.

use std::collections::HashMap;

use clap::Args;

use super::{Context, RegistryArgs, Status, TransferArgs};
use crate::content::Source;
use crate::error::{Error, Kind, Result};
use crate::image::{Descriptor, Digest, Reference};
use crate::registry::Registry;
use crate::store::Store;
use crate::transfer::{self, Plan};
use crate::ui::Direction;

/// Upload an image to a registry
#[derive(Debug, Args)]
pub struct PushArgs {
    /// Push all tags of an image to the repository
    #[arg(short = 'a', long)]
    all_tags: bool,
    /// Suppress verbose output
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    pub(crate) transfer: TransferArgs,
    #[arg(value_name = "NAME[:TAG]")]
    name: String,
}

pub async fn run(args: PushArgs, context: &Context) -> Result<Status> {
    args.transfer.in_time(push(&args, context)).await
}

async fn push(args: &PushArgs, context: &Context) -> Result<Status> {
    let typed = Reference::parse(&args.name)?;
    if typed.digest().is_some() {
        return Err(Error::new(Kind::Usage, "cannot push a digest reference"));
    }
    if args.all_tags && typed.tag().is_some() {
        return Err(Error::new(Kind::Usage, "tag can't be used with --all-tags/-a"));
    }
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
        registry: context.registry_for(typed.domain(), &args.registry, &args.transfer)?,
        mounts: mounts(&store, &typed)?,
        store,
    };
    for name in push.local_names(&shown)? {
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
    /// The other repositories of the registry that are known to hold a blob.
    mounts: HashMap<Digest, Vec<String>>,
    store: Store,
}

fn mounts(store: &Store, target: &Reference) -> Result<HashMap<Digest, Vec<String>>> {
    let mut known = store.locations(target.domain())?;
    for paths in known.values_mut() {
        paths.retain(|path| path != target.path());
    }
    known.retain(|_, paths| !paths.is_empty());
    Ok(known)
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
        let manifest = self.store.manifest(&descriptor.digest).await?;
        let plan = Plan::for_tree(&self.store, &manifest, |image| self.store.config(image)).await?;
        let repository = self.registry.repository(name).mounting_from(self.mounts.clone());
        let transfer = &self.args.transfer;
        let progress = self.context.screen.progress(Direction::Push, self.args.quiet);
        transfer::run(&plan, &self.store, &repository, transfer.limits(), &progress).await?;
        let tag = name.tag().unwrap_or_default();
        repository.put_tag(&manifest, tag).await?;
        if let Err(e) = self.remember(&name.at_digest(manifest.digest()), &descriptor, &plan) {
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

    /// Notes the digest that the image has on the registry, and where its blobs now are.
    fn remember(&self, digest: &Reference, image: &Descriptor, plan: &Plan) -> Result<()> {
        self.store.tag(digest, image)?;
        let blobs: Vec<Digest> = plan.blobs.iter().map(|blob| blob.digest.clone()).collect();
        self.store.remember_location(digest.domain(), digest.path(), &blobs)
    }
}
