//! What a transfer tells whoever watches. The core emits events; `ui` alone makes them visible.

use std::time::Duration;

use crate::content::Outcome;
use crate::error::Error;
use crate::image::Digest;

/// Which way the layers go: docker has different words for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Pull,
    Push,
    /// From an archive: shown on a terminal only.
    Load,
}

/// A layer as the plan lists it, in the order of the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    pub digest: Digest,
    /// Compressed, in bytes.
    pub size: u64,
    /// The digest of the uncompressed layer, where the config names it.
    pub diff_id: Option<Digest>,
    /// Whether the sink holds this layer, and all below it, already.
    pub present: bool,
}

#[derive(Debug)]
pub enum Event<'a> {
    /// The layers of one image, base first. Blobs that are not layers have events too, but no line of their own.
    Planned(&'a [Layer]),
    /// Its turn comes later: other transfers are under way.
    Waiting {
        blob: &'a Digest,
    },
    /// Bytes begin to flow; `offset` of them were there already.
    Started {
        blob: &'a Digest,
        offset: u64,
    },
    /// `bytes` more have passed.
    Advanced {
        blob: &'a Digest,
        bytes: u64,
    },
    /// All bytes are there; the digest is being checked.
    Verifying {
        blob: &'a Digest,
    },
    /// The try failed; the next one comes after `wait`.
    Retrying {
        blob: &'a Digest,
        wait: Duration,
        why: &'a Error,
    },
    Finished {
        blob: &'a Digest,
        outcome: &'a Outcome,
    },
}

/// Watches transfers. Never blocks for long and never fails.
pub trait Progress: Send + Sync {
    fn on(&self, event: Event<'_>);
}
