//! `rdock system check`: whether the store is sound, and what to do where it is not.

use clap::Args;

use super::{Context, Status};
use crate::error::Result;
use crate::store::{BlobFault, Repair};
use crate::ui::human;

/// Verify every blob of the store
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
    if faults == 0 {
        return Ok(Status::Done);
    }
    if args.repair {
        context
            .screen
            .note("hint: the damaged blobs are gone: pull the images named above again");
        return Ok(Status::Done);
    }
    let program = context.settings.program.name();
    context.screen.note(&format!(
        "hint: run {program} system check --repair, then pull the images named above again"
    ));
    Ok(Status::Failed)
}
