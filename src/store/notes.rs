//! Small files beside the images: what is only worth remembering. Lost, they cost time.

pub(in crate::store) mod body_limits;
pub(in crate::store) mod locations;
pub(in crate::store) mod push_sessions;
pub(in crate::store) mod summaries;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::content::{BodyLimit, Memory};
use crate::error::Result;
use crate::image::Digest;
use crate::store::layout::Layout;

/// What one store remembers of registries. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Notes {
    layout: Arc<Layout>,
}

impl Notes {
    pub(in crate::store) fn new(layout: Arc<Layout>) -> Self {
        Self { layout }
    }

    /// Remembers half-done uploads to the repository `domain`/`path` between runs. The store must exist.
    pub fn push_sessions(&self, domain: &str, path: &str) -> Memory {
        let (layout, domain, path) = (Arc::clone(&self.layout), domain.to_owned(), path.to_owned());
        Rc::new(move |blob| push_sessions::claim(&layout, &domain, &path, blob))
    }

    /// Remembers between runs how long a body this registry takes, for some days.
    pub fn body_limit(&self, domain: &str) -> BodyLimit {
        body_limits::limit(&self.layout, domain)
    }

    /// Notes that the repository `domain`/`path` holds these blobs, and manifests that were pushed to it.
    pub fn remember_location(&self, domain: &str, path: &str, blobs: &[Digest]) -> Result<()> {
        self.layout.create()?;
        locations::remember(&self.layout, domain, path, blobs)
    }

    /// The paths of the repositories on this registry that are known, for each blob and each manifest that was pushed,
    /// to hold it, the latest first.
    pub fn locations(&self, domain: &str) -> Result<HashMap<Digest, Vec<String>>> {
        self.layout.exists()?;
        Ok(locations::of_domain(&self.layout, domain))
    }
}
