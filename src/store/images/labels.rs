//! The names that other tools give to the images of a layout: any text, in an annotation
//! (<https://github.com/opencontainers/image-spec/blob/main/annotations.md#pre-defined-annotation-keys>).

use crate::error::Result;
use crate::image::Descriptor;
use crate::image::annotations::REF_NAME;
use crate::store::Store;
use crate::store::images::index::{Edit, Index, IndexEntry};

impl Store {
    /// Every image of the layout with its name, in the order of `index.json`.
    pub fn labels(&self) -> Result<Vec<(Option<String>, Descriptor)>> {
        let index = Index::read(&self.layout)?;
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
        let _writer = self.begin()?;
        let mut edit = Edit::begin(&self.layout)?;
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
        self.layout.sync_blobs()?;
        edit.commit()
    }
}
