//! Whether every blob of the store is what its name says, and whether every image has all its blobs.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::Read as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::error::{During, Error, Kind, Result};
use crate::image::graph::{Limits, Walk};
use crate::image::{Body, Digest, Digester, Reference};
use crate::store::blobs::Blobs;
use crate::store::images::index::Index;
use crate::store::images::manifest_cache::ManifestCache;
use crate::store::images::reach::Reach;
use crate::store::layout::Layout;
use crate::store::lock::Lock;

/// Blobs that are hashed at once.
const THREADS: usize = 2;
const PIECE: usize = 1 << 20;

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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobFault {
    /// Its bytes are not what its digest says.
    Damaged,
    Missing,
}

/// Reads every blob. With `Repair::Yes` no other job may be under way.
pub(in crate::store) fn run(blobs: &Blobs, cache: &ManifestCache, repair: Repair) -> Result<Checked> {
    let layout = blobs.layout();
    if !layout.exists()? {
        return Ok(Checked::default());
    }
    let lock = layout.lock();
    let _lock = match repair {
        Repair::No => Lock::shared(&lock)?,
        Repair::Yes => Lock::try_exclusive(&lock)?.ok_or_else(|| {
            let root = layout.root().display();
            Error::new(
                Kind::Conflict,
                format!("the store {root} is in use: repair it when no other job is under way"),
            )
        })?,
    };
    let index = Index::read(layout)?;
    let all = all_blobs(layout)?;
    let (bytes, damaged) = hash_all(&all, blobs)?;
    let mut checked = Checked {
        blobs: all.len(),
        bytes,
        ..Checked::default()
    };
    let here: HashSet<Digest> = all.into_iter().collect();
    trace(&index, cache, &here, &damaged, &mut checked)?;
    for digest in damaged {
        checked.faults.entry(digest).or_insert((BlobFault::Damaged, Vec::new()));
    }
    if repair == Repair::Yes {
        for (digest, _) in checked
            .faults
            .iter()
            .filter(|(_, (fault, _))| *fault == BlobFault::Damaged)
        {
            let path = layout.blob(digest);
            fs::remove_file(&path).during(format!("removing {}", path.display()))?;
        }
    }
    Ok(checked)
}

/// Finds out which images need what is damaged or missing. What an index lists but the store does not have is
/// a platform that was not pulled, not a fault.
fn trace(
    index: &Index,
    cache: &ManifestCache,
    here: &HashSet<Digest>,
    damaged: &HashSet<Digest>,
    checked: &mut Checked,
) -> Result<()> {
    for entry in &index.entries {
        let entries = std::slice::from_ref(entry);
        let reached = Reach::of_entries(entries, cache)?.into_digests();
        let name = entry.name.as_ref().map_or("<none>", Reference::familiar);
        let optional = optional(&entry.descriptor.digest, cache)?;
        for digest in reached {
            let fault = match (here.contains(&digest), damaged.contains(&digest)) {
                (true, true) => BlobFault::Damaged,
                (false, _) if !optional.contains(&digest) => BlobFault::Missing,
                _ => continue,
            };
            let (_, names) = checked.faults.entry(digest).or_insert((fault, Vec::new()));
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
    }
    Ok(())
}

/// All that an index leads to by way of indexes.
fn optional(manifest: &Digest, cache: &ManifestCache) -> Result<HashSet<Digest>> {
    let mut optional = HashSet::new();
    let mut walk = Walk::of_digests([manifest.clone()], Limits::NONE)?;
    while let Some(node) = walk.next_unread() {
        if let Ok(Body::Index(index)) = cache.manifest(&node.digest).as_deref().map(|it| &it.body) {
            optional.extend(index.manifests.iter().map(|child| child.digest.clone()));
            walk.answer(&node, &index.manifests)?;
        }
    }
    Ok(optional)
}

fn all_blobs(layout: &Layout) -> Result<Vec<Digest>> {
    let read = |folder: &std::path::Path| fs::read_dir(folder).during(format!("reading {}", folder.display()));
    let mut all = Vec::new();
    let blobs = layout.blobs();
    if !blobs.is_dir() {
        return Ok(all);
    }
    for folder in read(&blobs)? {
        let folder = folder?.path();
        let algorithm = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !folder.is_dir() {
            continue;
        }
        for file in read(&folder)? {
            let name = file?.file_name();
            all.extend(Digest::parse(&format!("{algorithm}:{}", name.to_string_lossy())));
        }
    }
    Ok(all)
}

/// How many bytes the blobs have together, and which of them are damaged.
fn hash_all(all: &[Digest], blobs: &Blobs) -> Result<(u64, HashSet<Digest>)> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new((0, HashSet::new(), None));
    let work = || {
        while let Some(digest) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            let hashed = hash(digest, blobs);
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            match hashed {
                Ok((bytes, actual)) => {
                    found.0 += bytes;
                    if actual != *digest {
                        found.1.insert(digest.clone());
                    }
                }
                // A link, a folder, or a block of the disk that cannot be read.
                Err(e) if matches!(e.kind(), Kind::Corrupt) => drop(found.1.insert(digest.clone())),
                Err(e) => found.2 = Some(e),
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..THREADS {
            scope.spawn(work);
        }
        work();
    });
    match found.into_inner().unwrap_or_else(PoisonError::into_inner) {
        (_, _, Some(e)) => Err(e),
        (bytes, damaged, None) => Ok((bytes, damaged)),
    }
}

fn hash(digest: &Digest, blobs: &Blobs) -> Result<(u64, Digest)> {
    let (mut file, _) = blobs.open(digest)?;
    let mut digester = Digester::new(digest.algorithm());
    let mut piece = vec![0; PIECE];
    let mut bytes = 0;
    loop {
        let read = file
            .read(&mut piece)
            .during(format!("reading blob {digest} of the store"))?;
        if read == 0 {
            return Ok((bytes, digester.finish()));
        }
        digester.update(&piece[..read]);
        bytes += read as u64;
    }
}
