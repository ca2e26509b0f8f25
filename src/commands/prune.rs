//! `rdock image prune` and `rdock system prune`: removes what is not needed, in docker's words.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;

use super::filter::{Condition, ImageFilter};
use super::{Context, Status};
use crate::error::Result;
use crate::store::{Image, Pruned, Store};
use crate::ui::{human, prompt};

/// Remove unused images
#[derive(Debug, Args)]
pub struct ImagePruneArgs {
    /// Remove all unused images, not just dangling ones
    #[arg(short, long)]
    all: bool,
    /// Only images that match: until=TIME, label=KEY[=VALUE], label!=KEY[=VALUE]
    #[arg(long, value_name = "filter")]
    filter: Vec<Condition>,
    /// Do not prompt for confirmation
    #[arg(short, long)]
    force: bool,
}

/// Remove unused images and what interrupted transfers left
#[derive(Debug, Args)]
pub struct SystemPruneArgs {
    #[command(flatten)]
    images: ImagePruneArgs,
    /// Free only what interrupted transfers left, and keep all images
    #[arg(long, conflicts_with_all = ["all", "filter"])]
    partial: bool,
    /// Accepted for docker's sake: rdock has no volumes
    #[arg(long)]
    volumes: bool,
}

const UNUSED: &str = "all images without at least one container associated to them";
const DANGLING: &str = "all dangling images";
/// How long what a killed transfer left is kept for its next try, where images alone are pruned.
const KEPT_FOR: Duration = Duration::from_hours(7 * 24);

pub async fn run_image(args: &ImagePruneArgs, context: &Context) -> Result<Status> {
    let what = if args.all { UNUSED } else { DANGLING };
    let question = format!("WARNING! This will remove {what}.\nAre you sure you want to continue?");
    let store = context.store();
    let filter = ImageFilter::new(&args.filter, &ImageFilter::PRUNING, &store)?;
    if !args.force && !prompt::confirm(&context.screen, &question).await? {
        return Ok(Status::Done);
    }
    let pruned = store
        .sweep()
        .prune(|image| is_unwanted(image, args.all, &filter, &store), KEPT_FOR)?;
    tell(&pruned, context);
    Ok(Status::Done)
}

pub async fn run_system(args: &SystemPruneArgs, context: &Context) -> Result<Status> {
    if args.partial {
        return run_partial(&args.images, context).await;
    }
    let args = &args.images;
    let what = if args.all { UNUSED } else { DANGLING };
    let mut question = format!("WARNING! This will remove:\n  - {what}\n  - all leftovers of interrupted transfers\n");
    if !args.filter.is_empty() {
        question += "\n  Items to be pruned will be filtered with:\n";
        for condition in &args.filter {
            let _ = writeln!(question, "  - {condition}");
        }
    }
    question += "\nAre you sure you want to continue?";
    let store = context.store();
    let filter = ImageFilter::new(&args.filter, &ImageFilter::PRUNING, &store)?;
    if !args.force && !prompt::confirm(&context.screen, &question).await? {
        return Ok(Status::Done);
    }
    let unwanted = |image: &Image| is_unwanted(image, args.all, &filter, &store);
    let pruned = store.sweep().prune(unwanted, Duration::ZERO)?;
    tell(&pruned, context);
    Ok(Status::Done)
}

async fn run_partial(args: &ImagePruneArgs, context: &Context) -> Result<Status> {
    let question = "WARNING! This will remove all leftovers of interrupted transfers.\n\
                    Are you sure you want to continue?";
    if !args.force && !prompt::confirm(&context.screen, question).await? {
        return Ok(Status::Done);
    }
    tell(&context.store().sweep().partial()?, context);
    Ok(Status::Done)
}

/// As docker has it, an image without a tag is dangling, and `dangling=false` asks for the others too. One that cannot
/// be read fits no filter.
fn is_unwanted(image: &Image, all: bool, filter: &ImageFilter, store: &Store) -> bool {
    let takes_tagged = all || filter.dangling() == Some(false);
    (takes_tagged || image.tags.is_empty()) && (image.fault.is_none() || filter.is_empty()) && filter.fits(image, store)
}

fn tell(pruned: &Pruned, context: &Context) {
    if !pruned.removed.is_empty() {
        context.screen.line("Deleted Images:");
        for removed in &pruned.removed {
            for name in &removed.untagged {
                context.screen.line(&format!("untagged: {}", name.familiar()));
            }
            for id in &removed.deleted {
                context.screen.line(&format!("deleted: {id}"));
            }
        }
        context.screen.line("");
    }
    let freed = pruned.freed.unwrap_or_else(|| {
        context.screen.note(if pruned.is_served {
            "WARNING: clients of rdock serve are at work, so nothing was freed yet: it does so itself, within minutes"
        } else {
            "WARNING: another job is under way, so nothing was freed yet: run this again when it is done"
        });
        0
    });
    context
        .screen
        .line(&format!("Total reclaimed space: {}", human::precise_size(freed)));
}
