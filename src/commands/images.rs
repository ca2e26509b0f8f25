//! `rdock images`: what the local store holds.

mod rows;
mod tree;

use std::ptr;

use clap::Args;
use jiff::Timestamp;

use super::filter::{Condition, ImageFilter};
use super::{Context, Status, TableArgs};
use crate::error::Result;
use crate::image::Size;
use crate::store::{Image, Store};
use crate::ui::template::Row as Fields;
use crate::ui::{Columns, Format, Table, human};

use rows::{Row, rows};

/// List images
#[derive(Debug, Args)]
pub struct ImagesArgs {
    /// Show all images (docker hides intermediate images; rdock has none)
    #[arg(short, long)]
    all: bool,
    /// Show digests
    #[arg(long)]
    digests: bool,
    /// Only images that match: dangling=true, label=KEY[=VALUE], label!=KEY[=VALUE], before=IMAGE, since=IMAGE, until=TIME, reference=PATTERN
    #[arg(short, long, value_name = "filter")]
    filter: Vec<Condition>,
    #[command(flatten)]
    table: TableArgs,
    /// Show the platforms of each image as a tree
    #[arg(long)]
    tree: bool,
    #[arg(value_name = "REPOSITORY[:TAG]")]
    name: Option<String>,
}

/// How the command was called: only one of its names is easily confused with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Called {
    Images,
    ImageLs,
}

const COLUMNS: Columns = Columns {
    go_type: "*formatter.imageContext",
    headers: &[
        ("ID", "IMAGE ID"),
        ("Repository", "REPOSITORY"),
        ("Tag", "TAG"),
        ("Digest", "DIGEST"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("Size", "SIZE"),
        ("Containers", "CONTAINERS"),
        ("VirtualSize", "SIZE"),
        ("SharedSize", "SHARED SIZE"),
        ("UniqueSize", "UNIQUE SIZE"),
    ],
};

pub fn run(args: &ImagesArgs, called: Called, context: &Context) -> Result<Status> {
    if args.tree {
        tree::check(&[
            (args.table.quiet, "quiet"),
            (args.table.no_trunc, "no-trunc"),
            (args.digests, "show-digest"),
            (args.table.format.is_some(), "format"),
        ])?;
    }
    let store = context.store();
    let mut filter = ImageFilter::new(&args.filter, &ImageFilter::LISTING, &store)?;
    let name = args.name.as_deref().filter(|name| !name.is_empty());
    if let Some(pattern) = name {
        filter.add_reference(pattern)?;
    }
    let images = store.images().all()?;
    for fault in images.iter().filter_map(|image| image.fault.as_ref()) {
        context.screen.note(&format!("WARNING: {fault}"));
    }
    if args.tree {
        let rows = rows(&images, &filter, rows::Digests::Hidden, &store)?;
        context.screen.print(&tree::of(&rows, &store)?);
        return Ok(Status::Done);
    }
    let style = style(args, context);
    let shows_digests = match &style {
        Style::Ids => rows::Digests::Hidden,
        _ if args.digests => rows::Digests::Shown,
        Style::Template(template) if template.contains("{{.Digest}}") => rows::Digests::WithTags,
        Style::Table | Style::Template(_) => rows::Digests::Hidden,
    };
    let rows = rows(&images, &filter, shows_digests, &store)?;
    match style {
        Style::Ids => {
            let ids = rows.iter().flat_map(|row| [id(row.image, args), "\n"]);
            context.screen.print(&ids.collect::<String>());
        }
        Style::Table => print_table(&store, &rows, args, context),
        Style::Template(template) => print_template(&template, &store, &rows, args, context)?,
    }
    if let Some(word) = name.filter(|word| called == Called::Images && rows.is_empty() && SUBCOMMANDS.contains(word)) {
        context.screen.note(&format!(
            "\nNo images found matching {word:?}: did you mean \"{} image {word}\"?",
            context.settings.program.name()
        ));
    }
    Ok(Status::Done)
}

/// What follows `rdock image` and is easily typed behind `rdock images`.
const SUBCOMMANDS: [&str; 12] = [
    "history", "import", "inspect", "list", "load", "ls", "prune", "pull", "push", "rm", "save", "tag",
];

enum Style {
    Ids,
    Table,
    /// Docker's format, to be read.
    Template(String),
}

/// Docker's rules: `--format` over config.json's `imagesFormat`, which `-q` sets aside; `table` and `raw` stand for
/// templates that know `-q` and `--digests`.
fn style(args: &ImagesArgs, context: &Context) -> Style {
    let asked = args.table.format.clone().filter(|format| !format.is_empty());
    let configured = || {
        context
            .credentials()
            .setting("imagesFormat")
            .filter(|_| !args.table.quiet)
    };
    match asked.or_else(configured).as_deref() {
        None | Some("table") if args.table.quiet => Style::Ids,
        None | Some("table") => Style::Table,
        Some("raw") if args.table.quiet => Style::Template("image_id: {{.ID}}".to_owned()),
        Some("raw") => {
            let digest = if args.digests { "digest: {{.Digest}}\n" } else { "" };
            Style::Template(format!(
                "repository: {{{{.Repository}}}}\ntag: {{{{.Tag}}}}\n{digest}image_id: {{{{.ID}}}}\n\
                 created_at: {{{{.CreatedAt}}}}\nvirtual_size: {{{{.Size}}}}\n"
            ))
        }
        Some(table) if table.starts_with("table") && args.digests && !table.contains("{{.Digest}}") => {
            Style::Template(format!("{table}\t{{{{.Digest}}}}"))
        }
        Some(format) => Style::Template(format.to_owned()),
    }
}

/// The table without `--format`: the same as by its template, but quick for thousands of images.
fn print_table(store: &Store, rows: &[Row<'_>], args: &ImagesArgs, context: &Context) {
    let mut headers = vec!["REPOSITORY", "TAG"];
    if args.digests {
        headers.push("DIGEST");
    }
    headers.extend(["IMAGE ID", "CREATED", "SIZE"]);
    let mut table = Table::new(&headers);
    let now = Timestamp::now();
    for (rows, size) in sized(rows, |images| sizes(store, images, context)) {
        let image = rows[0].image;
        let age = human::age(image.created, now);
        let size = shown_size(size, human::size);
        for row in rows {
            let mut cells = vec![row.repository, row.tag];
            if args.digests {
                cells.push(row.digest);
            }
            cells.extend([id(image, args), &age, &size]);
            table.row(&cells);
        }
    }
    context.screen.print(&table.aligned());
}

fn print_template(template: &str, store: &Store, rows: &[Row<'_>], args: &ImagesArgs, context: &Context) -> Result<()> {
    let format = Format::parse(template, "")?;
    let sized = sized(rows, |images| {
        if format.needs("Size") {
            sizes(store, images, context)
        } else {
            vec![None; images.len()]
        }
    });
    let now = Timestamp::now();
    let needed = format.fields(COLUMNS);
    let fields = sized.flat_map(|(rows, size)| rows.iter().map(move |row| (row, size)));
    let fields = fields.map(|(row, size)| {
        let image = row.image;
        Fields::of(&needed, |field| match field {
            "ID" => id(image, args).to_owned(),
            "Repository" => row.repository.to_owned(),
            "Tag" => row.tag.to_owned(),
            "Digest" => row.digest.to_owned(),
            "CreatedSince" => image.created.map(|it| human::age(Some(it), now)).unwrap_or_default(),
            "CreatedAt" => human::local_time(image.created),
            "Size" => shown_size(size, human::size),
            "VirtualSize" => shown_size(size, human::precise_size),
            _ => "N/A".to_owned(),
        })
    });
    context.screen.print(&format.render(COLUMNS, fields)?);
    Ok(())
}

fn id<'a>(image: &'a Image, args: &ImagesArgs) -> &'a str {
    if args.table.no_trunc {
        image.id.as_str()
    } else {
        image.id.short()
    }
}

fn shown_size(size: Option<Size>, in_words: fn(u64) -> String) -> String {
    size.map_or("N/A".to_owned(), |size| size.shown(in_words))
}

/// The rows of one image after the other, each with the image's size.
fn sized<'r, 'a>(
    rows: &'r [Row<'a>],
    sizes: impl FnOnce(&[&'a Image]) -> Vec<Option<Size>>,
) -> impl Iterator<Item = (&'r [Row<'a>], Option<Size>)> {
    let of_images = || rows.chunk_by(|a, b| ptr::eq(a.image, b.image));
    let images: Vec<&Image> = of_images().map(|rows| rows[0].image).collect();
    of_images().zip(sizes(&images))
}

/// The SIZE of each image in order. One that cannot be had is told.
fn sizes(store: &Store, images: &[&Image], context: &Context) -> Vec<Option<Size>> {
    let told = images.iter().zip(store.images().sizes(images)).map(|(image, size)| {
        let size = size.map_err(|e| {
            // A fault of the whole image has been told already.
            if image.fault.is_none() {
                context.screen.note(&format!("WARNING: {e}"));
            }
        });
        let size = size.ok();
        if let Some(Size::AtLeast(bytes)) = size {
            context.screen.note(&human::uncounted(image.id.short(), bytes));
        }
        size
    });
    told.collect()
}
