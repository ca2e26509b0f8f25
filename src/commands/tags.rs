//! `rdock tags`: the tags of a repository, in the order of their versions.

use clap::Args;
use serde_json::json;

use super::{Context, ListingArgs, RegistryArgs, Status};
use crate::error::Result;
use crate::image::Reference;
use crate::image::version_order;

/// List the tags of a repository on its registry
#[derive(Debug, Args)]
pub struct TagsArgs {
    #[command(flatten)]
    listing: ListingArgs,
    #[command(flatten)]
    registry: RegistryArgs,
    #[arg(value_name = "NAME")]
    name: String,
}

pub async fn run(args: TagsArgs, context: &Context) -> Result<Status> {
    let name = Reference::parse(&args.name)?.without_version();
    let repository = context.registry(name.domain(), &args.registry)?.repository(&name);
    let mut tags = repository.tags().await?;
    tags.sort_by(|a, b| version_order::compare(a, b));
    tags.dedup();
    let json = json!({ "name": name.familiar_name(), "tags": tags });
    args.listing.show(context, "TAG", tags, &json);
    Ok(Status::Done)
}
