//! Where uploads stand that are not done, kept between tries and between runs.

use std::cell::RefCell;
use std::collections::HashMap;

use reqwest::Url;

use crate::content::{Memory, Remembered};
use crate::image::{Descriptor, Digest};

/// Uploads of smaller blobs are not worth remembering between runs, in bytes.
const REMEMBERED_FROM: u64 = 1 << 20;

#[derive(Default)]
pub(super) struct UploadNotes {
    /// Where uploads stood that were begun.
    urls: RefCell<HashMap<Digest, Url>>,
    /// Those of them that the next run is to know of.
    remembered: RefCell<HashMap<Digest, Remembered>>,
    memory: Option<Memory>,
}

impl UploadNotes {
    /// Notes that the next run is to know of.
    pub(super) fn lasting(memory: Memory) -> Self {
        let memory = Some(memory);
        Self {
            memory,
            ..Self::default()
        }
    }

    /// Notes where an upload stands, before bytes are sent there.
    pub(super) fn remember(&self, blob: &Descriptor, url: &Url) {
        self.urls.borrow_mut().insert(blob.digest.clone(), url.clone());
        if blob.size < REMEMBERED_FROM {
            return;
        }
        let mut remembered = self.remembered.borrow_mut();
        if !remembered.contains_key(&blob.digest)
            && let Some(new) = self.claim(&blob.digest)
        {
            remembered.insert(blob.digest.clone(), new);
        }
        if let Some(upload) = remembered.get(&blob.digest) {
            upload.keep(Some(url.as_str()));
        }
    }

    pub(super) fn forget(&self, digest: &Digest) {
        self.urls.borrow_mut().remove(digest);
        if let Some(upload) = self.remembered.borrow_mut().remove(digest) {
            upload.keep(None);
        }
    }

    /// Where an earlier try or run left the upload, once.
    pub(super) fn take(&self, blob: &Descriptor) -> Option<Url> {
        if let Some(url) = self.urls.borrow_mut().remove(&blob.digest) {
            return Some(url);
        }
        if blob.size < REMEMBERED_FROM {
            return None;
        }
        let upload = self.claim(&blob.digest)?;
        let url = upload.session.as_deref().and_then(|url| Url::parse(url).ok());
        self.remembered.borrow_mut().insert(blob.digest.clone(), upload);
        url
    }

    fn claim(&self, digest: &Digest) -> Option<Remembered> {
        self.memory.as_ref().and_then(|memory| memory(digest))
    }
}
