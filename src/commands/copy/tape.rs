//! An archive as the place an image goes to: one tar for every tool, which appears when it is whole.

use std::collections::HashSet;
use std::path::Path;

use super::super::archive_target::Target;
use super::super::save;
use super::origin::Origin;
use super::place::Place;
use crate::archive::{Saved, Writer};
use crate::content::{Opener, Outcome, Sink};
use crate::error::Result;
use crate::image::{Descriptor, Manifest, Reference};

pub(super) struct Tape {
    writer: Writer,
    target: Target,
}

impl Tape {
    /// Begins the archive of this image. Its name in there is the one that the place gives it, or the one it had.
    pub(super) async fn begin(path: &Path, root: &Manifest, origin: &Origin, from: &Place, to: &Place) -> Result<Self> {
        let target = Target::open(Some(path))?;
        let image = Saved {
            names: name(from, to)?.into_iter().collect(),
            root: root.descriptor.clone(),
            image: save::seen_by_docker(origin, root).await,
        };
        let writer = Writer::begin(target.stream()?, &[image], HashSet::new())?;
        Ok(Self { writer, target })
    }

    pub(super) async fn finish(self, root: &Manifest) -> Result<()> {
        self.writer.put_manifest(root).await?;
        drop(self.writer.finish()?);
        self.target.commit()
    }
}

/// A bare tag is one of the image's own repository.
fn name(from: &Place, to: &Place) -> Result<Option<Reference>> {
    let own = match from {
        Place::Registry(name) if name.digest().is_none() => Some(name.clone().or_latest()),
        Place::Registry(_) | Place::Layout { .. } | Place::Archive { .. } => None,
    };
    match (to.tag(), own) {
        (None, own) => Ok(own),
        (Some(tag), Some(own)) if !tag.contains(['/', ':']) => own.at_tag(tag).map(Some),
        (Some(label), _) => Reference::parse(label).map(|name| Some(name.or_latest())),
    }
}

impl Sink for Tape {
    async fn receive(&self, blob: &Descriptor, open: &Opener<'_>) -> Result<Outcome> {
        if blob.is_foreign() {
            return Ok(Outcome::Skipped);
        }
        self.writer.receive(blob, open).await
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<()> {
        self.writer.put_manifest(manifest).await
    }
}
