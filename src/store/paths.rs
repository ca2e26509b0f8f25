//! The paths of the store's files. Nothing else knows a path name.

use std::path::{Path, PathBuf};

use crate::image::Digest;
use crate::image::digest::Algorithm;
use crate::image::layout;
use crate::store::files;
use crate::store::half_done::{SESSION, UPLOAD};

pub(super) const LOCK: &str = "lock";
pub(super) const INGEST: &str = "ingest";
pub(super) const BLOBS: &str = "blobs";

/// The files under one root. Making `Paths` touches nothing.
#[derive(Debug)]
pub(super) struct Paths {
    root: PathBuf,
    ingest: PathBuf,
}

impl Paths {
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            ingest: root.join(INGEST),
            root,
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn index(&self) -> PathBuf {
        self.root.join(layout::INDEX)
    }

    /// Held shared by jobs that add content, exclusively while blobs are freed.
    pub(super) fn lock(&self) -> PathBuf {
        self.root.join(LOCK)
    }

    pub(super) fn index_lock(&self) -> PathBuf {
        self.root.join("index.lock")
    }

    pub(super) fn sizes(&self) -> PathBuf {
        self.root.join("sizes")
    }

    pub(super) fn summaries(&self) -> PathBuf {
        self.root.join("summaries")
    }

    pub(super) fn locations(&self) -> PathBuf {
        self.root.join("locations")
    }

    pub(super) fn body_limits(&self) -> PathBuf {
        self.root.join("body-limits")
    }

    pub(super) fn ingest(&self) -> PathBuf {
        self.ingest.clone()
    }

    pub(super) fn partial(&self, digest: &Digest) -> PathBuf {
        self.ingest()
            .join(format!("{}-{}", digest.algorithm().name(), digest.hex()))
    }

    /// What a registry's client sends before it has said the digest.
    pub(super) fn upload(&self, name: &str) -> PathBuf {
        self.ingest().join(format!("{UPLOAD}{name}"))
    }

    /// The note of where a blob that is half pushed goes on.
    pub(super) fn session(&self, place: &Digest) -> PathBuf {
        self.ingest().join(format!("{SESSION}{}", place.hex()))
    }

    pub(super) fn blobs(&self) -> PathBuf {
        self.root.join(BLOBS)
    }

    pub(super) fn blob(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(files::blob_name(digest))
    }

    pub(super) fn blob_folder(&self, algorithm: Algorithm) -> PathBuf {
        self.blobs().join(algorithm.name())
    }

    pub(super) fn marker(&self) -> PathBuf {
        self.root.join(layout::MARKER)
    }
}
