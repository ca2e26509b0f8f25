//! The images that an archive or a layout holds, and what of each is needed.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use super::errors::{bad, wrong_diff_id};
use super::files::{self, Files};
use super::layout::{self, Entry};
use crate::error::{Error, Kind, Result};
use crate::image::graph::{self, Limits, MAX_BLOBS, Node, Walk};
use crate::image::narrowed::{self, Narrowed};
use crate::image::{Body, Descriptor, Digest, ImageConfig, ImageManifest, Index, Manifest, Platform, Reference};

/// One image of an archive. Its manifests stay where they are, and are read again when they are put: together they may
/// be larger than memory should be.
#[derive(Debug)]
pub struct Listed {
    /// Names in the order of the archive; none where it is known by its ID only.
    pub names: Vec<Reference>,
    /// The digest of the config; of the manifest where that has none of an image.
    pub id: Digest,
    /// The manifest that the names mean.
    pub root: Descriptor,
    /// All manifests of the image, children before their parents, the root last.
    pub manifests: Vec<Node>,
    /// Configs and layers, each once.
    pub blobs: Vec<Descriptor>,
    /// The blobs that are neither in the archive nor in the store.
    pub missing: Vec<Descriptor>,
    /// The root, where it was made: for the layers of an archive without any, or for a part of an index.
    pub made: Option<Manifest>,
}

/// The images that an OCI layout lists. `has` says which blobs the store holds; of an index, all platforms are taken if
/// all are there, else the one for this machine, or the one asked for.
pub(super) fn images(
    files: &dyn Files,
    has: &dyn Fn(&Descriptor) -> bool,
    platforms: &[Platform],
) -> Result<Option<Vec<Listed>>> {
    let Some(entries) = layout::entries(files)? else {
        return Ok(None);
    };
    let mut listing = Listing {
        reader: Reader { files, has },
        platforms,
        images: Vec::new(),
        entries: HashMap::new(),
        roots: HashMap::new(),
        names: HashSet::new(),
        children: HashMap::new(),
    };
    for entry in entries {
        listing.add(entry)?;
    }
    Ok(Some(listing.images))
}

/// The images that were found so far. A layout may list the same one a hundred thousand times: it is read once.
struct Listing<'a> {
    reader: Reader<'a>,
    platforms: &'a [Platform],
    images: Vec<Listed>,
    /// Where the image of each entry is: by digest, size and media type.
    entries: HashMap<(Digest, u64, String), usize>,
    /// Where the image of each root is.
    roots: HashMap<Digest, usize>,
    names: HashSet<(usize, Reference)>,
    /// What each index lists that a name speaks of.
    children: HashMap<Digest, HashSet<Digest>>,
}

impl Listing<'_> {
    fn add(&mut self, Entry { name, descriptor }: Entry) -> Result<()> {
        let place = self.place_of(descriptor)?;
        let root = self.images[place].root.digest.clone();
        if let Some(name) = name
            && self.is_true(&name, &root)
            && self.names.insert((place, name.clone()))
        {
            self.images[place].names.push(name);
        }
        Ok(())
    }

    fn place_of(&mut self, entry: Descriptor) -> Result<usize> {
        let key = (entry.digest.clone(), entry.size, entry.media_type.clone());
        if let Some(&place) = self.entries.get(&key) {
            return Ok(place);
        }
        let (root, made) = self.reader.chosen(entry, self.platforms)?;
        let place = self.place_of_root(root, made)?;
        self.entries.insert(key, place);
        Ok(place)
    }

    fn place_of_root(&mut self, root: Descriptor, made: Option<Manifest>) -> Result<usize> {
        if let Some(&place) = self.roots.get(&root.digest) {
            return Ok(place);
        }
        let with_made = WithMade {
            files: self.reader.files,
            made,
        };
        let reader = Reader {
            files: &with_made,
            has: self.reader.has,
        };
        let digest = root.digest.clone();
        let listed = reader.listed(Vec::new(), root)?;
        self.images.push(Listed {
            made: with_made.made,
            ..listed
        });
        let place = self.images.len() - 1;
        self.roots.insert(digest, place);
        Ok(place)
    }

    /// Whether a name by digest is one of this manifest, or of an index in the archive that has it.
    fn is_true(&mut self, name: &Reference, root: &Digest) -> bool {
        let Some(digest) = name.digest().filter(|digest| *digest != root) else {
            return true;
        };
        if !self.children.contains_key(digest) {
            let raw = self.reader.files.blob(digest).ok().flatten();
            let whole = raw.and_then(|raw| Manifest::parse(raw, None, Some(digest)).ok());
            let children = match whole.map(|whole| whole.body) {
                Some(Body::Index(index)) => index.manifests.into_iter().map(|child| child.digest).collect(),
                _ => HashSet::new(),
            };
            self.children.insert(digest.clone(), children);
        }
        self.children
            .get(digest)
            .is_some_and(|children| children.contains(root))
    }
}

/// Files, and a manifest that was made of one of them.
struct WithMade<'a> {
    files: &'a dyn Files,
    made: Option<Manifest>,
}

impl Files for WithMade<'_> {
    fn document(&self, path: &str) -> Result<Option<Bytes>> {
        self.files.document(path)
    }

    fn blob(&self, digest: &Digest) -> Result<Option<Bytes>> {
        match &self.made {
            Some(made) if made.digest() == digest => Ok(Some(made.raw.clone())),
            _ => self.files.blob(digest),
        }
    }

    fn size_of(&self, digest: &Digest) -> Option<u64> {
        self.files.size_of(digest)
    }
}

/// Refuses an image that does not serve each of these platforms.
pub(super) fn check_platforms(actual: &Platform, platforms: &[Platform]) -> Result<()> {
    match platforms.iter().find(|wanted| actual.distance_to(wanted).is_none()) {
        None => Ok(()),
        Some(wanted) => Err(Error::new(
            Kind::NotFound,
            format!("the archive holds an image for {actual}, but does not provide the specified platform ({wanted})"),
        )),
    }
}

pub(super) struct Reader<'a> {
    pub(super) files: &'a dyn Files,
    pub(super) has: &'a dyn Fn(&Descriptor) -> bool,
}

impl Reader<'_> {
    fn manifest(&self, descriptor: &Descriptor) -> Result<Manifest> {
        files::manifest(self.files, descriptor)
    }

    /// The manifest to load: the root itself, a child of an index, or the part of one that is for several platforms.
    fn chosen(&self, mut root: Descriptor, platforms: &[Platform]) -> Result<(Descriptor, Option<Manifest>)> {
        let mut known = None;
        for _ in 0..Limits::IMAGE.depth {
            let manifest = self.manifest(&root)?;
            let index = match &manifest.body {
                Body::Index(index) => index,
                Body::Image(image) => {
                    check_platforms(&self.config(image)?.platform, platforms)?;
                    return Ok((manifest.descriptor, None));
                }
            };
            root = match platforms {
                [] => {
                    let whole = match known {
                        Some(whole) => whole,
                        None => self.whole(&root)?,
                    };
                    let is_whole = |child: &Descriptor| whole.contains(&child.digest) || self.is_there(child);
                    if index.manifests.iter().all(is_whole) {
                        return Ok((manifest.descriptor, None));
                    }
                    let child = best(index, &whole)?;
                    known = Some(whole);
                    child
                }
                [platform] => index.choose(platform)?.clone(),
                several => {
                    let images = narrowed::for_platforms(index, several)?;
                    match narrowed::keep(&manifest, |digest| images.iter().any(|it| it.digest == *digest))? {
                        Narrowed::Part(part) => return Ok((part.descriptor.clone(), Some(*part))),
                        Narrowed::One(child) => child,
                        Narrowed::Whole | Narrowed::Nothing => return Ok((manifest.descriptor, None)),
                    }
                }
            };
        }
        let digest = root.digest;
        Err(bad(format!("the archive's index {digest} is nested too deeply")))
    }

    /// The manifests of an image, the root among them, that are there with all that they lead to.
    fn whole(&self, root: &Descriptor) -> Result<HashSet<Digest>> {
        let mut lead_to: HashMap<Digest, HashSet<Digest>> = HashMap::new();
        let order = self.each(root, |node, manifest| {
            if let Ok(manifest) = manifest
                && graph::blobs(&manifest).all(|blob| self.is_there(blob))
            {
                let children = graph::children(&manifest).map(|child| child.digest.clone());
                lead_to.insert(node.digest.clone(), children.collect());
            }
            Ok(())
        })?;
        let mut whole = HashSet::new();
        for node in order {
            let children = lead_to.get(&node.digest);
            if children.is_some_and(|children| children.is_subset(&whole)) {
                whole.insert(node.digest);
            }
        }
        Ok(whole)
    }

    /// Reads the root and all below it, each once, and hands it on. They come back in order, children before parents.
    fn each(
        &self,
        root: &Descriptor,
        mut take: impl FnMut(&Node, Result<Manifest>) -> Result<()>,
    ) -> Result<Vec<Node>> {
        let hostile = |e: Error| bad(format!("{e} in the archive"));
        let mut described = HashMap::from([(root.digest.clone(), root.clone())]);
        let mut walk = Walk::new([root], Limits::IMAGE).map_err(hostile)?;
        while let Some(node) = walk.next_unread() {
            let Some(descriptor) = described.remove(&node.digest) else {
                continue;
            };
            let manifest = self.manifest(&descriptor);
            if let Ok(manifest) = &manifest {
                for child in graph::children(manifest) {
                    let slim = || Descriptor::new(child.media_type.clone(), child.digest.clone(), child.size);
                    described.entry(child.digest.clone()).or_insert_with(slim);
                }
                walk.answer(&node, graph::children(manifest)).map_err(hostile)?;
            }
            take(&node, manifest)?;
        }
        Ok(walk.into_levels().map_err(hostile)?.concat())
    }

    fn is_there(&self, blob: &Descriptor) -> bool {
        self.files.size_of(&blob.digest) == Some(blob.size) || (self.has)(blob)
    }

    /// The image with all it needs.
    fn listed(&self, names: Vec<Reference>, root: Descriptor) -> Result<Listed> {
        let mut found = Found::default();
        let manifests = self.each(&root, |_, manifest| self.take_in(&manifest?, &mut found))?;
        self.finished(Listed {
            names,
            id: found.id.unwrap_or_else(|| root.digest.clone()),
            root,
            manifests,
            blobs: found.blobs,
            missing: Vec::new(),
            made: None,
        })
    }

    /// Says what is missing.
    pub(super) fn finished(&self, mut image: Listed) -> Result<Listed> {
        for blob in &image.blobs {
            match self.files.size_of(&blob.digest) {
                Some(size) if size != blob.size => {
                    let Descriptor { digest, size: said, .. } = blob;
                    return Err(bad(format!(
                        "blob {digest} of the archive has {size} bytes, not {said}"
                    )));
                }
                None if !(self.has)(blob) => image.missing.push(blob.clone()),
                _ => {}
            }
        }
        Ok(image)
    }

    fn take_in(&self, manifest: &Manifest, found: &mut Found) -> Result<()> {
        if let Body::Image(image) = &manifest.body
            && self.files.size_of(&image.config.digest).is_some()
        {
            let config = self.config(image)?;
            check_diff_ids(image, &config)?;
            let is_host_s = config.platform.distance_to(&Platform::host()).is_some();
            if found.id.is_none() || (is_host_s && !found.is_host_s) {
                found.id = Some(image.config.digest.clone());
                found.is_host_s = is_host_s;
            }
        }
        for blob in graph::blobs(manifest) {
            if found.known.insert(blob.digest.clone()) {
                found.blobs.push(blob.clone());
            }
        }
        if found.blobs.len() > MAX_BLOBS {
            return Err(bad(format!("an image has too many blobs: more than {MAX_BLOBS}")));
        }
        Ok(())
    }

    /// The parsed config; the default for one of an artifact's own sort.
    fn config(&self, image: &ImageManifest) -> Result<ImageConfig> {
        let digest = &image.config.digest;
        let raw = self.files.blob(digest)?;
        let raw = raw.ok_or_else(|| bad(format!("the archive does not hold the config {digest}")))?;
        ImageConfig::parse_as(&image.config.media_type, &raw)
    }
}

/// The child to load of an index that is not whole. Where none is whole, the one for this machine tells what is
/// missing.
fn best(index: &Index, whole: &HashSet<Digest>) -> Result<Descriptor> {
    let is_whole = |it: &&Descriptor| !it.is_attestation() && whole.contains(&it.digest);
    let there = Index {
        manifests: index.manifests.iter().filter(is_whole).cloned().collect(),
    };
    let host = Platform::host();
    let mut candidates = there.choose(&host).ok().into_iter().chain(there.manifests.first());
    let child = match candidates.next() {
        Some(child) => child,
        None => index.choose(&host).or_else(|e| index.manifests.first().ok_or(e))?,
    };
    Ok(child.clone())
}

#[derive(Default)]
struct Found {
    blobs: Vec<Descriptor>,
    known: HashSet<Digest>,
    id: Option<Digest>,
    is_host_s: bool,
}

/// Checks that a layer which is not packed is the one that the config names, which costs nothing.
fn check_diff_ids(image: &ImageManifest, config: &ImageConfig) -> Result<()> {
    let is_plain = |layer: &Descriptor| {
        let packing = layer.media_type.rsplit(['.', '+']).next();
        packing == Some("tar")
    };
    for (number, (layer, expected)) in image.layers.iter().zip(&config.diff_ids).enumerate() {
        if is_plain(layer) && layer.digest.algorithm() == expected.algorithm() && layer.digest != *expected {
            return Err(wrong_diff_id(number, expected, &layer.digest));
        }
    }
    Ok(())
}
