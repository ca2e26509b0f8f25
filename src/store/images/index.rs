//! `index.json`: one descriptor a name, read with tolerance and replaced atomically under a lock.
//!
//! <https://github.com/opencontainers/image-spec/blob/main/image-layout.md#indexjson-file>. What other tools wrote
//! into it stays, understood or not.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::error::{Clue, Error, Kind, Result};
use crate::image::annotations::{IMAGE_NAME, REF_NAME};
use crate::image::manifest::OCI_INDEX;
use crate::image::{Descriptor, Reference};
use crate::store::files;
use crate::store::layout::Layout;
use crate::store::lock::Lock;

#[derive(Debug, Default)]
pub(in crate::store) struct Index {
    pub(in crate::store) entries: Vec<IndexEntry>,
    /// Members of `manifests` that are no descriptors rdock understands.
    pub(in crate::store) strangers: Vec<Value>,
    /// The members beside `manifests`.
    rest: Map<String, Value>,
}

/// A descriptor and the name it bears. Without one it is a dangling image, unless its name means something elsewhere.
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

impl<'de> Deserialize<'de> for IndexEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Descriptor::deserialize(deserializer).map(Self::read)
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
        let path = || layout.index().display().to_string();
        // Nearly always all members are descriptors; only else is each looked at by itself.
        let members = serde_json::from_slice::<Wire<IndexEntry>>(raw).map(Members::Understood);
        let members = members
            .or_else(|_| serde_json::from_slice::<Wire<Value>>(raw).map(Members::Mixed))
            .map_err(|e| {
                let why = format!("{} is not a valid OCI index", path());
                broken(layout, Kind::Corrupt, why).caused_by(e)
            })?;
        let mut index = Self::default();
        let schema_version = match members {
            Members::Understood(wire) => {
                index.entries = wire.manifests.unwrap_or_default();
                index.rest = wire.rest;
                wire.schema_version
            }
            Members::Mixed(wire) => {
                for member in wire.manifests.unwrap_or_default() {
                    match IndexEntry::deserialize(&member) {
                        Ok(entry) => index.entries.push(entry),
                        Err(_) => index.strangers.push(member),
                    }
                }
                index.rest = wire.rest;
                wire.schema_version
            }
        };
        if schema_version != 2 {
            let why = format!("{} has schema version {schema_version}, not 2", path());
            return Err(broken(layout, Kind::Unsupported, why));
        }
        Ok(index)
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
        let entries = self.entries.iter().map(|entry| Member::Ours(&entry.descriptor));
        let mut rest = self.rest.clone();
        rest.entry("mediaType").or_insert_with(|| OCI_INDEX.into());
        let wire = Wire {
            schema_version: 2,
            rest,
            manifests: Some(entries.chain(self.strangers.iter().map(Member::Stranger)).collect()),
        };
        serde_json::to_vec(&wire).map_err(|e| Error::new(Kind::Io, "the index cannot be written").caused_by(e))
    }
}

/// The document, with members that are understood or not.
#[derive(Serialize, Deserialize)]
struct Wire<M> {
    #[serde(rename = "schemaVersion")]
    schema_version: u64,
    #[serde(flatten)]
    rest: Map<String, Value>,
    manifests: Option<Vec<M>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Member<'a> {
    Ours(&'a Descriptor),
    Stranger(&'a Value),
}

/// The document as it could be read.
enum Members {
    Understood(Wire<IndexEntry>),
    Mixed(Wire<Value>),
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
        if self.before.as_ref() == Some(&bytes) {
            return Ok(());
        }
        self.layout.replace(&self.layout.index(), &bytes)
    }
}

fn read_raw(layout: &Layout) -> Result<Option<Vec<u8>>> {
    match files::read(&layout.index()) {
        Ok(raw) => Ok(Some(raw)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => {
            let why = format!("reading {}", layout.index().display());
            Err(broken(layout, Kind::Io, why).caused_by(e))
        }
    }
}

fn broken(layout: &Layout, kind: Kind, why: String) -> Error {
    let path = layout.index().display().to_string();
    Error::new(kind, why).with_clue(Clue::BrokenFile { path })
}
