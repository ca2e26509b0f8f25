//! `rdock version`. Docker tells of its client and its engine; rdock is both, so that scripts which ask for either get
//! an answer.

use std::fmt::Write;

use clap::Args;
use serde_json::{Value, json};

use super::{Context, Status, document};
use crate::error::Result;
use crate::image::Platform;
use crate::settings::Program;
use crate::ui::template::Data;

/// Show the rdock version information
#[derive(Debug, Args)]
pub struct VersionArgs {
    /// Print with a custom template: 'json', or a Go template
    #[arg(short, long, value_name = "string")]
    format: Option<String>,
}

/// Docker's field is called otherwise in templates than in JSON.
const API_NAME: &str = "APIVersion";
const API_NAME_IN_JSON: &str = "ApiVersion";

pub fn run(args: &VersionArgs, context: &Context) -> Result<Status> {
    let format = args.format.as_deref().unwrap_or_default();
    let program = context.settings.program;
    if format.is_empty() {
        context.screen.print(&in_words(program));
        return Ok(Status::Done);
    }
    let json = facts(program, API_NAME_IN_JSON);
    let mut fields = facts(program, API_NAME);
    // Docker's JSON leaves these out where they are empty; its templates know them.
    fields["Client"]["Platform"] = json!({"Name": ""});
    fields["Server"]["KernelVersion"] = json!("");
    fields["Server"]["Experimental"] = json!(false);
    fields["ServerOK"] = json!(true);
    let data = Data::document(&fields)
        .of_types(&[
            ("", "system.versionInfo"),
            ("Client", "system.clientVersion"),
            ("Server", "types.Version"),
        ])
        .with_json(&["Client"], &json["Client"])
        .with_json(&["Server"], &json["Server"]);
    document::show(format, "version", &json, data, context)
}

fn in_words(program: Program) -> String {
    let (os, architecture) = (std::env::consts::OS, Platform::host().architecture);
    let platform = format!("{os}/{architecture}");
    let build = program.build();
    let mut text = "Client:\n".to_owned();
    let mut block = |title: &str, indent: &str, more: &[(&str, &str)]| {
        text += title;
        let mut facts = vec![
            ("Version:", program.version()),
            ("API version:", program.api_versions().0),
        ];
        if !build.is_empty() {
            facts.push(("Git commit:", build.as_str()));
        }
        facts.push(("OS/Arch:", platform.as_str()));
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
fn facts(program: Program, api_name: &str) -> Value {
    let (os, architecture) = (std::env::consts::OS, Platform::host().architecture);
    let version = program.version();
    let (api, oldest_api) = program.api_versions();
    let own_version = Program::Rdock.version();
    json!({
        "Client": {
            "Version": version,
            api_name: api,
            "DefaultAPIVersion": api,
            "GitCommit": program.build(),
            "GoVersion": "",
            "Os": os,
            "Arch": architecture,
            "BuildTime": "",
            "Context": "default",
        },
        "Server": {
            "Platform": {"Name": "rdock"},
            "Components": [{"Name": "rdock", "Version": own_version, "Details": {"Os": os, "Arch": architecture}}],
            "Version": version,
            api_name: api,
            "MinAPIVersion": oldest_api,
            "GitCommit": program.build(),
            "GoVersion": "",
            "Os": os,
            "Arch": architecture,
            "BuildTime": "",
        },
    })
}
