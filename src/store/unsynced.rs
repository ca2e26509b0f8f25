//! Blobs that got their names before the disk was waited for, because they can be fetched again.
//!
//! As long as the machine runs, nothing of them can be lost: what the disk has not taken yet is in memory. A power cut may
//! leave such a blob cut, zeroed or missing. So the file `unsynced` names each of them, `BOOT DIGEST` a line, and that
//! line is on the disk before the blob gets its name. Whoever opens the store after another boot verifies them first:
//! what is wrong is removed, the rest is synced, and the lines go.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use crate::image::{Digest, layout};
use crate::store::append_log;
use crate::store::files;
use crate::store::lock_watch::{Hold, LockWatch, TOLD_AFTER};

/// The name of the file.
pub(super) const UNSYNCED: &str = "unsynced";
/// The ID of this boot of the machine (random(4)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// The time after which Linux has written out what a job left to it, and to sync it costs next to nothing.
const RIPE_AFTER: Duration = Duration::from_mins(1);
/// A longer note is worked off before more is added, in bytes.
const LONG: u64 = 64 << 10;
const MOST_THREADS: usize = 8;

/// What the first job after another boot found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// It takes its time to read so many blobs with so many bytes together.
    Verifying { blobs: usize, bytes: u64 },
    /// So many blobs were not what they should be. They are gone, and the next pull fetches them.
    Dropped { blobs: usize },
}

/// The unsynced blobs of one store.
#[derive(Debug)]
pub(super) struct Unsynced {
    path: PathBuf,
    marker: PathBuf,
    blobs: PathBuf,
    lock_watch: LockWatch,
    /// What was found to be wrong and could not be removed, once it was looked at.
    doubted: OnceLock<HashSet<Digest>>,
    /// How long the note was when all that it names was synced last, in bytes.
    synced: AtomicU64,
}

impl Unsynced {
    pub(super) fn new(root: &Path, lock_watch: LockWatch) -> Self {
        Self {
            lock_watch,
            path: root.join(UNSYNCED),
            marker: root.join(layout::MARKER),
            blobs: root.join("blobs"),
            doubted: OnceLock::new(),
            synced: AtomicU64::default(),
        }
    }

    /// Whether the blob may not be believed: it was wrong after a power cut, and the store is not this user's to mend.
    pub(super) fn is_doubted(&self, digest: &Digest) -> bool {
        self.recover(&|_| {}).contains(digest)
    }

    /// Verifies what another boot left unsynced, once a process. What is wrong and could not be removed is the answer.
    pub(super) fn recover(&self, tell: &dyn Fn(Recovery)) -> &HashSet<Digest> {
        self.doubted.get_or_init(|| {
            let boot = boot();
            if others(&append_log::text(&self.path), boot).is_empty() {
                return HashSet::new();
            }
            self.verify(boot, tell)
        })
    }

    /// Waits for others who do the same: they leave nothing to do.
    fn verify(&self, boot: Option<&str>, tell: &dyn Fn(Recovery)) -> HashSet<Digest> {
        let writable = files::open_write(&self.path, 0o644);
        let is_writable = writable.is_ok();
        let Ok(note) = writable.or_else(|_| files::open_read(&self.path)) else {
            return HashSet::new();
        };
        let Ok(note) = self.lock_watch.lock(note, &self.path, Hold::Alone) else {
            // Nobody has looked at them in time.
            return others(&append_log::text(&self.path), boot);
        };
        let text = append_log::text(&self.path);
        let noted: Vec<Digest> = others(&text, boot).into_iter().collect();
        let (wrong, mut doubted) = self.verify_all(&noted, tell);
        let mut blobs = 0;
        for digest in wrong {
            match fs::remove_file(self.blob(&digest)) {
                Ok(()) => blobs += 1,
                Err(_) => drop(doubted.insert(digest)),
            }
        }
        if blobs > 0 {
            tell(Recovery::Dropped { blobs });
        }
        if is_writable && doubted.is_empty() && self.sync(&noted).is_ok() {
            // What cannot be noted now is verified once more.
            let _ = keep_own(&note, &text, boot);
        }
        doubted
    }

    /// The blobs whose bytes are not what their digests say, and those that could not be looked at.
    fn verify_all(&self, noted: &[Digest], tell: &dyn Fn(Recovery)) -> (Vec<Digest>, HashSet<Digest>) {
        let next = AtomicUsize::new(0);
        let found = Mutex::new((Vec::new(), HashSet::new()));
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let (done, is_done) = mpsc::channel::<()>();
        thread::scope(|scope| {
            for _ in 0..threads.min(MOST_THREADS).min(noted.len()) {
                let (done, next, found) = (done.clone(), &next, &found);
                scope.spawn(move || {
                    while let Some(digest) = noted.get(next.fetch_add(1, Ordering::Relaxed)) {
                        match self.is_right(digest) {
                            Ok(true) => {}
                            Ok(false) => lock(found).0.push(digest.clone()),
                            Err(_) => drop(lock(found).1.insert(digest.clone())),
                        }
                    }
                    drop(done);
                });
            }
            drop(done);
            if is_done.recv_timeout(TOLD_AFTER) == Err(RecvTimeoutError::Timeout) {
                let sizes = noted
                    .iter()
                    .filter_map(|digest| fs::symlink_metadata(self.blob(digest)).ok());
                let bytes = sizes.fold(0, |sum: u64, it| sum.saturating_add(it.len()));
                let blobs = noted.len();
                tell(Recovery::Verifying { blobs, bytes });
            }
        });
        found.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// A blob that is not there is not wrong. An error says that it could not be looked at.
    fn is_right(&self, digest: &Digest) -> io::Result<bool> {
        match files::open_read(&self.blob(digest)) {
            // What the disk cannot read is wrong too.
            Ok(file) => Ok(files::hash(file, digest.algorithm()).is_ok_and(|(actual, _)| actual == *digest)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(e) => Err(e),
        }
    }

    /// Waits until the disk has these blobs, as far as they are there, and their names.
    fn sync(&self, digests: &[Digest]) -> io::Result<()> {
        let mut folders = HashSet::new();
        for digest in digests {
            let path = self.blob(digest);
            match files::open_read(&path) {
                Ok(file) => file.sync_all().map_err(files::at(&path))?,
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(e),
            }
            folders.extend(path.parent().map(Path::to_owned));
        }
        folders.iter().try_for_each(|folder| match File::open(folder) {
            Ok(open) => open.sync_all().map_err(files::at(folder)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(files::at(folder)(e)),
        })
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        self.blobs.join(files::blob_name(digest))
    }

    /// Waits until the disk has all that is noted: what is built on it exists nowhere else.
    pub(super) fn sync_noted(&self) -> io::Result<()> {
        let length = self.length();
        if length == self.synced.load(Ordering::Relaxed) {
            return Ok(());
        }
        let text = append_log::text(&self.path);
        let noted: Vec<Digest> = append_log::facts(&text).map(|(_, digest)| digest).collect();
        self.sync(&noted)?;
        self.synced.store(length, Ordering::Relaxed);
        Ok(())
    }

    /// Whether it is time to work off the note.
    pub(super) fn is_ripe(&self) -> bool {
        let Ok(note) = fs::symlink_metadata(&self.path) else {
            return false;
        };
        let age = note.modified().ok().and_then(|it| it.elapsed().ok());
        note.len() > 0 && (note.len() > LONG || age.is_some_and(|age| age >= RIPE_AFTER))
    }

    /// Works off the note. The caller holds the store's lock alone, so that nobody relies on a line.
    pub(super) fn settle(&self) -> io::Result<()> {
        let note = files::open_write(&self.path, 0o644)?;
        note.lock()?;
        self.sync_noted()?;
        note.set_len(0)?;
        self.synced.store(0, Ordering::Relaxed);
        Ok(())
    }

    fn length(&self) -> u64 {
        fs::symlink_metadata(&self.path).map_or(0, |note| note.len())
    }

    /// For a job that brings what can be fetched again. Where one boot cannot be told from another, blobs are waited for.
    pub(super) fn waiting(&self) -> Waiting {
        let Some(boot) = boot() else {
            return Waiting::ForTheBlob;
        };
        Waiting::ForItsNote(Arc::new(Notes {
            path: self.path.clone(),
            marker: self.marker.clone(),
            boot,
            noted: Mutex::default(),
            synced: Mutex::default(),
            is_syncing: AtomicBool::default(),
        }))
    }
}

/// What a job waits for before a blob gets its name.
#[derive(Debug, Clone)]
pub(super) enum Waiting {
    /// The disk must have the blob: it may exist nowhere else.
    ForTheBlob,
    /// The disk must have a note of it: it can be fetched again.
    ForItsNote(Arc<Notes>),
}

impl Waiting {
    /// Says what will come, so that nothing has to be waited for later.
    pub(super) fn expect(&self, blobs: &[Digest]) {
        if let Self::ForItsNote(notes) = self {
            // What cannot be noted now is tried again, and in the end waited for.
            let _ = notes.expect(blobs);
        }
    }

    /// Whether the blob may get its name before the disk has it.
    pub(super) fn may_skip(&self, blob: &Digest) -> bool {
        match self {
            Self::ForTheBlob => false,
            Self::ForItsNote(notes) => notes.ensure(blob).is_ok(),
        }
    }
}

/// The lines of one job. It holds the store's lock, so that none of them is worked off before it ends.
#[derive(Debug)]
pub(super) struct Notes {
    path: PathBuf,
    /// What says that the store is one. Whoever made it may not have waited for the disk.
    marker: PathBuf,
    boot: &'static str,
    noted: Mutex<Noted>,
    /// The turn up to which the disk has them.
    synced: Mutex<u64>,
    is_syncing: AtomicBool,
}

#[derive(Debug, Default)]
struct Noted {
    /// The turn in which a blob was noted.
    turns: HashMap<Digest, u64>,
    turn: u64,
    file: Option<Arc<File>>,
}

impl Notes {
    /// Notes blobs before they come, so that nothing has to be waited for when they are there.
    pub(super) fn expect(self: &Arc<Self>, blobs: &[Digest]) -> io::Result<()> {
        self.append(blobs)?;
        if !self.is_syncing.swap(true, Ordering::Relaxed) {
            let notes = Arc::clone(self);
            thread::spawn(move || {
                // Whoever needs it tries again.
                let _ = notes.sync_to(u64::MAX);
                notes.is_syncing.store(false, Ordering::Relaxed);
            });
        }
        Ok(())
    }

    /// Waits until the disk has the line of this blob, which may get its name then.
    pub(super) fn ensure(&self, blob: &Digest) -> io::Result<()> {
        let noted = lock(&self.noted).turns.get(blob).copied();
        match noted {
            Some(turn) => self.sync_to(turn),
            None => self.sync_to(self.append(std::slice::from_ref(blob))?),
        }
    }

    /// The turn in which the last of them was noted.
    fn append(&self, blobs: &[Digest]) -> io::Result<u64> {
        let mut noted = lock(&self.noted);
        let new: Vec<&Digest> = blobs.iter().filter(|it| !noted.turns.contains_key(*it)).collect();
        if new.is_empty() {
            return Ok(noted.turn);
        }
        let lines = new.iter().map(|blob| (self.boot.to_owned(), *blob));
        // Opened anew each time: a store that was removed meanwhile has another one.
        let file = append_log::append(&self.path, lines)?;
        noted.turn += 1;
        let turn = noted.turn;
        noted.turns.extend(new.into_iter().map(|blob| (blob.clone(), turn)));
        noted.file = file.map(Arc::new);
        Ok(turn)
    }

    /// Waits until the disk has all lines up to this turn. Those who wait at once wait for one sync together.
    fn sync_to(&self, turn: u64) -> io::Result<()> {
        let mut synced = lock(&self.synced);
        let (newest, file) = {
            let noted = lock(&self.noted);
            (noted.turn, noted.file.clone())
        };
        if *synced >= turn.min(newest) {
            return Ok(());
        }
        if let Some(file) = file {
            file.sync_data()?;
        }
        if *synced == 0
            && let Some(folder) = self.path.parent()
        {
            files::open_read(&self.marker)?.sync_all()?;
            File::open(folder)?.sync_all()?;
        }
        *synced = newest;
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What other boots have noted.
fn others(text: &str, boot: Option<&str>) -> HashSet<Digest> {
    let facts = append_log::facts(text).filter(|(noted, _)| Some(&text[noted.clone()]) != boot);
    facts.map(|(_, digest)| digest).collect()
}

/// Leaves the lines of this boot alone in the file.
fn keep_own(note: &File, text: &str, boot: Option<&str>) -> io::Result<()> {
    let own = append_log::facts(text).filter(|(noted, _)| Some(&text[noted.clone()]) == boot);
    let lines: Vec<String> = own
        .map(|(noted, digest)| format!("{} {digest}\n", &text[noted]))
        .collect();
    note.set_len(0)?;
    io::Write::write_all(&mut &*note, lines.concat().as_bytes())?;
    note.sync_all()
}

/// The name of this boot, where the system has one.
fn boot() -> Option<&'static str> {
    static BOOT: OnceLock<Option<String>> = OnceLock::new();
    BOOT.get_or_init(|| {
        let text = fs::read_to_string(BOOT_ID).ok()?;
        let name = text.trim();
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
        is_name.then(|| name.to_owned())
    })
    .as_deref()
}
