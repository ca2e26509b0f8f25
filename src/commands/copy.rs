//! `rdock copy`: from one registry to another, straight through, as it is.

use std::fmt::Write as _;

use clap::Args;

use super::{Context, RegistryArgs, Status, TransferArgs, platform};
use crate::credentials::server_domain;
use crate::error::{Error, Kind, Result};
use crate::image::glob;
use crate::jobs::copy::{self, Copied, DryRun, Fate, Referrers, Request};
use crate::jobs::{End, News, Reporter};
use crate::places::{self, Means};
use crate::progress::Direction;
use crate::ui::{Table, human};

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
    /// An image on a registry by its name, oci:FOLDER[:TAG], oci-archive:FILE, docker-archive:FILE, or rdock-store:NAME for a local image
    #[arg(value_name = "SOURCE")]
    source: String,
    /// The same, or a repository for all tags
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
    args.transfer.in_time(context, Box::pin(copy(&args, context))).await
}

async fn copy(args: &CopyArgs, context: &Context) -> Result<Status> {
    check(args)?;
    let request = Request {
        means: Means {
            registries: context.registries(&args.registry, Some(args.transfer.stall_timeout))?,
            store: context.store(),
            progress: context.screen.progress(Direction::Load, true),
        },
        which: if args.which.is_many() {
            copy::Which::Tags {
                patterns: args.which.filter.clone(),
            }
        } else {
            copy::Which::Named
        },
        platform: platform::given(args.platform.as_deref())?,
        referrers: if args.referrers {
            Referrers::Along
        } else {
            Referrers::Left
        },
        limits: args.transfer.limits(),
        reporter: Reporter::new(
            |news| tell(news, args, context),
            || context.screen.progress(Direction::Push, args.quiet),
        ),
    };
    let places = if args.which.all {
        let domain = server_domain(Some(&args.source));
        let prefix = args.destination.trim_end_matches('/');
        copy::repositories(&request, &domain, prefix).await?
    } else {
        vec![(places::parse(&args.source)?, places::parse(&args.destination)?)]
    };
    let copied = if args.dry_run {
        let (dry_run, copied) = copy::foresee(&request, &places).await?;
        context.screen.print(&shown(&dry_run));
        copied
    } else {
        copy::run(&request, &places).await?
    };
    Ok(match copied {
        Copied::All => Status::Done,
        Copied::Some => Status::Failed,
    })
}

/// Refuses what does not go together before anything moves.
fn check(args: &CopyArgs) -> Result<()> {
    let usage = |message: &str| Err(Error::new(Kind::Usage, message));
    if !(args.which.filter.is_empty() || args.which.is_many()) {
        return usage("--filter goes with --all-tags or --all");
    }
    if args.which.all && (places::is_local(&args.source) || places::is_local(&args.destination)) {
        return usage(
            "--all copies from registry to registry: to a folder, copy one repository after the other, as with \
             \"copy --all-tags HOST/NAME oci:DIR\"",
        );
    }
    if places::is_archive(&args.destination) && (args.which.is_many() || args.referrers) {
        return usage("an archive takes one image and nothing that refers to it: copy to a folder, oci:DIR, instead");
    }
    let mut patterns = args.which.filter.iter();
    patterns.try_for_each(|pattern| glob::matches(pattern, "").map(drop))
}

/// The words for what happens on the way.
fn tell(news: News<'_>, args: &CopyArgs, context: &Context) {
    let say = |line: &str| {
        if !args.quiet {
            context.screen.line(line);
        }
    };
    match news {
        News::DefaultTag(End::Source) => say("Using default tag for the source: latest"),
        News::DefaultTag(End::Destination) => say("Using default tag for the destination: latest"),
        News::Copying { from, to } => say(&format!("Copying {from} to {to}")),
        News::Copied { to, manifest } => {
            let (digest, size) = (manifest.digest(), manifest.raw.len());
            say(&format!("{}digest: {digest} size: {size}", lead(to)));
        }
        News::CopyEnds { to, attached, is_new } => {
            if attached > 0 {
                let referrers = if attached == 1 { "referrer" } else { "referrers" };
                say(&format!("{}copied with {attached} {referrers}", lead(to)));
            }
            let status = if is_new {
                "Copied image to"
            } else {
                "Image is up to date for"
            };
            say(&format!("Status: {status} {to}"));
            context.screen.line(&to.in_full());
        }
        News::NotCopied(e) => {
            context.fail(&e);
        }
        News::SignaturesNotSought(e) => {
            let words = format!("WARNING: cosign's signatures are not looked for: {e}");
            context.screen.note(&words);
        }
        _ => {}
    }
}

/// The tag, as lines about it begin.
fn lead(place: &places::Place) -> String {
    place.tag().map(|tag| format!("{tag}: ")).unwrap_or_default()
}

/// A table of what would move, and the sums below it.
fn shown(dry_run: &DryRun) -> String {
    let mut text = String::new();
    if !dry_run.moving().is_empty() {
        let mut table = Table::new(&["BLOB", "SIZE", "ACTION"]);
        for (digest, size, fate) in dry_run.moving() {
            let action = match fate {
                Fate::Mounted(from) => format!("mount from {from}"),
                _ => "copy".to_owned(),
            };
            table.row(&[digest.short(), &human::size(*size), &action]);
        }
        text += &table.aligned();
    }
    let mut line = |title: &str, (count, bytes): (usize, u64), what: &str| {
        let plural = if count == 1 { "" } else { "s" };
        let size = human::size(bytes);
        // Writing to a string does not fail.
        let _ = writeln!(text, "{title:<15}{count} {what}{plural}, {size} ({bytes} bytes)");
    };
    line("To copy:", dry_run.sum(|fate| *fate == Fate::Copied), "blob");
    let mounted = dry_run.sum(|fate| matches!(fate, Fate::Mounted(_)));
    if mounted.0 > 0 {
        line("To mount:", mounted, "blob");
    }
    if dry_run.present().0 > 0 {
        line("Already there:", dry_run.present(), "blob");
    }
    line("To write:", dry_run.manifests(), "manifest");
    text
}
