//! `rdock inspect` and `rdock image inspect`: what an image is, as docker's engine tells it.

mod remote;

use clap::Args;

use super::history::has_platform;
use super::{Context, Status, document};
use crate::error::{Error, Kind, Result};
use crate::image::Size;
use crate::image::inspection::{Inspection, Known};
use crate::store::Store;
use crate::ui::template::{Data, Template, parsing_error};
use crate::ui::{human, indented, printable};

use remote::RemoteArgs;

/// Display detailed information on one or more images
#[derive(Debug, Args)]
pub struct ImageInspectArgs {
    /// Print with a custom template: 'json', or a Go template
    #[arg(short, long, value_name = "string")]
    format: Option<String>,
    /// Only the image of this platform: os[/arch[/variant]]
    #[arg(long, value_name = "string")]
    platform: Option<String>,
    #[command(flatten)]
    remote: RemoteArgs,
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,
}

/// Show low-level information on images
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// Print with a custom template: 'json', or a Go template
    #[arg(short, long, value_name = "string")]
    format: Option<String>,
    /// Display total file sizes if the type is container
    #[arg(short, long)]
    size: bool,
    /// Only inspect objects of the given type
    #[arg(long = "type", value_name = "string")]
    kind: Option<String>,
    #[command(flatten)]
    remote: RemoteArgs,
    #[arg(value_name = "NAME|ID", required = true)]
    names: Vec<String>,
}

const TYPES: [&str; 10] = [
    "config",
    "container",
    "image",
    "network",
    "node",
    "plugin",
    "secret",
    "service",
    "task",
    "volume",
];

pub async fn run_image(args: &ImageInspectArgs, context: &Context) -> Result<Status> {
    if args.remote.is_wanted() {
        let (format, platform) = (args.format.as_deref(), args.platform.as_deref());
        return args.remote.show(format, &args.images, platform, context).await;
    }
    let store = context.store();
    let find = |name: &str| {
        let inspection = inspect(&store, name, args.platform.as_deref(), context);
        inspection.map_err(|e| in_the_engine_s_words(name, e))
    };
    Ok(show(args.format.as_deref(), &args.images, find, context))
}

pub async fn run(args: &InspectArgs, context: &Context) -> Result<Status> {
    if let Some(kind) = args
        .kind
        .as_deref()
        .filter(|kind| !kind.is_empty() && !TYPES.contains(kind))
    {
        let known: Vec<String> = TYPES.iter().map(|kind| format!("{kind:?}")).collect();
        return Err(Error::new(
            Kind::Usage,
            format!("unknown type: {kind:?}: must be one of {}", known.join(", ")),
        ));
    }
    if args.remote.is_wanted() {
        return args
            .remote
            .show(args.format.as_deref(), &args.names, None, context)
            .await;
    }
    let store = context.store();
    let kind = args.kind.as_deref().unwrap_or_default();
    let find = |name: &str| match kind {
        "" => inspect(&store, name, None, context).map_err(|e| match e.kind() {
            Kind::NotFound | Kind::Usage => no_such_object(name, &e),
            _ => e,
        }),
        "image" => inspect(&store, name, None, context).map_err(|e| in_the_engine_s_words(name, e)),
        // There is no engine, and so nothing of any other type.
        kind => Err(no_such(kind, name)),
    };
    let status = show(args.format.as_deref(), &args.names, find, context);
    if args.size && status == Status::Done {
        context.screen.note("WARNING: --size ignored for image");
    }
    Ok(status)
}

fn no_such(kind: &str, name: &str) -> Error {
    Error::new(Kind::NotFound, format!("Error: No such {kind}: {name}"))
}

/// Docker's words, with the hint of what was found out.
fn no_such_object(name: &str, why: &Error) -> Error {
    let error = no_such("object", name);
    match why.clue() {
        Some(clue) => error.with_clue(clue.clone()),
        None => error,
    }
}

fn in_the_engine_s_words(name: &str, why: Error) -> Error {
    match why.kind() {
        Kind::NotFound | Kind::Usage => why.during(format!("no such image: {name}")),
        _ => why,
    }
}

fn inspect(store: &Store, name: &str, platform: Option<&str>, context: &Context) -> Result<Inspection> {
    let image = store.images().find(name)?.image;
    if let Some(wanted) = platform {
        has_platform(name, &store.images().config_of(&image)?.platform, wanted)?;
    }
    let size = store
        .images()
        .sizes(&[&image])
        .into_iter()
        .next()
        .unwrap_or(Ok(Size::default()))?;
    if let Size::AtLeast(bytes) = size {
        context.screen.note(&human::uncounted(image.id.short(), bytes));
    }
    let known = Known {
        id: &image.id,
        tags: &image.tags,
        digests: &image.digests,
        size: size.bytes(),
    };
    Inspection::new(known, &store.images().config_text(&image)?)
}

/// Prints what was found, then says what was not.
fn show(
    format: Option<&str>,
    names: &[String],
    mut find: impl FnMut(&str) -> Result<Inspection>,
    context: &Context,
) -> Status {
    let style = match format.unwrap_or_default() {
        "" => Style::Indented,
        "json" => Style::Compact,
        template => match document::template("", template, context) {
            Ok(template) => Style::Template(Box::new(template)),
            Err(status) => return status,
        },
    };
    let mut found = Vec::new();
    let mut failures = Vec::new();
    for name in names {
        match find(name).and_then(|inspection| style.element(&inspection)) {
            Ok(element) => found.push(element),
            Err(e) => failures.push(e),
        }
    }
    context.screen.print(&style.list(&found));
    context.conclude(&failures)
}

enum Style {
    Indented,
    Compact,
    Template(Box<Template>),
}

impl Style {
    fn element(&self, inspection: &Inspection) -> Result<String> {
        match self {
            // Inside the list, each line stands one step further in.
            Style::Indented => Ok(indented(&inspection.document).replace('\n', "\n    ")),
            Style::Compact => Ok(printable(&inspection.document.to_string())),
            Style::Template(template) => {
                let data = Data::document(&inspection.fields)
                    .with_json(&[], &inspection.understood)
                    .with_json(&["Config"], &inspection.understood["Config"]);
                template.render(&data).map_err(|e| parsing_error(&e))
            }
        }
    }

    fn list(&self, elements: &[String]) -> String {
        match self {
            Style::Indented if elements.is_empty() => "[]\n".to_owned(),
            Style::Indented => format!("[\n    {}\n]\n", elements.join(",\n    ")),
            Style::Compact => format!("[{}]\n", elements.join(",")),
            // Docker ends the line even when there is nothing on it.
            Style::Template(_) => elements.join("\n") + "\n",
        }
    }
}
