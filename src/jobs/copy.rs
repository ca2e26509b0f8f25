//! `copy`: from one place to another, straight through, as it is.

mod batch;
mod dry_run;
mod request;

pub use dry_run::{DryRun, Fate};
pub use request::{Copied, Referrers, Request, Which};

use super::{End, News, is_of_one_image};
use crate::error::{Error, Kind, Result};
use crate::image::referral::is_fallback_tag;
use crate::image::{Reference, glob};
use crate::places::{Place, on_registry};

use batch::Batch;

/// Every repository of a registry, each with its new place: below `prefix`, which is a registry or a path on one.
pub async fn repositories(request: &Request<'_>, domain: &str, prefix: &str) -> Result<Vec<(Place, Place)>> {
    let registry = request.means.registries.at(domain)?;
    let pair = |name: &String| {
        let from = Reference::parse(&format!("{domain}/{name}"))?;
        let to = Reference::parse(&format!("{prefix}/{name}"))?;
        Ok((on_registry(from), on_registry(to)))
    };
    registry.catalog().await?.whole()?.iter().map(pair).collect()
}

/// Copies what is asked for of each repository or folder. One that has nothing to give does not keep the others
/// from it.
pub async fn run(request: &Request<'_>, places: &[(Place, Place)]) -> Result<Copied> {
    let mut copied = Copied::All;
    for (from, to) in places {
        match Box::pin(one(request, from, to)).await {
            Ok(Copied::All) => {}
            Ok(Copied::Some) => copied = Copied::Some,
            Err(e) if places.len() > 1 && is_of_one_image(&e) => {
                request
                    .reporter
                    .tell(News::NotCopied(e.during(format!("copying {from}"))));
                copied = Copied::Some;
            }
            Err(e) => return Err(e),
        }
    }
    Ok(copied)
}

/// Adds up what the copy of each would move.
pub async fn foresee(request: &Request<'_>, places: &[(Place, Place)]) -> Result<(DryRun, Copied)> {
    let (mut dry_run, mut copied) = (DryRun::default(), Copied::All);
    for (from, to) in places {
        let foreseen = async {
            let batch = Batch::open(request, from, to).await?;
            let pairs = pairs(request, &batch, from, to).await?;
            batch.foresee(&pairs, &mut dry_run).await
        };
        match Box::pin(foreseen).await {
            Err(e) if places.len() > 1 && is_of_one_image(&e) => {
                request
                    .reporter
                    .tell(News::NotCopied(e.during(format!("copying {from}"))));
                copied = Copied::Some;
            }
            foreseen => foreseen?,
        }
    }
    Ok((dry_run, copied))
}

async fn one(request: &Request<'_>, from: &Place, to: &Place) -> Result<Copied> {
    let batch = Batch::open(request, from, to).await?;
    let pairs = pairs(request, &batch, from, to).await?;
    Box::pin(batch.copy(&pairs)).await
}

/// The images to copy, and their new names.
async fn pairs(request: &Request<'_>, batch: &Batch<'_>, from: &Place, to: &Place) -> Result<Vec<(Place, Place)>> {
    let Which::Tags { patterns } = &request.which else {
        return named(request, from, to).map(|pair| vec![pair]);
    };
    if from.has_version() || to.has_version() {
        return Err(Error::new(Kind::Usage, "tag can't be used with --all-tags/-a"));
    }
    let mut pairs = Vec::new();
    for tag in batch.origin.tags().await? {
        // Those lists are made anew from what they list.
        if request.referrers == Referrers::Along && is_fallback_tag(&tag) {
            continue;
        }
        if is_wanted(&tag, patterns)? {
            pairs.push((from.at_tag(&tag)?, to.at_tag(&tag)?));
        }
    }
    Ok(pairs)
}

/// One image. What has no tag and needs one gets docker's default one.
fn named(request: &Request<'_>, from: &Place, to: &Place) -> Result<(Place, Place)> {
    let with_default = |place: &Place, end: End| {
        request.reporter.tell(News::DefaultTag(end));
        place.at_tag("latest")
    };
    let from = match from.reference() {
        Some(name) if name.is_name_only() => with_default(from, End::Source)?,
        _ => from.clone(),
    };
    let to = if to.needs_version() {
        with_default(to, End::Destination)?
    } else {
        to.clone()
    };
    Ok((from, to))
}

fn is_wanted(tag: &str, patterns: &[String]) -> Result<bool> {
    for pattern in patterns {
        if glob::matches(pattern, tag)? {
            return Ok(true);
        }
    }
    Ok(patterns.is_empty())
}
