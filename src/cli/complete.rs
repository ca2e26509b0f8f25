//! Completion: the shell's script asks rdock itself, which completes from the command tree, the store and config.json.
//!
//! So the scripts in `completions/` never go stale, and know images and hosts. clap's engine does the work
//! (<https://docs.rs/clap_complete/latest/clap_complete/env/>); ours is what each value stands for.

use std::env;
use std::ffi::OsStr;

use clap::{Arg, Command};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::CompleteEnv;

use super::Cli;
pub use super::completion::SHELLS;
use crate::commands::candidates;
use crate::settings::Program;

/// Answers a shell's question; whether there was one. Without words to complete it is the shell's script that is
/// asked for.
pub fn answer() -> Result<bool, clap::Error> {
    let folder = env::current_dir().ok();
    CompleteEnv::with_factory(tree)
        .shells(SHELLS)
        .completer(Program::running().name())
        .try_complete(env::args_os(), folder.as_deref())
}

/// The command tree with what its values stand for.
fn tree() -> Command {
    with_candidates(Cli::named())
}

fn with_candidates(command: Command) -> Command {
    let offered = |arg: Arg| match offer(&arg) {
        Some(offer) => arg.add(ArgValueCompleter::new(move |typed: &OsStr| matching(offer, typed))),
        None => arg,
    };
    command.mut_args(offered).mut_subcommands(with_candidates)
}

type Offer = fn(&str) -> Vec<String>;

/// What stands for an argument, told by the name that its value has in the usage line.
fn offer(arg: &Arg) -> Option<Offer> {
    let [value] = arg.get_value_names()? else { return None };
    Some(match value.as_str() {
        "IMAGE" | "SOURCE_IMAGE[:TAG]" | "NAME|ID" => candidates::images,
        "NAME[:TAG]" | "REPOSITORY[:TAG]" | "TARGET_IMAGE[:TAG]" => |_| candidates::names(),
        "SERVER" | "HOST[:PORT]" => |_| candidates::hosts(),
        "NAME[:TAG|@DIGEST]" | "NAME" | "SOURCE" | "DESTINATION" => |_| [candidates::names(), below_hosts()].concat(),
        "TERM" => |_| below_hosts(),
        _ => return None,
    })
}

fn below_hosts() -> Vec<String> {
    candidates::hosts().into_iter().map(|host| format!("{host}/")).collect()
}

fn matching(offer: Offer, typed: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str() else {
        return Vec::new();
    };
    offer(typed)
        .into_iter()
        .filter(|candidate| candidate.starts_with(typed))
        .map(CompletionCandidate::new)
        .collect()
}
