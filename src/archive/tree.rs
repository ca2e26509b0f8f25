//! A layer made of a few texts: the same texts give the same bytes.

use std::collections::BTreeSet;

use tar::EntryType;

use super::writer::{END, head, padding};
use crate::error::Result;

/// The tar of these files, by path, with the folders that they lie in.
pub fn tree(files: &[(&str, &str)]) -> Result<Vec<u8>> {
    let mut tar = Vec::new();
    let mut folders = BTreeSet::new();
    for (path, text) in files {
        for (end, _) in path.match_indices('/') {
            let folder = &path[..=end];
            if folders.insert(folder.to_owned()) {
                tar.extend(head(folder, EntryType::Directory, 0)?);
            }
        }
        let size = text.len() as u64;
        tar.extend(head(path, EntryType::Regular, size)?);
        tar.extend(text.as_bytes());
        tar.extend(&END[..padding(size)]);
    }
    tar.extend(END);
    Ok(tar)
}
