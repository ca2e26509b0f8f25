//! A file that is read again whenever it has changed. One that breaks or goes counts for nothing, and the log says why:
//! as it was it may let in whom it should keep out.

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use tokio::task::spawn_blocking;

use super::super::http::access_log::Log;
use crate::error::{During as _, Error, Kind, Result};

/// A version of a file: its inode, its size, and its times in seconds and nanoseconds.
type Stamp = (u64, u64, [i64; 4]);

pub(super) struct WatchedFile<T> {
    path: PathBuf,
    parse: fn(&Path, &str) -> Result<T>,
    read: RefCell<Option<(Stamp, Rc<T>)>>,
    /// Why it cannot be used, as the log was told.
    broken: RefCell<String>,
    log: Log,
}

impl<T> WatchedFile<T> {
    /// The file, which must be right to begin with.
    pub(super) fn open(path: PathBuf, parse: fn(&Path, &str) -> Result<T>, log: Log) -> Result<Self> {
        let file = Self {
            path,
            parse,
            read: RefCell::default(),
            broken: RefCell::default(),
            log,
        };
        file.take(look(&file.path, None))?;
        Ok(file)
    }

    /// What stands in it now; none while it cannot be used. The log is told once why not.
    pub(super) async fn current(&self) -> Option<Rc<T>> {
        let (path, known) = (self.path.clone(), self.read.borrow().as_ref().map(|(stamp, _)| *stamp));
        let looked = spawn_blocking(move || look(&path, known)).await;
        let lost = |e| Err(Error::new(Kind::Io, "the thread that reads was lost").caused_by(e));
        let why = match self.take(looked.unwrap_or_else(lost)) {
            Ok(()) => String::new(),
            Err(e) => e.to_string(),
        };
        if !why.is_empty() && *self.broken.borrow() != why {
            (self.log)(&format!("error: nobody is let in: {why}"));
        }
        self.broken.replace(why);
        self.read.borrow().as_ref().map(|(_, value)| Rc::clone(value))
    }

    fn take(&self, looked: Result<Option<(Stamp, String)>>) -> Result<()> {
        let read = match looked {
            Ok(None) => return Ok(()),
            Ok(Some((stamp, text))) => (self.parse)(&self.path, &text).map(|value| (stamp, Rc::new(value))),
            Err(e) => Err(e),
        };
        let (read, done) = match read {
            Ok(read) => (Some(read), Ok(())),
            Err(e) => (None, Err(e)),
        };
        self.read.replace(read);
        done
    }
}

/// What stands in the file, unless it is the one that is known.
fn look(path: &Path, known: Option<Stamp>) -> Result<Option<(Stamp, String)>> {
    let doing = || format!("reading {}", path.display());
    let it = fs::metadata(path).during(doing())?;
    let times = [it.mtime(), it.mtime_nsec(), it.ctime(), it.ctime_nsec()];
    let stamp = (it.ino(), it.len(), times);
    if known == Some(stamp) {
        return Ok(None);
    }
    let text = fs::read_to_string(path).during(doing())?;
    Ok(Some((stamp, text)))
}

/// The lines that say something, each with its number.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(number, line)| (number + 1, line.trim()));
    numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// An error that names the file and the line.
pub(super) fn wrong(path: &Path, line: usize, why: impl std::fmt::Display) -> Error {
    Error::new(Kind::Usage, format!("{}, line {line}: {why}", path.display()))
}
