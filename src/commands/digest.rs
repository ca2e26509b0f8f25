//! `rdock digest`: what a name stands for right now, for one HEAD request.

use clap::Args;

use super::{Context, RegistryArgs, Status, platform};
use crate::error::Result;
use crate::image::{Body, Digest, Platform, Reference};
use crate::places::{check_platform, with_nearest_tags};
use crate::registry::Repository;

/// Show the digest of an image on its registry
#[derive(Debug, Args)]
pub struct DigestArgs {
    /// Print NAME@DIGEST
    #[arg(long)]
    full_ref: bool,
    /// Show the digest of the image for this platform
    #[arg(long, value_name = "string")]
    platform: Option<String>,
    #[command(flatten)]
    registry: RegistryArgs,
    #[arg(value_name = "NAME[:TAG|@DIGEST]", required = true)]
    names: Vec<String>,
}

pub async fn run(args: DigestArgs, context: &Context) -> Result<Status> {
    let platform = platform::given(args.platform.as_deref())?;
    let names = args
        .names
        .iter()
        .map(|text| Reference::parse(text).map(Reference::or_latest));
    let names = names.collect::<Result<Vec<_>>>()?;
    let mut status = Status::Done;
    for name in &names {
        let repository = context.registry(name.domain(), &args.registry)?.repository(name);
        match digest(&repository, name, platform.as_ref()).await {
            Ok(digest) if args.full_ref => context.screen.line(name.at_digest(&digest).familiar()),
            Ok(digest) => context.screen.line(digest.as_str()),
            Err(e) if names.len() == 1 => return Err(e),
            Err(e) => {
                context.fail(&e);
                status = Status::Failed;
            }
        }
    }
    Ok(status)
}

async fn digest(repository: &Repository, name: &Reference, platform: Option<&Platform>) -> Result<Digest> {
    let found = match platform {
        None => repository.digest(name.version()).await,
        Some(platform) => of_platform(repository, name, platform).await,
    };
    match found {
        Ok(digest) => Ok(digest),
        Err(e) => Err(with_nearest_tags(e, repository, name).await),
    }
}

async fn of_platform(repository: &Repository, name: &Reference, platform: &Platform) -> Result<Digest> {
    let manifest = repository.resolve(name.version()).await?;
    match &manifest.body {
        Body::Index(index) => index.choose(platform).map(|child| child.digest.clone()),
        Body::Image(image) => check_platform(repository, image, platform)
            .await
            .map(|()| manifest.digest().clone()),
    }
}
