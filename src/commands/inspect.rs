//! `rdock inspect` and `rdock image inspect`: what an image is, as docker's engine tells it.

mod remote;
mod shown;

use clap::Args;

use super::{Context, Status, platform};
use crate::error::{Error, Kind, Result};
use crate::image::inspection::{Inspection, Known};
use crate::image::{Platform, Size};
use crate::store::{Found, Store};
use crate::ui::human;

use remote::RemoteArgs;
use shown::show;

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
    let wanted = platform::given(args.platform.as_deref())?;
    let format = args.format.as_deref();
    if args.remote.is_wanted() {
        return args.remote.show(format, &args.images, wanted.as_ref(), context).await;
    }
    let store = context.store();
    let find = |name: &str| inspect(&store, name, wanted.as_ref(), context);
    Ok(show(format, &args.images, find, context))
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
        "" if name.is_empty() => Err(Error::new(Kind::Usage, "invalid container name or ID: value is empty")),
        "" => inspect(&store, name, None, context).map_err(|e| match e.kind() {
            Kind::NotFound | Kind::Usage => no_such_object(name, &e),
            _ => e,
        }),
        "image" => inspect(&store, name, None, context),
        // There is no engine, and so nothing of any other type.
        kind => Err(no_such(kind, name)),
    };
    let status = show(args.format.as_deref(), &args.names, find, context);
    if args.size && status == Status::Done {
        context.screen.note("WARNING: --size ignored for image");
    }
    Ok(status)
}

/// Docker's words for what is not there.
fn no_such(kind: &str, name: &str) -> Error {
    let words = match kind {
        "container" => format!("No such container: {name}"),
        "network" => format!("network {name} not found"),
        "volume" => format!("get {name}: no such volume"),
        "plugin" => format!("plugin {name:?} not found"),
        kind => format!("Error: No such {kind}: {name}"),
    };
    Error::new(Kind::NotFound, words)
}

/// Docker's words, with the hint of what was found out.
fn no_such_object(name: &str, why: &Error) -> Error {
    let error = no_such("object", name);
    match why.clue() {
        Some(clue) => error.with_clue(clue.clone()),
        None => error,
    }
}

fn inspect(store: &Store, name: &str, wanted: Option<&Platform>, context: &Context) -> Result<Inspection> {
    let Found { image, root, .. } = store.images().find(name)?;
    if let Some(wanted) = wanted {
        let actual = store.images().config_of(&image)?.platform;
        actual.check_serves(wanted, name)?;
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
        target: &root,
        tags: &image.tags,
        digests: &image.digests,
        size: size.bytes(),
    };
    Inspection::new(known, &store.images().config_text(&image)?)
}
