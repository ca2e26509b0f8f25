//! Opens a blob of the source and tells the watcher of every byte that passes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::StreamExt;

use crate::content::{BlobReader, Source};
use crate::error::Result;
use crate::image::Descriptor;
use crate::progress::{Event, Progress};

/// Counts the bytes of one blob over all its tries.
pub(super) struct Meter {
    progress: Arc<dyn Progress>,
    passed: Arc<AtomicU64>,
}

impl Meter {
    pub(super) fn new(progress: &Arc<dyn Progress>) -> Self {
        Self {
            progress: Arc::clone(progress),
            passed: Arc::default(),
        }
    }

    /// Bytes since the last call.
    pub(super) fn take(&self) -> u64 {
        self.passed.swap(0, Ordering::Relaxed)
    }

    pub(super) async fn open(&self, source: &impl Source, blob: &Descriptor, from: u64) -> Result<BlobReader> {
        let reader = source.open(blob, from).await?;
        let digest = blob.digest.clone();
        let size = blob.size;
        let mut position = reader.offset;
        self.progress.on(Event::Started {
            blob: &digest,
            offset: reader.offset,
        });
        let progress = Arc::clone(&self.progress);
        let passed = Arc::clone(&self.passed);
        let stream = reader.stream.inspect(move |chunk| {
            let Ok(chunk) = chunk else { return };
            let bytes = chunk.len() as u64;
            position += bytes;
            passed.fetch_add(bytes, Ordering::Relaxed);
            progress.on(Event::Advanced { blob: &digest, bytes });
            if position == size {
                progress.on(Event::Verifying { blob: &digest });
            }
        });
        Ok(BlobReader {
            offset: reader.offset,
            stream: Box::pin(stream),
        })
    }
}
