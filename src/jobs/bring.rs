//! One image on its way to a place: its content moves, then it is named.

use super::{Reporter, commit};
use crate::error::Result;
use crate::places::{Destination, Incoming};
use crate::transfer::{self, Limits, Plan};

/// How an image is to be found at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listing {
    Named,
    /// What it speaks of leads to it.
    Attached,
}

/// Moves what is planned, and lists the image. What a registry turns out to lack, though it said to have it, is moved as
/// well, and the image is listed again, once: a Nexus group says so of what is in other members than the one that is
/// written to (nexus-public#869).
pub(super) async fn bring(
    target: &dyn Destination,
    incoming: Incoming<'_>,
    listing: Listing,
    plan: &Plan,
    limits: Limits,
    reporter: &Reporter<'_>,
) -> Result<()> {
    let Incoming { root, to, .. } = incoming;
    let source = incoming.from.1;
    let streams = target.streams().or(limits.streams);
    let limits = Limits { streams, ..limits };
    let progress = reporter.watch();
    let go = async |plan: &Plan| -> Result<Result<()>> {
        let receiver = target.begin(incoming).await?;
        transfer::run(plan, &source, &&*receiver, limits, &progress).await?;
        Ok(match listing {
            Listing::Named => commit::to_place(receiver, root, to).await,
            Listing::Attached => receiver.attach(root).await,
        })
    };
    let Err(failure) = go(plan).await? else {
        return Ok(());
    };
    match Plan::for_lacking(root, &failure) {
        Some(lacking) => go(&lacking).await?,
        None => Err(failure),
    }
}
