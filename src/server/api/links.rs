//! Which repository has which blob. The store keeps each blob once for all of them: what is deleted from one repository
//! must stay for the others.
//!
//! Remembered are the blobs that came lately, whose manifest may be on its way, and what was deleted. After a restart
//! the names alone tell.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};

use crate::error::Result;
use crate::image::graph::{self, Limits, Walk};
use crate::image::{Digest, Manifest};
use crate::store::Store;

/// Blobs that are remembered in each of the two ways; the oldest are forgotten first.
const MOST: usize = 100_000;

#[derive(Default)]
pub(in crate::server) struct Links {
    given: RefCell<Remembered>,
    deleted: RefCell<Remembered>,
}

/// Repositories by what they have, in the order in which it came.
#[derive(Default)]
struct Remembered {
    of: HashMap<Digest, HashSet<String>>,
    order: VecDeque<Digest>,
}

impl Remembered {
    fn add(&mut self, repository: &str, digest: &Digest) {
        if !self.of.contains_key(digest) {
            self.order.push_back(digest.clone());
            if self.order.len() > MOST
                && let Some(oldest) = self.order.pop_front()
            {
                self.of.remove(&oldest);
            }
        }
        self.of.entry(digest.clone()).or_default().insert(repository.to_owned());
    }

    fn remove(&mut self, repository: &str, digest: &Digest) -> bool {
        self.of
            .get_mut(digest)
            .is_some_and(|repositories| repositories.remove(repository))
    }

    fn has(&self, repository: &str, digest: &Digest) -> bool {
        self.of
            .get(digest)
            .is_some_and(|repositories| repositories.contains(repository))
    }
}

impl Links {
    /// The repository has got this, or a client that pushes to it was told that it is here.
    pub(in crate::server) fn give(&self, repository: &str, digest: &Digest) {
        self.given.borrow_mut().add(repository, digest);
        self.deleted.borrow_mut().remove(repository, digest);
    }

    /// The repository has it no more.
    pub(in crate::server) fn delete(&self, repository: &str, digest: &Digest) {
        self.given.borrow_mut().remove(repository, digest);
        self.deleted.borrow_mut().add(repository, digest);
    }

    pub(in crate::server) fn has(&self, repository: &str, digest: &Digest) -> bool {
        self.given.borrow().has(repository, digest)
    }

    pub(in crate::server) fn is_deleted(&self, repository: &str, digest: &Digest) -> bool {
        self.deleted.borrow().has(repository, digest)
    }

    /// Whether any repository counts on it.
    pub(in crate::server) fn is_given(&self, digest: &Digest) -> bool {
        let given = self.given.borrow();
        given
            .of
            .get(digest)
            .is_some_and(|repositories| !repositories.is_empty())
    }
}

/// All that these manifests lead to, they themselves among it, as far as it is here and can be read. Reads the disk, so
/// not for the thread that serves.
pub(in crate::server) fn below(store: &Store, roots: Vec<Digest>) -> Result<HashSet<Digest>> {
    let mut digests = HashSet::new();
    let mut walk = Walk::of_digests(roots, Limits::NONE)?;
    while let Some(node) = walk.next_unread() {
        if let Ok(raw) = store.blobs().read(&node.digest)
            && let Ok(manifest) = Manifest::parse(raw, None, Some(&node.digest))
        {
            digests.extend(graph::blobs(&manifest).map(|blob| blob.digest.clone()));
            walk.answer(&node, graph::children(&manifest))?;
        }
        digests.insert(node.digest);
    }
    Ok(digests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_repository_deletes_the_other_keeps() {
        let (links, blob) = (Links::default(), Digest::of(b"blob"));
        links.give("a", &blob);
        links.give("b", &blob);
        links.delete("a", &blob);
        assert!(!links.has("a", &blob) && links.is_deleted("a", &blob));
        assert!(links.has("b", &blob) && links.is_given(&blob) && !links.is_deleted("b", &blob));
        links.give("a", &blob);
        assert!(links.has("a", &blob) && !links.is_deleted("a", &blob));
        links.delete("a", &blob);
        links.delete("b", &blob);
        assert!(!links.is_given(&blob));
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let links = Links::default();
        let blob = |n: usize| Digest::of(&n.to_le_bytes());
        for n in 0..=MOST {
            links.give("a", &blob(n));
        }
        assert!(!links.has("a", &blob(0)) && links.has("a", &blob(1)) && links.has("a", &blob(MOST)));
        assert_eq!(links.given.borrow().of.len(), MOST);
    }
}
