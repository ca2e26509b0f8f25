//! An archive as a place. To read from it is read once and kept aside, because a tar has its parts in any order; to
//! write to it is one tar for every tool, which appears when it is whole.

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::archive_source::ArchiveSource;
use super::archive_target::ArchiveTarget;
use super::ends::{Answer, Destination, Incoming, Means, Origin, Receiver};
use super::place::Place;
use crate::archive::{self, Contents, Files as _, Held, Listed, Reading, Saved, Writer};
use crate::content::{BlobReader, Opener, Outcome, Sink, Source};
use crate::error::{Clue, During as _, Error, Kind, Result};
use crate::image::nearest::nearest;
use crate::image::size::total;
use crate::image::{Body, Descriptor, Digest, Manifest, Platform, Reference};
use crate::progress::Progress;
use crate::store::{Scratch, ScratchHolder, Store, StoreWriter};
use crate::units;

/// An archive that was read to its end. Its parts lie in a scratch place of the store until they are wanted.
pub struct Unpacked {
    pub contents: Contents,
    pub images: Vec<Listed>,
    scratch: ScratchHolder,
    /// Has what an archive of differences leaves out.
    store: Store,
}

impl Unpacked {
    /// Reads the archive, on a thread of its own, and says which images it holds. The `writer` must outlive it.
    pub async fn read(
        stream: Box<dyn Read + Send>,
        writer: &StoreWriter,
        store: &Store,
        platforms: &[Platform],
        progress: Arc<dyn Progress>,
    ) -> Result<Self> {
        let scratch = writer.scratch()?;
        let reading = {
            let (scratch, store, platforms) = (Arc::clone(&scratch), store.clone(), platforms.to_vec());
            tokio::task::spawn_blocking(move || read(stream, &scratch, &store, &platforms, &*progress))
        };
        let lost = |e| Error::new(Kind::Io, "the thread that reads the archive was lost").caused_by(e);
        let (contents, images) = reading.await.map_err(lost)??;
        Ok(Self {
            contents,
            images,
            scratch,
            store: store.clone(),
        })
    }
}

impl Source for Unpacked {
    async fn manifest(&self, digest: &Digest) -> Result<Manifest> {
        let made = self.images.iter().filter_map(|image| image.made.as_ref());
        if let Some(made) = made.into_iter().find(|made| made.digest() == digest) {
            return Ok(made.clone());
        }
        let raw = self.contents.blob(digest)?.ok_or_else(|| {
            let message = format!("the archive does not hold the manifest {digest}");
            Error::new(Kind::NotFound, message)
        })?;
        Manifest::parse(raw, None, Some(digest))
    }

    async fn open(&self, blob: &Descriptor, from: u64) -> Result<BlobReader> {
        match self.contents.kept(&blob.digest) {
            Some(kept) => self.scratch.open(kept, from),
            None => self.store.open(blob, from).await,
        }
    }
}

/// A tar file as a place. Whichever sort is named, all are read.
pub(super) struct UnpackedArchive {
    unpacked: Unpacked,
    #[expect(dead_code, reason = "held, not used: what the scratch place is in must stay")]
    writer: StoreWriter,
}

impl UnpackedArchive {
    pub(super) fn origin<'a>(place: &'a Place, means: &'a Means<'a>) -> Answer<'a, Box<dyn Origin>> {
        Box::pin(async move {
            let read = Self::read(place.path()?, means).await?;
            Ok(Box::new(read) as Box<dyn Origin>)
        })
    }

    async fn read(path: &Path, means: &Means<'_>) -> Result<Self> {
        let file = ArchiveSource::open(path).during(format!("opening {}", path.display()))?;
        let writer = means.store.begin_afresh()?;
        let progress = Arc::clone(&means.progress);
        let unpacked = Unpacked::read(Box::new(file), &writer, &means.store, &[], progress).await?;
        check_missing(&unpacked.images)?;
        Ok(Self { unpacked, writer })
    }

    fn images(&self) -> &[Listed] {
        &self.unpacked.images
    }

    /// The image that is meant; without a name, the only one.
    fn image(&self, place: &Place) -> Result<&Digest> {
        let is_meant = |name: &Reference, wanted: &str| name.familiar() == wanted || name.tag() == Some(wanted);
        let has_no_names = self.images().iter().all(|image| image.names.is_empty());
        let mut fitting = self.images().iter().filter(|image| match place.tag() {
            Some(wanted) => image.names.iter().any(|name| is_meant(name, wanted)) || has_no_names,
            None => true,
        });
        match (fitting.next(), fitting.next()) {
            (Some(image), None) => Ok(&image.root.digest),
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

    fn names(&self) -> Vec<String> {
        let names = self.images().iter().flat_map(|image| &image.names);
        names.map(|name| name.familiar().to_owned()).collect()
    }
}

impl Source for UnpackedArchive {
    async fn manifest(&self, digest: &Digest) -> Result<Manifest> {
        self.unpacked.manifest(digest).await
    }

    async fn open(&self, blob: &Descriptor, from: u64) -> Result<BlobReader> {
        self.unpacked.open(blob, from).await
    }
}

impl Origin for UnpackedArchive {
    fn resolve<'a>(&'a self, name: &'a Place) -> Answer<'a, Manifest> {
        Box::pin(async { self.unpacked.manifest(self.image(name)?).await })
    }

    fn tags(&self) -> Answer<'_, Vec<String>> {
        Box::pin(async { Ok(self.names()) })
    }

    fn referrers<'a>(&'a self, _: &'a Digest) -> Answer<'a, Vec<Descriptor>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// A tar file that is made anew. Whichever sort is named, one that is both is written.
pub(super) struct ArchiveFile(PathBuf);

impl ArchiveFile {
    pub(super) fn destination(place: &Place, _: &Means<'_>) -> Result<Box<dyn Destination>> {
        Ok(Box::new(Self(place.path()?.to_owned())))
    }
}

impl Destination for ArchiveFile {
    fn standing<'a>(&'a self, _: &'a Place) -> Answer<'a, Option<Digest>> {
        Box::pin(async { Ok(None) })
    }

    fn has_manifest<'a>(&'a self, _: &'a Digest) -> Answer<'a, bool> {
        Box::pin(async { Ok(false) })
    }

    fn has_blob<'a>(&'a self, _: &'a Descriptor) -> Answer<'a, bool> {
        Box::pin(async { Ok(false) })
    }

    fn referrers<'a>(&'a self, _: &'a Digest) -> Answer<'a, Vec<Descriptor>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn begin<'a>(&'a self, incoming: Incoming<'a>) -> Answer<'a, Box<dyn Receiver>> {
        Box::pin(async move {
            let into = IntoArchive::begin(&self.0, incoming).await?;
            Ok(Box::new(into) as Box<dyn Receiver>)
        })
    }

    /// A tar has one place to write to.
    fn streams(&self) -> Option<usize> {
        Some(1)
    }
}

struct IntoArchive {
    writer: Writer,
    target: ArchiveTarget,
}

impl IntoArchive {
    /// Begins the archive of this image. Its name in there is the one that the place gives it, or the one it had.
    async fn begin(path: &Path, incoming: Incoming<'_>) -> Result<Self> {
        let Incoming { root, from, to, .. } = incoming;
        let target = ArchiveTarget::open(Some(path))?;
        let image = Saved {
            names: name(from.0, to)?.into_iter().collect(),
            root: root.descriptor.clone(),
            image: seen_by_docker(&from.1, root).await,
        };
        let writer = Writer::begin(target.out()?, &[image], HashSet::new());
        let writer = writer.map_err(|e| target.failure(e))?;
        Ok(Self { writer, target })
    }
}

/// A bare tag is one of the image's own repository.
fn name(from: &Place, to: &Place) -> Result<Option<Reference>> {
    let own = from.reference().filter(|name| name.digest().is_none());
    let own = own.map(|name| name.clone().or_latest());
    match (to.tag(), own) {
        (None, own) => Ok(own),
        (Some(tag), Some(own)) if !tag.contains(['/', ':']) => own.at_tag(tag).map(Some),
        (Some(label), _) => Reference::parse(label).map(|name| Some(name.or_latest())),
    }
}

impl Sink for IntoArchive {
    async fn receive(&self, blob: &Descriptor, open: &Opener<'_>) -> Result<Outcome> {
        if blob.is_foreign() {
            return Ok(Outcome::Skipped);
        }
        let received = self.writer.receive(blob, open).await;
        received.map_err(|e| self.target.failure(e))
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<()> {
        let put = self.writer.put_manifest(manifest).await;
        put.map_err(|e| self.target.failure(e))
    }
}

impl Receiver for IntoArchive {
    fn name<'a>(self: Box<Self>, manifest: &'a Manifest, _: &'a Place) -> Answer<'a, ()> {
        Box::pin(async move {
            self.put_manifest(manifest).await?;
            drop(self.writer.finish().map_err(|e| self.target.failure(e))?);
            self.target.commit()
        })
    }

    fn attach<'a>(&'a self, manifest: &'a Manifest) -> Answer<'a, ()> {
        Box::pin(self.put_manifest(manifest))
    }
}

/// The one image that `docker load` is to see: of an index, the one for this machine.
pub async fn seen_by_docker(source: &impl Source, root: &Manifest) -> Option<(Descriptor, Vec<Descriptor>)> {
    match &root.body {
        Body::Image(image) => image
            .config
            .media_type
            .contains(".image.")
            .then(|| (image.config.clone(), image.layers.clone())),
        Body::Index(index) => {
            let others = index.manifests.iter().filter(|it| !it.is_attestation());
            let child = index.choose(&Platform::host()).ok().into_iter().chain(others).next()?;
            match source.manifest(&child.digest).await.ok()?.body {
                Body::Image(image) => Some((image.config, image.layers)),
                Body::Index(_) => None,
            }
        }
    }
}

/// Reads an archive into the scratch place, and says which images it holds.
fn read(
    stream: Box<dyn Read + Send>,
    scratch: &Scratch,
    store: &Store,
    platforms: &[Platform],
    progress: &dyn Progress,
) -> Result<(Contents, Vec<Listed>)> {
    let has = |digest: &Digest, size: u64| store.blobs().has_whole(&Descriptor::new("", digest.clone(), size));
    let reading = Reading {
        keep: &|bytes, size, algorithm| scratch.take(bytes, size, algorithm),
        has: &has,
        progress,
    };
    let contents = Contents::read(stream, &reading)?;
    let held = Held {
        has: &|blob| store.blobs().has_whole(blob),
        layer: &|diff_id| store.images().layer_of(diff_id),
    };
    let images = archive::images_of(&contents, &held, platforms)?;
    Ok((contents, images))
}

/// A delta archive needs what it was made against.
pub fn check_missing(images: &[Listed]) -> Result<()> {
    let mut sentences = Vec::new();
    for image in images.iter().filter(|image| !image.missing.is_empty()) {
        let name = image.names.first().map_or(image.id.as_str(), Reference::familiar);
        let bytes = total(image.missing.iter().map(|blob| blob.size));
        let digests: Vec<&str> = image.missing.iter().map(|blob| blob.digest.as_str()).collect();
        let blobs = if digests.len() == 1 { "blob" } else { "blobs" };
        sentences.push(format!(
            "{name} needs {} {blobs} ({}) that neither the archive nor the store has: {}",
            digests.len(),
            units::size(bytes),
            digests.join(", ")
        ));
    }
    if sentences.is_empty() {
        return Ok(());
    }
    Err(Error::new(Kind::NotFound, sentences.join("\n")).with_clue(Clue::BaseNeeded))
}
