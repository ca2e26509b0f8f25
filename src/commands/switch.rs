//! Switches as Go's pflag reads them.

use clap::builder::ValueParser;
use clap::{Arg, ArgAction};

/// A switch: `--quiet`, `--quiet=false`, never `--quiet false`.
pub fn switch(arg: Arg) -> Arg {
    arg.action(ArgAction::Set)
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .value_parser(ValueParser::from(truth))
}

/// A switch that is on where it is not set.
pub(super) fn on(arg: Arg) -> Arg {
    switch(arg).default_value("true").hide_default_value(true)
}

/// Go's `strconv.ParseBool`, with its words.
fn truth(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {text:?}: invalid syntax")),
    }
}
