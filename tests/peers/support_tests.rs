//! What the tests are made with is tested: each piece with other programs as its clients.

mod hub;
mod images;
mod programs;
mod servers;

use std::process::Command;

use crate::support::layout::Access;
use crate::support::process::{Run, finish};

fn run(mut command: Command, arguments: &[&str]) -> Run {
    command.args(arguments);
    finish(command, b"")
}

fn curl(arguments: &[&str]) -> Run {
    run(Access::default().curl(), arguments)
}

/// The status of an answer.
fn status(command: Command, url: &str) -> String {
    let arguments = ["-o", "/dev/null", "-w", "%{http_code}", url];
    run(command, &arguments).stdout
}
