//! Advisory file locks between processes. The system frees a dead process's locks.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

use crate::error::{During, Result};
use crate::store::files;
use crate::store::layout::Layout;
use crate::store::lock_watch::Hold;

/// A held lock; dropping it lets go.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "the lock lives as long as its open file")] File);

impl Lock {
    /// Locks for a job that adds content or looks at it: waits until nobody frees blobs.
    pub(super) fn shared(layout: &Layout) -> Result<Self> {
        let path = layout.paths().lock();
        let file = open(&path).or_else(|e| match e.kind() {
            // Even a store that may only be read is read under a lock.
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => files::open_read(&path),
            _ => Err(e),
        });
        let file = file.during("locking the store")?;
        layout.lock_watch().lock(file, &path, Hold::Shared).map(Self)
    }

    /// Locks for a change of the index: waits until nobody else changes it.
    pub(super) fn of_index(layout: &Layout) -> Result<Self> {
        let path = layout.paths().index_lock();
        let file = open(&path).during("locking the store")?;
        layout.lock_watch().lock(file, &path, Hold::Alone).map(Self)
    }

    /// Locks for as long as a registry serves the store to others.
    pub(super) fn of_registry(layout: &Layout) -> Result<Self> {
        let path = layout.paths().marker();
        let file = files::open_read(&path).during("locking the store")?;
        layout.lock_watch().lock(file, &path, Hold::Shared).map(Self)
    }

    /// Whether a registry serves the store; also where that cannot be known.
    pub(super) fn is_of_registry(layout: &Layout) -> bool {
        files::open_read(&layout.paths().marker()).is_ok_and(|file| file.try_lock().is_err())
    }

    /// Locks for freeing blobs: no job is under way, or `None` at once.
    pub(super) fn alone(layout: &Layout) -> Result<Option<Self>> {
        let path = layout.paths().lock();
        let file = open(&path).during("locking the store")?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(files::at(&path)(e)).during("locking the store"),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    files::open_write(path, 0o666)
}
