//! `rdock import`: a root file system becomes an image of one layer.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::{Context, Status, platform};
use crate::archive::RootFs;
use crate::content::Sink as _;
use crate::error::{Error, Kind, Result};
use crate::image::digest::Algorithm;
use crate::image::{Descriptor, Digest, Platform, Reference, RunConfig};
use crate::store::Scratch;

/// Import the contents from a tarball to create a filesystem image
#[derive(Debug, Args)]
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
    #[arg(value_name = "REPOSITORY[:TAG]")]
    name: Option<String>,
}

pub async fn run(args: ImportArgs, context: &Context) -> Result<Status> {
    let name = args.name.as_deref().map(target).transpose()?;
    let asked = args.platform.as_ref().or(context.settings.default_platform.as_ref());
    let platform = platform::given(asked.map(String::as_str))?;
    let mut config = RunConfig::default();
    for change in &args.change {
        config.change(change)?;
    }
    let stream = open(&args.source, context.settings.program.name())?;
    let store = context.store();
    let session = store.begin_afresh()?;
    let scratch = session.scratch()?;
    let read = {
        let scratch = Arc::clone(&scratch);
        tokio::task::spawn_blocking(move || layer(stream, &scratch))
    };
    let lost = |e| Error::new(Kind::Io, "the thread that reads the tar was lost").caused_by(e);
    let root = read.await.map_err(lost)??;
    let message = args.message.unwrap_or_else(|| "Imported from -".to_owned());
    let platform = platform.unwrap_or_else(Platform::host);
    let config = document(&platform, &config, &message, &root.diff_id)?;
    let manifest = root.manifest(&config)?;
    let kept = scratch.take(&mut config.as_slice(), config.len() as u64, Algorithm::Sha256)?;
    session.publish(&root.layer)?;
    session.publish(&kept)?;
    session.put_manifest(&manifest).await?;
    let descriptor = Descriptor {
        platform: Some(platform.into()),
        ..manifest.descriptor.clone()
    };
    match name {
        Some(name) => store.names().set(&name, &descriptor)?,
        None => store.names().list(&[], &[descriptor])?,
    }
    context.screen.line(kept.digest.as_str());
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
    let file = File::open(path).map_err(|e| super::cannot_open(path, &e))?;
    Ok(Box::new(file))
}

fn layer(stream: Box<dyn Read + Send>, scratch: &Scratch) -> Result<RootFs> {
    let root = RootFs::read(stream, &|bytes, size, algorithm| scratch.take(bytes, size, algorithm))?;
    let whole = scratch.unpacked_size(&root.layer);
    whole.map_err(|e| e.during("importing the root file system"))?;
    Ok(root)
}

/// The image's config, its members in docker's order.
#[derive(Serialize)]
struct Document<'a> {
    architecture: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    variant: &'a str,
    comment: &'a str,
    config: &'a RunConfig,
    created: &'a str,
    history: [Step<'a>; 1],
    os: &'a str,
    rootfs: Layers<'a>,
}

#[derive(Serialize)]
struct Step<'a> {
    created: &'a str,
    comment: &'a str,
}

#[derive(Serialize)]
struct Layers<'a> {
    #[serde(rename = "type")]
    sort: &'static str,
    diff_ids: [&'a Digest; 1],
}

fn document(platform: &Platform, config: &RunConfig, message: &str, diff_id: &Digest) -> Result<Vec<u8>> {
    let created = &Timestamp::now().to_string();
    let document = Document {
        architecture: &platform.architecture,
        variant: &platform.variant,
        comment: message,
        config,
        created,
        history: [Step {
            created,
            comment: message,
        }],
        os: &platform.os,
        rootfs: Layers {
            sort: "layers",
            diff_ids: [diff_id],
        },
    };
    serde_json::to_vec(&document).map_err(|e| Error::new(Kind::Io, "the config cannot be written").caused_by(e))
}
