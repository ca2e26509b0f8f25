//! An archive as the place an image comes from: read once and kept aside, because a tar has its parts in any order.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use super::super::Context;
use super::super::load;
use super::place::Place;
use crate::archive::{Contents, Listed};
use crate::content::{BlobReader, Source};
use crate::error::{Clue, During as _, Error, Kind, Result};
use crate::image::nearest::nearest;
use crate::image::{Descriptor, Digest, Manifest, Reference};
use crate::progress::Direction;
use crate::store::{ScratchHolder, Store, StoreWriter};

pub(super) struct Unpacked {
    contents: Contents,
    images: Vec<Listed>,
    scratch: ScratchHolder,
    /// Has what an archive of differences leaves out.
    store: Store,
    #[expect(dead_code, reason = "held, not used: what the scratch place is in must stay")]
    writer: StoreWriter,
}

impl Unpacked {
    pub(super) async fn read(path: &Path, context: &Context) -> Result<Self> {
        let file = File::open(path).during(format!("opening {}", path.display()))?;
        let store = context.store();
        let writer = store.begin_afresh()?;
        let scratch = writer.scratch()?;
        let progress = context.screen.progress(Direction::Load, true);
        let reading = {
            let (scratch, store) = (Arc::clone(&scratch), store.clone());
            tokio::task::spawn_blocking(move || load::read(Box::new(file), &scratch, &store, None, &*progress))
        };
        let lost = |e| Error::new(Kind::Io, "the thread that reads the archive was lost").caused_by(e);
        let (contents, images) = reading.await.map_err(lost)??;
        load::check_missing(&images)?;
        Ok(Self {
            contents,
            images,
            scratch,
            store,
            writer,
        })
    }

    /// The image that is meant; without a name, the only one.
    pub(super) fn image(&self, place: &Place) -> Result<Manifest> {
        let is_meant = |name: &Reference, wanted: &str| name.familiar() == wanted || name.tag() == Some(wanted);
        let has_no_names = self.images.iter().all(|image| image.names.is_empty());
        let mut fitting = self.images.iter().filter(|image| match place.tag() {
            Some(wanted) => image.names.iter().any(|name| is_meant(name, wanted)) || has_no_names,
            None => true,
        });
        match (fitting.next(), fitting.next()) {
            (Some(image), None) => Ok(image.root.clone()),
            (None, _) => {
                let names = nearest(place.tag().unwrap_or_default(), &self.names(), 5);
                Err(Error::new(Kind::NotFound, format!("{place} is not there")).with_clue(Clue::NearestTags(names)))
            }
            (Some(_), Some(_)) => {
                let message = format!("{place} holds several images: name one");
                Err(Error::new(Kind::NotFound, message).with_clue(Clue::NearestTags(self.names())))
            }
        }
    }

    pub(super) fn names(&self) -> Vec<String> {
        let names = self.images.iter().flat_map(|image| &image.names);
        names.map(|name| name.familiar().to_owned()).collect()
    }
}

impl Source for Unpacked {
    async fn manifest(&self, digest: &Digest) -> Result<Manifest> {
        let all = self
            .images
            .iter()
            .flat_map(|image| image.children.iter().chain([&image.root]));
        let found = all.into_iter().find(|manifest| manifest.digest() == digest);
        found.cloned().ok_or_else(|| {
            let message = format!("the archive does not hold the manifest {digest}");
            Error::new(Kind::NotFound, message)
        })
    }

    async fn open(&self, blob: &Descriptor, from: u64) -> Result<BlobReader> {
        match self.contents.kept(&blob.digest) {
            Some(kept) => self.scratch.open(kept, from),
            None => self.store.open(blob, from).await,
        }
    }
}
