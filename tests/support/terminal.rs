//! A real terminal with a program in it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use super::process::exit_code;
use super::runtime::wait_for;

/// A program whose standard streams and controlling terminal are a pseudo-terminal.
pub(crate) struct Terminal {
    child: Child,
    master: File,
    slave: Option<OwnedFd>,
    output: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
    ends: Option<Ends>,
}

/// How a program left its terminal.
#[derive(Clone, Debug)]
pub(crate) struct Ends {
    /// The exit code, or 128 + the signal's number.
    pub(crate) code: i32,
    /// All the program wrote, escape sequences included.
    pub(crate) output: Vec<u8>,
    /// Whether typed characters still show.
    pub(crate) echo: bool,
    /// Whether input still comes line by line.
    pub(crate) lines: bool,
}

impl Terminal {
    /// Starts a command, such as `sandbox.command(..)`, in a terminal of this size.
    pub(crate) fn start(command: &Command, columns: u16, rows: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = ptsname(&master, Vec::new()).unwrap();
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
        let slave = rustix::fs::open(path, flags, rustix::fs::Mode::empty()).unwrap();
        resize(&master, columns, rows);
        // setsid makes the pseudo-terminal the controlling one and then becomes the program.
        let mut inner = Command::new("setsid");
        inner
            .arg("--ctty")
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear()
            .envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))))
            .stdin(Stdio::from(slave.try_clone().unwrap()))
            .stdout(Stdio::from(slave.try_clone().unwrap()))
            .stderr(Stdio::from(slave.try_clone().unwrap()));
        if let Some(folder) = command.get_current_dir() {
            inner.current_dir(folder);
        }
        let child = inner.spawn().unwrap();
        drop(inner);
        let master = File::from(master);
        let output = Arc::new(Mutex::new(Vec::new()));
        let reader = read(master.try_clone().unwrap(), Arc::clone(&output));
        Self {
            child,
            master,
            slave: Some(slave),
            output,
            reader: Some(reader),
            ends: None,
        }
    }

    /// Types some text.
    pub(crate) fn send(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }

    /// Presses Ctrl-C.
    pub(crate) fn interrupt(&mut self) {
        self.send("\x03");
    }

    /// Changes the size of the window; the program gets SIGWINCH.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        resize(&self.master, columns, rows);
    }

    /// Sends a signal to the program alone.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// All output so far.
    pub(crate) fn output(&self) -> Vec<u8> {
        let output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        output.clone()
    }

    /// All output so far as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.output()).into_owned()
    }

    /// Waits until the output contains `text`.
    #[track_caller]
    pub(crate) fn wait_text(&self, text: &str) {
        let what = format!("{text:?} in the terminal");
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_for(&what, || self.text().contains(text).then_some(()));
        }));
        assert!(found.is_ok(), "{what} shows only {:?}", self.text());
    }

    /// Whether typed characters show right now; they do not while a password is asked for.
    pub(crate) fn is_echo(&self) -> bool {
        let modes = tcgetattr(&self.master).unwrap().local_modes;
        modes.contains(LocalModes::ECHO)
    }

    /// Whether the program has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.ends.is_some() || self.child.try_wait().unwrap().is_some()
    }

    /// Waits for the program's end, at most a minute.
    #[track_caller]
    pub(crate) fn finish(&mut self) -> Ends {
        if let Some(ends) = &self.ends {
            return ends.clone();
        }
        let status = wait_for("the end of the program in the terminal", || {
            self.child.try_wait().unwrap()
        });
        let modes = tcgetattr(&self.master).unwrap().local_modes;
        // With the last slave closed the reader comes to an end after all that was written.
        self.slave = None;
        if let Some(reader) = self.reader.take() {
            wait_for("the end of the terminal's output", || {
                reader.is_finished().then_some(())
            });
        }
        let ends = Ends {
            code: exit_code(status),
            output: self.output(),
            echo: modes.contains(LocalModes::ECHO),
            lines: modes.contains(LocalModes::ICANON),
        };
        self.ends = Some(ends.clone());
        ends
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn resize(master: impl std::os::fd::AsFd, columns: u16, rows: u16) {
    let size = Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(master, size).unwrap();
}

/// Collects output until the last slave is closed, which reads as an error.
fn read(mut master: File, output: Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(count @ 1..) = master.read(&mut buffer) {
            output
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend_from_slice(&buffer[..count]);
        }
    })
}
