//! A disk small enough to be full.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::finish;

/// The disk, gone when dropped; tests run as root.
pub(crate) struct Disk(PathBuf);

impl Disk {
    /// Mounts it; the size as `mount` takes it.
    #[track_caller]
    pub(crate) fn mount(at: &Path, size: &str) -> Self {
        fs::create_dir_all(at).unwrap();
        let mut command = Command::new("mount");
        command
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(at);
        finish(command, b"").ok();
        Self(at.to_owned())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let mut command = Command::new("umount");
        command.args(["--lazy"]).arg(&self.0);
        let _ = command.status();
    }
}
