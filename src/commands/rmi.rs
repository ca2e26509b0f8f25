//! `rdock rmi`: takes names away, and the image with the last one.

mod remote;

use clap::Args;

use super::{Context, RegistryArgs, Status, platform};
use crate::error::{Error, Kind, Result};
use crate::jobs::remove_platforms::{self, Removal};
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
    /// Remove only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")
    #[arg(long, value_name = "strings", value_delimiter = ',')]
    platform: Vec<String>,
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
    let platforms = platform::given_each(&args.platform)?;
    if args.remote {
        if !platforms.is_empty() {
            let message = "conflicting options: cannot specify both --remote and --platform";
            return Err(Error::new(Kind::Usage, message));
        }
        let failures = remote::remove(&args.images, force, &args.registry, context).await?;
        return Ok(conclude(&failures, force, context));
    }
    let store = context.store();
    let mut failures = Vec::new();
    let mut unwanted = Vec::new();
    for image in &args.images {
        if platforms.is_empty() {
            unwanted.push(image);
            continue;
        }
        match remove_platforms::run(&store, image, &platforms).await {
            Ok(Removal::Everything) => unwanted.push(image),
            Ok(Removal::Some(manifests)) => {
                for digest in &manifests {
                    context.screen.line(&format!("Deleted: {digest}"));
                }
            }
            Err(e) => failures.push(e),
        }
    }
    for removed in store.sweep().remove(&unwanted, force)? {
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
