//! What interrupted jobs left in the ingest area, and blobs that nothing leads to. Only names of rdock's own making go.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use crate::error::{During, Result};
use crate::image::Digest;
use crate::image::digest::Algorithm;
use crate::store::bytes::scratch;
use crate::store::folders::{FileInFolder, Folder};
use crate::store::half_done;
use crate::store::layout::{KEPT_FOR, Layout};

/// Removes blobs that are not `reached` and what interrupted jobs left, where nobody has touched it for `age`; says how
/// many bytes were freed. The caller holds the store's lock alone.
pub(in crate::store) fn remove(layout: &Layout, reached: &HashSet<Digest>, age: Duration) -> Result<u64> {
    let mut freed: u64 = 0;
    for algorithm in Algorithm::ALL {
        let path = layout.paths().blob_folder(algorithm);
        let Some(folder) = open(&path)? else { continue };
        for file in files(&folder, &path)? {
            let digest = Digest::parse(&format!("{}:{}", algorithm.name(), file.name.to_string_lossy()));
            let is_needed = digest.map_or(true, |digest| reached.contains(&digest));
            if !is_needed && file.age() >= age && folder.remove(&file.name).is_ok() {
                freed = freed.saturating_add(file.size);
            }
        }
    }
    Ok(freed.saturating_add(remove_half_done(layout, age)?))
}

/// Removes what interrupted jobs left, where nobody has touched it for `age`; says how many bytes were freed. The caller
/// holds the store's lock alone.
pub(in crate::store) fn remove_half_done(layout: &Layout, age: Duration) -> Result<u64> {
    // Nothing goes on where the job of an archive has ended, so its folder need not become old.
    let freed = scratch::clear(layout);
    Ok(freed.saturating_add(remove_idle(layout, age)?))
}

/// Removes what lies half-done and was not touched for `age`, unless somebody is at it; says how many bytes were freed.
/// What cannot be removed stays.
fn remove_idle(layout: &Layout, age: Duration) -> Result<u64> {
    remove_those(layout, |file| {
        half_done::is_half_done(&file.name.to_string_lossy()) && file.age() >= age
    })
}

/// Removes blobs that have come in part and that nobody fetches; says how many bytes were freed. Each has a lock of its
/// own, so other jobs may be under way.
pub(in crate::store) fn remove_partials(layout: &Layout) -> Result<u64> {
    remove_those(layout, |file| half_done::is_partial(&file.name.to_string_lossy()))
}

fn remove_those(layout: &Layout, is_unwanted: impl Fn(&FileInFolder) -> bool) -> Result<u64> {
    let path = layout.paths().ingest();
    let Some(folder) = open(&path)? else { return Ok(0) };
    let mut freed: u64 = 0;
    for file in files(&folder, &path)? {
        if is_unwanted(&file) && is_idle(&folder, &file.name) && folder.remove(&file.name).is_ok() {
            freed = freed.saturating_add(file.size);
        }
    }
    Ok(freed)
}

/// The same for what is too old to go on with.
pub(in crate::store) fn age_out(layout: &Layout) {
    // What is left now is found again.
    let _ = remove_idle(layout, KEPT_FOR);
}

/// Whether no process works on the file. Whoever waits for its lock looks whether it is still there.
fn is_idle(folder: &Folder, name: &OsStr) -> bool {
    folder.open_file(name).is_ok_and(|file| file.try_lock().is_ok())
}

fn open(path: &Path) -> Result<Option<Folder>> {
    Folder::open(path).during(format!("looking through {}", path.display()))
}

fn files(folder: &Folder, path: &Path) -> Result<Vec<FileInFolder>> {
    folder.files().during(format!("looking through {}", path.display()))
}
