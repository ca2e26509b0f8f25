//! The one loop that moves blobs: in parallel up to a limit, each tried again while trying helps.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::Plan;
use super::meter::Meter;
use crate::backoff::Backoff;
use crate::content::{Opener, Outcome, Sink, Source};
use crate::error::{Error, Kind, Result};
use crate::image::Descriptor;
use crate::progress::{Event, Progress};

/// Moves all of `plan` from `source` to `sink`, at most `limit` blobs at once. The first failure ends the work;
/// what has arrived stays for the next try.
pub async fn run(
    plan: &Plan,
    source: &impl Source,
    sink: &impl Sink,
    limit: usize,
    progress: &Arc<dyn Progress>,
) -> Result<()> {
    progress.on(Event::Planned(&plan.layers));
    let limit = limit.max(1);
    for blob in plan.blobs.iter().skip(limit) {
        progress.on(Event::Waiting { blob: &blob.digest });
    }
    let mut waiting = plan.blobs.iter();
    let mut under_way: FuturesUnordered<_> = waiting
        .by_ref()
        .take(limit)
        .map(|blob| move_blob(blob, source, sink, progress))
        .collect();
    while let Some(moved) = under_way.next().await {
        moved?;
        under_way.extend(waiting.next().map(|blob| move_blob(blob, source, sink, progress)));
    }
    for child in &plan.children {
        sink.put_manifest(child).await?;
    }
    Ok(())
}

/// Moves one blob. A failure that may pass is followed by another try, from where the sink has got to.
async fn move_blob(
    blob: &Descriptor,
    source: &impl Source,
    sink: &impl Sink,
    progress: &Arc<dyn Progress>,
) -> Result<Outcome> {
    let meter = Meter::new(progress);
    let opener = Opener::new(|from| Box::pin(meter.open(source, blob, from)));
    let mut backoff = Backoff::default();
    let mut is_second_chance = false;
    loop {
        let began = Instant::now();
        let failure = match sink.receive(blob, &opener).await {
            Ok(outcome) => {
                progress.on(Event::Finished {
                    blob: &blob.digest,
                    outcome: &outcome,
                });
                return Ok(outcome);
            }
            Err(failure) => failure,
        };
        if meter.take() >= REAL_PROGRESS || began.elapsed() >= LONG_TRY {
            backoff.reset();
        }
        let wait = if failure.kind() == Kind::Corrupt && !is_second_chance {
            // Once: a mirror may have lied, or bytes may have been hurt on the way.
            is_second_chance = true;
            continue;
        } else if may_pass(&failure) {
            backoff.after_failure(failure.retry_after())
        } else {
            None
        };
        let Some(wait) = wait else {
            return Err(failure);
        };
        progress.on(Event::Retrying {
            blob: &blob.digest,
            wait,
            why: &failure,
        });
        tokio::time::sleep(wait).await;
    }
}

/// A try that moved this many bytes, or lasted this long, makes the failures before it forgotten
/// (podman's rule, which lets a long download over a bad line end well).
const REAL_PROGRESS: u64 = 1 << 20;
const LONG_TRY: Duration = Duration::from_mins(1);

fn may_pass(failure: &Error) -> bool {
    match failure.kind() {
        Kind::Unavailable => true,
        Kind::RateLimited => failure.retry_after().is_some(),
        _ => false,
    }
}
