//! Help texts: the words are rdock's own, so only usage lines, headings, aliases and the names of commands and flags are
//! compared. rdock may have more of them than docker, in any order; what needs an engine it has not.

use super::transcript::Step;

/// Commands for containers, builds, networks, volumes and swarms.
const ENGINE: &str = "attach build builder commit config container context cp create diff events exec export kill logs \
                      network node pause plugin port ps rename restart rm run secret service stack start stats stop \
                      swarm top trust unpause update volume wait";

/// Headings that say how docker sorts its many commands, and how sure it is of some.
const SORTED: [&str; 3] = ["Common Commands:", "Swarm Commands:", "EXPERIMENTAL:"];

/// Whether a step asked for help: the recording has no words in its answer.
pub(crate) fn is_asked(step: &Step) -> bool {
    step.note
        .as_ref()
        .is_some_and(|note| note.starts_with("[descriptions removed"))
}

/// The lines that rdock has to have.
pub(crate) fn recorded(text: &str, step: &Step) -> String {
    let is_nested = step.argv.iter().any(|word| word == "image" || word == "manifest");
    let is_engine = |name: &str| name == "build" || !is_nested && ENGINE.split(' ').any(|command| command == name);
    let aliases = text.replace(" docker ", " rdock ");
    let lines = lines(&aliases).into_iter();
    sorted(lines.filter(|line| !is_engine(line) && !SORTED.contains(&line.as_str())))
}

/// Those of rdock's lines that are docker's too.
pub(crate) fn actual(text: &str, recorded: &str) -> String {
    sorted(
        lines(text)
            .into_iter()
            .filter(|line| recorded.lines().any(|docker| docker == line)),
    )
}

fn sorted(lines: impl Iterator<Item = String>) -> String {
    let mut lines: Vec<String> = lines.map(|line| line + "\n").collect();
    lines.sort();
    lines.dedup();
    lines.concat()
}

/// The lines without descriptions.
fn lines(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| match line.strip_prefix("  ") {
            Some(entry) => entry.trim_start().split("  ").next().unwrap_or_default().to_owned(),
            None => line.to_owned(),
        })
        .collect()
}
