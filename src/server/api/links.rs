//! Links between repositories and blobs. The store keeps each blob once for all of them: what is deleted from one
//! repository must stay for the others.
//!
//! Remembered are the blobs that came lately, whose manifest may be on its way, and what was deleted; of each as much as
//! fits into some MiB. After a restart the names alone tell.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use crate::image::Digest;

/// Bytes that each list may take; the oldest pairs are forgotten first.
const MOST: usize = 8 << 20;
/// Bytes that a pair takes beside the name of its repository, and no less.
const PAIR: usize = 500;

#[derive(Default)]
pub(in crate::server) struct Links {
    given: RefCell<Remembered>,
    /// What clients were told is here.
    told: RefCell<Remembered>,
    deleted: RefCell<Remembered>,
    /// Repositories that have lost a manifest here: they may be empty, and are not unknown.
    emptied: RefCell<Remembered>,
}

/// Repositories by what they have, in the order in which it came.
#[derive(Default)]
struct Remembered {
    of: HashMap<Digest, HashMap<Rc<str>, u64>>,
    /// Pairs, as often as each was said, with the number under which it was said.
    order: VecDeque<(Digest, Rc<str>, u64)>,
    last: u64,
    bytes: usize,
}

impl Remembered {
    fn add(&mut self, repository: &str, digest: &Digest) {
        self.last += 1;
        let repository: Rc<str> = repository.into();
        self.bytes += PAIR + repository.len();
        self.order
            .push_back((digest.clone(), Rc::clone(&repository), self.last));
        let repositories = self.of.entry(digest.clone()).or_default();
        repositories.insert(repository, self.last);
        while self.bytes > MOST
            && let Some((digest, repository, number)) = self.order.pop_front()
        {
            self.bytes -= PAIR + repository.len();
            // What was said again later is not the oldest.
            let said = self.of.get(&digest).and_then(|it| it.get(&repository));
            if said == Some(&number) {
                self.remove(&repository, &digest);
            }
        }
    }

    fn remove(&mut self, repository: &str, digest: &Digest) {
        if let Some(repositories) = self.of.get_mut(digest) {
            repositories.remove(repository);
            if repositories.is_empty() {
                self.of.remove(digest);
            }
        }
    }

    fn has(&self, repository: &str, digest: &Digest) -> bool {
        self.of
            .get(digest)
            .is_some_and(|repositories| repositories.contains_key(repository))
    }
}

impl Links {
    /// The repository has got this.
    pub(in crate::server) fn give(&self, repository: &str, digest: &Digest) {
        self.given.borrow_mut().add(repository, digest);
        self.deleted.borrow_mut().remove(repository, digest);
    }

    /// A client that pushes to the repository was told that this is here.
    pub(in crate::server) fn tell(&self, repository: &str, digest: &Digest) {
        self.told.borrow_mut().add(repository, digest);
    }

    /// The repository has it no more.
    pub(in crate::server) fn delete(&self, repository: &str, digest: &Digest) {
        self.given.borrow_mut().remove(repository, digest);
        self.told.borrow_mut().remove(repository, digest);
        self.deleted.borrow_mut().add(repository, digest);
    }

    pub(in crate::server) fn has(&self, repository: &str, digest: &Digest) -> bool {
        self.given.borrow().has(repository, digest)
    }

    /// The ones of these blobs that the repository has got.
    pub(in crate::server) fn among<'a>(
        &self,
        repository: &str,
        digests: impl Iterator<Item = &'a Digest>,
    ) -> HashSet<Digest> {
        digests.filter(|digest| self.has(repository, digest)).cloned().collect()
    }

    pub(in crate::server) fn is_deleted(&self, repository: &str, digest: &Digest) -> bool {
        self.deleted.borrow().has(repository, digest)
    }

    /// Whether any repository has got it, or a client was told that it is here.
    pub(in crate::server) fn is_counted_on(&self, digest: &Digest) -> bool {
        self.given.borrow().of.contains_key(digest) || self.told.borrow().of.contains_key(digest)
    }

    /// The repository has lost a manifest.
    pub(in crate::server) fn empty(&self, repository: &str) {
        self.emptied.borrow_mut().add(repository, &Digest::of(b""));
    }

    pub(in crate::server) fn is_emptied(&self, repository: &str) -> bool {
        self.emptied.borrow().has(repository, &Digest::of(b""))
    }
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
        assert!(links.has("b", &blob) && links.is_counted_on(&blob) && !links.is_deleted("b", &blob));
        links.give("a", &blob);
        assert!(links.has("a", &blob) && !links.is_deleted("a", &blob));
        links.delete("a", &blob);
        links.delete("b", &blob);
        assert!(!links.is_counted_on(&blob));
    }

    #[test]
    fn the_oldest_are_forgotten_and_what_is_said_again_is_not() {
        let links = Links::default();
        let blob = |n: usize| Digest::of(&n.to_le_bytes());
        let most = MOST / PAIR;
        for n in 0..most * 2 {
            links.give("a", &blob(n));
            if n % 1000 == 0 {
                links.give("a", &blob(1));
            }
        }
        assert!(!links.has("a", &blob(0)) && links.has("a", &blob(1)) && links.has("a", &blob(most * 2 - 1)));
        let given = links.given.borrow();
        assert!(given.of.len() <= most && given.order.len() <= most && given.bytes <= MOST);
        drop(given);
        // Nor do pairs that come and go add up.
        for _ in 0..most * 2 {
            links.give("b", &blob(0));
            links.delete("b", &blob(0));
        }
        assert!(links.given.borrow().order.len() <= most && links.deleted.borrow().order.len() <= most);
    }
}
