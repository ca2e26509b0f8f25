//! Users and their bcrypt hashes, in the file that `htpasswd -B` writes.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use bcrypt::HashParts;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::super::http::access_log::Log;
use super::watched_file::{WatchedFile, lines, wrong};
use crate::error::Result;
use crate::image::Digest;

/// Hashes that are computed at once: each takes a core for a tenth of a second.
const AT_ONCE: usize = 2;
/// Right pairs of user and password that are remembered, as hashes.
const REMEMBERED: usize = 1000;
/// bcrypt looks at no more bytes: two passwords that begin alike would both be right.
const LONGEST: usize = 72;

pub(in crate::server) struct Htpasswd {
    file: WatchedFile<Users>,
    /// A secret that makes the remembered hashes worth nothing elsewhere.
    salt: String,
    slots: Semaphore,
}

/// The users of the file, and who has shown his password since it was read.
struct Users {
    hashes: HashMap<String, String>,
    known: RefCell<HashSet<Digest>>,
}

impl Users {
    fn parse(path: &Path, text: &str) -> Result<Self> {
        let hashes = lines(text).map(|(number, line)| {
            let (user, hash) = line
                .split_once(':')
                .ok_or_else(|| wrong(path, number, "not of the form USER:HASH"))?;
            let is_bcrypt = ["$2a$", "$2b$", "$2y$"].iter().any(|kind| hash.starts_with(kind));
            // One that nobody's password fits is refused here too: it would be refused at once, and so tell who is a user.
            if !is_bcrypt || cost(hash).is_none() {
                let why = "the hash is no bcrypt hash: make it with htpasswd -B";
                return Err(wrong(path, number, why));
            }
            Ok((user.to_owned(), hash.to_owned()))
        });
        Ok(Self {
            hashes: hashes.collect::<Result<_>>()?,
            known: RefCell::default(),
        })
    }

    /// A hash of nothing in particular, as costly as the costliest of the file.
    fn nobody(&self) -> String {
        let costs = self.hashes.values().filter_map(|hash| cost(hash));
        let cost = costs.max().unwrap_or(5);
        format!("$2y${cost:02}$abcdefghijklmnopqrstuuCkPmFpHCBuRkUwrTqDxHzsD.YfgJbKu")
    }
}

/// How costly a bcrypt hash is; `None` for what is none.
fn cost(hash: &str) -> Option<u32> {
    let parts: HashParts = hash.parse().ok()?;
    Some(parts.get_cost()).filter(|cost| (4..=31).contains(cost))
}

impl Htpasswd {
    pub(in crate::server) fn open(path: PathBuf, log: Log) -> Result<Self> {
        Ok(Self {
            file: WatchedFile::open(path, Users::parse, log)?,
            salt: super::random::random_id()?,
            slots: Semaphore::new(AT_ONCE),
        })
    }

    /// Whether this is the user's password.
    pub(in crate::server) async fn knows(&self, user: &str, password: &str) -> bool {
        let Some(users) = self.file.current().await else {
            return false;
        };
        let proof = Digest::of(format!("{}\0{user}\0{password}", self.salt).as_bytes());
        if users.known.borrow().contains(&proof) {
            return true;
        }
        let Ok(_slot) = self.slots.acquire().await else {
            return false;
        };
        let hash = users.hashes.get(user);
        // For somebody who is not in the file the work is done all the same: the time tells nothing.
        let is_user = hash.is_some() && password.len() <= LONGEST;
        let hash = hash.cloned().unwrap_or_else(|| users.nobody());
        let password = password.to_owned();
        let is_right = spawn_blocking(move || bcrypt::verify(password, &hash).unwrap_or(false)).await;
        if !is_user || !is_right.unwrap_or(false) {
            return false;
        }
        let mut known = users.known.borrow_mut();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(proof);
        true
    }
}

#[cfg(test)]
mod tests {
    mod fuzz;

    use std::fs;
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
        let users = wait(open(path.clone()).unwrap().file.current()).unwrap();
        assert!(users.nobody().starts_with("$2y$06$"));
        assert_eq!(cost(&users.nobody()), Some(6), "a hash that is computed in full");
        // What bcrypt would refuse without computing anything has no place in the file.
        for broken in [
            &hash(4)[..59],
            &hash(4).replace("$04$", "$99$"),
            &hash(4).replace("$04$", "$zz$"),
            "$2y$",
        ] {
            fs::write(&path, format!("a:{broken}\n")).unwrap();
            let error = open(path.clone()).err().unwrap().to_string();
            assert!(error.contains("line 1: the hash is no bcrypt hash"), "{error}");
        }
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
