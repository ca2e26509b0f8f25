//! `rdock system check`: whether the store is sound, and what to do where it is not.

use clap::Args;

use super::{Context, Status};
use crate::error::Result;
use crate::store::{BlobFault, Repair};
use crate::ui::human;

/// Verify every blob of the store, and that layers are what configs say
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Remove damaged blobs, so that the next pull fetches them again
    #[arg(long)]
    repair: bool,
}

pub fn run(args: &CheckArgs, context: &Context) -> Result<Status> {
    let repair = if args.repair { Repair::Yes } else { Repair::No };
    let checked = context.store().check(repair)?;
    for (digest, (fault, names)) in &checked.faults {
        let what = match fault {
            BlobFault::Damaged => "damaged",
            BlobFault::Missing => "missing",
            BlobFault::Invalid => "not a valid manifest",
            BlobFault::Missized => "not as long as its manifest says",
            BlobFault::Mislabelled => "not what its diff ID says",
        };
        let needed = match names.as_slice() {
            [] => "no image needs it".to_owned(),
            names => format!("needed by {}", names.join(", ")),
        };
        context.screen.line(&format!("{what}: {digest} ({needed})"));
    }
    let size = human::precise_size(checked.bytes);
    let faults = checked.faults.len();
    context
        .screen
        .line(&format!("Checked {} blobs, {size}: {faults} faults", checked.blobs));
    for layer in &checked.unchecked {
        let why = format!("WARNING: {layer} was not compared with its diff ID: it unpacks to too much");
        context.screen.note(&why);
    }
    let is_made_so = |(fault, _): &&(BlobFault, _)| {
        matches!(fault, BlobFault::Invalid | BlobFault::Missized | BlobFault::Mislabelled)
    };
    let made_so = checked.faults.values().filter(is_made_so).count();
    if faults > made_so {
        let hint = if args.repair {
            "hint: the damaged blobs are gone: pull the images named above again".to_owned()
        } else {
            let program = context.settings.program.name();
            format!("hint: run {program} system check --repair, then pull the images named above again")
        };
        context.screen.note(&hint);
    }
    if made_so > 0 {
        context
            .screen
            .note("hint: an image that says of its blobs what they are not was made so: remove it, or ask who made it");
    }
    Ok(if made_so > 0 || (faults > 0 && !args.repair) {
        Status::Failed
    } else {
        Status::Done
    })
}
