//! The format of an archive: an OCI layout, or what `docker save` wrote before it wrote one.

use super::contents::Contents;
use super::docker;
use super::errors::bad;
use super::folder::Folder;
use super::held::Held;
use super::images::{self, Listed};
use crate::error::Result;
use crate::image::{Descriptor, Platform};

/// The images of a tar archive, whatever wrote it.
pub fn images_of(contents: &Contents, held: &Held<'_>, platforms: &[Platform]) -> Result<Vec<Listed>> {
    let images = match images::images(contents, held.has, platforms)? {
        Some(images) => images,
        None => docker::images(contents, held, platforms)?,
    };
    if images.is_empty() {
        return Err(bad("the archive lists no image"));
    }
    Ok(images)
}

/// The images of a layout in a folder.
pub fn images_in(folder: &Folder, has: &dyn Fn(&Descriptor) -> bool, platforms: &[Platform]) -> Result<Vec<Listed>> {
    let images = images::images(folder, has, platforms)?;
    images.ok_or_else(|| bad("the folder is no OCI image layout: it has no index.json"))
}
