//! `rdock manifest`: manifests and manifest lists, straight from and to a registry.

mod annotate;
mod create;
mod inspect;
mod members;
mod push;
mod rm;

use clap::Subcommand;

use super::{Context, Status};
use crate::error::Result;

/// Manage image manifests and manifest lists
#[derive(Debug, Subcommand)]
pub enum ManifestCommand {
    Annotate(annotate::AnnotateArgs),
    Create(create::CreateArgs),
    Inspect(inspect::InspectArgs),
    Push(push::PushArgs),
    Rm(rm::RmArgs),
}

pub async fn run(command: ManifestCommand, context: &Context) -> Result<Status> {
    match command {
        ManifestCommand::Annotate(args) => annotate::run(&args, context),
        ManifestCommand::Create(args) => create::run(args, context).await,
        ManifestCommand::Inspect(args) => inspect::run(args, context).await,
        ManifestCommand::Push(args) => push::run(args, context).await,
        ManifestCommand::Rm(args) => Ok(rm::run(&args, context)),
    }
}
