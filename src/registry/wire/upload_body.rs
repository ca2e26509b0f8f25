//! A body that is streamed once, and watched while it is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::content::ByteStream;
use crate::error::{Error, Result};

/// Bytes that can be sent once.
pub(in crate::registry) struct UploadBody {
    pub(super) stream: ByteStream,
    pub(super) length: u64,
    pub(super) watch: UploadWatch,
}

impl UploadBody {
    pub(in crate::registry) fn new(stream: ByteStream, length: u64) -> Self {
        let watch = UploadWatch::default();
        Self { stream, length, watch }
    }
}

/// Watches an upload: while bytes are taken it lives, and a failure of their source is kept to be told as such.
#[derive(Debug, Clone)]
pub(super) struct UploadWatch(Arc<Mutex<WatchState>>);

#[derive(Debug)]
struct WatchState {
    deadline: Instant,
    failure: Option<Error>,
}

impl Default for UploadWatch {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(WatchState {
            deadline: Instant::now(),
            failure: None,
        })))
    }
}

impl UploadWatch {
    pub(super) fn begin(&self, limit: Duration) {
        self.state().deadline = Instant::now() + limit;
    }

    pub(super) fn saw(&self, limit: Duration, item: Result<Bytes>) -> Result<Bytes, &'static str> {
        let mut state = self.state();
        state.deadline = Instant::now() + limit;
        item.map_err(|e| {
            state.failure = Some(e);
            "the source of the upload failed"
        })
    }

    pub(super) fn deadline(&self) -> Instant {
        self.state().deadline
    }

    /// Why the source of the bytes failed, if it did.
    pub(super) fn take_failure(&self) -> Option<Error> {
        self.state().failure.take()
    }

    fn state(&self) -> MutexGuard<'_, WatchState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
