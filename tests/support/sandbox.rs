//! A home of its own for one run of rdock: home folder, store, environment and search path.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::image::Built;
use super::layer;
use super::process::{self, PATH, Run};
use super::scale;

/// A temporary home with a known environment and nothing else.
pub(crate) struct Sandbox {
    root: TempDir,
    environment: BTreeMap<OsString, OsString>,
}

impl Sandbox {
    /// An empty home; `DOCKER_CONFIG` is unset, so the config file is `HOME/.docker/config.json`.
    pub(crate) fn new() -> Self {
        // A short name: sockets of gpg-agent live below it and their paths are limited to 107 bytes.
        let root = tempfile::Builder::new().prefix("rd").tempdir().unwrap();
        for folder in ["home", "store", "bin"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        let mut sandbox = Self {
            root,
            environment: BTreeMap::new(),
        };
        let path = format!("{}:{PATH}", sandbox.bin().display());
        sandbox.set_env("PATH", path);
        sandbox.set_env("HOME", sandbox.home());
        sandbox.set_env("RDOCK_HOME", sandbox.store());
        sandbox.set_env("TERM", "xterm");
        sandbox.set_env("LANG", "C.UTF-8");
        sandbox.set_env("TZ", "UTC");
        sandbox
    }

    /// The same sandbox with one more variable.
    pub(crate) fn env(mut self, key: &str, value: impl Into<OsString>) -> Self {
        self.set_env(key, value);
        self
    }

    /// Sets a variable for all later runs.
    pub(crate) fn set_env(&mut self, key: &str, value: impl Into<OsString>) {
        self.environment.insert(key.into(), value.into());
    }

    /// The home folder.
    pub(crate) fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// The folder `RDOCK_HOME` names; it exists and is empty at first.
    pub(crate) fn store(&self) -> PathBuf {
        self.root.path().join("store")
    }

    /// The path at which the store has the blob of this digest, or would have it.
    pub(crate) fn blob(&self, digest: &str) -> PathBuf {
        self.store().join("blobs").join(digest.replace(':', "/"))
    }

    /// The store has each blob of the image, unharmed.
    #[track_caller]
    pub(crate) fn assert_holds(&self, image: &Built) {
        let layers = image.layers.iter().map(|blob| &blob.digest);
        for digest in layers.chain([&image.config_digest, &image.digest]) {
            assert_eq!(&layer::digest(&fs::read(self.blob(digest)).unwrap()), digest);
        }
    }

    /// A folder at the front of `PATH`.
    pub(crate) fn bin(&self) -> PathBuf {
        self.root.path().join("bin")
    }

    /// The folder of everything; free for a test's own files.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// Docker's config file; it does not exist at first.
    pub(crate) fn config_path(&self) -> PathBuf {
        self.home().join(".docker/config.json")
    }

    /// Any program in this environment, in the home folder, not started yet.
    pub(crate) fn program(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(name);
        command
            .args(arguments)
            .env_clear()
            .envs(&self.environment)
            .current_dir(self.home());
        command
    }

    /// rdock in this environment, not started yet; for tests that kill it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.program(&scale::program(), arguments)
    }

    /// rdock, started; what it prints is lost.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// Runs rdock to its end, with no input.
    #[track_caller]
    pub(crate) fn rdock(&self, arguments: &[&str]) -> Run {
        process::finish(self.command(arguments), b"")
    }

    /// Runs rdock to its end with `stdin` on its standard input.
    #[track_caller]
    pub(crate) fn rdock_stdin(&self, arguments: &[&str], stdin: impl AsRef<[u8]>) -> Run {
        process::finish(self.command(arguments), stdin.as_ref())
    }

    /// Runs rdock to its end after `change` had its way with the command.
    #[track_caller]
    pub(crate) fn rdock_with(&self, arguments: &[&str], change: impl FnOnce(&mut Command)) -> Run {
        let mut command = self.command(arguments);
        change(&mut command);
        process::finish(command, b"")
    }

    /// Runs any program in this environment to its end.
    #[track_caller]
    pub(crate) fn run(&self, name: &str, arguments: &[&str]) -> Run {
        process::finish(self.program(name, arguments), b"")
    }
}

/// How many bytes the files of a folder have, those of its own folders included.
pub(crate) fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(it) if it.is_dir() => bytes_below(&entry.path()),
            Ok(it) => it.len(),
            Err(_) => 0,
        })
        .sum()
}
