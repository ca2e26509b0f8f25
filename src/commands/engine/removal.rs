//! `rm` and `prune` of what only an engine has: nothing is there to be removed.

use clap::Args;

use super::object::EngineObject;
use crate::commands::filter::Condition;
use crate::commands::{Context, Status};
use crate::error::{Error, Kind, Result};
use crate::ui::prompt;

/// Remove one or more containers
#[derive(Debug, Args)]
pub struct ContainersRemovalArgs {
    /// A container that is not there is no failure
    #[arg(short, long)]
    force: bool,
    /// Remove the specified link
    #[arg(short, long)]
    link: bool,
    /// Remove anonymous volumes associated with the container
    #[arg(short, long)]
    volumes: bool,
    #[arg(value_name = "CONTAINER", required = true)]
    containers: Vec<String>,
}

/// Remove things by name
#[derive(Debug, Args)]
pub struct RemovalArgs {
    /// What is not there is no failure
    #[arg(short, long)]
    force: bool,
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
}

/// Remove what is not used
#[derive(Debug, Args)]
pub struct PruneArgs {
    /// Remove all that is unused
    #[arg(short, long)]
    all: bool,
    /// Only what matches
    #[arg(long, value_name = "filter")]
    filter: Vec<Condition>,
    /// Do not prompt for confirmation
    #[arg(short, long)]
    force: bool,
    /// Amount of disk space to keep for cache
    #[arg(long, value_name = "bytes")]
    keep_storage: Option<String>,
}

pub(super) async fn prune(thing: EngineObject, args: &PruneArgs, context: &Context) -> Result<Status> {
    let what = match (thing, args.all) {
        (EngineObject::Container, _) => "all stopped containers",
        (EngineObject::Volume, false) => "anonymous local volumes not used by at least one container",
        (EngineObject::Volume, true) => "all local volumes not used by at least one container",
        (EngineObject::Network, _) => "all custom networks not used by at least one container",
        (EngineObject::BuildCache, false) => "all dangling build cache",
        (EngineObject::BuildCache, true) => "all build cache",
    };
    let question = format!("WARNING! This will remove {what}.\nAre you sure you want to continue?");
    if !args.force && !prompt::confirm(&context.screen, &question).await? {
        return Ok(Status::Done);
    }
    // Of networks docker tells the names alone.
    if thing != EngineObject::Network {
        context.screen.line("Total reclaimed space: 0B");
    }
    Ok(Status::Done)
}

pub(super) fn remove_containers(args: &ContainersRemovalArgs, context: &Context) -> Status {
    let missing = |name: &String| Error::new(Kind::NotFound, format!("No such container: {name}"));
    let status = context.conclude(&args.containers.iter().map(missing).collect::<Vec<_>>());
    if args.force { Status::Done } else { status }
}

/// Docker answers `volume rm --force` as if the volume had been there, and `network rm --force` not at all.
pub(super) fn remove(thing: EngineObject, args: &RemovalArgs, context: &Context) -> Status {
    let missing = |name: &String| match thing {
        EngineObject::Volume => Error::new(Kind::NotFound, format!("get {name}: no such volume")),
        _ => Error::new(Kind::NotFound, format!("network {name} not found")),
    };
    if !args.force {
        return context.conclude(&args.names.iter().map(missing).collect::<Vec<_>>());
    }
    if thing == EngineObject::Volume {
        for name in &args.names {
            context.screen.line(name);
        }
    }
    Status::Done
}
