//! What rdock does with images, each job once: resolve → plan → move → name.
//!
//! A job takes the values that it uses and knows no command line and no screen. What it has to tell on its way it tells
//! a [`Reporter`]; the words are the teller's. The name is written last, by [`commit`] alone.

mod bring;
pub mod combine;
pub mod commit;
pub mod copy;
pub mod import;
pub mod load;
pub mod pull;
pub mod push;
pub mod remove_platforms;
pub mod save;

use std::sync::Arc;

use crate::error::{Error, Kind};
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
    /// One of several tags cannot be pulled, for a reason that lies in it alone, and is passed over.
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
    /// A member of an index is brought to the index's repository.
    Bringing { part: &'a Digest, from: &'a Reference },
    /// All parts of an index are there, and it gets its name.
    Naming(&'a Manifest),
    /// One of several images could not be copied.
    NotCopied(Error),
    /// The registry does not list the tags among which cosign's signatures would be.
    SignaturesNotSought(&'a Error),
    /// The image has its name, but the store could not remember that the registry has it.
    NotRemembered(&'a Error),
    /// These layers do not go into an archive, since the far side has them.
    LeftOut { layers: usize, bytes: u64 },
    /// A name was another image's before, whose ID this is.
    Displaced { name: &'a Reference, old: &'a Digest },
    /// An image of an archive has this name now.
    Loaded(&'a Reference),
    /// An image of an archive has no name, but this ID.
    LoadedNameless(&'a Digest),
}

/// The ends of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Source,
    Destination,
}

/// A watcher of how a job goes on.
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

/// Whether other images may still be moved after this failure, since it lies in the one alone.
fn is_of_one_image(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::NotFound | Kind::Unsupported | Kind::Corrupt | Kind::Conflict
    )
}
