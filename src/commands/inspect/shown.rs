//! How `inspect` shows what it found: indented, in one line, or through a template.

use crate::commands::{Context, Status, document};
use crate::error::Result;
use crate::image::inspection::Inspection;
use crate::ui::template::{Data, Template, parsing_error};
use crate::ui::{indented, printable};

/// Prints what was found, then says what was not.
pub(super) fn show(
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
                    .with_json(&["Descriptor"], &inspection.descriptor)
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
