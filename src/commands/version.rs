//! `rdock version`. Docker tells of its client and its engine; rdock is both, so that scripts which ask for either get
//! an answer.

use std::fmt::Write;

use clap::Args;
use serde_json::{Value, json};

use super::{Context, Status, document};
use crate::error::Result;
use crate::image::Platform;
use crate::ui::template::Data;

/// Show the rdock version information
#[derive(Debug, Args)]
pub struct VersionArgs {
    /// Print with a custom template: 'json', or a Go template
    #[arg(short, long, value_name = "string")]
    format: Option<String>,
}

pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The API of the docker whose commands rdock speaks: what a script may expect of them.
const API_VERSION: &str = "1.41";
/// Docker's field is called otherwise in templates than in JSON.
const API_NAME: &str = "APIVersion";
const API_NAME_IN_JSON: &str = "ApiVersion";

pub fn run(args: &VersionArgs, context: &Context) -> Result<Status> {
    let format = args.format.as_deref().unwrap_or_default();
    if format.is_empty() {
        context.screen.print(&in_words());
        return Ok(Status::Done);
    }
    let json = facts(API_NAME_IN_JSON);
    let data = Data::document(&facts(API_NAME))
        .of_types(&[
            ("", "system.versionInfo"),
            ("Client", "system.clientVersion"),
            ("Server", "types.Version"),
        ])
        .with_json(&["Client"], &json["Client"])
        .with_json(&["Server"], &json["Server"]);
    document::show(format, "version", &json, data, context)
}

fn in_words() -> String {
    let (os, architecture) = (std::env::consts::OS, Platform::host().architecture);
    let platform = format!("{os}/{architecture}");
    let mut text = "Client:\n".to_owned();
    let mut block = |title: &str, indent: &str, more: &[(&str, &str)]| {
        text += title;
        let facts = [
            ("Version:", VERSION),
            ("API version:", API_VERSION),
            ("OS/Arch:", platform.as_str()),
        ];
        for (key, value) in facts.iter().chain(more) {
            let width = 20 - indent.len();
            let _ = writeln!(text, "{indent}{key:<width$}{value}");
        }
    };
    block("", " ", &[("Context:", "default")]);
    block("\nServer:\n rdock:\n", "  ", &[]);
    text
}

/// Docker's members, empty where rdock has nothing to say.
fn facts(api_name: &str) -> Value {
    let (os, architecture) = (std::env::consts::OS, Platform::host().architecture);
    json!({
        "Client": {
            "Version": VERSION,
            api_name: API_VERSION,
            "DefaultAPIVersion": API_VERSION,
            "GitCommit": "",
            "GoVersion": "",
            "Os": os,
            "Arch": architecture,
            "BuildTime": "",
            "Context": "default",
        },
        "Server": {
            "Platform": {"Name": "rdock"},
            "Components": [{"Name": "rdock", "Version": VERSION, "Details": {"Os": os, "Arch": architecture}}],
            "Version": VERSION,
            api_name: API_VERSION,
            "MinAPIVersion": API_VERSION,
            "GitCommit": "",
            "GoVersion": "",
            "Os": os,
            "Arch": architecture,
            "BuildTime": "",
        },
    })
}
