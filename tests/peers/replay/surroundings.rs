//! Where a session is played: a home, a store, the programs on the path, and one step after the other.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::transcript::{Outcome, Step};
use crate::support::process::{PATH, finish, write_program};
use crate::support::runtime::wait_for;
use crate::support::terminal::Terminal;

const RDOCK: &str = env!("CARGO_BIN_EXE_rdock");

/// The programs of the recorded steps. What else is on this machine, such as a keychain, was not on the recorded one.
const PROGRAMS: [&str; 22] = [
    "base64", "cat", "chmod", "cp", "curl", "grep", "gzip", "jq", "ln", "ls", "mkdir", "mv", "printf", "rm", "sed",
    "setsid", "sh", "stat", "tar", "touch", "tr", "true",
];

/// Functions for the scripts between the steps.
const PRELUDE: &str = "prelude.sh";

/// The folder that stands for the recorder's `/lab`.
pub(crate) struct Surroundings {
    root: PathBuf,
    home: PathBuf,
    environment: BTreeMap<String, String>,
}

impl Surroundings {
    /// A fresh home for the session of this name.
    pub(crate) fn set(root: &Path, name: &str, trusted: &Path) -> Self {
        let (bin, home) = (root.join("bin"), root.join("home").join(name));
        for folder in [&home, &bin] {
            fs::create_dir_all(folder).unwrap();
        }
        // No link: by docker's name rdock has docker's version, and what is compared here is rdock's own.
        let docker = bin.join("docker");
        write_program(&docker, format!("#!/bin/sh\nexec '{RDOCK}' \"$@\"\n").as_bytes());
        for name in PROGRAMS {
            let mut folders = PATH.split(':').map(|folder| Path::new(folder).join(name));
            let program = folders.find(|path| path.exists());
            symlink(program.unwrap_or_else(|| panic!("no {name} here")), bin.join(name)).unwrap();
        }
        for helper in fs::read_dir(Path::new(super::DATA).join("bin")).unwrap() {
            let helper = helper.unwrap();
            symlink(helper.path(), bin.join(helper.file_name())).unwrap();
        }
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let environment = [
            ("PATH", text(&bin)),
            ("HOME", text(&home)),
            ("RDOCK_HOME", text(&root.join("store"))),
            ("LAB", text(root)),
            ("HELPER_LOG", text(&home.join("helper.log"))),
            ("HELPER_DB", text(&home.join("db"))),
            ("SSL_CERT_FILE", text(trusted)),
            ("TERM", "xterm".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
            ("TZ", "UTC".to_owned()),
        ];
        Self {
            root: root.to_owned(),
            home,
            environment: environment.map(|(key, value)| (key.to_owned(), value)).into(),
        }
    }

    /// Text of the recording with this surroundings's paths.
    pub(crate) fn here(&self, recorded: &str) -> String {
        recorded.replace("/lab/", &format!("{}/", self.root.display()))
    }

    /// This surroundings's text with the recording's paths.
    pub(crate) fn there(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.root.display()), "/lab/")
    }

    /// Runs the script before a step; it has to succeed.
    pub(crate) fn prepare(&self, script: &str) {
        let prelude = Path::new(super::DATA).join(PRELUDE);
        let mut command = Command::new("sh");
        let script = format!(". '{}'\n{}", prelude.display(), self.here(script));
        command
            .args(["-euc", &script])
            .env_clear()
            .envs(&self.environment)
            .current_dir(&self.home);
        finish(command, b"").ok();
    }

    /// Runs one step.
    pub(crate) fn play(&self, step: &Step) -> Outcome {
        let program = if step.argv[0] == "docker" { RDOCK } else { &step.argv[0] };
        let mut command = Command::new(program);
        command
            .args(step.argv[1..].iter().map(|argument| self.here(argument)))
            .env_clear()
            .envs(&self.environment)
            .envs(step.env.iter().map(|(key, value)| (key, self.here(value))))
            .current_dir(&self.home);
        if let Some([columns, rows]) = step.terminal {
            return self.act(&command, [columns, rows], &step.typed);
        }
        let run = finish(command, step.stdin.as_deref().unwrap_or_default().as_bytes());
        Outcome {
            stdout: self.there(&run.stdout),
            stderr: self.there(&run.stderr),
            exit: run.code,
        }
    }

    /// Runs a command in a terminal, and types at each prompt.
    fn act(&self, command: &Command, [columns, rows]: [u16; 2], typed: &[String]) -> Outcome {
        let mut terminal = Terminal::start(command, columns, rows);
        let mut seen = 0;
        for line in typed {
            wait_for("a prompt", || {
                let text = terminal.text();
                let prompt = text[seen..].rsplit('\n').next().unwrap_or_default();
                let asks = prompt.ends_with(": ") || prompt.ends_with("[y/N] ");
                let hides = !prompt.starts_with("Password") || !terminal.is_echo();
                (asks && hides || terminal.has_ended()).then_some(())
            });
            seen = terminal.text().len();
            if !terminal.has_ended() {
                terminal.send(line);
            }
        }
        let ends = terminal.finish();
        Outcome {
            stdout: self.there(&String::from_utf8_lossy(&ends.output)),
            stderr: String::new(),
            exit: ends.code,
        }
    }
}
