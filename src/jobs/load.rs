//! `load`: read, judge, publish, name. Until all of the archive has turned out right the store is as it was.

use std::io::Read;
use std::path::Path;

use super::commit::{self, Arrival};
use super::{News, Reporter};
use crate::archive::{self, Folder, Listed};
use crate::content::{Sink as _, Source};
use crate::error::Result;
use crate::image::{Body, Descriptor, Digest, Manifest, Platform, Reference};
use crate::places::{Unpacked, check_missing, described};
use crate::progress::Layer;
use crate::store::{Store, StoreWriter};
use crate::transfer::{self, Limits, Plan};

/// Blobs of a layout that are copied at once.
const AT_ONCE: usize = 2;

/// What is loaded into a store.
pub struct Load<'a> {
    pub store: Store,
    /// The platforms that were asked for; without any, all that the archive has.
    pub platforms: Vec<Platform>,
    pub reporter: Reporter<'a>,
}

impl Load<'_> {
    /// The images of a tar archive, whatever wrote and packed it.
    pub async fn stream(&self, stream: Box<dyn Read + Send>) -> Result<()> {
        let writer = self.store.begin_afresh()?;
        let (platforms, progress) = (self.platforms.as_slice(), self.reporter.watch());
        let mut unpacked = Unpacked::read(stream, &writer, &self.store, platforms, progress).await?;
        for image in &mut unpacked.images {
            self.prefer_known(image)?;
        }
        check_missing(&unpacked.images)?;
        for image in &unpacked.images {
            put_manifests(image, &unpacked, &writer).await?;
        }
        let blobs = unpacked.images.iter().flat_map(|image| &image.blobs);
        for kept in blobs.filter_map(|blob| unpacked.contents.kept(&blob.digest)) {
            writer.publish(kept)?;
        }
        self.name(&unpacked.images)
    }

    /// The images of a layout that lies in a folder.
    pub async fn folder(&self, folder: &Path) -> Result<()> {
        let writer = self.store.begin_afresh()?;
        let folder = Folder::at(folder);
        let has = |blob: &Descriptor| self.store.blobs().has_whole(blob);
        let images = archive::images_in(&folder, &has, &self.platforms)?;
        check_missing(&images)?;
        let progress = self.reporter.watch();
        for image in &images {
            let lacking: Vec<Descriptor> = image.blobs.iter().filter(|blob| !has(blob)).cloned().collect();
            let layers = lacking.iter().filter(|blob| blob.digest != image.id).map(|blob| Layer {
                digest: blob.digest.clone(),
                size: blob.size,
                diff_id: None,
                present: false,
            });
            let plan = Plan::for_blobs(layers.collect(), lacking);
            transfer::run(&plan, &folder, &writer, Limits::at_once(AT_ONCE), &progress).await?;
            put_manifests(image, &folder, &writer).await?;
        }
        self.name(&images)
    }

    /// Where the store has the very image already, its manifest is the better one: the one that a registry knows.
    fn prefer_known(&self, image: &mut Listed) -> Result<()> {
        let is_made = |made: &Manifest| matches!(made.body, Body::Image(_));
        if !image.made.as_ref().is_some_and(is_made) {
            return Ok(());
        }
        let Ok(known) = self.store.images().find(image.id.as_str()) else {
            return Ok(());
        };
        let manifest = known.image.manifest;
        if known.image.fault.is_none() && self.store.images().is_whole(&manifest) {
            image.root = self.store.images().manifest(&manifest.digest)?.descriptor;
            image.made = None;
            image.manifests.clear();
            image.blobs.clear();
            image.missing.clear();
        }
        Ok(())
    }

    /// The commit, and the news of it.
    fn name(&self, images: &[Listed]) -> Result<()> {
        let (mut arrivals, mut displaced) = (Vec::new(), Vec::new());
        for image in images {
            let meant = described(&self.store, &self.store.images().manifest(&image.root.digest)?)?;
            let arrival = |names: Vec<Reference>, root: &Digest| Arrival::new(names, root, meant.clone());
            if image.names.is_empty() {
                arrivals.push(arrival(Vec::new(), &image.root.digest));
            }
            for name in &image.names {
                displaced.push(self.displaced(name, &image.id));
                // The archive has shown that the image is a part of what the digest means.
                let root = name.digest().unwrap_or(&image.root.digest);
                arrivals.push(arrival(vec![name.clone()], root));
            }
        }
        commit::to_store(&self.store, arrivals)?;
        let mut displaced = displaced.into_iter();
        for image in images {
            for name in &image.names {
                if let Some(old) = displaced.next().flatten() {
                    self.reporter.tell(News::Displaced { name, old: &old });
                }
                self.reporter.tell(News::Loaded(name));
            }
            if image.names.is_empty() {
                self.reporter.tell(News::LoadedNameless(&image.id));
            }
        }
        Ok(())
    }

    /// The image that had the name before, if that is another one.
    fn displaced(&self, name: &Reference, id: &Digest) -> Option<Digest> {
        let old = self.store.images().find(&name.to_string()).ok()?;
        (old.name.as_ref() == Some(name) && old.image.id != *id).then_some(old.image.id)
    }
}

/// One after the other, each read when it is put: together they may be large.
async fn put_manifests(image: &Listed, source: &impl Source, writer: &StoreWriter) -> Result<()> {
    for node in &image.manifests {
        let manifest = match &image.made {
            Some(made) if *made.digest() == node.digest => made.clone(),
            _ => source.manifest(&node.digest).await?,
        };
        writer.put_manifest(&manifest).await?;
    }
    Ok(())
}
