//! `rdock manifest push`: a local list goes to its registry, and its images into the list's repository.

use std::collections::HashMap;

use clap::Args;

use super::members::{complete, lists};
use crate::commands::{Context, RegistryArgs, Status};
use crate::content::Sink;
use crate::error::{Error, Kind, Result};
use crate::image::{Body, Digest, Manifest, Reference, manifest_list};
use crate::manifest_lists::Member;
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
    let lists = lists(context);
    let images = lists.list(&target)?;
    if images.is_empty() {
        return Err(Error::new(Kind::NotFound, format!("{target} not found")));
    }
    images.iter().try_for_each(|member| check(member, &target))?;
    let registry = context.registry(target.domain(), &args.registry)?;
    for member in images.iter().filter(|member| member.name.path() != target.path()) {
        let member = complete(member.clone(), &args.registry, context).await?;
        bring(&member, &target, &registry, context).await?;
        let digest = &member.descriptor.digest;
        let at = target.at_digest(digest);
        context.screen.line(&format!("Pushed ref {at} with digest: {digest}"));
    }
    let members: Vec<_> = images.into_iter().map(|member| member.descriptor).collect();
    let (media_type, text) = manifest_list::list(&members);
    let list = Manifest::parse(text.into(), Some(media_type), None)?;
    let repository = registry.repository(&target);
    match target.tag() {
        Some(tag) => repository.put_tag(&list, tag).await?,
        None => repository.put_manifest(&list).await?,
    }
    context.screen.line(list.digest().as_str());
    if args.purge {
        lists.remove(&target)?;
    }
    Ok(Status::Done)
}

/// Refuses, in docker's words, what a list on this registry cannot hold.
fn check(member: &Member, target: &Reference) -> Result<()> {
    let platform = member.descriptor.platform.as_ref();
    if platform.is_none_or(|it| it.os.is_empty() || it.architecture.is_empty()) {
        let name = &member.name;
        let message = format!("manifest {name} must have an OS and Architecture to be pushed to a registry");
        return Err(Error::new(Kind::Usage, message));
    }
    let (from, to) = (member.name.domain(), target.domain());
    if from != to {
        let message =
            format!("cannot use source images from a different registry than the target image: {from} != {to}");
        return Err(Error::new(Kind::Usage, message));
    }
    Ok(())
}

/// Puts an image of another repository of the registry into the target's: its blobs are mounted where the registry
/// can, else copied.
async fn bring(member: &Member, target: &Reference, registry: &Registry, context: &Context) -> Result<()> {
    let media_type = member.descriptor.media_type.as_str();
    let manifest = Manifest::parse(member.raw.clone(), Some(media_type), Some(&member.descriptor.digest))?;
    let Body::Image(image) = &manifest.body else {
        return Err(Error::new(Kind::Usage, format!("{} is a manifest list", member.name)));
    };
    let plan = Plan::for_image(image, None, |_| false);
    let sources: HashMap<Digest, Vec<String>> = plan
        .blobs
        .iter()
        .map(|blob| (blob.digest.clone(), vec![member.name.path().to_owned()]))
        .collect();
    let repository = registry.repository(target).mounting_from(sources);
    let progress = context.screen.progress(Direction::Push, true);
    let source = registry.repository(&member.name);
    transfer::run(&plan, &source, &repository, Limits::default(), &progress).await?;
    let put = async || repository.put_manifest(&manifest).await;
    transfer::name(&manifest, &source, &repository, Limits::default(), &progress, put).await
}
