//! What needs docker's engine, answered as by one that holds nothing: there is no container, no volume, no network and
//! no build cache. Clean-up scripts and tools that first look for an engine go on.

mod context;
mod listing;
mod object;
mod removal;

use clap::Subcommand;

use super::{Context, Status};
use crate::error::Result;

pub use context::ContextCommand;
pub use listing::{ContainersArgs, NamedArgs};
pub use object::EngineObject;
pub use removal::{ContainersRemovalArgs, PruneArgs, RemovalArgs};

/// Manage containers
#[derive(Debug, Subcommand)]
pub enum ContainerCommand {
    #[command(visible_aliases = ["ps", "list"])]
    Ls(ContainersArgs),
    Prune(PruneArgs),
    #[command(visible_alias = "remove")]
    Rm(ContainersRemovalArgs),
}

/// Manage what has names
#[derive(Debug, Subcommand)]
pub enum NamedCommand {
    #[command(visible_alias = "list")]
    Ls(NamedArgs),
    Prune(PruneArgs),
    #[command(visible_alias = "remove")]
    Rm(RemovalArgs),
}

/// Manage builds
#[derive(Debug, Subcommand)]
pub enum BuilderCommand {
    Prune(PruneArgs),
}

pub async fn run_container(command: &ContainerCommand, context: &Context) -> Result<Status> {
    match command {
        ContainerCommand::Ls(args) => run_ps(args, context),
        ContainerCommand::Prune(args) => removal::prune(EngineObject::Container, args, context).await,
        ContainerCommand::Rm(args) => Ok(run_rm(args, context)),
    }
}

pub fn run_ps(args: &ContainersArgs, context: &Context) -> Result<Status> {
    listing::containers(args, context)
}

pub fn run_rm(args: &ContainersRemovalArgs, context: &Context) -> Status {
    removal::remove_containers(args, context)
}

/// `volume` and `network`.
pub async fn run_named(thing: EngineObject, command: &NamedCommand, context: &Context) -> Result<Status> {
    match command {
        NamedCommand::Ls(args) => listing::named(thing, args, context),
        NamedCommand::Prune(args) => removal::prune(thing, args, context).await,
        NamedCommand::Rm(args) => Ok(removal::remove(thing, args, context)),
    }
}

pub async fn run_builder(command: &BuilderCommand, context: &Context) -> Result<Status> {
    match command {
        BuilderCommand::Prune(args) => removal::prune(EngineObject::BuildCache, args, context).await,
    }
}

pub fn run_context(command: &ContextCommand, context: &Context) -> Result<Status> {
    context::run(command, context)
}
