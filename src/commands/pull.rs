//! `rdock pull`: what was asked for, and docker's words for what came.

use clap::Args;

use super::{Context, RegistryArgs, Status, TransferArgs, TrustArgs, platform};
use crate::error::{Error, Kind, Result};
use crate::image::{Platform, Reference, Version};
use crate::jobs::pull::{Extent, Pull, Pulled};
use crate::jobs::{News, Reporter};
use crate::progress::Direction;

#[derive(Debug, Args)]
#[command(
    about = "Download an image from a registry",
    long_about = "Download an image from a registry, or several one after the other"
)]
pub struct PullArgs {
    /// Download all tagged images in the repository
    #[arg(short = 'a', long)]
    all_tags: bool,
    /// Keep the images for all platforms, as the registry has them
    #[arg(long)]
    all_platforms: bool,
    /// Suppress verbose output
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    trust: TrustArgs,
    /// Set platform if the registry offers several
    #[arg(long, value_name = "string")]
    platform: Option<String>,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    pub(crate) transfer: TransferArgs,
    #[arg(value_name = "NAME[:TAG|@DIGEST]")]
    name: String,
    /// Hidden, so that usage and mistakes are told as docker tells them.
    #[arg(value_name = "NAME", hide = true)]
    more: Vec<String>,
}

/// Pulls one after the other. What goes wrong with one of several is told at once, and the others are pulled all the
/// same.
pub async fn run(args: PullArgs, context: &Context) -> Result<Status> {
    args.transfer.in_time(context, Box::pin(pull_all(&args, context))).await
}

async fn pull_all(args: &PullArgs, context: &Context) -> Result<Status> {
    args.trust.check(&context.settings)?;
    if args.all_platforms && args.platform.as_deref().is_some_and(|text| !text.is_empty()) {
        return Err(Error::new(
            Kind::Usage,
            "conflicting options: cannot specify both --all-platforms and --platform",
        ));
    }
    let mut status = Status::Done;
    for name in [&args.name].into_iter().chain(&args.more) {
        match pull(name, args, context).await {
            Err(e) if !args.more.is_empty() && e.kind() != Kind::Interrupted => {
                context.fail(&e);
                status = Status::Failed;
            }
            pulled => {
                if pulled? == Status::Failed {
                    status = Status::Failed;
                }
            }
        }
    }
    Ok(status)
}

async fn pull(name: &str, args: &PullArgs, context: &Context) -> Result<Status> {
    let typed = Reference::parse(name)?;
    if args.all_tags && !typed.is_name_only() {
        return Err(Error::new(Kind::Usage, "tag can't be used with --all-tags/-a"));
    }
    if typed.is_name_only() && !args.all_tags && !args.quiet {
        context.screen.line("Using default tag: latest");
    }
    if typed.is_hub() && typed.familiar_name() == "scratch" {
        return Err(Error::new(Kind::Usage, "'scratch' is a reserved name"));
    }
    let asked = args
        .platform
        .as_ref()
        .or(context.settings.docker.default_platform.as_ref());
    let platform = platform::given(asked.map(String::as_str))?;
    let repository = context
        .registries(&args.registry, Some(args.transfer.stall_timeout))?
        .at(typed.domain())?
        .repository(&typed);
    let pull = Pull {
        store: context.store(),
        repository,
        platform: platform.clone(),
        extent: if args.all_platforms {
            Extent::AllPlatforms
        } else {
            Extent::OnePlatform
        },
        limits: args.transfer.limits(),
        reporter: Reporter::new(
            |news| tell(&news, args, context),
            || context.screen.progress(Direction::Pull, args.quiet),
        ),
    };
    let (pulled, shown) = if args.all_tags {
        (pull.all_tags(&typed).await?, typed)
    } else {
        let name = typed.or_latest();
        (pull.one(&name).await?, name)
    };
    if pulled.count > 0 || pulled.passed_over == 0 {
        if !args.quiet {
            conclude(&shown, &pulled, platform.as_ref(), context);
        }
        context.screen.line(&shown.to_string());
    }
    Ok(if pulled.passed_over > 0 {
        Status::Failed
    } else {
        Status::Done
    })
}

/// Docker's words for what happens on the way.
fn tell(news: &News<'_>, args: &PullArgs, context: &Context) {
    let line = match news {
        News::Pulling(name) => {
            let what = match name.version() {
                Version::Tag(tag) => tag.to_owned(),
                Version::Digest(digest) => name.at_digest(digest).to_string(),
            };
            format!("{what}: Pulling from {}", name.path())
        }
        News::Digest(digest) => format!("Digest: {digest}"),
        News::NotRemembered(why) => {
            let words = format!("WARNING: the store could not note where the image is: {why}");
            context.screen.note(&words);
            return;
        }
        News::PassedOver { name, why } => {
            context
                .screen
                .note(&format!("{} is passed over: {why}", name.familiar()));
            return;
        }
        _ => return,
    };
    if !args.quiet {
        context.screen.line(&line);
    }
}

fn conclude(shown: &Reference, pulled: &Pulled, wanted: Option<&Platform>, context: &Context) {
    let status = if pulled.is_new {
        "Downloaded newer image for"
    } else {
        "Image is up to date for"
    };
    // Where there is a digest docker leaves the tag out, except in the last line.
    let without_tag = shown.digest().map(|digest| shown.at_digest(digest));
    let subject = without_tag.as_ref().unwrap_or(shown).familiar();
    context.screen.line(&format!("Status: {status} {subject}"));
    for (name, actual) in &pulled.mismatches {
        let Some(wanted) = wanted else { continue };
        context.screen.line(&format!(
            "WARNING: image with reference {} was found but its platform ({actual}) does not match the specified platform ({wanted})",
            name.familiar_name()
        ));
    }
}
