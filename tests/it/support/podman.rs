//! podman, another reader of archives, with a store of its own.

use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::process::{PATH, Run, finish};

/// A podman store that goes with the test.
pub(crate) struct Podman {
    folder: TempDir,
}

impl Podman {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("rdpod").tempdir().unwrap();
        Self { folder }
    }

    /// Runs podman to its end.
    #[track_caller]
    pub(crate) fn podman(&self, arguments: &[&str]) -> Run {
        let inside = |name: &str| self.folder.path().join(name).display().to_string();
        let mut command = Command::new("podman");
        command
            .args([
                "--root",
                &inside("root"),
                "--runroot",
                &inside("run"),
                "--tmpdir",
                &inside("tmp"),
            ])
            .args([
                "--storage-driver",
                "vfs",
                "--events-backend",
                "none",
                "--cgroup-manager",
                "cgroupfs",
            ])
            .args(arguments)
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", self.folder.path())
            .env("TMPDIR", self.folder.path());
        finish(command, b"", Duration::from_mins(1))
    }
}
