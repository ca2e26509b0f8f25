//! One session, played step by step and held against the recording and the list of wanted differences.

use std::path::Path;

use super::canon::Canon;
use super::surroundings::Surroundings;
use super::transcript::{Differences, Outcome, Step, Transcript, entry};

pub(crate) struct Session<'a> {
    name: &'a str,
    surroundings: Surroundings,
    pub(crate) canon: Canon,
    differences: Differences,
    transcript: Transcript,
}

impl<'a> Session<'a> {
    /// `trusted` is the file with the authority that rdock trusts.
    pub(crate) fn open(name: &'a str, root: &Path, trusted: &Path) -> Self {
        let differences = Differences::read();
        Self {
            name,
            surroundings: Surroundings::set(root, name, trusted),
            canon: Canon::new(&differences.everywhere),
            transcript: Transcript::read(name),
            differences,
        }
    }

    /// Plays all steps; fails with all that is neither as recorded nor as listed.
    pub(crate) fn play(&self) {
        let steps = &self.transcript.steps;
        let listed = self.differences.listed(self.name).into_iter();
        let unknown = listed.filter(|number| *number >= steps.len());
        let mut failures: Vec<String> = unknown
            .map(|number| format!("step {number} is listed, but there is no such step"))
            .collect();
        failures.extend(
            steps
                .iter()
                .enumerate()
                .filter_map(|(number, step)| self.play_one(number, step)),
        );
        assert!(
            failures.is_empty(),
            "{} of {} steps of {}:\n\n{}",
            failures.len(),
            steps.len(),
            self.name,
            failures.join("\n\n")
        );
    }

    fn play_one(&self, number: usize, step: &Step) -> Option<String> {
        if let Some(script) = &step.before {
            self.surroundings.prepare(script);
        }
        let actual = self.canon.actual(step, &self.surroundings.play(step));
        let recorded = self.canon.recorded(step);
        let (expected, why) = self.differences.expected(self.name, number, &recorded);
        let problem = match why {
            Some(why) if actual == recorded => format!("is as docker does it now, but is listed: {why}"),
            Some(why) if actual != expected => format!("differs otherwise than listed: {why}"),
            None if actual != recorded => "differs".to_owned(),
            _ => return None,
        };
        let note = step
            .note
            .as_ref()
            .map(|note| format!("   # {note}"))
            .unwrap_or_default();
        Some(format!(
            "step {number} {problem}\n$ {}{note}\n--- expected {}--- rdock {}\nENTRY {}",
            step.argv.join(" "),
            shown(&expected),
            shown(&actual),
            entry(self.name, number, &recorded, &actual),
        ))
    }
}

fn shown(outcome: &Outcome) -> String {
    format!(
        "(exit {})\n{}--- stderr\n{}",
        outcome.exit, outcome.stdout, outcome.stderr
    )
}
