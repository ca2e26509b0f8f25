//! `rdock manifest push`: a local list goes to its registry, and its images into the list's repository.

use std::collections::HashMap;

use clap::Args;

use super::members::{complete, drafts};
use crate::commands::{Context, RegistryArgs, Status};
use crate::content::Sink;
use crate::drafts::Draft;
use crate::error::{Error, Kind, Result};
use crate::image::{Body, Digest, Manifest, Reference, manifest_list};
use crate::progress::Direction;
use crate::registry::Registry;
use crate::transfer::{self, Limits, Plan};

/// Push a manifest list to a repository
#[derive(Debug, Args)]
pub struct PushArgs {
    /// Remove the local manifest list after push
    #[arg(short, long)]
    purge: bool,
    #[command(flatten)]
    registry: RegistryArgs,
    #[arg(value_name = "MANIFEST_LIST")]
    list: String,
}

pub(super) async fn run(args: PushArgs, context: &Context) -> Result<Status> {
    let target = Reference::parse(&args.list)?.or_latest();
    let drafts = drafts(context);
    let images = drafts.list(&target)?;
    if images.is_empty() {
        return Err(Error::new(Kind::NotFound, format!("{target} not found")));
    }
    images.iter().try_for_each(|draft| check(draft, &target))?;
    let registry = context.registry(target.domain(), &args.registry)?;
    for draft in images.iter().filter(|draft| draft.name.path() != target.path()) {
        let draft = complete(draft.clone(), &args.registry, context).await?;
        bring(&draft, &target, &registry, context).await?;
        let digest = &draft.descriptor.digest;
        let at = target.at_digest(digest);
        context.screen.line(&format!("Pushed ref {at} with digest: {digest}"));
    }
    let members: Vec<_> = images.into_iter().map(|draft| draft.descriptor).collect();
    let (media_type, text) = manifest_list::list(&members);
    let list = Manifest::parse(text.into(), Some(media_type), None)?;
    let repository = registry.repository(&target);
    match target.tag() {
        Some(tag) => repository.put_tag(&list, tag).await?,
        None => repository.put_manifest(&list).await?,
    }
    context.screen.line(list.digest().as_str());
    if args.purge {
        drafts.remove(&target)?;
    }
    Ok(Status::Done)
}

/// Refuses, in docker's words, what a list on this registry cannot hold.
fn check(draft: &Draft, target: &Reference) -> Result<()> {
    let platform = draft.descriptor.platform.as_ref();
    if platform.is_none_or(|it| it.os.is_empty() || it.architecture.is_empty()) {
        let name = &draft.name;
        let message = format!("manifest {name} must have an OS and Architecture to be pushed to a registry");
        return Err(Error::new(Kind::Usage, message));
    }
    let (from, to) = (draft.name.domain(), target.domain());
    if from != to {
        let message =
            format!("cannot use source images from a different registry than the target image: {from} != {to}");
        return Err(Error::new(Kind::Usage, message));
    }
    Ok(())
}

/// Puts an image of another repository of the registry into the target's: its blobs are mounted where the registry
/// can, else copied.
async fn bring(draft: &Draft, target: &Reference, registry: &Registry, context: &Context) -> Result<()> {
    let media_type = draft.descriptor.media_type.as_str();
    let manifest = Manifest::parse(draft.raw.clone(), Some(media_type), Some(&draft.descriptor.digest))?;
    let Body::Image(image) = &manifest.body else {
        return Err(Error::new(Kind::Usage, format!("{} is a manifest list", draft.name)));
    };
    let plan = Plan::for_image(image, None, |_| false);
    let sources: HashMap<Digest, Vec<String>> = plan
        .blobs
        .iter()
        .map(|blob| (blob.digest.clone(), vec![draft.name.path().to_owned()]))
        .collect();
    let repository = registry.repository(target).mounting_from(sources);
    let progress = context.screen.progress(Direction::Push, true);
    let source = registry.repository(&draft.name);
    transfer::run(&plan, &source, &repository, Limits::default(), &progress).await?;
    repository.put_manifest(&manifest).await
}
