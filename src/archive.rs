//! Archives of images, in and out: OCI layouts as folders and as tar files, and what `docker save` wrote at any time
//! since 1.10.
//!
//! [`Writer`] is a sink that writes one tar which is an OCI layout with the exact blobs and an archive for
//! `docker load` at once. [`Contents`] is what a tar turned out to hold, and [`Folder`] a layout on the disk; both are a
//! [`Shelf`], from which is read which images there are and which blobs they need.

mod contents;
mod docker;
mod entries;
mod folder;
mod held;
mod images;
mod layout;
mod rootfs;
mod tree;
mod writer;

pub use contents::{Contents, KeepBytes, Reading};
pub use folder::Folder;
pub use held::{held_by_archive, held_by_list};
pub use images::{Listed, Shelf};
pub use rootfs::RootFs;
pub use tree::tree;
pub use writer::{Saved, Writer};

use crate::error::{Clue, Error, Kind, Result};
use crate::image::{Descriptor, Digest, Platform};

/// The most that is read of a document of an archive: manifests, configs and lists of them.
const MAX_DOCUMENT: u64 = crate::image::manifest::MAX_SIZE as u64;

/// The archive is not what it should be.
fn bad(why: impl Into<String>) -> Error {
    Error::new(Kind::Corrupt, why).with_clue(Clue::BadArchive)
}

/// Docker's words when the stream ends too early or is no tar at all.
fn cut_off() -> Error {
    bad("Error processing tar file(exit status 1): unexpected EOF")
}

/// What the store holds, so that an archive may leave it out.
pub struct Held<'a> {
    /// Whether this blob is there.
    pub has: &'a dyn Fn(&Descriptor) -> bool,
    /// The layer there that unpacks to this diff ID.
    pub layer: &'a dyn Fn(&Digest) -> Result<Option<Descriptor>>,
}

/// The images of a tar archive, whatever wrote it.
pub fn images_of(contents: &Contents, held: &Held<'_>, platform: Option<&Platform>) -> Result<Vec<Listed>> {
    let images = match images::images(contents, held.has, platform)? {
        Some(images) => images,
        None => docker::images(contents, held, platform)?,
    };
    if images.is_empty() {
        return Err(bad("the archive lists no image"));
    }
    Ok(images)
}

/// The images of a layout in a folder.
pub fn images_in(
    folder: &Folder,
    has: &dyn Fn(&Descriptor) -> bool,
    platform: Option<&Platform>,
) -> Result<Vec<Listed>> {
    let images = images::images(folder, has, platform)?;
    images.ok_or_else(|| bad("the folder is no OCI image layout: it has no index.json"))
}
