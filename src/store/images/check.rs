//! Whether every blob of the store is what its name says, whether every image has all its blobs, and whether its layers
//! are those that its config speaks of.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::{self, DirEntry};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::error::{During, Error, Kind, Result};
use crate::image::Digest;
use crate::image::size::total;
use crate::store::blobs::Blobs;
use crate::store::bytes::unpacked;
use crate::store::files;
use crate::store::images::contents::{Contents, Need};
use crate::store::images::index::Index;
use crate::store::images::manifest_cache::ManifestCache;
use crate::store::layout::Layout;
use crate::store::lock::Lock;

/// Blobs that are hashed or unpacked at once.
const THREADS: usize = 2;

/// What to do about damaged blobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    No,
    /// Removes them, so that the next pull fetches them.
    Yes,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Checked {
    /// How many blobs were read, and how many bytes they have.
    pub blobs: usize,
    pub bytes: u64,
    /// What is wrong with a blob, and the familiar names of the images that need it.
    pub faults: BTreeMap<Digest, (BlobFault, Vec<String>)>,
    /// Layers that unpack to so much that it was not looked at.
    pub unchecked: BTreeSet<Digest>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobFault {
    /// Its bytes are not what its digest says.
    Damaged,
    Missing,
    /// Its bytes are what its digest says, but no manifest.
    Invalid,
    /// It has not the size that a manifest gives it.
    Missized,
    /// A layer that does not unpack to the diff ID that its image's config gives it.
    Mislabelled,
}

/// Reads every blob, and unpacks every layer. With `Repair::Yes` no other job may be under way.
pub(in crate::store) fn run(blobs: &Blobs, cache: &ManifestCache, repair: Repair) -> Result<Checked> {
    let layout = blobs.layout();
    if !layout.exists()? {
        return Ok(Checked::default());
    }
    let _lock = match repair {
        Repair::No => Lock::shared(layout)?,
        Repair::Yes => Lock::alone(layout)?.ok_or_else(|| {
            let root = layout.paths().root().display();
            Error::new(
                Kind::Conflict,
                format!("the store {root} is in use: repair it when no other job is under way"),
            )
        })?,
    };
    let index = Index::read(layout)?;
    let all = all_blobs(layout)?;
    let here = hash_all(&all, blobs)?;
    let mut checked = Checked {
        blobs: all.len(),
        bytes: total(here.values().map(|it| it.bytes)),
        ..Checked::default()
    };
    let contents = Contents::of(&index, cache)?;
    let state = |blob: &Digest| match here.get(blob) {
        None => Some(BlobFault::Missing),
        Some(it) if it.is_damaged => Some(BlobFault::Damaged),
        Some(_) => None,
    };
    let has_size = |blob: &Digest, size| here.get(blob).is_none_or(|it| it.is_damaged || it.bytes == size);
    let sound = contents.layers().filter(|(layer, _)| state(layer).is_none());
    let sound: Vec<_> = sound.collect::<HashSet<_>>().into_iter().collect();
    let unpacked = unpack_all(&sound, blobs)?;
    checked.faults = contents.faults(|need| match need {
        Need::Blob(blob) => state(blob),
        Need::Child(child) => state(child).filter(|fault| *fault == BlobFault::Damaged),
        Need::Manifest(document) => state(document).is_none().then_some(BlobFault::Invalid),
        Need::Size(blob, size) => (!has_size(blob, size)).then_some(BlobFault::Missized),
        Need::Unpacked(layer, diff_id) => match unpacked.get(&(layer, diff_id)) {
            Some(Verdict::Wrong) => Some(BlobFault::Mislabelled),
            _ => None,
        },
    });
    let too_large = unpacked.iter().filter(|(_, verdict)| **verdict == Verdict::TooLarge);
    checked.unchecked = too_large.map(|((layer, _), _)| (*layer).clone()).collect();
    let damaged = here.iter().filter(|(_, it)| it.is_damaged);
    for (digest, _) in damaged {
        let unneeded = (BlobFault::Damaged, Vec::new());
        checked.faults.entry((*digest).clone()).or_insert(unneeded);
    }
    if repair == Repair::Yes {
        let faults = checked.faults.iter();
        for (digest, _) in faults.filter(|(_, (fault, _))| *fault == BlobFault::Damaged) {
            let path = layout.paths().blob(digest);
            fs::remove_file(&path).during(format!("removing {}", path.display()))?;
        }
    }
    Ok(checked)
}

fn all_blobs(layout: &Layout) -> Result<Vec<Digest>> {
    let read = |folder: &Path| -> Result<Vec<DirEntry>> {
        let entries = fs::read_dir(folder).and_then(Iterator::collect);
        entries.map_err(files::at(folder)).during("looking through the store")
    };
    let mut all = Vec::new();
    let blobs = layout.paths().blobs();
    if !blobs.is_dir() {
        return Ok(all);
    }
    for folder in read(&blobs)? {
        let folder = folder.path();
        let algorithm = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !folder.is_dir() {
            continue;
        }
        for file in read(&folder)? {
            let name = file.file_name();
            all.extend(Digest::parse(&format!("{algorithm}:{}", name.to_string_lossy())));
        }
    }
    Ok(all)
}

/// What a blob is on the disk.
#[derive(Debug, Clone, Copy)]
struct Hashed {
    bytes: u64,
    is_damaged: bool,
}

fn hash_all<'a>(all: &'a [Digest], blobs: &Blobs) -> Result<HashMap<&'a Digest, Hashed>> {
    let hashed = each_of(all, |digest| {
        let (bytes, is_damaged) = match hash(digest, blobs) {
            Ok((actual, bytes)) => (bytes, actual != *digest),
            // A link, a folder, or a block of the disk that cannot be read.
            Err(e) if matches!(e.kind(), Kind::Corrupt) => (0, true),
            Err(e) => return Err(e),
        };
        Ok(Hashed { bytes, is_damaged })
    })?;
    Ok(hashed.into_iter().collect())
}

fn hash(digest: &Digest, blobs: &Blobs) -> Result<(Digest, u64)> {
    let (file, _) = blobs.open(digest)?;
    files::hash(file, digest.algorithm())
        .map_err(files::at(&blobs.layout().paths().blob(digest)))
        .during(format!("reading blob {digest} of the store"))
}

/// A layer, and what an image says that it unpacks to.
type Labelled<'a> = (&'a Digest, &'a Digest);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Right,
    Wrong,
    TooLarge,
}

/// What each layer that is not right by its diff ID is instead.
fn unpack_all<'a>(layers: &[Labelled<'a>], blobs: &Blobs) -> Result<HashMap<Labelled<'a>, Verdict>> {
    let found = each_of(layers, |(layer, diff_id)| {
        let (file, _) = blobs.open(layer)?;
        match unpacked::diff_id(file, diff_id.algorithm()) {
            Ok(Some(actual)) if actual == **diff_id => Ok(Verdict::Right),
            Ok(None) => Ok(Verdict::TooLarge),
            // What the disk says; all else is about the layer, which does not unpack.
            Err(e) if files::number_of(&e).is_some() => Err(files::at(&blobs.layout().paths().blob(layer))(e))
                .during(format!("unpacking blob {layer} of the store")),
            Ok(Some(_)) | Err(_) => Ok(Verdict::Wrong),
        }
    })?;
    let found = found.into_iter().filter(|(_, verdict)| *verdict != Verdict::Right);
    Ok(found.map(|(layer, verdict)| (*layer, verdict)).collect())
}

/// Does the work for each of them, some at once.
fn each_of<W: Sync, T: Send>(all: &[W], work: impl Fn(&W) -> Result<T> + Sync) -> Result<Vec<(&W, T)>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let go_on = || {
        while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            let worked = work(one).map(|it| (one, it));
            done.lock().unwrap_or_else(PoisonError::into_inner).push(worked);
        }
    };
    thread::scope(|scope| {
        for _ in 1..THREADS.min(all.len()) {
            scope.spawn(go_on);
        }
        go_on();
    });
    done.into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .into_iter()
        .collect()
}
