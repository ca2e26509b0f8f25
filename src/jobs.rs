//! What rdock does with images, each job once: resolve → plan → move → name.
//!
//! A job takes the values that it uses and knows no command line and no screen. What it has to tell on its way it tells
//! a [`Reporter`]; the words are the teller's. The name is written last, by [`commit`] alone.

pub mod combine;
mod commit;
pub mod copy;
pub mod pull;
pub mod push;

use std::sync::Arc;

use crate::error::Error;
use crate::image::{Digest, Manifest, Reference};
use crate::places::Place;
use crate::progress::Progress;

/// Something that happened on the way.
#[derive(Debug)]
pub enum News<'a> {
    /// The pull of this name begins; the registry has it.
    Pulling(&'a Reference),
    /// What the name stands for at the registry.
    Digest(&'a Digest),
    /// One of several tags is for other platforms than the one that is wanted, and is passed over.
    PassedOver { name: &'a Reference, why: &'a Error },
    /// A place was typed without a tag and gets docker's default one.
    DefaultTag(End),
    /// The copy of an image begins.
    Copying { from: &'a Place, to: &'a Place },
    /// An image has its name at the destination.
    Copied { to: &'a Place, manifest: &'a Manifest },
    /// All of it is done, with so many manifests that speak of it. Without news it was all there before.
    CopyEnds {
        to: &'a Place,
        attached: usize,
        is_new: bool,
    },
    /// A part of an index is brought to the index's repository.
    Bringing { part: &'a Manifest, from: &'a Reference },
    /// All parts of an index are there, and it gets its name.
    Naming(&'a Manifest),
    /// One of several images could not be copied.
    NotCopied(Error),
    /// The registry does not list the tags among which cosign's signatures would be.
    SignaturesNotSought(&'a Error),
    /// The image has its name, but the store could not remember that the registry has it.
    NotRemembered(&'a Error),
}

/// The ends of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Source,
    Destination,
}

/// Whoever wants to know how a job goes on.
pub struct Reporter<'a> {
    tell: Box<dyn Fn(News<'_>) + 'a>,
    watch: Box<dyn Fn() -> Arc<dyn Progress> + 'a>,
}

impl<'a> Reporter<'a> {
    /// `tell` takes what happens, `watch` begins to show a transfer.
    pub fn new(tell: impl Fn(News<'_>) + 'a, watch: impl Fn() -> Arc<dyn Progress> + 'a) -> Self {
        Self {
            tell: Box::new(tell),
            watch: Box::new(watch),
        }
    }

    fn tell(&self, news: News<'_>) {
        (self.tell)(news);
    }

    fn watch(&self) -> Arc<dyn Progress> {
        (self.watch)()
    }
}
