//! The folder in which the demo takes place.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::error::{During as _, Result};
use crate::store::Store;

/// The user who may come in, for as long as the demo lasts and from this machine only. The line is made by
/// `htpasswd -nbBC 4 demo tutorial`.
pub(super) const PASSWORD: &str = "tutorial";
const USERS: &str = "demo:$2y$04$mOPgEWtlIfyQMY602yf1AO4MDXptyT6jeMvw8oa2jUpDYyFPZjkTS\n";

/// How often, and how long after another, the removal of the folder is tried: a command that was just killed may still
/// be writing.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(25);

/// A temporary folder, removed with all that is in it however the demo ends.
pub(super) struct Folders {
    folder: TempDir,
}

impl Folders {
    pub(super) fn make() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("rdock-demo-").tempdir();
        let folder = folder.during("making a temporary folder for the demo")?;
        let folders = Self { folder };
        fs::write(folders.users(), USERS).during("writing the registry's list of users")?;
        Ok(folders)
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What the registry holds.
    pub(super) fn registry(&self) -> Store {
        Store::at(self.folder().join("registry"))
    }

    pub(super) fn users(&self) -> PathBuf {
        self.folder().join("htpasswd")
    }

    /// The user's images.
    pub(super) fn home(&self) -> PathBuf {
        self.folder().join("images")
    }

    /// The user's config.json.
    pub(super) fn login(&self) -> PathBuf {
        self.folder().join("config")
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        for _ in 0..TRIES {
            if fs::remove_dir_all(self.folder()).is_ok() {
                return;
            }
            thread::sleep(PAUSE);
        }
    }
}
