//! `rdock images`: what the local store holds.

use std::collections::HashMap;

use clap::Args;
use jiff::Timestamp;

use super::{Context, Status};
use crate::error::Result;
use crate::image::{Digest, Reference, glob};
use crate::store::{Image, Store};
use crate::ui::{Table, human};

/// List images
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct ImagesArgs {
    /// Show all images (docker hides intermediate images; rdock has none)
    #[arg(short, long)]
    all: bool,
    /// Show digests
    #[arg(long)]
    digests: bool,
    /// Don't truncate output
    #[arg(long)]
    no_trunc: bool,
    /// Only show image IDs
    #[arg(short, long)]
    quiet: bool,
    #[arg(value_name = "REPOSITORY[:TAG]")]
    name: Option<String>,
}

const NONE: &str = "<none>";

/// One line of the table.
struct Row<'a> {
    image: &'a Image,
    repository: String,
    tag: String,
    digest: String,
}

pub fn run(args: &ImagesArgs, context: &Context) -> Result<Status> {
    let store = context.store();
    let images = store.images()?;
    for fault in images.iter().filter_map(|image| image.fault.as_ref()) {
        context.screen.note(&format!("WARNING: {fault}"));
    }
    let mut rows = Vec::new();
    for image in &images {
        rows.extend(rows_of(image, args)?);
    }
    if args.quiet {
        for row in &rows {
            context.screen.line(id(row.image, args));
        }
    } else {
        print_table(&store, &rows, args, context);
    }
    if let Some(word) = args
        .name
        .as_deref()
        .filter(|word| rows.is_empty() && SUBCOMMANDS.contains(word))
    {
        context.screen.note(&format!(
            "\nNo images found matching {word:?}: did you mean \"rdock image {word}\"?"
        ));
    }
    Ok(Status::Done)
}

/// What follows `rdock image` and is easily typed behind `rdock images`.
const SUBCOMMANDS: [&str; 6] = ["list", "ls", "pull", "push", "rm", "tag"];

fn print_table(store: &Store, rows: &[Row<'_>], args: &ImagesArgs, context: &Context) {
    let mut headers = vec!["REPOSITORY", "TAG"];
    if args.digests {
        headers.push("DIGEST");
    }
    headers.extend(["IMAGE ID", "CREATED", "SIZE"]);
    let mut table = Table::new(&headers);
    let now = Timestamp::now();
    let sizes = sizes(store, rows, context);
    for row in rows {
        let mut cells = vec![row.repository.clone(), row.tag.clone()];
        if args.digests {
            cells.push(row.digest.clone());
        }
        cells.push(id(row.image, args).to_owned());
        cells.push(human::age(row.image.created, now));
        cells.push(sizes[&row.image.id].clone());
        table.row(cells);
    }
    context.screen.print(&table.to_string());
}

/// Docker's rows: one for each tag, times each digest of the same repository where digests are shown.
fn rows_of<'a>(image: &'a Image, args: &ImagesArgs) -> Result<Vec<Row<'a>>> {
    let row = |repository: String, tag: &str, digest: Option<&Reference>| Row {
        image,
        repository,
        tag: tag.to_owned(),
        digest: digest
            .and_then(Reference::digest)
            .map_or(NONE.to_owned(), ToString::to_string),
    };
    let mut rows = Vec::new();
    for tag in &image.tags {
        if !is_asked_for(tag, args)? {
            continue;
        }
        let mut digests = image
            .digests
            .iter()
            .filter(|digest| digest.name() == tag.name())
            .peekable();
        if args.digests && digests.peek().is_some() {
            rows.extend(digests.map(|digest| row(tag.familiar_name(), tag.tag().unwrap_or(NONE), Some(digest))));
        } else {
            rows.push(row(tag.familiar_name(), tag.tag().unwrap_or(NONE), None));
        }
    }
    let has_tag = |digest: &Reference| image.tags.iter().any(|tag| tag.name() == digest.name());
    for digest in image.digests.iter().filter(|digest| !has_tag(digest)) {
        if is_asked_for(digest, args)? {
            rows.push(row(digest.familiar_name(), NONE, Some(digest)));
        }
    }
    if image.tags.is_empty() && image.digests.is_empty() && args.name.is_none() {
        rows.push(row(NONE.to_owned(), NONE, None));
    }
    Ok(rows)
}

fn is_asked_for(name: &Reference, args: &ImagesArgs) -> Result<bool> {
    match args.name.as_deref() {
        None | Some("") => Ok(true),
        Some(glob) => Ok(glob::matches(glob, &name.familiar_name())? || glob::matches(glob, &name.familiar())?),
    }
}

fn id<'a>(image: &'a Image, args: &ImagesArgs) -> &'a str {
    if args.no_trunc {
        image.id.as_str()
    } else {
        image.id.short()
    }
}

/// The SIZE of each image shown, by image ID. One that cannot be had is told, and shown as N/A.
fn sizes<'a>(store: &Store, rows: &[Row<'a>], context: &Context) -> HashMap<&'a Digest, String> {
    let mut shown: Vec<&Image> = rows.iter().map(|row| row.image).collect();
    shown.dedup_by_key(|image| &image.id);
    let sizes = store.sizes(&shown);
    let told = shown.into_iter().zip(sizes).map(|(image, size)| {
        let text = match size {
            Ok(bytes) => human::size(bytes),
            Err(e) => {
                // A fault of the whole image has been told already.
                if image.fault.is_none() {
                    context.screen.note(&format!("WARNING: {e}"));
                }
                "N/A".to_owned()
            }
        };
        (&image.id, text)
    });
    told.collect()
}
