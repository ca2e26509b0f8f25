//! Advisory file locks between processes. The system frees a dead process's locks.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

use crate::error::{During, Result};
use crate::store::files;

/// A held lock; dropping it lets go.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "the lock lives as long as its open file")] File);

impl Lock {
    /// Waits until nobody holds the lock exclusively.
    pub(super) fn shared(path: &Path) -> Result<Self> {
        let lock = || {
            let file = open(path).or_else(|e| match e.kind() {
                // Even a store that may only be read is read under a lock.
                io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => files::open_read(path),
                _ => Err(e),
            })?;
            file.lock_shared()?;
            Ok::<_, io::Error>(Self(file))
        };
        lock().during(format!("locking {}", path.display()))
    }

    /// Waits until nobody holds the lock at all.
    pub(super) fn exclusive(path: &Path) -> Result<Self> {
        let lock = || {
            let file = open(path)?;
            file.lock()?;
            Ok::<_, io::Error>(Self(file))
        };
        lock().during(format!("locking {}", path.display()))
    }

    /// The exclusive lock, or `None` at once when somebody holds it.
    pub(super) fn try_exclusive(path: &Path) -> Result<Option<Self>> {
        let lock = || {
            let file = open(path)?;
            match file.try_lock() {
                Ok(()) => Ok(Some(Self(file))),
                Err(TryLockError::WouldBlock) => Ok(None),
                Err(TryLockError::Error(e)) => Err(e),
            }
        };
        lock().during(format!("locking {}", path.display()))
    }
}

fn open(path: &Path) -> io::Result<File> {
    files::open_write(path, 0o666)
}
