//! `rdock history`: how an image was made, the latest step first.

use clap::Args;
use jiff::Timestamp;

use super::{Context, Status, TableArgs, platform, switch};
use crate::error::{Error, Kind, Result};
use crate::image::Size;
use crate::image::history::Step;
use crate::ui::template::Row;
use crate::ui::{Columns, Format, ellipsis, human};

/// Show the history of an image
#[derive(Debug, Args)]
#[command(mut_arg("human", switch::on))]
pub struct HistoryArgs {
    /// Print sizes and dates in human readable format
    #[arg(short = 'H', long, value_name = "bool")]
    human: bool,
    /// Only the image of this platform: os[/arch[/variant]]
    #[arg(long, value_name = "string")]
    platform: Option<String>,
    #[command(flatten)]
    table: TableArgs,
    #[arg(value_name = "IMAGE")]
    image: String,
}

const COLUMNS: Columns = Columns {
    go_type: "*image.historyContext",
    headers: &[
        ("ID", "IMAGE"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("CreatedBy", "CREATED BY"),
        ("Size", "SIZE"),
        ("Comment", "COMMENT"),
    ],
};

const CREATED_BY_WIDTH: usize = 45;
/// 2000-01-01T00:00:00Z: what is not after it is no true date to docker.
const NO_TRUE_DATE: i64 = 946_684_800;

pub fn run(args: &HistoryArgs, context: &Context) -> Result<Status> {
    let format = Format::parse(args.table.format.as_deref().unwrap_or_default(), default_template(args))?;
    let wanted = platform::given(args.platform.as_deref()).map_err(platform::invalid)?;
    let store = context.store();
    let image = store.images().find(&args.image)?.image;
    if let Some(wanted) = &wanted {
        let actual = store.images().config_of(&image)?.platform;
        actual.check_serves(wanted, &args.image)?;
    }
    let mut sizes = store.images().layer_sizes(&image)?.into_iter();
    let mut rows = Vec::new();
    let now = Timestamp::now();
    for step in Step::parse_all(&store.images().config_text(&image)?)? {
        let size = if step.empty_layer {
            Size::default()
        } else {
            sizes
                .next()
                .ok_or_else(|| Error::new(Kind::Corrupt, "too many non-empty layers in History section"))?
        };
        rows.push((step, size));
    }
    rows.reverse();
    let last_id = if args.table.no_trunc {
        image.id.as_str()
    } else {
        image.id.short()
    };
    let rows = rows.into_iter().enumerate().map(|(place, (step, size))| {
        let id = if place == 0 { last_id } else { "<missing>" };
        row(id, &step, size, args, now)
    });
    context.screen.print(&format.render(COLUMNS, rows)?);
    Ok(Status::Done)
}

fn default_template(args: &HistoryArgs) -> &'static str {
    match (args.table.quiet, args.human) {
        (true, _) => "{{.ID}}",
        (false, true) => "table {{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
        (false, false) => "table {{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
    }
}

fn row(id: &str, step: &Step, size: Size, args: &HistoryArgs, now: Timestamp) -> Row {
    let created = step.created();
    let true_date = created.filter(|created| created.as_second() > NO_TRUE_DATE);
    let created_by = step.created_by.replace('\t', " ");
    Row::new([
        ("ID", id.to_owned()),
        ("CreatedSince", human::age(true_date, now)),
        ("CreatedAt", human::local_rfc3339(created)),
        (
            "CreatedBy",
            if args.table.no_trunc {
                created_by
            } else {
                ellipsis(&created_by, CREATED_BY_WIDTH)
            },
        ),
        (
            "Size",
            size.shown(|bytes| {
                if args.human {
                    human::size(bytes)
                } else {
                    bytes.to_string()
                }
            }),
        ),
        ("Comment", step.comment.clone()),
    ])
}
