//! Docker's commands that run or build something: rdock knows their names, so that it can name the way out.

use super::help::Path;
use crate::error::{Clue, Error, Kind};
use crate::settings::Program;
use crate::ui::failure::{self, Here};

/// `docker run` ends with this code when its engine fails it.
const RUN_FAILED: u8 = 125;

const OF_CONTAINERS: [&str; 22] = [
    "attach", "commit", "cp", "create", "diff", "exec", "export", "inspect", "kill", "logs", "pause", "port", "rename",
    "restart", "run", "start", "stats", "stop", "top", "unpause", "update", "wait",
];
const OF_THE_ENGINE: [&str; 14] = [
    "build",
    "checkpoint",
    "compose",
    "config",
    "events",
    "init",
    "node",
    "plugin",
    "scout",
    "secret",
    "service",
    "stack",
    "swarm",
    "trust",
];
const OF_BUILDX: [&str; 13] = [
    "bake",
    "build",
    "create",
    "dap",
    "debug",
    "dial-stdio",
    "du",
    "history",
    "inspect",
    "ls",
    "rm",
    "stop",
    "use",
];
const OF_CONTEXTS: [&str; 6] = ["create", "export", "import", "remove", "rm", "update"];

/// What is said to a command that rdock does not have because it has no engine; `None` where docker has none either. With it comes the exit
/// code.
pub(super) fn answer(path: &Path<'_>, typed: &str, arguments: &[&str]) -> Option<(String, u8)> {
    let call = path.to_string();
    let (program, group) = call.split_once(' ').unwrap_or((&call, ""));
    let is_known = match group {
        // `docker inspect` is rdock's own, and so never comes here.
        "" => OF_CONTAINERS.contains(&typed) || OF_THE_ENGINE.contains(&typed),
        "container" => OF_CONTAINERS.contains(&typed),
        "image" | "builder" => typed == "build",
        "buildx" => OF_BUILDX.contains(&typed),
        "volume" => matches!(typed, "create" | "inspect" | "update"),
        "network" => matches!(typed, "connect" | "create" | "disconnect" | "inspect"),
        "context" => OF_CONTEXTS.contains(&typed),
        "system" => matches!(typed, "dial-stdio" | "events"),
        _ => false,
    };
    if !is_known {
        return None;
    }
    let from = arguments.iter().position(|argument| *argument == typed)?;
    let words = group
        .split(' ')
        .filter(|word| !word.is_empty())
        .chain(arguments[from..].iter().copied());
    let error = Error::new(
        Kind::Unsupported,
        format!("{program}: '{call} {typed}' needs a container engine, and rdock has none"),
    )
    .with_clue(Clue::NeedsEngine {
        words: words.map(str::to_owned).collect(),
    });
    let text = failure::render(&error, &Here::usual(Program::running().name())) + "\n";
    Some((text, if typed == "run" { RUN_FAILED } else { 1 }))
}
