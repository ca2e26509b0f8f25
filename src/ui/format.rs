//! `--format` of listings: a table, JSON lines, or a template for each row (github.com/docker/cli/cli/command/formatter).

use std::sync::Arc;

use super::tabs;
use super::template::{Data, Row, Template, parsing_error};
use crate::error::Result;

/// What a listing has to show.
#[derive(Debug, Clone, Copy)]
pub struct Columns {
    /// Go's name of the type docker fills templates with: for errors.
    pub go_type: &'static str,
    /// Fields and the headers they have in tables.
    pub headers: &'static [(&'static str, &'static str)],
}

/// How a listing is to look.
#[derive(Debug)]
pub struct Format {
    template: Template,
    is_table: bool,
}

impl Format {
    /// Reads the value of `--format`. Without one, and for `table` alone, it is `default`, a `table` template.
    pub fn parse(text: &str, default: &str) -> Result<Self> {
        let text = if matches!(text, "" | "table") { default } else { text };
        let (is_table, body) = match text.strip_prefix("table") {
            Some(body) => (true, body),
            None => (false, text),
        };
        let body = match text {
            "json" => "{{json .}}".to_owned(),
            _ => body.trim_matches(' ').replace("\\t", "\t").replace("\\n", "\n"),
        };
        let template = Template::parse(&body).map_err(|e| parsing_error(&e))?;
        Ok(Self { template, is_table })
    }

    /// Whether the format may show this field.
    pub fn needs(&self, field: &str) -> bool {
        self.template.needs(field)
    }

    /// The columns that the format may show: the others need not be put into words.
    pub fn fields(&self, columns: Columns) -> Vec<Arc<str>> {
        let fields = columns.headers.iter().map(|(field, _)| *field);
        fields.filter(|field| self.needs(field)).map(Arc::from).collect()
    }

    /// All lines, each with its line end.
    pub fn render(&self, columns: Columns, rows: impl IntoIterator<Item = Row>) -> Result<String> {
        let mut text = String::new();
        if self.is_table {
            text += &self.template.render_header(columns.headers);
            text.push('\n');
        }
        for row in rows {
            let data = Data::row(row, columns.go_type);
            text += &self.template.render(&data).map_err(|e| parsing_error(&e))?;
            text.push('\n');
        }
        Ok(if self.is_table { tabs::align(&text) } else { text })
    }
}
