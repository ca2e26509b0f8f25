//! The store's folder: that it is one, how it is made, and how files get into it.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tempfile::NamedTempFile;

use crate::error::{Clue, During, Error, Kind, Result};
use crate::image::Digest;
use crate::image::digest::Algorithm;
use crate::image::layout::{self, Unreadable, check_marker};
use crate::store::files;
use crate::store::folders::{self, Folder};
use crate::store::half_done::{TEMPORARY, is_half_done};
use crate::store::lock_watch::LockWatch;
use crate::store::paths::{self, Paths};
use crate::store::unsynced::{UNSYNCED, Unsynced, Waiting};

/// How long the next try of a killed job finds what the first one brought, and what was learnt of a host is believed.
pub(super) const KEPT_FOR: Duration = Duration::from_hours(7 * 24);

/// The mode of finished content.
const READABLE: u32 = 0o644;
/// What a store that is just being made may hold before its `oci-layout`, which a power cut may have left empty.
const FIRST_NAMES: [&str; 5] = [paths::LOCK, paths::INGEST, paths::BLOBS, UNSYNCED, layout::MARKER];

/// The files under one root. Making a `Layout` touches nothing.
#[derive(Debug)]
pub(super) struct Layout {
    paths: Paths,
    unsynced: Unsynced,
    lock_watch: LockWatch,
    /// Whether this process has put blobs here that outlast a power cut by name only once their folders are synced.
    is_unsettled: AtomicBool,
}

impl Layout {
    pub(super) fn new(root: PathBuf) -> Self {
        Self::watched(root, LockWatch::default())
    }

    pub(super) fn watched(root: PathBuf, lock_watch: LockWatch) -> Self {
        Self {
            unsynced: Unsynced::new(&root, lock_watch.clone()),
            lock_watch,
            is_unsettled: AtomicBool::default(),
            paths: Paths::new(root),
        }
    }

    /// What is done when a lock has to be waited for.
    pub(super) fn lock_watch(&self) -> &LockWatch {
        &self.lock_watch
    }

    /// The blobs that a power cut may take away.
    pub(super) fn unsynced(&self) -> &Unsynced {
        &self.unsynced
    }

    /// The paths of its files.
    pub(super) fn paths(&self) -> &Paths {
        &self.paths
    }

    /// Whether there is a store. A folder that is anything else is an error, so that nothing of it is touched.
    pub(super) fn exists(&self) -> Result<bool> {
        if self.has_marker()? {
            return self.check_folders().map(|()| true);
        }
        if is_vacant(&self.paths)? {
            return Ok(false);
        }
        // Another process may have made the store in between.
        if self.has_marker()? {
            return self.check_folders().map(|()| true);
        }
        let root = self.paths.root().display();
        Err(Error::new(
            Kind::Conflict,
            format!("{root} is not an image store: it holds other files"),
        ))
    }

    /// Refuses a store that others may write to, and one whose folders are links.
    fn check_folders(&self) -> Result<()> {
        let blobs = self.paths.blobs();
        let each = Algorithm::ALL.map(|algorithm| self.paths.blob_folder(algorithm));
        let ingest = self.paths.ingest();
        let inside = each.iter().chain([&blobs, &ingest]);
        folders::check(self.paths.root(), inside.map(PathBuf::as_path))
    }

    fn has_marker(&self) -> Result<bool> {
        match files::read(&self.paths.marker()) {
            Ok(raw) if raw.is_empty() => Ok(false),
            Ok(raw) => check_version(&self.paths.marker(), &raw).map(|()| true),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e).during(format!("reading the store {}", self.paths.root().display())),
        }
    }

    /// Makes the store where there is none. Several processes may do so at once.
    pub(super) fn create(&self) -> Result<()> {
        self.create_for(&Waiting::ForTheBlob)
    }

    /// The same for a job, which may sync the marker with its note, before anything gets its name.
    pub(super) fn create_for(&self, waiting: &Waiting) -> Result<()> {
        let doing = || format!("making the store {}", self.paths.root().display());
        if !self.exists()? {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(self.paths.root())
                .map_err(|e| self.failure(e).during(doing()))?;
            self.check_folders()?;
            let (path, marker) = (self.paths.marker(), layout::marker());
            let written = match waiting {
                Waiting::ForTheBlob => self.replace(&path, &marker),
                Waiting::ForItsNote(_) => self.place(&path, &marker),
            };
            written.during(doing())?;
        }
        for folder in [self.paths.ingest(), self.paths.blob_folder(Algorithm::Sha256)] {
            make_folder(&folder).map_err(|e| self.failure(e).during(doing()))?;
        }
        Ok(())
    }

    /// Puts these bytes at `path` in one step: whoever reads sees the old file or the new one, even after a power cut.
    pub(super) fn replace(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let replace = || {
            let file = write_new(&self.paths, bytes)?;
            file.as_file().sync_all().map_err(files::at(path))?;
            let parent = self.persist(file, path)?;
            sync_folder(parent)
        };
        replace().map_err(|e| self.failure(e).during(format!("writing {}", path.display())))
    }

    /// The same without waiting for the disk: after a power cut anything may be there.
    pub(super) fn place(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let place = || self.persist(write_new(&self.paths, bytes)?, path).map(drop);
        place().map_err(|e| self.failure(e).during(format!("writing {}", path.display())))
    }

    fn persist<'a>(&'a self, file: NamedTempFile, path: &'a Path) -> io::Result<&'a Path> {
        let parent = path.parent().unwrap_or(self.paths.root());
        make_folder(parent)?;
        file.persist(path).map_err(|e| files::at(path)(e.error))?;
        Ok(parent)
    }

    /// Turns a finished file of the ingest area into the blob. That it is called so outlasts a power cut only after
    /// [`Layout::sync_blobs`]; what need not be waited for may be gone or damaged after one.
    pub(super) fn publish(&self, path: &Path, file: &File, digest: &Digest, waiting: &Waiting) -> io::Result<()> {
        open_up(file, path)?;
        if !waiting.may_skip(digest) {
            file.sync_all().map_err(files::at(path))?;
            self.unsettle();
        }
        let blob = self.paths.blob(digest);
        let named = match fs::rename(path, &blob) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let folder = self.paths.blob_folder(digest.algorithm());
                make_folder(&folder).and_then(|()| fs::rename(path, &blob))
            }
            named => named,
        };
        named.map_err(files::at(&blob))
    }

    /// Makes sure that a blob is on the disk by name: somebody was told that it is here.
    pub(super) fn sync_name_of(&self, digest: &Digest) -> io::Result<()> {
        sync_folder(&self.paths.blob_folder(digest.algorithm()))?;
        sync_folder(&self.paths.blobs())
    }

    /// Lets what this process names from now on outlast a power cut.
    pub(super) fn unsettle(&self) {
        self.is_unsettled.store(true, Ordering::Relaxed);
    }

    /// Makes sure that all blobs are on the disk by name, unless this process has brought only what can be fetched again.
    pub(super) fn sync_blobs(&self) -> Result<()> {
        if !self.is_unsettled.load(Ordering::Relaxed) {
            return Ok(());
        }
        let sync = || {
            self.unsynced.sync_noted()?;
            let blobs = self.paths.blobs();
            for folder in fs::read_dir(&blobs).map_err(files::at(&blobs))? {
                sync_folder(&folder.map_err(files::at(&blobs))?.path())?;
            }
            sync_folder(&blobs)
        };
        sync().map_err(|e: io::Error| self.failure(e).during("writing blobs to the disk"))
    }

    /// A failed write as an error; a full disk is said with the store's folder.
    pub(super) fn failure(&self, e: io::Error) -> Error {
        let error = Error::from(e);
        if error.kind() != Kind::NoSpace {
            return error;
        }
        let folder = self.paths.root().display().to_string();
        let partial = half_done_size(&self.paths);
        error.with_clue(Clue::DiskFull { folder, partial })
    }
}

fn write_new(paths: &Paths, bytes: &[u8]) -> io::Result<NamedTempFile> {
    make_folder(&paths.ingest())?;
    let mut file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(paths.ingest())?;
    file.write_all(bytes)?;
    open_up(file.as_file(), file.path())?;
    Ok(file)
}

/// How many bytes lie half-done.
fn half_done_size(paths: &Paths) -> u64 {
    let folder = Folder::open(&paths.ingest()).ok().flatten();
    let files = folder.and_then(|folder| folder.files().ok()).unwrap_or_default();
    let half_done = files.iter().filter(|file| is_half_done(&file.name.to_string_lossy()));
    half_done.fold(0, |sum, file| sum.saturating_add(file.size))
}

fn check_version(marker: &Path, raw: &[u8]) -> Result<()> {
    let path = marker.display().to_string();
    let broken = |kind, message: String| Error::new(kind, message).with_clue(Clue::BrokenFile { path: path.clone() });
    check_marker(raw).map_err(|why| match why {
        Unreadable::NotValid(e) => broken(Kind::Corrupt, format!("{path} is not a valid OCI layout file")).caused_by(e),
        Unreadable::Version { is, known } => broken(
            Kind::Unsupported,
            format!("{path} has layout version {is}, not {known}"),
        ),
    })
}

/// Whether there is nothing but what a store has that is just being made.
fn is_vacant(paths: &Paths) -> Result<bool> {
    let names = fs::read_dir(paths.root()).and_then(|entries| {
        entries
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<io::Result<Vec<_>>>()
    });
    match names {
        Ok(names) => {
            let are_first = names.iter().all(|name| FIRST_NAMES.iter().any(|first| name == first));
            let mut folders = Algorithm::ALL.map(|algorithm| fs::read_dir(paths.blob_folder(algorithm)));
            let has_blob = folders.iter_mut().flatten().any(|blobs| blobs.next().is_some());
            Ok(are_first && !has_blob)
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(e) => Err(e).during(format!("reading the store {}", paths.root().display())),
    }
}

/// Makes a folder that others may not write to, whatever the umask says.
fn make_folder(path: &Path) -> io::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o755).create(path);
    made.map_err(files::at(path))
}

/// Finished content is readable by whom the root folder lets in.
fn open_up(file: &File, path: &Path) -> io::Result<()> {
    let is_open = |metadata: fs::Metadata| metadata.permissions().mode() & 0o7777 == READABLE;
    if file.metadata().is_ok_and(is_open) {
        return Ok(());
    }
    let mode = Permissions::from_mode(READABLE);
    file.set_permissions(mode).map_err(files::at(path))
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(files::at(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_other_files_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.tex"), "x").unwrap();
        let layout = Layout::new(folder.path().into());
        for error in [layout.exists().unwrap_err(), layout.create().unwrap_err()] {
            assert!(
                error
                    .to_string()
                    .ends_with("is not an image store: it holds other files"),
                "{error}"
            );
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_store_that_a_power_cut_left_without_its_marker_is_made_again_unless_it_holds_a_blob() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().into());
        layout.create_for(&layout.unsynced().waiting()).unwrap();
        fs::write(folder.path().join(UNSYNCED), "").unwrap();
        fs::write(layout.paths().marker(), "").unwrap();
        assert!(!layout.exists().unwrap());
        layout.create().unwrap();
        assert!(layout.exists().unwrap());
        fs::write(layout.paths().blob(&Digest::of(b"x")), "x").unwrap();
        fs::write(layout.paths().marker(), "").unwrap();
        assert_eq!(layout.create().unwrap_err().kind(), Kind::Conflict);
    }

    #[test]
    fn a_layout_of_another_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().into());
        for (text, kind) in [
            (r#"{"imageLayoutVersion":"2.0.0"}"#, Kind::Unsupported),
            ("nonsense", Kind::Corrupt),
        ] {
            fs::write(layout.paths().marker(), text).unwrap();
            let error = layout.create().unwrap_err();
            assert_eq!(error.kind(), kind);
            assert!(matches!(error.clue(), Some(Clue::BrokenFile { .. })));
        }
    }

    #[test]
    fn a_new_store_is_its_owner_s_alone_and_making_it_twice_is_harmless() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().join("a/b"));
        assert!(!layout.exists().unwrap());
        assert!(!folder.path().join("a").exists());
        layout.create().unwrap();
        layout.create().unwrap();
        assert!(layout.exists().unwrap());
        assert_eq!(
            fs::metadata(layout.paths().root()).unwrap().permissions().mode() & 0o777,
            0o700
        );
    }
}
