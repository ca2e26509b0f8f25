//! podman, another reader of archives, with a store of its own.

use std::process::Command;

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
        let tmpdir = self.inside("tmp");
        let mut own = vec![
            "--tmpdir",
            &tmpdir,
            "--events-backend",
            "none",
            "--cgroup-manager",
            "cgroupfs",
        ];
        own.extend(arguments);
        self.run("podman", &own)
    }

    /// Runs buildah, which shares the store, to its end.
    #[track_caller]
    pub(crate) fn buildah(&self, arguments: &[&str]) -> Run {
        self.run("buildah", arguments)
    }

    #[track_caller]
    fn run(&self, program: &str, arguments: &[&str]) -> Run {
        let mut command = Command::new(program);
        command
            .args(["--root", &self.inside("root"), "--runroot", &self.inside("run")])
            .args(["--storage-driver", "vfs"])
            .args(arguments)
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", self.folder.path())
            .env("TMPDIR", self.folder.path());
        finish(command, b"")
    }

    fn inside(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}
