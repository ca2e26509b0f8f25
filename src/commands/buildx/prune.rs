//! `buildx prune`, answered as by a builder that has built nothing
//! (<https://github.com/docker/buildx/blob/v0.24.0/commands/prune.go>).

use clap::Args;

use crate::commands::{Context, Status};
use crate::error::Result;
use crate::ui::prompt;

/// Remove build cache: there is none
#[derive(Debug, Args)]
pub(super) struct PruneArgs {
    /// Include internal/frontend images
    #[arg(short, long)]
    all: bool,
    /// Provide filter values (e.g., "until=24h")
    #[arg(long, value_name = "filter")]
    filter: Vec<String>,
    /// Do not prompt for confirmation
    #[arg(short, long)]
    force: bool,
    /// Amount of disk space to keep for cache
    #[arg(long, value_name = "bytes", visible_aliases = ["keep-storage", "max-used-space", "min-free-space"])]
    reserved_space: Vec<String>,
    /// Provide a more verbose output
    #[arg(long)]
    verbose: bool,
}

pub(super) async fn run(args: &PruneArgs, context: &Context) -> Result<Status> {
    let what = if args.all { "all" } else { "all dangling" };
    let question = format!("WARNING! This will remove {what} build cache. Are you sure you want to continue?");
    if args.force || prompt::confirm(&context.screen, &question).await? {
        context.screen.line("Total:\t0B");
    }
    Ok(Status::Done)
}
