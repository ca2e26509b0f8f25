//! Users and their bcrypt hashes, in the file that `htpasswd -B` writes.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::error::{Error, Kind, Result};
use crate::image::Digest;

/// Hashes that are computed at once: each takes a core for a tenth of a second.
const AT_ONCE: usize = 2;
/// Right pairs of user and password that are remembered, as hashes.
const REMEMBERED: usize = 1000;

pub(in crate::server) struct Htpasswd {
    path: PathBuf,
    read: Cell<Option<SystemTime>>,
    users: RefCell<HashMap<String, String>>,
    known: RefCell<HashSet<Digest>>,
    /// So that the hashes that are remembered are worth nothing elsewhere.
    salt: String,
    slots: Semaphore,
}

impl Htpasswd {
    pub(in crate::server) fn open(path: PathBuf) -> Result<Self> {
        let file = Self {
            path,
            read: Cell::default(),
            users: RefCell::default(),
            known: RefCell::default(),
            salt: super::random::random_id()?,
            slots: Semaphore::new(AT_ONCE),
        };
        file.read()?;
        Ok(file)
    }

    /// Reads the file if it has changed.
    fn read(&self) -> Result<()> {
        let failed = |e| Error::from(e).during(format!("reading {}", self.path.display()));
        let modified = fs::metadata(&self.path).and_then(|it| it.modified()).map_err(failed)?;
        if self.read.get() == Some(modified) {
            return Ok(());
        }
        let text = fs::read_to_string(&self.path).map_err(failed)?;
        self.users.replace(self.parse(&text)?);
        self.known.borrow_mut().clear();
        self.read.set(Some(modified));
        Ok(())
    }

    fn parse(&self, text: &str) -> Result<HashMap<String, String>> {
        let lines = text.lines().map(str::trim).enumerate();
        let users = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        users
            .map(|(number, line)| {
                let wrong = |why: &str| {
                    let place = format!("{}, line {}", self.path.display(), number + 1);
                    Error::new(Kind::Usage, format!("{place}: {why}"))
                };
                let (user, hash) = line.split_once(':').ok_or_else(|| wrong("not of the form USER:HASH"))?;
                if !["$2a$", "$2b$", "$2y$"].iter().any(|kind| hash.starts_with(kind)) {
                    return Err(wrong("the hash is no bcrypt hash: make it with htpasswd -B"));
                }
                Ok((user.to_owned(), hash.to_owned()))
            })
            .collect()
    }

    /// Whether this is the user's password.
    pub(in crate::server) async fn knows(&self, user: &str, password: &str) -> bool {
        // A file that is being edited counts as it was.
        let _ = self.read();
        let proof = Digest::of(format!("{}\0{user}\0{password}", self.salt).as_bytes());
        if self.known.borrow().contains(&proof) {
            return true;
        }
        let hash = self.users.borrow().get(user).cloned();
        let Ok(_slot) = self.slots.acquire().await else {
            return false;
        };
        // For somebody who is not in the file the work is done all the same: the time tells nothing.
        let is_user = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
        let password = password.to_owned();
        let is_right = spawn_blocking(move || bcrypt::verify(password, &hash).unwrap_or(false)).await;
        if !is_user || !is_right.unwrap_or(false) {
            return false;
        }
        let mut known = self.known.borrow_mut();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(proof);
        true
    }
}

/// A hash of nothing in particular, as costly as htpasswd's own.
const NOBODY: &str = "$2y$05$abcdefghijklmnopqrstuuCkPmFpHCBuRkUwrTqDxHzsD.YfgJbKu";

#[cfg(test)]
mod tests {
    use super::*;

    fn wait<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(future)
    }

    #[test]
    fn only_the_right_password_of_a_user_in_the_file_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("htpasswd");
        let hash = bcrypt::hash("s3cret", 4).unwrap();
        fs::write(&path, format!("# users\n\nalice:{hash}\n")).unwrap();
        let file = Htpasswd::open(path.clone()).unwrap();
        for _ in 0..2 {
            assert!(wait(file.knows("alice", "s3cret")));
            assert!(!wait(file.knows("alice", "wrong")));
            assert!(!wait(file.knows("bob", "s3cret")));
            assert!(!wait(file.knows("", "")));
        }
        fs::write(&path, "alice:{SHA}xyz\n").unwrap();
        let error = Htpasswd::open(path.clone()).err().unwrap().to_string();
        assert!(error.contains("line 1: the hash is no bcrypt hash"), "{error}");
        assert!(Htpasswd::open(folder.path().join("none")).is_err());
    }
}
