//! `rdock manifest create`: a local list of images that are on a registry.

use clap::Args;

use super::members::{fetch, lists, member_of};
use crate::commands::{Context, RegistryArgs, Status};
use crate::error::{Error, Kind, Result};
use crate::image::Reference;

/// Create a local manifest list for annotating and pushing to a registry
#[derive(Debug, Args)]
#[command(override_usage = "rdock manifest create MANIFEST_LIST MANIFEST [MANIFEST...]")]
pub struct CreateArgs {
    /// Amend an existing manifest list
    #[arg(short, long)]
    amend: bool,
    #[command(flatten)]
    registry: RegistryArgs,
    #[arg(value_name = "MANIFEST_LIST")]
    list: String,
    #[arg(value_name = "MANIFEST", required = true)]
    manifests: Vec<String>,
}

pub(super) async fn run(args: CreateArgs, context: &Context) -> Result<Status> {
    let list = Reference::parse(&args.list).map_err(|e| {
        let message = format!("error parsing name for manifest list {}: {e}", args.list);
        Error::new(e.kind(), message)
    })?;
    let list = list.or_latest();
    let lists = lists(context);
    match lists.list(&list) {
        Err(e) if e.kind() == Kind::NotFound => {}
        Err(e) => return Err(e),
        Ok(_) if args.amend => {}
        Ok(_) => {
            let message = "refusing to amend an existing manifest list with no --amend flag";
            return Err(Error::new(Kind::Conflict, message));
        }
    }
    let mut members = Vec::new();
    for text in &args.manifests {
        let name = Reference::parse(text)?.or_latest();
        let repository = context.registry(name.domain(), &args.registry)?.repository(&name);
        let old = lists.image(&list, &name)?;
        if let Some(old) = &old {
            // A registry that does not say leaves the list as it is.
            let now = repository.standing(name.version()).await.ok().flatten();
            let old = &old.descriptor.digest;
            match now {
                Some(now) if now != *old => context.screen.note(&format!(
                    "WARNING: {name} was pushed again: the list takes {now} instead of {old}; to keep the old one, name it \
                     by its digest"
                )),
                _ => continue,
            }
        }
        let manifest = fetch(&repository, &name).await?;
        let mut member = member_of(&repository, &name, &manifest).await?;
        if let Some(old) = old {
            // What was said of it by `annotate` stays.
            member.descriptor.platform = old.descriptor.platform;
        }
        members.push(member);
    }
    lists.put(&list, &members)?;
    context.screen.line(&format!("Created manifest list {list}"));
    Ok(Status::Done)
}
