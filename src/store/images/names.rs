//! The names of the store, which all stand in `index.json`: each change is one step.

use std::sync::Arc;

use crate::error::{Error, Kind, Result};
use crate::image::annotations::REF_NAME;
use crate::image::{Descriptor, Manifest, Reference};
use crate::store::blobs::Blobs;
use crate::store::bytes::leftovers;
use crate::store::images::index::{Edit, Index, IndexEntry, stored_form};
use crate::store::images::manifest_cache::ManifestCache;
use crate::store::images::naming;
use crate::store::images::repositories::{Cache, Named, Repositories};
use crate::store::layout::Layout;
use crate::store::lock::Lock;
use crate::store::unsynced::Waiting;
use crate::store::writer::StoreWriter;

/// The names of one store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Names {
    blobs: Blobs,
    cache: Arc<ManifestCache>,
    repositories: Arc<Cache>,
}

impl Names {
    pub(in crate::store) fn new(blobs: Blobs, cache: Arc<ManifestCache>) -> Self {
        Self {
            blobs,
            cache,
            repositories: Arc::default(),
        }
    }

    /// What exactly this name points to; `latest` where it has neither a tag nor a digest.
    pub fn target(&self, name: &Reference) -> Result<Option<Descriptor>> {
        let index = Index::read(self.layout())?;
        let entry = index.entry(&stored_form(name));
        Ok(entry.map(|entry| entry.descriptor.clone()))
    }

    /// The tags of this repository, sorted.
    pub fn tags(&self, repository: &Reference) -> Result<Vec<Reference>> {
        let index = Index::read(self.layout())?;
        let names = index.entries.iter().filter_map(|entry| entry.name.as_ref());
        let mut tags: Vec<Reference> = names
            .filter(|name| name.digest().is_none() && name.name() == repository.name())
            .cloned()
            .collect();
        tags.sort();
        Ok(tags)
    }

    /// All names as they are now, by repository. As long as they stay, asking again costs nothing.
    pub fn repositories(&self) -> Result<Arc<Repositories>> {
        self.repositories.read(self.layout())
    }

    /// Lets `name` point to `manifest`, wherever it pointed before.
    pub fn set(&self, name: &Reference, manifest: &Descriptor) -> Result<()> {
        self.list(&[(name.clone(), manifest.clone())], &[]).map(drop)
    }

    /// Lets all names point to their manifests, wherever they pointed before, and keeps the `nameless` images, in one
    /// step: the commit of a job. Whether any name came to mean something new.
    pub fn list(&self, names: &[(Reference, Descriptor)], nameless: &[Descriptor]) -> Result<bool> {
        self.layout().create()?;
        let _lock = Lock::shared(self.layout())?;
        let mut edit = Edit::begin(self.layout())?;
        if let Some((name, _)) = names.iter().find(|(_, manifest)| !self.blobs.has(&manifest.digest)) {
            let name = name.familiar();
            return Err(Error::new(
                Kind::NotFound,
                format!("the image to be named {name} is not in the store"),
            ));
        }
        let is_new = names.iter().any(|(name, manifest)| {
            let before = edit.index.entry(&stored_form(name));
            before.is_none_or(|before| before.descriptor.digest != manifest.digest)
        });
        naming::name_all(&mut edit.index, names, &self.cache);
        for image in nameless {
            naming::keep(&mut edit.index, image, &self.cache);
        }
        self.layout().sync_blobs()?;
        edit.commit()?;
        self.cache.keep_summaries();
        leftovers::age_out(self.layout());
        Ok(is_new)
    }

    /// Puts a manifest into the store and lets `names` point to it; in the same step `gone` are names no more. What
    /// they pointed to is reached through the manifest.
    pub fn put(&self, manifest: &Manifest, names: &[Reference], gone: &[Reference]) -> Result<()> {
        let _writer = StoreWriter::begin(&self.blobs, Waiting::ForTheBlob)?;
        self.blobs.put(manifest.digest(), &manifest.raw, &Waiting::ForTheBlob)?;
        let mut edit = Edit::begin(self.layout())?;
        let entries: Vec<_> = names
            .iter()
            .map(|name| (name.clone(), manifest.descriptor.clone()))
            .collect();
        naming::name_all(&mut edit.index, &entries, &self.cache);
        naming::take_away(&mut edit.index, gone);
        self.layout().sync_blobs()?;
        edit.commit()
    }

    /// Takes these names away and gives those, in one step. Blobs are left to the next sweep.
    pub fn replace(&self, gone: &[Reference], given: &[Named]) -> Result<()> {
        if !self.layout().exists()? {
            return Ok(());
        }
        let mut edit = Edit::begin(self.layout())?;
        naming::take_away(&mut edit.index, gone);
        let given: Vec<_> = given.iter().map(|it| (it.name.clone(), it.manifest.clone())).collect();
        naming::name_all(&mut edit.index, &given, &self.cache);
        edit.commit()
    }

    /// Every image with the name that another tool gave it, in the order of `index.json`: any text, in an annotation
    /// (<https://github.com/opencontainers/image-spec/blob/main/annotations.md#pre-defined-annotation-keys>).
    pub fn labels(&self) -> Result<Vec<(Option<String>, Descriptor)>> {
        let index = Index::read(self.layout())?;
        let labelled = |entry: IndexEntry| {
            (
                entry.descriptor.annotations.get(REF_NAME).map(str::to_owned),
                entry.descriptor,
            )
        };
        Ok(index.entries.into_iter().map(labelled).collect())
    }

    /// Lists a manifest, whose content is here, under this name and no other; without a name by its digest alone.
    pub fn label(&self, label: Option<&str>, manifest: &Descriptor) -> Result<()> {
        let _writer = StoreWriter::begin(&self.blobs, Waiting::ForTheBlob)?;
        let mut edit = Edit::begin(self.layout())?;
        let mut listed = Descriptor {
            annotations: manifest.annotations.clone(),
            platform: manifest.platform.clone(),
            ..Descriptor::new(manifest.media_type.clone(), manifest.digest.clone(), manifest.size)
        };
        if let Some(label) = label {
            listed.annotations.insert(REF_NAME, label);
        }
        let is_listed = |entry: &IndexEntry| entry.descriptor.digest == listed.digest;
        match label {
            Some(_) => edit.index.entries.retain(|entry| {
                let own = entry.descriptor.annotations.get(REF_NAME);
                own != label && !(own.is_none() && is_listed(entry))
            }),
            None if edit.index.entries.iter().any(is_listed) => return Ok(()),
            None => {}
        }
        edit.index.entries.push(IndexEntry::read(listed));
        self.layout().sync_blobs()?;
        edit.commit()
    }

    fn layout(&self) -> &Arc<Layout> {
        self.blobs.layout()
    }
}
