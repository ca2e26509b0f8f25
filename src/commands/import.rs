//! `rdock import`: what is made of a root file system, and where that is.

use std::io::{self, Read};
use std::path::Path;

use clap::Args;

use super::{Context, Status, platform};
use crate::error::{Error, Kind, Result};
use crate::image::{Platform, Reference, RunConfig};
use crate::jobs::import::Import;
use crate::places::ArchiveSource;

/// Import the contents from a tarball to create a filesystem image
#[derive(Debug, Args)]
#[command(override_usage = "rdock import [OPTIONS] file|URL|- [REPOSITORY[:TAG]]")]
pub struct ImportArgs {
    /// Apply Dockerfile instruction to the created image
    #[arg(short, long, value_name = "list")]
    change: Vec<String>,
    /// Set commit message for imported image
    #[arg(short, long, value_name = "string")]
    message: Option<String>,
    /// Set platform of the image (default: this machine's)
    #[arg(long, value_name = "string")]
    platform: Option<String>,
    #[arg(value_name = "file|URL|-", required = true)]
    source: String,
    /// What follows the first one is passed over, as docker does.
    #[arg(value_name = "REPOSITORY[:TAG]")]
    names: Vec<String>,
}

pub async fn run(args: ImportArgs, context: &Context) -> Result<Status> {
    let name = args.names.first().map(|name| target(name)).transpose()?;
    let asked = args
        .platform
        .as_ref()
        .or(context.settings.docker.default_platform.as_ref());
    let platform = platform::given(asked.map(String::as_str))?;
    let mut config = RunConfig::default();
    for change in &args.change {
        config.change(change)?;
    }
    let stream = open(&args.source, context.settings.program.name())?;
    let import = Import {
        store: context.store(),
        platform: platform.unwrap_or_else(Platform::host),
        config,
        message: args.message.unwrap_or_else(|| "Imported from -".to_owned()),
        name,
    };
    let id = import.run(stream).await?;
    context.screen.line(id.as_str());
    Ok(Status::Done)
}

fn target(text: &str) -> Result<Reference> {
    let name = Reference::parse(text)?;
    if name.digest().is_some() {
        return Err(Error::new(Kind::Usage, "cannot import digest reference"));
    }
    Ok(name.or_latest())
}

fn open(source: &str, program: &str) -> Result<Box<dyn Read + Send>> {
    if source == "-" {
        return Ok(Box::new(io::stdin()));
    }
    if source.starts_with("http://") || source.starts_with("https://") {
        return Err(Error::new(
            Kind::Unsupported,
            format!("rdock does not download what it imports: curl -fL {source} | {program} import -"),
        ));
    }
    let path = Path::new(source);
    let file = ArchiveSource::open(path).map_err(|e| super::cannot_open(path, &e))?;
    Ok(Box::new(file))
}
