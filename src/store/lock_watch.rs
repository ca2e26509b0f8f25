//! Waiting for the locks of other processes: whoever waits longer is told whose they are, and need not wait for ever.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{major, minor};

use crate::error::{During, Error, Kind, Result};
use crate::store::files;

/// What is free sooner is not worth a word.
pub(super) const TOLD_AFTER: Duration = Duration::from_secs(1);
/// All locks of the system with the processes that hold them (`proc_locks(5)`).
const LOCKS: &str = "/proc/locks";

/// A lock that is waited for, and who holds it, where that can be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    pub path: PathBuf,
    pub holder: Option<Holder>,
}

/// A process of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub process: u32,
    /// The name of its program and, where there is one, of its command.
    pub command: String,
}

/// `process 123 (rdock load)`, or `another process`.
impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.holder {
            Some(Holder { process, command }) => write!(f, "process {process} ({command})"),
            None => f.write_str("another process"),
        }
    }
}

/// A watcher of waits for locks: who is told, and when a wait has to end.
#[derive(Clone, Default)]
pub struct LockWatch {
    until: Option<Instant>,
    tell: Option<Arc<Tell>>,
}

type Tell = dyn Fn(&Blocked) + Send + Sync;

impl fmt::Debug for LockWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockWatch")
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

/// How a lock is held.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hold {
    Shared,
    Alone,
}

impl Hold {
    fn try_lock(self, file: &File) -> Result<(), TryLockError> {
        match self {
            Self::Shared => file.try_lock_shared(),
            Self::Alone => file.try_lock(),
        }
    }

    fn lock(self, file: &File) -> io::Result<()> {
        match self {
            Self::Shared => file.lock_shared(),
            Self::Alone => file.lock(),
        }
    }
}

impl LockWatch {
    /// Tells of a wait once, after a second. One that lasts `until` then is an error.
    pub fn new(until: Option<Instant>, tell: impl Fn(&Blocked) + Send + Sync + 'static) -> Self {
        let tell: Arc<Tell> = Arc::new(tell);
        Self {
            until,
            tell: Some(tell),
        }
    }

    /// Waits for the lock of the file, which is at this path.
    pub(super) fn lock(&self, file: File, path: &Path, hold: Hold) -> Result<File> {
        let doing = "locking the store";
        match hold.try_lock(&file) {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(e)) => return Err(files::at(path)(e)).during(doing),
            Err(TryLockError::WouldBlock) => {}
        }
        // The system queues those that wait, and wakes them; only a thread of its own can be left waiting.
        let (sender, locked) = mpsc::channel();
        thread::spawn(move || {
            // Nobody listens any more when the time is over.
            let _ = sender.send(hold.lock(&file).map(|()| file));
        });
        let mut waited = locked.recv_timeout(self.left().min(TOLD_AFTER));
        if waited.is_err() {
            self.tell(path);
            waited = locked.recv_timeout(self.left());
        }
        match waited {
            Ok(locked) => locked.map_err(files::at(path)).during(doing),
            Err(RecvTimeoutError::Timeout) => Err(still_held(path)),
            Err(RecvTimeoutError::Disconnected) => {
                Err(Error::new(Kind::Io, "the thread that waits for a lock was lost"))
            }
        }
    }

    /// Says that this lock is waited for, unless it is this process's own.
    pub(super) fn tell(&self, path: &Path) {
        let Some(tell) = &self.tell else { return };
        let holder = holder(path);
        if holder.as_ref().is_none_or(|holder| holder.process != process::id()) {
            let path = path.to_owned();
            tell(&Blocked { path, holder });
        }
    }

    fn left(&self) -> Duration {
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        left.unwrap_or(Duration::MAX)
    }
}

fn still_held(path: &Path) -> Error {
    let blocked = Blocked {
        path: path.to_owned(),
        holder: holder(path),
    };
    let path = path.display();
    Error::new(Kind::Unavailable, format!("{path} is still locked by {blocked}"))
}

/// The process that holds a lock of this file. None where the system does not say, or the process is not to be seen
/// here.
fn holder(path: &Path) -> Option<Holder> {
    let file = fs::symlink_metadata(path).ok()?;
    let id = format!("{:02x}:{:02x}:{}", major(file.dev()), minor(file.dev()), file.ino());
    let locks = fs::read_to_string(LOCKS).ok()?;
    locks.lines().find_map(|line| {
        let process = holder_in(line, &id)?;
        let command = command(process)?;
        Some(Holder { process, command })
    })
}

/// The process in a line such as `1: FLOCK  ADVISORY  WRITE 123 08:01:77 0 EOF`, if it is about this file. Lines with an
/// arrow are of those that wait.
fn holder_in(line: &str, id: &str) -> Option<u32> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let (kind, process) = (words.next()?, words.nth(2)?);
    (kind == "FLOCK" && words.next()? == id).then(|| process.parse().ok())?
}

/// The program and its command. What else was typed stays its own.
fn command(process: u32) -> Option<String> {
    let line = fs::read(format!("/proc/{process}/cmdline")).ok()?;
    let mut words = line.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let program = words.next().filter(|it| !it.is_empty())?;
    let program = program.rsplit('/').next().unwrap_or_default().to_owned();
    let command = words
        .next()
        .filter(|it| it.bytes().all(|b| b.is_ascii_lowercase()) && !it.is_empty());
    Some(command.map_or_else(|| program.clone(), |command| format!("{program} {command}")))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn the_process_that_holds_a_lock_is_read_from_the_system_s_list() {
        let line = "1: FLOCK  ADVISORY  WRITE 123 08:01:77 0 EOF";
        assert_eq!(holder_in(line, "08:01:77"), Some(123));
        assert_eq!(holder_in(line, "08:01:7"), None);
        assert_eq!(
            holder_in("1: -> FLOCK  ADVISORY  WRITE 123 08:01:77 0 EOF", "08:01:77"),
            None
        );
        assert_eq!(
            holder_in("2: POSIX  ADVISORY  WRITE 123 08:01:77 0 EOF", "08:01:77"),
            None
        );
        assert_eq!(holder_in("", "08:01:77"), None);
    }

    #[test]
    fn a_lock_that_is_not_free_in_time_is_an_error_and_one_that_is_freed_is_got() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let open = || files::open_write(&path, 0o600).unwrap();
        let held = open();
        held.lock().unwrap();
        let error = LockWatch::new(Some(Instant::now()), |_| {}).lock(open(), &path, Hold::Shared);
        let error = error.unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("{} is still locked by ", path.display())),
            "{error}"
        );
        let told = Arc::new(Mutex::new(Vec::new()));
        let watch = {
            let told = Arc::clone(&told);
            LockWatch::new(None, move |blocked: &Blocked| {
                told.lock().unwrap().push(blocked.clone());
            })
        };
        let waiting = {
            let (watch, file, path) = (watch.clone(), open(), path.clone());
            thread::spawn(move || watch.lock(file, &path, Hold::Alone).map(drop))
        };
        drop(held);
        waiting.join().unwrap().unwrap();
        watch.lock(open(), &path, Hold::Shared).unwrap();
        assert!(told.lock().unwrap().is_empty(), "of one's own locks nothing is told");
    }
}
