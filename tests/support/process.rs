//! Programs run to their end, and server programs that cannot outlive the tests.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::runtime::{LIMIT, runtime, wait_for};

/// The search path of every program started here.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Writes a program that can be started at once. Another process does it: a test beside this one may be starting a
/// program just now, which would have the file open for writing for a moment, and so keep it from being started.
#[track_caller]
pub(crate) fn write_program(path: &Path, bytes: &[u8]) {
    let mut command = Command::new("sh");
    command.args(["-c", "cat >\"$0\" && chmod 755 \"$0\""]).arg(path);
    finish(command, bytes).ok();
}

/// What a finished program left behind.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// Standard output; bytes that are not UTF-8 are replaced.
    pub(crate) stdout: String,
    /// Standard error; bytes that are not UTF-8 are replaced.
    pub(crate) stderr: String,
    /// Standard output, byte for byte.
    pub(crate) bytes: Vec<u8>,
    /// The exit code, or 128 + the signal's number.
    pub(crate) code: i32,
    command: String,
}

impl Run {
    /// Passes the run on if it succeeded; panics with all its output if not.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.fails(0)
    }

    /// Passes the run on if it ended with `code`; panics with all its output if not.
    #[track_caller]
    pub(crate) fn fails(self, code: i32) -> Self {
        assert_eq!(self.code, code, "the exit code of {self}");
        self
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}\n(code {})\n--- stdout\n{}\n--- stderr\n{}",
            self.command, self.code, self.stdout, self.stderr
        )
    }
}

/// The command line as text, for messages.
fn describe(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        let _ = write!(text, " {}", argument.to_string_lossy());
    }
    text
}

/// The number a shell would report.
pub(crate) fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// Runs a program to its end with `stdin`; panics when it is stuck.
#[track_caller]
pub(crate) fn finish(command: Command, stdin: &[u8]) -> Run {
    finish_within(command, stdin, LIMIT)
}

/// Runs a program to its end with `stdin`; kills its whole process group and panics at `limit`.
#[track_caller]
pub(crate) fn finish_within(mut command: Command, stdin: &[u8], limit: Duration) -> Run {
    let name = describe(&command);
    command
        .stdin(if stdin.is_empty() {
            Stdio::null()
        } else {
            Stdio::piped()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
    if let Some(mut pipe) = child.stdin.take() {
        let stdin = stdin.to_vec();
        // A program may close its input early; that is its right.
        thread::spawn(move || drop(pipe.write_all(&stdin)));
    }
    let stdout = collect(child.stdout.take().unwrap());
    let stderr = collect(child.stderr.take().unwrap());
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if start.elapsed() > limit {
            kill_group(&child);
            let _ = child.wait();
            break None;
        }
        thread::sleep(Duration::from_millis(2));
    };
    // What it started may outlive it and keep its output open.
    let rest = Duration::from_secs(30);
    let bytes = stdout.recv_timeout(rest).unwrap_or_default();
    let run = Run {
        stdout: String::from_utf8_lossy(&bytes).into_owned(),
        stderr: String::from_utf8_lossy(&stderr.recv_timeout(rest).unwrap_or_default()).into_owned(),
        bytes,
        code: status.map_or(-1, exit_code),
        command: name,
    };
    assert!(status.is_some(), "still running after {limit:?}: {run}");
    run
}

fn collect(mut pipe: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    receiver
}

fn kill_group(child: &Child) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

/// A server program with a log file; killed when dropped and when the test process ends in any way.
pub(crate) struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts `program`; all it prints goes to the file `log`.
    pub(crate) fn start<S: AsRef<OsStr>>(program: &str, arguments: &[S], log: &Path) -> Self {
        let output = File::create(log).unwrap();
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", program])
            .args(arguments)
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", log.parent().unwrap())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .process_group(0);
        // The kernel sends the death signal when the thread that started the child ends,
        // so a thread that lives as long as the process has to do it.
        let child = runtime()
            .block_on(runtime().spawn(async move { command.spawn() }))
            .unwrap()
            .unwrap_or_else(|error| panic!("cannot start {program}: {error}"));
        let log = log.to_owned();
        Self { child, log }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.unwrap(), signal).unwrap();
    }

    /// Waits for its end, and says with which code.
    pub(crate) fn wait(&mut self) -> i32 {
        exit_code(wait_for("the end of a daemon", || self.child.try_wait().unwrap()))
    }

    /// All it has printed so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        kill_group(&self.child);
        let _ = self.child.wait();
    }
}
