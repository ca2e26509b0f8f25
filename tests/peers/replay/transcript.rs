//! Recorded sessions, as they stand in `tests/data/transcripts`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// One recorded session.
#[derive(Deserialize)]
pub(crate) struct Transcript {
    pub(crate) steps: Vec<Step>,
}

/// One command of a session and what docker did.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(crate) struct Step {
    pub(crate) argv: Vec<String>,
    /// A shell script that was run before, unrecorded.
    pub(crate) before: Option<String>,
    pub(crate) stdin: Option<String>,
    pub(crate) env: BTreeMap<String, String>,
    /// The size of the terminal, columns and rows, if it ran in one; then all output is in `stdout`.
    pub(crate) terminal: Option<[u16; 2]>,
    pub(crate) typed: Vec<String>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) exit: i32,
    pub(crate) note: Option<String>,
}

impl Transcript {
    pub(crate) fn read(name: &str) -> Self {
        from_file(&format!("{name}.json"))
    }
}

/// What is compared of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) exit: i32,
}

/// The list of wanted differences: reasons, each with its steps.
#[derive(Deserialize)]
pub(crate) struct Differences {
    /// Rules that hold in every step; the code that applies them is in `canon.rs`, by the same names.
    pub(crate) everywhere: BTreeMap<String, String>,
    single: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    why: String,
    steps: Vec<Difference>,
}

/// What rdock does in place of what docker did; what is not named is as docker has it.
#[derive(Deserialize)]
struct Difference {
    transcript: String,
    step: usize,
    stdout: Option<Vec<String>>,
    stderr: Option<Vec<String>>,
    exit: Option<i32>,
}

impl Differences {
    pub(crate) fn read() -> Self {
        let differences: Self = from_file("differences.json");
        let reasons = differences.single.iter().map(|reason| &reason.why);
        for why in reasons.chain(differences.everywhere.values()) {
            assert!(why.len() > 20, "{why:?} is no reason");
        }
        differences
    }

    /// What rdock has to do in a step where docker did this, and the reason if that is something else.
    pub(crate) fn expected(&self, transcript: &str, step: usize, recorded: &Outcome) -> (Outcome, Option<&str>) {
        let mut found = self.single.iter().filter_map(|reason| {
            let fits = |difference: &&Difference| difference.transcript == transcript && difference.step == step;
            let difference = reason.steps.iter().find(fits)?;
            Some((difference.apply(recorded), Some(reason.why.as_str())))
        });
        found.next().unwrap_or_else(|| (recorded.clone(), None))
    }

    /// The steps of a transcript that the list names.
    pub(crate) fn listed(&self, transcript: &str) -> Vec<usize> {
        let all = self.single.iter().flat_map(|reason| &reason.steps);
        all.filter(|difference| difference.transcript == transcript)
            .map(|difference| difference.step)
            .collect()
    }
}

impl Difference {
    fn apply(&self, recorded: &Outcome) -> Outcome {
        let text = |lines: &Option<Vec<String>>, recorded: &str| {
            lines.as_ref().map_or(recorded.to_owned(), |lines| lines.join("\n"))
        };
        Outcome {
            stdout: text(&self.stdout, &recorded.stdout),
            stderr: text(&self.stderr, &recorded.stderr),
            exit: self.exit.unwrap_or(recorded.exit),
        }
    }
}

/// An entry for the list, to be pasted there with a reason.
pub(crate) fn entry(transcript: &str, step: usize, recorded: &Outcome, actual: &Outcome) -> Value {
    let mut entry = serde_json::json!({"transcript": transcript, "step": step});
    let lines = |text: &str| Value::from(text.split('\n').collect::<Vec<_>>());
    if recorded.stdout != actual.stdout {
        entry["stdout"] = lines(&actual.stdout);
    }
    if recorded.stderr != actual.stderr {
        entry["stderr"] = lines(&actual.stderr);
    }
    if recorded.exit != actual.exit {
        entry["exit"] = actual.exit.into();
    }
    entry
}

fn from_file<T: for<'a> Deserialize<'a>>(name: &str) -> T {
    let path = Path::new(super::DATA).join(name);
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
