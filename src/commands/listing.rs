//! How the commands that list names show them: as a table, bare, or as JSON.

use clap::Args;
use serde_json::Value;

use super::Context;
use crate::ui::Table;

/// The flags of docker's tables.
#[derive(Debug, Args)]
pub struct TableArgs {
    /// Print with a custom template: 'table', 'table TEMPLATE', 'json', 'raw', or a Go template
    #[arg(long, value_name = "string")]
    pub format: Option<String>,
    /// Don't truncate output
    #[arg(long)]
    pub no_trunc: bool,
    /// Only show IDs
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Debug, Args)]
pub struct ListingArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Only print the names
    #[arg(short, long)]
    quiet: bool,
}

impl ListingArgs {
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether names are all that is printed.
    pub fn is_quiet(&self) -> bool {
        self.quiet && !self.json
    }

    /// Prints the names under their header; `json` is what stands for them as JSON.
    pub fn show(&self, context: &Context, header: &str, names: Vec<String>, json: &Value) {
        if self.json {
            context.screen.line(&json.to_string());
        } else if self.quiet {
            for name in &names {
                context.screen.line(name);
            }
        } else {
            let mut table = Table::new(&[header]);
            for name in names {
                table.row(&[name]);
            }
            context.screen.print(&table.aligned());
        }
    }
}
