//! `rdock tag`: another name for a local image.

use clap::Args;

use super::{Context, Status};
use crate::error::{Error, Kind, Result};
use crate::image::Reference;

#[derive(Debug, Args)]
#[command(about = "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE")]
pub struct TagArgs {
    #[arg(value_name = "SOURCE_IMAGE[:TAG]")]
    source: String,
    #[arg(value_name = "TARGET_IMAGE[:TAG]", allow_hyphen_values = true)]
    target: String,
}

pub fn run(args: &TagArgs, context: &Context) -> Result<Status> {
    if !is_id(&args.source) {
        Reference::parse(&args.source).map_err(|e| not_valid(&args.source, &e))?;
    }
    let target = Reference::parse(&args.target).map_err(|e| not_valid(&args.target, &e))?;
    if target.digest().is_some() {
        return Err(Error::new(
            Kind::Usage,
            "refusing to create a tag with a digest reference",
        ));
    }
    if target.familiar_name() == "sha256" {
        return Err(Error::new(
            Kind::Usage,
            "refusing to create an ambiguous tag using digest algorithm as name",
        ));
    }
    let store = context.store();
    let found = store.images().find(&args.source)?;
    store.names().set(&target.or_latest(), &found.root)?;
    Ok(Status::Done)
}

/// A whole image ID, which is no valid name.
fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn not_valid(text: &str, why: &Error) -> Error {
    Error::new(
        Kind::Usage,
        format!("Error parsing reference: {text:?} is not a valid repository/tag: {why}"),
    )
}
