//! `rdock save`: which images go into the archive, where that is, and what the far side has.

use std::path::PathBuf;

use clap::Args;

use super::{Context, Status, platform};
use crate::error::Result;
use crate::jobs::save::{FarSide, Save};
use crate::jobs::{News, Reporter};
use crate::places::ArchiveTarget;
use crate::progress::Direction;
use crate::ui::human;

/// Save one or more images to a tar archive (streamed to STDOUT by default)
#[derive(Debug, Args)]
pub struct SaveArgs {
    /// Write to a file, instead of STDOUT
    #[arg(short, long, value_name = "string")]
    output: Option<PathBuf>,
    /// Save only the given platform variants. Formatted as a comma-separated list of "os[/arch[/variant]]" (e.g., "linux/amd64,linux/arm64/v8")
    #[arg(long, value_name = "strings", value_delimiter = ',')]
    platform: Vec<String>,
    /// Leave out the layers of this older archive, which the far side has loaded
    #[arg(long, value_name = "archive")]
    since: Vec<PathBuf>,
    /// Leave out the layers that the far side has: a file with what "load --have" or "images --digests --no-trunc" printed there
    #[arg(long, value_name = "file")]
    have: Vec<PathBuf>,
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,
}

/// What a shell says of a program that wrote to a pipe nobody reads, as docker's then does.
const PIPE_CLOSED: u8 = 141;

pub async fn run(args: SaveArgs, context: &Context) -> Result<Status> {
    let target = ArchiveTarget::open(args.output.as_deref())?;
    match save(&args, &target, context).await {
        Err(_) if target.has_no_reader() => Ok(Status::Exit(PIPE_CLOSED)),
        saved => saved.and_then(|()| target.commit()).map(|()| Status::Done),
    }
}

async fn save(args: &SaveArgs, target: &ArchiveTarget, context: &Context) -> Result<()> {
    let save = Save {
        store: context.store(),
        platforms: platform::given_each(&args.platform).map_err(platform::invalid)?,
        far_side: FarSide {
            archives: args.since.clone(),
            lists: args.have.clone(),
            program: context.settings.program.name().to_owned(),
        },
        reporter: Reporter::new(
            |news| tell(&news, context),
            || context.screen.progress(Direction::Load, true),
        ),
    };
    save.run(&args.images, target).await
}

fn tell(news: &News<'_>, context: &Context) {
    if let News::LeftOut { layers, bytes } = news {
        let noun = if *layers == 1 { "layer" } else { "layers" };
        let size = human::size(*bytes);
        let words = format!("Left out {layers} {noun} ({size}) that the far side has");
        context.screen.note(&words);
    }
}
