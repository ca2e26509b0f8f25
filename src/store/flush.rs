//! Brings what is written to the disk while more of it comes, so that at the end there is little left to wait for: the
//! disk works beside the line, not after it.

use std::fs::File;
use std::io;
use std::thread::{self, JoinHandle};

/// Bytes that are written before the disk is asked to take them.
const EACH: u64 = 16 << 20;

/// One file's way to the disk, one step at a time.
#[derive(Debug, Default)]
pub(super) struct Flush {
    waiting: u64,
    under_way: Option<JoinHandle<io::Result<()>>>,
}

impl Flush {
    /// So many bytes more were written. The failure of an earlier step is told here or at the end: the system tells it
    /// once for all who share the open file.
    pub(super) fn wrote(&mut self, bytes: u64, file: &File) -> io::Result<()> {
        self.waiting += bytes;
        if self.waiting < EACH || self.under_way.as_ref().is_some_and(|step| !step.is_finished()) {
            return Ok(());
        }
        self.finish()?;
        self.waiting = 0;
        let file = file.try_clone()?;
        self.under_way = Some(thread::Builder::new().spawn(move || file.sync_data())?);
        Ok(())
    }

    /// Waits for the step that is under way.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        match self.under_way.take().map(JoinHandle::join) {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(e))) => Err(e),
            Some(Err(_)) => Err(io::Error::other("the thread that flushes a file was lost")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_of_the_disk_is_not_lost() {
        // The null device has nothing to flush and says so.
        let null = File::options().write(true).open("/dev/null").unwrap();
        let mut flush = Flush::default();
        flush.wrote(EACH - 1, &null).unwrap();
        assert!(flush.finish().is_ok());
        flush.wrote(1, &null).unwrap();
        assert!(flush.finish().is_err());
        assert!(flush.finish().is_ok());
    }
}
