//! `index.json`: one descriptor a name, read with tolerance and replaced atomically under a lock.
//!
//! <https://github.com/opencontainers/image-spec/blob/main/image-layout.md#indexjson-file>. What other tools wrote
//! into it stays, understood or not.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use crate::error::{Clue, During, Error, Kind, Result};
use crate::image::annotations::{IMAGE_NAME, REF_NAME};
use crate::image::layout::{LayoutIndex, Rest, Unreadable};
use crate::image::{Descriptor, Reference};
use crate::store::files;
use crate::store::layout::Layout;
use crate::store::lock::Lock;

#[derive(Debug, Default)]
pub(in crate::store) struct Index {
    pub(in crate::store) entries: Vec<IndexEntry>,
    /// What other tools wrote beside them.
    pub(in crate::store) rest: Rest,
}

/// A descriptor and its name. Without one it is a dangling image, unless its name means something elsewhere.
#[derive(Debug)]
pub(in crate::store) struct IndexEntry {
    pub(in crate::store) name: Option<Reference>,
    pub(in crate::store) descriptor: Descriptor,
}

/// What an entry says, of an index that is needed further or of one that is not.
pub(in crate::store) type Listed<'a> = (Option<Reference>, Cow<'a, Descriptor>);

/// The form in which names are stored: a tag or a digest, never both, never neither.
pub(in crate::store) fn stored_form(name: &Reference) -> Reference {
    match name.digest() {
        Some(digest) => name.at_digest(digest),
        None => name.clone().or_latest(),
    }
}

impl IndexEntry {
    /// `name`, in its stored form, for this manifest.
    pub(in crate::store) fn named(name: Reference, manifest: &Descriptor) -> Self {
        let mut descriptor = bare(manifest);
        for key in [IMAGE_NAME, REF_NAME] {
            descriptor.annotations.insert(key, &name.to_string());
        }
        Self {
            name: Some(name),
            descriptor,
        }
    }

    pub(in crate::store) fn dangling(manifest: &Descriptor) -> Self {
        Self {
            name: None,
            descriptor: bare(manifest),
        }
    }

    pub(in crate::store) fn read(descriptor: Descriptor) -> Self {
        let name = [IMAGE_NAME, REF_NAME]
            .into_iter()
            .filter_map(|key| descriptor.annotations.get(key))
            .find_map(|text| Reference::parse(text).ok())
            .map(|name| match name.digest() {
                Some(_) => stored_form(&name),
                None => name.or_latest(),
            });
        Self { name, descriptor }
    }

    /// Whether another tool gave it a name that is none to rdock.
    pub(in crate::store) fn is_foreign(&self) -> bool {
        let annotations = &self.descriptor.annotations;
        self.name.is_none() && [IMAGE_NAME, REF_NAME].iter().any(|key| annotations.get(key).is_some())
    }
}

/// What says which manifest it is, and nothing else.
fn bare(manifest: &Descriptor) -> Descriptor {
    Descriptor {
        platform: manifest.platform.clone(),
        ..Descriptor::new(manifest.media_type.clone(), manifest.digest.clone(), manifest.size)
    }
}

impl Index {
    /// The index as it is now; empty where there is none.
    pub(in crate::store) fn read(layout: &Layout) -> Result<Self> {
        if !layout.exists()? {
            return Ok(Self::default());
        }
        Self::of(layout, read_raw(layout)?.as_deref())
    }

    fn of(layout: &Layout, raw: Option<&[u8]>) -> Result<Self> {
        raw.map_or_else(|| Ok(Self::default()), |raw| Self::parse(layout, raw))
    }

    fn parse(layout: &Layout, raw: &[u8]) -> Result<Self> {
        let path = layout.paths().index().display().to_string();
        let index = LayoutIndex::parse(raw).map_err(|why| match why {
            Unreadable::NotValid(e) => {
                let why = format!("{path} is not a valid OCI index");
                broken(layout, Kind::Corrupt, why).caused_by(e)
            }
            Unreadable::Version { is, known } => {
                let why = format!("{path} has schema version {is}, not {known}");
                broken(layout, Kind::Unsupported, why)
            }
        })?;
        Ok(Self {
            entries: index.manifests.into_iter().map(IndexEntry::read).collect(),
            rest: index.rest,
        })
    }

    pub(in crate::store) fn entry(&self, name: &Reference) -> Option<&IndexEntry> {
        self.entries.iter().find(|entry| entry.name.as_ref() == Some(name))
    }

    pub(in crate::store) fn listed(&self) -> impl Iterator<Item = Listed<'_>> {
        let entries = self.entries.iter();
        entries.map(|entry| (entry.name.clone(), Cow::Borrowed(&entry.descriptor)))
    }

    pub(in crate::store) fn into_listed(self) -> impl Iterator<Item = Listed<'static>> {
        let entries = self.entries.into_iter();
        entries.map(|entry| (entry.name, Cow::Owned(entry.descriptor)))
    }

    fn to_bytes(&self) -> Result<Vec<u8>> {
        let written = self
            .rest
            .written_with(self.entries.iter().map(|entry| &entry.descriptor));
        written.map_err(|e| Error::new(Kind::Io, "the index cannot be written").caused_by(e))
    }
}

/// A change of the index: nobody else changes it before this is dropped.
#[derive(Debug)]
pub(in crate::store) struct Edit {
    layout: Arc<Layout>,
    before: Option<Vec<u8>>,
    pub(in crate::store) index: Index,
    _lock: Lock,
}

impl Edit {
    /// Waits for others who change the index. The store must exist.
    pub(in crate::store) fn begin(layout: &Arc<Layout>) -> Result<Self> {
        let lock = Lock::of_index(layout)?;
        layout.exists()?;
        let before = read_raw(layout)?;
        Ok(Self {
            index: Index::of(layout, before.as_deref())?,
            layout: Arc::clone(layout),
            before,
            _lock: lock,
        })
    }

    /// Writes the changed index; without a change, nothing.
    pub(in crate::store) fn commit(&self) -> Result<()> {
        let bytes = self.index.to_bytes()?;
        match &self.before {
            Some(before) if *before == bytes => return Ok(()),
            Some(_) => {}
            // From here on the store must be known to be one.
            None => sync_marker(&self.layout)?,
        }
        self.layout.replace(&self.layout.paths().index(), &bytes)
    }
}

fn read_raw(layout: &Layout) -> Result<Option<Vec<u8>>> {
    match files::read(&layout.paths().index()) {
        Ok(raw) => Ok(Some(raw)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => {
            let why = format!("reading {}", layout.paths().index().display());
            Err(broken(layout, Kind::Io, why).caused_by(e))
        }
    }
}

fn sync_marker(layout: &Layout) -> Result<()> {
    let path = layout.paths().marker();
    let synced = files::open_read(&path).and_then(|marker| marker.sync_all());
    synced
        .map_err(files::at(&path))
        .during("writing the store's marker to the disk")
}

fn broken(layout: &Layout, kind: Kind, why: String) -> Error {
    let path = layout.paths().index().display().to_string();
    Error::new(kind, why).with_clue(Clue::BrokenFile { path })
}
