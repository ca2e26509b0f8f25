//! A place to make and to compare archives of images.

use std::path::{Path, PathBuf};

use super::image::{Built, Image};
use super::layer::Layer;
use super::sandbox::Sandbox;

/// A sandbox, and images in it that were written as layouts and loaded from there.
pub(crate) struct ArchiveMaker {
    pub(crate) sandbox: Sandbox,
}

impl ArchiveMaker {
    pub(crate) fn new() -> Self {
        Self {
            sandbox: Sandbox::new(),
        }
    }

    /// Brings an image into the store under a name.
    pub(crate) fn stock(&self, name: &str, image: &Image) -> Built {
        let folder = self.path(&format!("stock-{}", name.replace(['/', ':'], "-")));
        let built = image.write(&folder);
        self.adopt(name, &built);
        built
    }

    /// The archive of one image, from a store of its own.
    pub(crate) fn new_archive(image: &Image) -> Vec<u8> {
        let maker = Self::new();
        maker.stock("other:1", image);
        maker.sandbox.rdock(&["save", "other:1"]).ok().bytes
    }

    pub(crate) fn adopt(&self, name: &str, built: &Built) {
        let folder = built.folder.to_str().unwrap();
        self.sandbox.rdock(&["load", "-q", "-i", folder]).ok();
        let id = if built.config_digest.is_empty() {
            &built.children[0].config_digest
        } else {
            &built.config_digest
        };
        self.sandbox.rdock(&["tag", id, name]).ok();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.sandbox.root().join(name)
    }

    /// Saves to a file of this name.
    pub(crate) fn save(&self, file: &str, arguments: &[&str]) -> String {
        let path = self.path(file).to_str().unwrap().to_owned();
        self.sandbox.rdock(&[&["save", "-o", &path], arguments].concat()).ok();
        path
    }
}

/// An image whose layers no other image has.
pub(crate) fn image(seed: u64) -> Image {
    Image::new()
        .layer(Layer::seeded(seed, 3, 2000))
        .layer(Layer::text("etc/seed", &seed.to_string()))
}

/// What is in a store, so that two looks can be compared: index.json and the names of all files.
pub(crate) fn state_of(store: &Path) -> Vec<String> {
    let mut found = vec![std::fs::read_to_string(store.join("index.json")).unwrap_or_default()];
    for folder in ["blobs/sha256", "ingest"] {
        let names = std::fs::read_dir(store.join(folder)).into_iter().flatten();
        found.extend(names.map(|entry| entry.unwrap().path().display().to_string()));
    }
    found[1..].sort();
    found
}
