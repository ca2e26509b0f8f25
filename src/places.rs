//! Places of images: what all have in common, and one file a place.
//!
//! A new place is a file with what it is as an [`Origin`], as a [`Destination`] or as both, and its line in `parse`.

mod archive;
mod archive_source;
mod archive_target;
mod ends;
mod layout;
mod new_file;
mod parse;
mod place;
mod registry;
mod store;

pub use archive::{Unpacked, check_missing, seen_by_docker};
pub use archive_source::ArchiveSource;
pub use archive_target::ArchiveTarget;
pub use ends::{Answer, AnySink, AnySource, Destination, Incoming, Means, Origin, Receiver, check_platform};
pub use parse::{destination, in_store, is_archive, is_local, on_registry, origin, parse};
pub use place::Place;
pub use registry::with_nearest_tags;
pub use store::described;
