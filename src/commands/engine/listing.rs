//! `ps`, `volume ls` and `network ls`: the headers of docker's tables, and nothing below them.

use clap::Args;

use super::object::EngineObject;
use crate::commands::filter::Condition;
use crate::commands::{Context, Status, TableArgs};
use crate::error::Result;
use crate::ui::{Columns, Format};

/// List containers
#[derive(Debug, Args)]
pub struct ContainersArgs {
    /// Show all containers (rdock runs none)
    #[arg(short, long)]
    all: bool,
    /// Only containers that match
    #[arg(short, long, value_name = "filter")]
    filter: Vec<Condition>,
    /// Show n last created containers
    #[arg(
        short = 'n',
        long,
        value_name = "int",
        default_value = "-1",
        allow_negative_numbers = true
    )]
    last: i64,
    /// Show the latest created container
    #[arg(short, long)]
    latest: bool,
    /// Display total file sizes
    #[arg(short, long)]
    size: bool,
    #[command(flatten)]
    table: TableArgs,
}

/// List what has names (rdock has none)
#[derive(Debug, Args)]
pub struct NamedArgs {
    /// Only what matches
    #[arg(short, long, value_name = "filter")]
    filter: Vec<Condition>,
    #[command(flatten)]
    table: TableArgs,
}

const CONTAINERS: Columns = Columns {
    go_type: "*formatter.ContainerContext",
    headers: &[
        ("ID", "CONTAINER ID"),
        ("Image", "IMAGE"),
        ("Command", "COMMAND"),
        ("CreatedAt", "CREATED AT"),
        ("RunningFor", "CREATED"),
        ("Status", "STATUS"),
        ("State", "STATE"),
        ("Ports", "PORTS"),
        ("Names", "NAMES"),
        ("Size", "SIZE"),
        ("Labels", "LABELS"),
        ("Mounts", "MOUNTS"),
        ("LocalVolumes", "LOCAL VOLUMES"),
        ("Networks", "NETWORKS"),
        ("Platform", "PLATFORM"),
    ],
};
const CONTAINERS_TABLE: &str =
    "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";

const VOLUMES: Columns = Columns {
    go_type: "*formatter.volumeContext",
    headers: &[
        ("Driver", "DRIVER"),
        ("Name", "VOLUME NAME"),
        ("Scope", "SCOPE"),
        ("Mountpoint", "MOUNTPOINT"),
        ("Labels", "LABELS"),
        ("Links", "LINKS"),
        ("Size", "SIZE"),
        ("Group", "GROUP"),
        ("Availability", "AVAILABILITY"),
        ("Status", "STATUS"),
    ],
};
const VOLUMES_TABLE: &str = "table {{.Driver}}\t{{.Name}}";

const NETWORKS: Columns = Columns {
    go_type: "*network.networkContext",
    headers: &[
        ("ID", "NETWORK ID"),
        ("Name", "NAME"),
        ("Driver", "DRIVER"),
        ("Scope", "SCOPE"),
        ("IPv4", "IPV4"),
        ("IPv6", "IPV6"),
        ("Internal", "INTERNAL"),
        ("Labels", "LABELS"),
        ("CreatedAt", "CREATED AT"),
    ],
};
const NETWORKS_TABLE: &str = "table {{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}";

pub(super) fn containers(args: &ContainersArgs, context: &Context) -> Result<Status> {
    let size = if args.size { "\t{{.Size}}" } else { "" };
    let table = format!("{CONTAINERS_TABLE}{size}");
    show(&args.table, (&table, CONTAINERS), context)
}

pub(super) fn named(thing: EngineObject, args: &NamedArgs, context: &Context) -> Result<Status> {
    let listing = match thing {
        EngineObject::Volume => (VOLUMES_TABLE, VOLUMES),
        _ => (NETWORKS_TABLE, NETWORKS),
    };
    show(&args.table, listing, context)
}

/// Docker reads a template also where there is nothing to fill it with.
fn show(args: &TableArgs, listing: (&str, Columns), context: &Context) -> Result<Status> {
    let format = args.format.as_deref().unwrap_or_default();
    let (table, columns) = listing;
    if args.quiet && matches!(format, "" | "table") {
        return Ok(Status::Done);
    }
    let text = if format == "raw" {
        String::new()
    } else {
        Format::parse(format, table)?.render(columns, [])?
    };
    context.screen.print(&text);
    Ok(Status::Done)
}
