//! `rdock version`.

use clap::Args;

use super::{Context, Status};

/// Show the rdock version information
#[derive(Debug, Args)]
pub struct VersionArgs {}

pub fn run(context: &Context) -> Status {
    let os = std::env::consts::OS;
    let platform = crate::image::Platform::host();
    context.screen.line("Client:");
    for (key, value) in [
        ("Version:", env!("CARGO_PKG_VERSION").to_owned()),
        ("OS/Arch:", format!("{os}/{}", platform.architecture)),
    ] {
        context.screen.line(&format!(" {key:<19}{value}"));
    }
    Status::Done
}
