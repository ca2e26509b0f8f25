//! `rdock catalog`: the repositories of a registry.

use clap::Args;
use serde_json::json;

use super::{Context, ListingArgs, RegistryArgs, Status};
use crate::credentials::server_domain;
use crate::error::Result;
use crate::registry::Listed;

/// List the repositories of a registry
#[derive(Debug, Args)]
pub struct CatalogArgs {
    #[command(flatten)]
    listing: ListingArgs,
    #[command(flatten)]
    registry: RegistryArgs,
    #[arg(value_name = "HOST[:PORT]")]
    host: String,
}

pub async fn run(args: CatalogArgs, context: &Context) -> Result<Status> {
    let domain = server_domain(Some(&args.host));
    let registry = context.registry(&domain, &args.registry)?;
    let Listed {
        entries: mut names,
        cut,
    } = registry.catalog().await?;
    names.sort();
    names.dedup();
    let names: Vec<String> = names.iter().map(|name| format!("{domain}/{name}")).collect();
    let json = json!(names);
    args.listing.show(context, "REPOSITORY", names, &json);
    Ok(context.conclude(&cut))
}
