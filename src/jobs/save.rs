//! `save`: one tar for every tool, of the exact bytes of the store.

mod chosen;

use std::collections::HashSet;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use super::{News, Reporter};
use crate::archive::{self, Saved, Writer};
use crate::content::{Sink as _, Source as _};
use crate::error::{During, Error, Kind, Result};
use crate::image::size::total;
use crate::image::{Body, Digest, Manifest, Platform, Reference};
use crate::places::{ArchiveTarget, seen_by_docker};
use crate::store::Store;
use crate::transfer::{self, Limits};

use chosen::Chosen;

/// A list of digests longer than this is none.
const MAX_LIST: u64 = 64 << 20;

/// What is saved from a store.
pub struct Save<'a> {
    pub store: Store,
    /// The platforms that were asked for; without any, all that is here.
    pub platforms: Vec<Platform>,
    pub far_side: FarSide,
    pub reporter: Reporter<'a>,
}

/// What says which layers need not go along, since they are there already.
#[derive(Debug, Default)]
pub struct FarSide {
    /// Archives that were loaded there.
    pub archives: Vec<PathBuf>,
    /// Lists of digests that were written there.
    pub lists: Vec<PathBuf>,
    /// The name that the program that writes them is called by.
    pub program: String,
}

impl Save<'_> {
    /// Writes the images that these texts mean. The target has still to be committed.
    pub async fn run(&self, texts: &[String], target: &ArchiveTarget) -> Result<()> {
        // While it is saved nobody may free it; a store that may only be read needs no such care.
        let _writer = self.store.begin();
        let chosen = chosen::all(&self.store, texts, &self.platforms).await?;
        let left_out = self.left_out(&chosen)?;
        let written = self.write(&chosen, left_out, target).await;
        written.map_err(|e| target.failure(e))
    }

    async fn write(&self, chosen: &[Chosen], left_out: HashSet<Digest>, target: &ArchiveTarget) -> Result<()> {
        let mut saved = Vec::new();
        for image in chosen {
            let root = self.root(image).await?;
            saved.push(Saved {
                names: image.names.clone(),
                root: image.root.clone(),
                image: seen_by_docker(&self.store, &root).await,
            });
        }
        let writer = Writer::begin(target.out()?, &saved, left_out)?;
        let progress = self.reporter.watch();
        for image in chosen {
            // Manifests first, so that a reader of the stream knows what the layers are.
            writer.put_manifest(&self.root(image).await?).await?;
            image.plan.children.put(&self.store, &writer, 1).await?;
        }
        for image in chosen {
            transfer::run(&image.plan, &self.store, &writer, Limits::at_once(1), &progress).await?;
        }
        writer.finish().map(drop)
    }

    async fn root(&self, image: &Chosen) -> Result<Manifest> {
        match &image.made {
            Some(made) => Ok(made.clone()),
            None => self.store.manifest(&image.root.digest).await,
        }
    }

    /// The layers that the far side has; configs and manifests always go along.
    fn left_out(&self, chosen: &[Chosen]) -> Result<HashSet<Digest>> {
        let mut held = HashSet::new();
        for path in &self.far_side.archives {
            let doing = || format!("reading {}", path.display());
            let file = File::open(path).during(doing())?;
            held.extend(archive::held_by_archive(file).map_err(|e| e.during(doing()))?);
        }
        for path in &self.far_side.lists {
            let doing = || format!("reading {}", path.display());
            let mut text = Vec::new();
            let file = File::open(path).during(doing())?;
            file.take(MAX_LIST).read_to_end(&mut text).during(doing())?;
            let listed = archive::held_by_list(&String::from_utf8_lossy(&text));
            if listed.is_empty() {
                let (path, program) = (path.display(), &self.far_side.program);
                return Err(Error::new(
                    Kind::Usage,
                    format!("{path} lists no digests: let the far side write it with \"{program} load --have\""),
                ));
            }
            held.extend(with_layers(&self.store, listed)?);
        }
        if self.far_side.archives.is_empty() && self.far_side.lists.is_empty() {
            return Ok(held);
        }
        let layers = chosen.iter().flat_map(|it| &it.plan.layers);
        let mut left_out = HashSet::new();
        let new = layers.filter(|it| held.contains(&it.digest) && left_out.insert(it.digest.clone()));
        let bytes = total(new.map(|layer| layer.size));
        let layers = left_out.len();
        self.reporter.tell(News::LeftOut { layers, bytes });
        Ok(left_out)
    }
}

/// Who has an image has its layers. Lists name images by their ID, their manifest, or the index that it came from.
fn with_layers(store: &Store, mut held: HashSet<Digest>) -> Result<HashSet<Digest>> {
    for image in store.images().all()? {
        let from = image.digests.iter().filter_map(Reference::digest);
        let mut names = from.chain([&image.id, &image.manifest.digest]);
        if names.any(|digest| held.contains(digest))
            && let Ok(manifest) = store.images().manifest(&image.manifest.digest)
            && let Body::Image(body) = manifest.body
        {
            held.extend(body.layers.into_iter().map(|layer| layer.digest));
        }
    }
    Ok(held)
}
