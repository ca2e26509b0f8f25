//! `rdock load`: where the archive is, and docker's words for what came of it.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _, Read};
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Context, Status, platform};
use crate::error::{Error, Kind, Result};
use crate::image::Digest;
use crate::jobs::load::Load;
use crate::jobs::{News, Reporter};
use crate::places::ArchiveSource;
use crate::progress::Direction;

/// Load an image from a tar archive or STDIN
#[derive(Debug, Args)]
pub struct LoadArgs {
    /// Read from tar archive file or OCI layout folder, instead of STDIN
    #[arg(short, long, value_name = "string")]
    input: Option<PathBuf>,
    /// Suppress the load output
    #[arg(short, long)]
    quiet: bool,
    /// Load only the given platform variants. Formatted as a comma-separated list of "os[/arch[/variant]]" (e.g., "linux/amd64,linux/arm64/v8")
    #[arg(long, value_name = "strings", value_delimiter = ',')]
    platform: Vec<String>,
    /// Load nothing, but print the digests of all that is here, for "save --have"
    #[arg(long)]
    have: bool,
}

pub async fn run(args: LoadArgs, context: &Context) -> Result<Status> {
    if args.have {
        return print_held(context);
    }
    let platforms = platform::given_each(&args.platform).map_err(platform::invalid)?;
    let input = Input::open(args.input.as_deref())?;
    let load = Load {
        store: context.store(),
        platforms,
        reporter: Reporter::new(
            |news| tell(&news, context),
            || context.screen.progress(Direction::Load, args.quiet),
        ),
    };
    match input {
        Input::Folder(folder) => load.folder(&folder).await?,
        Input::Stream(stream) => load.stream(stream).await?,
    }
    Ok(Status::Done)
}

/// Docker's lines, below the bars.
fn tell(news: &News<'_>, context: &Context) {
    let line = match news {
        News::Displaced { name, old } => format!(
            "The image {} already exists, renaming the old one with ID {old} to empty string",
            name.familiar()
        ),
        News::Loaded(name) => format!("Loaded image: {}", name.familiar()),
        News::LoadedNameless(id) => format!("Loaded image ID: {id}"),
        _ => return,
    };
    context.screen.settle();
    context.screen.line(&line);
}

/// One digest a line: what a delta archive for this store may leave out.
fn print_held(context: &Context) -> Result<Status> {
    let held: BTreeSet<Digest> = context.store().images().held()?.into_iter().collect();
    for digest in &held {
        context.screen.line(digest.as_str());
    }
    Ok(Status::Done)
}

enum Input {
    Folder(PathBuf),
    Stream(Box<dyn Read + Send>),
}

impl Input {
    fn open(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else {
            let stdin = io::stdin();
            if stdin.is_terminal() {
                return Err(Error::new(Kind::Usage, "requested load from stdin, but stdin is empty"));
            }
            return Ok(Input::Stream(Box::new(stdin)));
        };
        let failed = |e: &io::Error| super::cannot_open(path, e);
        let file = ArchiveSource::open(path).map_err(|e| failed(&e))?;
        if file.is_folder().map_err(|e| failed(&e))? {
            return Ok(Input::Folder(path.to_owned()));
        }
        Ok(Input::Stream(Box::new(file)))
    }
}
