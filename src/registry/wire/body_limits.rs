//! What stands before a host, as far as bodies are concerned: nginx, Cloudflare and their like refuse long ones, or cut
//! them off.

use std::cell::{Cell, OnceCell};

use crate::content::BodyLimit;

/// The first guess at most at what a proxy in front of a host lets pass that refused a whole blob, in bytes.
const FIRST_CHUNK: u64 = 64 << 20;
/// No such proxy is as narrow as this, in bytes.
pub(in crate::registry) const LEAST_CHUNK: u64 = 64 << 10;
/// Bad lines cut bodies too. That shorter ones than this get through, in bytes, says nothing about the next run's line.
const LEAST_CUT: u64 = 1 << 20;

/// How a host takes bodies, as far as it was learned.
#[derive(Debug)]
pub(in crate::registry) struct BodyLimits {
    /// The longest body that it lets pass, in bytes, once one was refused.
    longest: Cell<Option<u64>>,
    /// How many uploads in a row were cut off.
    cuts: Cell<u32>,
    /// Whether it takes a blob in the very request that names it.
    pub(in crate::registry) takes_single: Cell<bool>,
    memory: OnceCell<BodyLimit>,
    /// Whether the next run is to know of the length too, once such a body has arrived.
    is_news: Cell<bool>,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self {
            longest: Cell::new(None),
            cuts: Cell::new(0),
            takes_single: Cell::new(true),
            memory: OnceCell::new(),
            is_news: Cell::new(false),
        }
    }
}

impl BodyLimits {
    pub(in crate::registry) fn longest(&self) -> Option<u64> {
        self.longest.get()
    }

    /// Begins with what the last run learned, and lets the next one know.
    pub(in crate::registry) fn remember(&self, limit: BodyLimit) {
        if let Some(known) = limit.known {
            self.shorten(known);
        }
        // Where the host was known before, its memory is the same.
        let _ = self.memory.set(limit);
    }

    /// A body was refused for its length: the next ones are to be half as long.
    pub(in crate::registry) fn refused(&self, length: u64) {
        if self.shorten(half(length)) {
            self.is_news.set(true);
        }
    }

    /// A part did not fit, for its length or for its place: the next ones in this run are to be half as long.
    pub(in crate::registry) fn misfitted(&self, length: u64) {
        if self.shorten(half(length)) {
            self.is_news.set(false);
        }
    }

    /// A body was cut off: after two in a row the next ones are shorter.
    pub(in crate::registry) fn cut(&self, length: u64) {
        let cuts = self.cuts.get() + 1;
        self.cuts.set(cuts);
        if cuts >= 2 && length > LEAST_CHUNK {
            self.cuts.set(0);
            if self.shorten(half(length)) {
                self.is_news.set(half(length) >= LEAST_CUT);
            }
        }
    }

    /// A body arrived.
    pub(in crate::registry) fn took(&self, length: u64) {
        self.cuts.set(0);
        if self.longest() == Some(length)
            && self.is_news.take()
            && let Some(memory) = self.memory.get()
        {
            memory.keep(length);
        }
    }

    /// Whether that is news.
    fn shorten(&self, length: u64) -> bool {
        let (length, known) = (length.max(LEAST_CHUNK), self.longest());
        let is_shorter = known.is_none_or(|known| length < known);
        if is_shorter {
            self.longest.set(Some(length));
        }
        is_shorter
    }
}

fn half(length: u64) -> u64 {
    (length / 2).min(FIRST_CHUNK)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    /// What it keeps of a body that is refused or cut until one passes this proxy.
    fn kept(known: Option<u64>, learn: impl FnOnce(&BodyLimits)) -> Vec<u64> {
        let kept = Rc::new(RefCell::new(Vec::new()));
        let notes = kept.clone();
        let limits = BodyLimits::default();
        limits.remember(BodyLimit::new(known, move |length| notes.borrow_mut().push(length)));
        learn(&limits);
        limits.took(limits.longest().unwrap_or(5));
        kept.take()
    }

    #[test]
    fn only_a_length_that_arrived_and_was_not_known_is_kept() {
        assert!(kept(None, |_| ()).is_empty());
        assert!(kept(Some(1 << 20), |_| ()).is_empty());
        assert!(kept(Some(1 << 20), |limits| limits.cut(1 << 20)).is_empty());
        let refused_twice = |limits: &BodyLimits| {
            limits.refused(1 << 30);
            limits.refused(64 << 20);
            limits.took(5);
        };
        assert_eq!(kept(None, refused_twice), [32 << 20]);
        assert_eq!(kept(Some(1 << 20), |limits| limits.refused(1 << 20)), [512 << 10]);
        let misfitted = |limits: &BodyLimits| {
            limits.refused(1 << 30);
            limits.misfitted(3 << 20);
        };
        assert!(kept(None, misfitted).is_empty());
    }

    #[test]
    fn short_bodies_on_a_bad_line_are_not_laid_to_a_proxy() {
        let cut = |length: u64| {
            move |limits: &BodyLimits| {
                limits.cut(length);
                limits.cut(length);
            }
        };
        assert_eq!(kept(None, cut(8 << 20)), [4 << 20]);
        assert!(kept(None, cut(1 << 20)).is_empty());
    }

    #[test]
    fn nonsense_from_the_last_run_is_put_right() {
        let limits = BodyLimits::default();
        limits.remember(BodyLimit::new(Some(0), |_| ()));
        assert_eq!(limits.longest(), Some(LEAST_CHUNK));
    }
}
