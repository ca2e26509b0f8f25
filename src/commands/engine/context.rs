//! `context`: there is the default one and no other.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::commands::{Context, Status, document};
use crate::error::{Error, Kind, Result};
use crate::ui::template::{Data, Row, parsing_error};
use crate::ui::{Columns, Format, indented, printable};

/// Manage contexts
#[derive(Debug, Subcommand)]
pub enum ContextCommand {
    Inspect(InspectArgs),
    #[command(visible_alias = "list")]
    Ls(LsArgs),
    Show(ShowArgs),
    Use(UseArgs),
}

/// Display detailed information on one or more contexts
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// Print with a custom template: 'json', or a Go template
    #[arg(short, long, value_name = "string")]
    format: Option<String>,
    #[arg(value_name = "CONTEXT")]
    contexts: Vec<String>,
}

/// List contexts
#[derive(Debug, Args)]
pub struct LsArgs {
    /// Print with a custom template: 'table', 'table TEMPLATE', 'json', or a Go template
    #[arg(long, value_name = "string")]
    format: Option<String>,
    /// Only show context names
    #[arg(short, long)]
    quiet: bool,
}

/// Print the name of the current context
#[derive(Debug, Args)]
pub struct ShowArgs {}

/// Set the current docker context
#[derive(Debug, Args)]
pub struct UseArgs {
    #[arg(value_name = "CONTEXT")]
    context: String,
}

const DEFAULT: &str = "default";
const DESCRIPTION: &str = "Current DOCKER_HOST based configuration";
/// The address at which docker's client looks for an engine that is not named.
const SOCKET: &str = "unix:///var/run/docker.sock";

const COLUMNS: Columns = Columns {
    go_type: "*formatter.clientContextContext",
    headers: &[
        ("Name", "NAME"),
        ("Description", "DESCRIPTION"),
        ("DockerEndpoint", "DOCKER ENDPOINT"),
        ("Error", "ERROR"),
    ],
};
const TABLE: &str = "table {{.Name}}{{if .Current}} *{{end}}\t{{.Description}}\t{{.DockerEndpoint}}\t{{.Error}}";

pub(super) fn run(command: &ContextCommand, context: &Context) -> Result<Status> {
    match command {
        ContextCommand::Inspect(args) => return inspect(args, context),
        ContextCommand::Ls(args) => return list(args, context),
        ContextCommand::Show(ShowArgs {}) => context.screen.line(DEFAULT),
        ContextCommand::Use(args) => {
            check(&args.context)?;
            context.screen.line(DEFAULT);
            context.screen.note(&format!("Current context is now {DEFAULT:?}"));
        }
    }
    Ok(Status::Done)
}

fn check(name: &str) -> Result<()> {
    match name {
        DEFAULT => Ok(()),
        name => Err(Error::new(
            Kind::NotFound,
            format!("context {name:?}: context not found"),
        )),
    }
}

fn endpoint(context: &Context) -> &str {
    context.settings.docker.host.as_deref().unwrap_or(SOCKET)
}

fn list(args: &LsArgs, context: &Context) -> Result<Status> {
    if args.quiet {
        context.screen.line(DEFAULT);
        return Ok(Status::Done);
    }
    let format = Format::parse(args.format.as_deref().unwrap_or_default(), TABLE)?;
    let row = Row::new([
        ("Current", "true".to_owned()),
        ("Description", DESCRIPTION.to_owned()),
        ("DockerEndpoint", endpoint(context).to_owned()),
        ("Error", String::new()),
        ("Name", DEFAULT.to_owned()),
    ])
    .with_json("Current", "true");
    context.screen.print(&format.render(COLUMNS, [row])?);
    Ok(Status::Done)
}

fn inspect(args: &InspectArgs, context: &Context) -> Result<Status> {
    args.contexts.iter().try_for_each(|name| check(name))?;
    let document: Value = json!({
        "Name": DEFAULT,
        "Metadata": {},
        "Endpoints": {"docker": {"Host": endpoint(context), "SkipTLSVerify": false}},
        "TLSMaterial": {},
        "Storage": {"MetadataPath": "<IN MEMORY>", "TLSPath": "<IN MEMORY>"},
    });
    let documents = vec![document.clone(); args.contexts.len().max(1)];
    let text = match args.format.as_deref().unwrap_or_default() {
        "" => format!("{}\n", indented(&Value::from(documents))),
        "json" => format!("{}\n", printable(&Value::from(documents).to_string())),
        format => {
            let template = match document::template("", format, context) {
                Ok(template) => template,
                Err(status) => return Ok(status),
            };
            let data = Data::document(&document).with_json(&[], &document);
            let text = template.render(&data).map_err(|e| parsing_error(&e))?;
            format!("{text}\n").repeat(documents.len())
        }
    };
    context.screen.print(&text);
    Ok(Status::Done)
}
