//! `completion`: the script of a shell, which asks rdock itself for candidates. Those of bash and zsh are ours: they
//! cope with the colons of image names and with `fpath`.

mod scripts;

use clap::{Args, Subcommand};
use clap_complete::env::{Fish, Powershell, Shells};

use crate::error::{During as _, Result};
use crate::settings::Program;

/// The shells that are served, by the value that `COMPLETE` has in their scripts.
pub const SHELLS: Shells<'static> = Shells(&[&scripts::BASH, &scripts::ZSH, &Fish, &Powershell]);

/// Generate the autocompletion script for the specified shell
#[derive(Debug, Subcommand)]
pub enum CompletionCommand {
    /// Generate the autocompletion script for bash
    Bash(ScriptArgs),
    /// Generate the autocompletion script for fish
    Fish(ScriptArgs),
    /// Generate the autocompletion script for powershell
    Powershell(ScriptArgs),
    /// Generate the autocompletion script for zsh
    Zsh(ScriptArgs),
}

#[derive(Debug, Args)]
pub struct ScriptArgs {
    /// Accepted for docker's sake: no candidate has a description
    #[arg(long)]
    no_descriptions: bool,
}

/// The script of a shell, for the name that the program was called by.
pub(super) fn script(command: &CompletionCommand) -> Result<String> {
    let name = match command {
        CompletionCommand::Bash(_) => "bash",
        CompletionCommand::Fish(_) => "fish",
        CompletionCommand::Powershell(_) => "powershell",
        CompletionCommand::Zsh(_) => "zsh",
    };
    let program = Program::running().name();
    let mut script = Vec::new();
    if let Some(shell) = SHELLS.completer(name) {
        let written = shell.write_registration("COMPLETE", program, program, program, &mut script);
        written.during(format!("writing the script of {name}"))?;
    }
    Ok(String::from_utf8_lossy(&script).into_owned())
}
