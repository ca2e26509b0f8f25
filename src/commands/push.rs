//! `rdock push`: the very bytes of the store, to wherever the name points.

use clap::Args;

use super::{Context, RegistryArgs, Status, TransferArgs, TrustArgs, platform};
use crate::error::{Error, Kind, Result};
use crate::image::Reference;
use crate::jobs::push::{Push, Pushed, Which};
use crate::jobs::{News, Reporter};
use crate::places::Means;
use crate::progress::Direction;

/// Upload an image to a registry
#[derive(Debug, Args)]
pub struct PushArgs {
    /// Push all tags of an image to the repository
    #[arg(short = 'a', long)]
    all_tags: bool,
    #[command(flatten)]
    trust: TrustArgs,
    /// Suppress verbose output
    #[arg(short, long)]
    quiet: bool,
    /// Push the image for this platform only
    #[arg(long, value_name = "string")]
    platform: Option<String>,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    pub(crate) transfer: TransferArgs,
    #[arg(value_name = "NAME[:TAG]")]
    name: String,
}

pub async fn run(args: PushArgs, context: &Context) -> Result<Status> {
    args.transfer.in_time(context, Box::pin(push(&args, context))).await
}

async fn push(args: &PushArgs, context: &Context) -> Result<Status> {
    args.trust.check(&context.settings)?;
    let typed = Reference::parse(&args.name)?;
    if typed.digest().is_some() {
        return Err(Error::new(Kind::Usage, "cannot push a digest reference"));
    }
    if args.all_tags && typed.tag().is_some() {
        return Err(Error::new(Kind::Usage, "tag can't be used with --all-tags/-a"));
    }
    let platform = platform::given(args.platform.as_deref()).map_err(platform::invalid)?;
    let say = |line: &str| {
        if !args.quiet {
            context.screen.line(line);
        }
    };
    let shown = if args.all_tags {
        typed.clone()
    } else {
        typed.clone().or_latest()
    };
    if typed.is_name_only() && !args.all_tags {
        say("Using default tag: latest");
    }
    say(&format!("The push refers to repository [{}]", typed.name()));
    let store = context.store();
    let _writer = store.begin()?;
    let means = Means {
        registries: context.registries(&args.registry, Some(args.transfer.stall_timeout))?,
        store: store.clone(),
        progress: context.screen.progress(Direction::Load, true),
    };
    let tell = |news: News<'_>| {
        if let News::NotRemembered(e) = news {
            let words = format!("WARNING: the store could not note the push: {e}");
            context.screen.note(&words);
        }
    };
    let reporter = Reporter::new(tell, || context.screen.progress(Direction::Push, args.quiet));
    let push = Push::new(means, &typed, platform, args.transfer.limits(), reporter)?;
    let which = if args.all_tags { Which::AllTags } else { Which::Tag };
    for name in push.local_names(&shown, which)? {
        let Pushed { digest, size } = push.one(&name).await?;
        let tag = name.tag().unwrap_or_default();
        say(&format!("{tag}: digest: {digest} size: {size}"));
    }
    if args.quiet {
        context.screen.line(&shown.to_string());
    }
    Ok(Status::Done)
}
