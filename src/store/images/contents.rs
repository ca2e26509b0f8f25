//! All that the names of a store lead to, looked at once: what each document needs, and whose name leads to it.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use crate::error::{Kind, Result};
use crate::image::graph::{self, Limits, Walk};
use crate::image::{Body, Descriptor, Digest, ImageManifest, Reference};
use crate::store::images::index::{Index, IndexEntry};
use crate::store::images::manifest_cache::ManifestCache;
use crate::store::images::reach;

/// What the store holds below its names.
#[derive(Debug)]
pub(in crate::store) struct Contents {
    documents: HashMap<Digest, Document>,
    /// Parents before children.
    order: Vec<Digest>,
    /// The familiar names that mean a document itself.
    names: HashMap<Digest, Names>,
}

type Names = BTreeSet<Rc<str>>;

#[derive(Debug, Default)]
struct Document {
    needed: Vec<Digest>,
    children: Vec<Digest>,
    /// Whether it is a manifest that cannot be read.
    is_invalid: bool,
    /// Digest and said size of all that it describes.
    sizes: Vec<(Digest, u64)>,
    /// Digest and diff ID of each layer.
    layers: Vec<(Digest, Digest)>,
}

/// Something that a document is right or wrong by.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) enum Need<'a> {
    /// This must be here.
    Blob(&'a Digest),
    /// This may be here: what an index lists and the store does not have is a platform that was not pulled.
    Child(&'a Digest),
    /// This must be a manifest.
    Manifest(&'a Digest),
    /// This, where it is here, must have so many bytes.
    Size(&'a Digest, u64),
    /// This layer must unpack to this diff ID.
    Unpacked(&'a Digest, &'a Digest),
}

impl Contents {
    pub(in crate::store) fn of(index: &Index, cache: &ManifestCache) -> Result<Self> {
        let mut names: HashMap<Digest, Names> = HashMap::new();
        for entry in &index.entries {
            let name: Rc<str> = entry.name.as_ref().map_or("<none>", Reference::familiar).into();
            for digest in meant_by(entry) {
                names.entry(digest.clone()).or_default().insert(Rc::clone(&name));
            }
        }
        let roots = index.entries.iter().map(|entry| entry.descriptor.digest.clone());
        let mut walk = Walk::of_digests(roots, Limits::NONE)?;
        let mut documents = HashMap::new();
        while let Some(node) = walk.next_unread() {
            let (document, children) = Document::read(&node.digest, cache)?;
            walk.answer(&node, &children)?;
            documents.insert(node.digest, document);
        }
        let levels = walk.into_levels()?;
        let order = levels.into_iter().rev().flatten().map(|node| node.digest).collect();
        Ok(Self {
            documents,
            order,
            names,
        })
    }

    /// Each layer of an image with the diff ID that the image's config gives it.
    pub(in crate::store) fn layers(&self) -> impl Iterator<Item = (&Digest, &Digest)> {
        let layers = self.documents.values().flat_map(|document| &document.layers);
        layers.map(|(layer, diff_id)| (layer, diff_id))
    }

    /// What is wrong with which blob, and the familiar names of the images that need it.
    pub(in crate::store) fn faults<F>(&self, look: impl Fn(Need) -> Option<F>) -> BTreeMap<Digest, (F, Vec<String>)> {
        let mut found = Vec::new();
        let mut note = |owner, blob, need| found.extend(look(need).map(|fault| (owner, blob, fault)));
        for meant in self.names.keys() {
            note(meant, meant, Need::Blob(meant));
        }
        for (owner, document) in &self.documents {
            let needed = document.needed.iter().map(|blob| (blob, Need::Blob(blob)));
            let children = document.children.iter().map(|child| (child, Need::Child(child)));
            let invalid = document.is_invalid.then_some((owner, Need::Manifest(owner)));
            let sizes = document
                .sizes
                .iter()
                .map(|(blob, size)| (blob, Need::Size(blob, *size)));
            let layers = document.layers.iter();
            let layers = layers.map(|(layer, diff_id)| (layer, Need::Unpacked(layer, diff_id)));
            for (blob, need) in needed.chain(children).chain(invalid).chain(sizes).chain(layers) {
                note(owner, blob, need);
            }
        }
        if found.is_empty() {
            return BTreeMap::new();
        }
        let names = self.names_above();
        let mut faults: BTreeMap<Digest, (F, Names)> = BTreeMap::new();
        for (owner, blob, fault) in found {
            let (_, needed_by) = faults.entry(blob.clone()).or_insert((fault, Names::new()));
            needed_by.extend(names.get(owner).into_iter().flat_map(|names| names.iter().cloned()));
        }
        let told = |names: Names| names.iter().map(ToString::to_string).collect();
        let faults = faults.into_iter();
        faults
            .map(|(blob, (fault, names))| (blob, (fault, told(names))))
            .collect()
    }

    /// The names that lead to each document. Those that lead to many are shared.
    fn names_above(&self) -> HashMap<&Digest, Rc<Names>> {
        let own = self.names.iter();
        let mut above: HashMap<&Digest, Rc<Names>> = own.map(|(it, names)| (it, Rc::new(names.clone()))).collect();
        for digest in &self.order {
            let (Some(document), Some(names)) = (self.documents.get(digest), above.get(digest).cloned()) else {
                continue;
            };
            for child in &document.children {
                match above.entry(child) {
                    Entry::Vacant(free) => drop(free.insert(Rc::clone(&names))),
                    Entry::Occupied(known) if Rc::ptr_eq(known.get(), &names) => {}
                    Entry::Occupied(mut known) => Rc::make_mut(known.get_mut()).extend(names.iter().cloned()),
                }
            }
        }
        above
    }
}

/// What an entry is about: what it leads to, and the document whose digest its name has.
fn meant_by(entry: &IndexEntry) -> impl Iterator<Item = &Digest> {
    let named = entry.name.as_ref().and_then(|name| name.digest());
    [&entry.descriptor.digest].into_iter().chain(named)
}

impl Document {
    /// What stands in it, and the documents that it leads to.
    fn read(digest: &Digest, cache: &ManifestCache) -> Result<(Self, Vec<Descriptor>)> {
        let mut document = Self::default();
        let mut children = Vec::new();
        match cache.manifest(digest) {
            Ok(manifest) => {
                let described = graph::blobs(&manifest).chain(graph::children(&manifest));
                document.sizes = described.map(|it| (it.digest.clone(), it.size)).collect();
                match &manifest.body {
                    Body::Image(image) => {
                        let blobs = graph::blobs(&manifest).map(|blob| blob.digest.clone());
                        document.needed = blobs.collect();
                        document.layers = layers_of(image, cache);
                    }
                    Body::Index(index) => children.clone_from(&index.manifests),
                }
                document.children = children.iter().map(|child| child.digest.clone()).collect();
            }
            Err(e) if e.kind() == Kind::Io => return Err(e),
            // Damaged, or of a sort that rdock does not know: it needs all that it seems to lead to.
            Err(e) => {
                document.is_invalid = e.kind() == Kind::Corrupt;
                document.needed = reach::guess(digest, cache.blobs())?;
                document.children.clone_from(&document.needed);
                let described = document.needed.iter();
                children = described.map(|it| Descriptor::new("", it.clone(), 0)).collect();
            }
        }
        Ok((document, children))
    }
}

/// What is encrypted unpacks to nothing that a diff ID speaks of
/// (<https://github.com/containers/ocicrypt/blob/main/docs/spec.md>); foreign layers are not here.
fn layers_of(image: &ImageManifest, cache: &ManifestCache) -> Vec<(Digest, Digest)> {
    // That the config cannot be read is told of the config.
    let Ok(config) = cache.config(&image.config) else {
        return Vec::new();
    };
    let pairs = image.layers.iter().zip(&config.diff_ids);
    let plain = pairs.filter(|(layer, _)| !layer.media_type.contains("+encrypted"));
    plain
        .map(|(layer, diff_id)| (layer.digest.clone(), diff_id.clone()))
        .collect()
}
