//! `buildx imagetools`: what of docker's buildx needs registries only.

mod annotation;
mod create;
mod inspect;
mod prune;

use clap::{Args, Subcommand};

use super::{Context, Status};
use crate::error::Result;

/// Work with images on registries
#[derive(Debug, Args)]
pub struct BuildxArgs {
    /// Accepted for docker's sake: there are no builders
    #[arg(long, value_name = "string", global = true)]
    builder: Option<String>,
    #[command(subcommand)]
    command: BuildxCommand,
}

#[derive(Debug, Subcommand)]
enum BuildxCommand {
    #[command(subcommand)]
    Imagetools(ImagetoolsCommand),
    Prune(prune::PruneArgs),
}

/// Commands to work on images in registry
#[derive(Debug, Subcommand)]
enum ImagetoolsCommand {
    Create(create::CreateArgs),
    Inspect(inspect::InspectArgs),
}

/// Failures begin as buildx begins them.
pub async fn run(args: BuildxArgs, context: &Context) -> Result<Status> {
    let done = match args.command {
        BuildxCommand::Imagetools(ImagetoolsCommand::Create(args)) => create::run(args, context).await,
        BuildxCommand::Imagetools(ImagetoolsCommand::Inspect(args)) => inspect::run(args, context).await,
        BuildxCommand::Prune(args) => prune::run(&args, context).await,
    };
    done.map_err(|e| e.during("ERROR"))
}
