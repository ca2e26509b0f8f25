//! Repositories of a registry that are known to hold a blob, so that a push can ask for a mount instead of sending it,
//! and which manifests were pushed to them, so that they need not be put again.

use std::collections::{HashMap, HashSet};

use crate::error::Result;
use crate::image::Digest;
use crate::store::append_log;
use crate::store::layout::Layout;

/// Notes that the repository `domain`/`path` holds these blobs.
pub(in crate::store) fn remember(layout: &Layout, domain: &str, path: &str, blobs: &[Digest]) -> Result<()> {
    let fact = format!("{domain} {path}");
    let known: HashSet<(String, Digest)> = append_log::read(&layout.paths().locations()).into_iter().collect();
    let new = blobs
        .iter()
        .filter(|blob| !known.contains(&(fact.clone(), (*blob).clone())));
    append_log::append(&layout.paths().locations(), new.map(|blob| (fact.clone(), blob)))
        .map_err(|e| layout.failure(e).during("noting where blobs are"))
        .map(drop)
}

/// The paths of the repositories on this registry that hold each blob, the latest noted first.
pub(in crate::store) fn of_domain(layout: &Layout, domain: &str) -> HashMap<Digest, Vec<String>> {
    let mut paths: HashMap<Digest, Vec<String>> = HashMap::new();
    for (fact, digest) in append_log::read(&layout.paths().locations()).into_iter().rev() {
        if let Some((noted, path)) = fact.split_once(' ')
            && noted == domain
        {
            paths.entry(digest).or_default().push(path.to_owned());
        }
    }
    paths
}
