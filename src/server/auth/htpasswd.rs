//! Users and their bcrypt hashes, in the file that `htpasswd -B` writes.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::super::http::access_log::Log;
use crate::error::{Error, Kind, Result};
use crate::image::Digest;

/// Hashes that are computed at once: each takes a core for a tenth of a second.
const AT_ONCE: usize = 2;
/// Right pairs of user and password that are remembered, as hashes.
const REMEMBERED: usize = 1000;
/// bcrypt looks at no more bytes: two passwords that begin alike would both be right.
const LONGEST: usize = 72;

/// Which file it is, and as of when: its inode, its size, and its times in seconds and nanoseconds.
type Stamp = (u64, u64, [i64; 4]);

pub(in crate::server) struct Htpasswd {
    path: PathBuf,
    read: Cell<Option<Stamp>>,
    /// Why the file cannot be used, as the log was told.
    broken: RefCell<String>,
    log: Log,
    users: RefCell<HashMap<String, String>>,
    known: RefCell<HashSet<Digest>>,
    /// So that the hashes that are remembered are worth nothing elsewhere.
    salt: String,
    slots: Semaphore,
}

impl Htpasswd {
    pub(in crate::server) fn open(path: PathBuf, log: Log) -> Result<Self> {
        let file = Self {
            path,
            read: Cell::default(),
            broken: RefCell::default(),
            log,
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
        let it = fs::metadata(&self.path).map_err(failed)?;
        let times = [it.mtime(), it.mtime_nsec(), it.ctime(), it.ctime_nsec()];
        let stamp = (it.ino(), it.len(), times);
        if self.read.get() == Some(stamp) {
            return Ok(());
        }
        self.read.set(None);
        let text = fs::read_to_string(&self.path).map_err(failed)?;
        self.users.replace(self.parse(&text)?);
        self.known.borrow_mut().clear();
        self.read.set(Some(stamp));
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

    /// Whether the file can be used: as it was it may let in whom it should keep out. The log is told once why not.
    fn is_readable(&self) -> bool {
        let why = self.read().err().map_or_else(String::new, |e| e.to_string());
        let is_readable = why.is_empty();
        if !is_readable && *self.broken.borrow() != why {
            (self.log)(&format!("error: nobody is let in: {why}"));
        }
        self.broken.replace(why);
        is_readable
    }

    /// A hash of nothing in particular, as costly as the costliest of the file.
    fn nobody(&self) -> String {
        let users = self.users.borrow();
        let costs = users.values().filter_map(|hash| hash.get(4..6));
        let cost = costs.max().unwrap_or("05");
        format!("$2y${cost}$abcdefghijklmnopqrstuuCkPmFpHCBuRkUwrTqDxHzsD.YfgJbKu")
    }

    /// Whether this is the user's password.
    pub(in crate::server) async fn knows(&self, user: &str, password: &str) -> bool {
        if !self.is_readable() {
            return false;
        }
        let proof = Digest::of(format!("{}\0{user}\0{password}", self.salt).as_bytes());
        if self.known.borrow().contains(&proof) {
            return true;
        }
        let hash = self.users.borrow().get(user).cloned();
        let Ok(_slot) = self.slots.acquire().await else {
            return false;
        };
        // For somebody who is not in the file the work is done all the same: the time tells nothing.
        let is_user = hash.is_some() && password.len() <= LONGEST;
        let hash = hash.unwrap_or_else(|| self.nobody());
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

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    fn open(path: PathBuf) -> Result<Htpasswd> {
        Htpasswd::open(path, Rc::new(|_| {}))
    }

    #[test]
    fn a_file_that_breaks_or_goes_lets_nobody_in_and_the_log_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("htpasswd");
        let good = format!("alice:{}\n", bcrypt::hash("s3cret", 4).unwrap());
        fs::write(&path, &good).unwrap();
        let logged = Rc::new(RefCell::new(Vec::new()));
        let log = Rc::clone(&logged);
        let file = Htpasswd::open(
            path.clone(),
            Rc::new(move |line| log.borrow_mut().push(line.to_owned())),
        )
        .unwrap();
        assert!(wait(file.knows("alice", "s3cret")));
        fs::write(&path, format!("{good}broken\n")).unwrap();
        assert!(!wait(file.knows("alice", "s3cret")) && !wait(file.knows("alice", "s3cret")));
        fs::remove_file(&path).unwrap();
        assert!(!wait(file.knows("alice", "s3cret")));
        fs::write(&path, &good).unwrap();
        assert!(wait(file.knows("alice", "s3cret")));
        let logged = logged.borrow();
        assert_eq!(logged.len(), 2, "{logged:?}");
        assert!(
            logged[0].contains("line 2") && logged[1].contains("reading "),
            "{logged:?}"
        );
    }

    #[test]
    fn a_password_that_bcrypt_would_cut_is_no_password() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("htpasswd");
        let long = "L".repeat(LONGEST);
        fs::write(&path, format!("alice:{}\n", bcrypt::hash(&long, 4).unwrap())).unwrap();
        let file = open(path).unwrap();
        assert!(wait(file.knows("alice", &long)));
        assert!(!wait(file.knows("alice", &format!("{long}tail"))));
    }

    #[test]
    fn who_is_not_in_the_file_costs_as_much_as_the_costliest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("htpasswd");
        let hash = |cost| bcrypt::hash("x", cost).unwrap();
        fs::write(&path, format!("a:{}\nb:{}\n", hash(4), hash(6))).unwrap();
        assert!(open(path).unwrap().nobody().starts_with("$2y$06$"));
    }

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
        let file = open(path.clone()).unwrap();
        for _ in 0..2 {
            assert!(wait(file.knows("alice", "s3cret")));
            assert!(!wait(file.knows("alice", "wrong")));
            assert!(!wait(file.knows("bob", "s3cret")));
            assert!(!wait(file.knows("", "")));
        }
        fs::write(&path, "alice:{SHA}xyz\n").unwrap();
        let error = open(path.clone()).err().unwrap().to_string();
        assert!(error.contains("line 1: the hash is no bcrypt hash"), "{error}");
        assert!(open(folder.path().join("none")).is_err());
    }
}
