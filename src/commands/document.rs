//! `-f` of commands that show one document.

use serde_json::Value;

use super::{Context, Status};
use crate::error::Result;
use crate::ui::printable;
use crate::ui::template::{Data, Template, parsing_error};

/// Docker's exit code for a template that cannot be read.
const BAD_TEMPLATE: u8 = 64;

/// Reads a template; if it cannot be read, says so and ends as docker does.
pub(super) fn template(name: &'static str, text: &str, context: &Context) -> Result<Template, Status> {
    Template::named(name, text).map_err(|e| {
        context.fail(&parsing_error(&e));
        Status::Exit(BAD_TEMPLATE)
    })
}

/// Prints the document as `json` or through a template that docker gives this name. The template is filled with
/// `data`.
pub(super) fn show(format: &str, name: &'static str, json: &Value, data: Data, context: &Context) -> Result<Status> {
    if format == "json" {
        context.screen.print(&format!("{}\n", printable(&json.to_string())));
        return Ok(Status::Done);
    }
    let template = match template(name, format, context) {
        Ok(template) => template,
        Err(status) => return Ok(status),
    };
    let text = template.render(&data.with_json(&[], json));
    // Docker ends the line even when there is nothing on it.
    context
        .screen
        .print(&format!("{}\n", text.as_deref().unwrap_or_default()));
    text.map(|_| Status::Done)
}
