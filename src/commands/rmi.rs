//! `rdock rmi`: takes names away, and the image with the last one.

mod remote;

use clap::Args;

use super::{Context, RegistryArgs, Status};
use crate::error::{Error, Kind, Result};
use crate::store::Force;

/// Remove one or more images
#[derive(Debug, Args)]
pub struct RmiArgs {
    /// Force removal of the image
    #[arg(short, long)]
    force: bool,
    /// Do not delete untagged parents
    #[arg(long)]
    no_prune: bool,
    /// Remove the image from its registry, not from here
    #[arg(long)]
    remote: bool,
    #[command(flatten)]
    registry: RegistryArgs,
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,
}

impl RmiArgs {
    /// Whether it is a registry that the image goes from.
    pub fn is_remote(&self) -> bool {
        self.remote
    }
}

pub async fn run(args: &RmiArgs, context: &Context) -> Result<Status> {
    let force = if args.force { Force::Yes } else { Force::No };
    if args.remote {
        let failures = remote::remove(&args.images, force, &args.registry, context).await?;
        return Ok(conclude(&failures, force, context));
    }
    let store = context.store();
    let mut failures = Vec::new();
    for removed in store.sweep().remove(&args.images, force)? {
        match removed {
            Ok(removed) => {
                for name in &removed.untagged {
                    context.screen.line(&format!("Untagged: {}", name.familiar()));
                }
                for id in &removed.deleted {
                    context.screen.line(&format!("Deleted: {id}"));
                }
            }
            Err(e) => failures.push(e),
        }
    }
    Ok(conclude(&failures, force, context))
}

/// Says what could not be removed. With force, what is not there is no failure.
fn conclude(failures: &[Error], force: Force, context: &Context) -> Status {
    let status = context.conclude(failures);
    let is_forgiven = force == Force::Yes && failures.iter().all(|e| e.kind() == Kind::NotFound);
    if is_forgiven { Status::Done } else { status }
}
