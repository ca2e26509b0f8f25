//! `rdock copy`: from one registry to another, straight through, as it is.

mod batch;
mod origin;
mod outlook;
mod place;
mod tape;
mod target;
mod unpacked;

use clap::Args;

use super::{Context, RegistryArgs, Status, TransferArgs};
use crate::credentials::server_domain;
use crate::error::{Error, Kind, Result};
use crate::image::referral::is_fallback_tag;
use crate::image::{Platform, Reference, glob};
use crate::registry::Registry;
use crate::store::Store;

use batch::Batch;
use origin::Origin;
use outlook::Outlook;
use place::Place;
use target::Target;
use unpacked::Unpacked;

/// Copy images between registries, with all their platforms and without a disk in between
#[derive(Debug, Args)]
pub struct CopyArgs {
    #[command(flatten)]
    which: Which,
    /// Copy the image for this platform only
    #[arg(long, value_name = "string")]
    platform: Option<String>,
    /// Copy signatures, SBOMs and whatever else refers to the image as well
    #[arg(long)]
    referrers: bool,
    /// Only show what would be copied
    #[arg(long)]
    dry_run: bool,
    /// Suppress verbose output
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    pub(crate) transfer: TransferArgs,
    #[arg(value_name = "SOURCE")]
    source: String,
    #[arg(value_name = "DESTINATION")]
    destination: String,
}

/// The flags that name more than one image.
#[derive(Debug, Args)]
struct Which {
    /// Copy every repository of a registry: SOURCE is HOST[:PORT], DESTINATION is HOST[:PORT][/PATH]
    #[arg(long, conflicts_with = "all_tags")]
    all: bool,
    /// Copy all tags of the repository
    #[arg(short = 'a', long)]
    all_tags: bool,
    /// Of all tags, copy only those that match the pattern
    #[arg(long, value_name = "glob")]
    filter: Vec<String>,
}

impl Which {
    fn is_many(&self) -> bool {
        self.all || self.all_tags
    }
}

pub async fn run(args: CopyArgs, context: &Context) -> Result<Status> {
    args.transfer.in_time(Box::pin(copy(&args, context))).await
}

async fn copy(args: &CopyArgs, context: &Context) -> Result<Status> {
    if !(args.which.filter.is_empty() || args.which.is_many()) {
        return Err(Error::new(Kind::Usage, "--filter goes with --all-tags or --all"));
    }
    if place::is_archive(&args.destination) && (args.which.is_many() || args.referrers) {
        let message = "an archive takes one image and nothing that refers to it: copy to a folder, oci:DIR, instead";
        return Err(Error::new(Kind::Usage, message));
    }
    // Patterns that cannot be read are refused before anything moves.
    args.which
        .filter
        .iter()
        .try_for_each(|pattern| glob::matches(pattern, "").map(drop))?;
    let job = Job {
        platform: args.platform.as_deref().map(Platform::parse).transpose()?,
        args,
        context,
    };
    let mut outlook = Outlook::default();
    let mut status = Status::Done;
    let places = job.places().await?;
    for (from, to) in &places {
        let copied = Box::pin(job.run(from, to, &mut outlook)).await;
        match copied {
            Ok(Status::Done) => {}
            Ok(other) => status = other,
            // A repository whose tags are all gone, or none of ours to read, does not keep the others from it.
            Err(e) if places.len() > 1 && batch::is_of_one_image(&e) => {
                context.fail(&e.during(format!("copying {from}")));
                status = Status::Failed;
            }
            Err(e) => return Err(e),
        }
    }
    if args.dry_run {
        context.screen.print(&outlook.to_string());
    }
    Ok(status)
}

/// What was asked for.
struct Job<'a> {
    args: &'a CopyArgs,
    context: &'a Context,
    platform: Option<Platform>,
}

impl<'a> Job<'a> {
    /// The repositories or folders to copy, and where to.
    async fn places(&self) -> Result<Vec<(Place, Place)>> {
        let (source, destination) = (&self.args.source, &self.args.destination);
        if !self.args.which.all {
            return Ok(vec![(Place::parse(source)?, Place::parse(destination)?)]);
        }
        let domain = server_domain(Some(source));
        let prefix = destination.trim_end_matches('/');
        let registry = self.registry(&domain)?;
        let pair = |name: &String| {
            let from = Reference::parse(&format!("{domain}/{name}"))?;
            let to = Reference::parse(&format!("{prefix}/{name}"))?;
            Ok((Place::Registry(from), Place::Registry(to)))
        };
        registry.catalog().await?.whole()?.iter().map(pair).collect()
    }

    /// Copies, or foresees, what is asked for of one repository or folder.
    async fn run(&self, from: &Place, to: &Place, outlook: &mut Outlook) -> Result<Status> {
        let batch = self.batch(from, to).await?;
        let pairs = self.pairs(&batch.origin, from, to).await?;
        if self.args.dry_run {
            batch.foresee(&pairs, outlook).await.map(|()| Status::Done)
        } else {
            Box::pin(batch.copy(&pairs)).await
        }
    }

    async fn batch(&self, from: &Place, to: &Place) -> Result<Batch<'a>> {
        let mut neighbour = None;
        let origin = match from {
            Place::Registry(name) => {
                let registry = self.registry(name.domain())?;
                neighbour = Some((registry.clone(), name.path().to_owned()));
                Origin::Repository(registry.repository(name))
            }
            Place::Layout { folder, .. } => Origin::Layout(Store::at(folder.clone())),
            Place::Archive { file, .. } => Origin::Archive(Box::new(Unpacked::read(file, self.context).await?)),
        };
        let target = match to {
            Place::Registry(name) => {
                let registry = match &neighbour {
                    // One host: its tokens and what was learned of it are shared, and blobs can be linked.
                    Some((registry, _)) if registry.domain() == name.domain() => registry.clone(),
                    _ => {
                        neighbour = None;
                        self.registry(name.domain())?
                    }
                };
                let limit = self.context.store().body_limit(name.domain());
                Target::Repository(registry.bounded_by(limit).repository(name))
            }
            Place::Layout { folder, .. } => {
                neighbour = None;
                Target::Layout(Store::at(folder.clone()))
            }
            Place::Archive { file, .. } => {
                neighbour = None;
                Target::Archive(file.clone())
            }
        };
        Ok(Batch::new(
            self.context,
            self.args,
            self.platform.clone(),
            (from.clone(), origin),
            target,
            neighbour.map(|(_, path)| path),
        ))
    }

    /// The images to copy, and their new names.
    async fn pairs(&self, origin: &Origin, from: &Place, to: &Place) -> Result<Vec<(Place, Place)>> {
        if !self.args.which.is_many() {
            return self.one(from, to).map(|pair| vec![pair]);
        }
        if from.has_version() || to.has_version() {
            return Err(Error::new(Kind::Usage, "tag can't be used with --all-tags/-a"));
        }
        let mut pairs = Vec::new();
        for tag in origin.tags().await? {
            // Those lists are made anew from what they list.
            if self.args.referrers && is_fallback_tag(&tag) {
                continue;
            }
            if self.is_wanted(&tag)? {
                pairs.push((from.at_tag(&tag)?, to.at_tag(&tag)?));
            }
        }
        Ok(pairs)
    }

    /// One image. A destination without a tag has docker's default one.
    fn one(&self, from: &Place, to: &Place) -> Result<(Place, Place)> {
        let say = |which: &str| {
            if !self.args.quiet {
                self.context
                    .screen
                    .line(&format!("Using default tag for the {which}: latest"));
            }
        };
        let from = match from {
            Place::Registry(name) if name.is_name_only() => {
                say("source");
                from.at_tag("latest")?
            }
            named => named.clone(),
        };
        if !to.has_version() && !matches!(to, Place::Archive { .. }) {
            say("destination");
            return Ok((from, to.at_tag("latest")?));
        }
        Ok((from, to.clone()))
    }

    fn is_wanted(&self, tag: &str) -> Result<bool> {
        let patterns = &self.args.which.filter;
        if patterns.is_empty() {
            return Ok(true);
        }
        for pattern in patterns {
            if glob::matches(pattern, tag)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn registry(&self, domain: &str) -> Result<Registry> {
        let patience = self.args.transfer.stall_timeout;
        let registries = self.context.registries(&self.args.registry, Some(patience))?;
        registries.at(domain)
    }
}
