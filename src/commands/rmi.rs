//! `rdock rmi`: takes names away, and the image with the last one.

use clap::Args;

use super::{Context, Status};
use crate::error::{Kind, Result};
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
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,
}

pub fn run(args: &RmiArgs, context: &Context) -> Result<Status> {
    let store = context.store();
    let force = if args.force { Force::Yes } else { Force::No };
    let mut failures = Vec::new();
    for removed in store.remove(&args.images, force)? {
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
    for failure in &failures {
        context.fail(failure);
    }
    let forgiven = args.force && failures.iter().all(|e| e.kind() == Kind::NotFound);
    Ok(if failures.is_empty() || forgiven {
        Status::Done
    } else {
        Status::Failed
    })
}
