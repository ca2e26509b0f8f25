//! Which manifests of a repository are about which. Who copies all that is about an image asks for each of thousands of
//! manifests, and each answer would look through all of them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use crate::image::{Digest, Reference};
use crate::store::Repositories;

/// The referrals of the repository that was asked for last. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Referrals(Arc<Mutex<Option<Known>>>);

/// The referrals as they are with these names.
struct Known {
    names: Arc<Repositories>,
    repository: Reference,
    about: Arc<About>,
}

/// The referrers of each subject, in the order of their digests, which stays whatever is pushed meanwhile.
pub(super) type About = HashMap<Digest, BTreeSet<Digest>>;

impl Referrals {
    /// What is about what in this repository, as the names are now; `subject` says what one of the documents is about.
    pub(super) fn of<'a>(
        &self,
        names: &Arc<Repositories>,
        repository: &Reference,
        documents: impl Iterator<Item = &'a Digest>,
        subject: impl Fn(&Digest) -> Option<Digest>,
    ) -> Arc<About> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*known()
            && Arc::ptr_eq(&known.names, names)
            && known.repository == *repository
        {
            return Arc::clone(&known.about);
        }
        let mut about = About::new();
        for digest in documents {
            if let Some(subject) = subject(digest) {
                about.entry(subject).or_default().insert(digest.clone());
            }
        }
        let about = Arc::new(about);
        *known() = Some(Known {
            names: Arc::clone(names),
            repository: repository.clone(),
            about: Arc::clone(&about),
        });
        about
    }
}
