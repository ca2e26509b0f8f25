//! `rdock manifest rm`: forgets local lists.

use clap::Args;

use super::members::lists;
use crate::commands::{Context, Status};
use crate::image::Reference;

/// Delete one or more manifest lists from local storage
#[derive(Debug, Args)]
pub struct RmArgs {
    #[arg(value_name = "MANIFEST_LIST", required = true)]
    lists: Vec<String>,
}

/// Forgets all it can, and then tells what it could not.
pub(super) fn run(args: &RmArgs, context: &Context) -> Status {
    let lists = lists(context);
    let remove = |text: &String| lists.remove(&Reference::parse(text)?.or_latest());
    let failures: Vec<_> = args.lists.iter().filter_map(|text| remove(text).err()).collect();
    context.conclude(&failures)
}
