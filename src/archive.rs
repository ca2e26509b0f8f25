//! Archives of images, in and out: OCI layouts as folders and as tar files, and what `docker save` wrote at any time
//! since 1.10.
//!
//! [`Writer`] is a sink that writes one tar which is an OCI layout with the exact blobs and an archive for
//! `docker load` at once. [`Contents`] is what a tar turned out to hold, and [`Folder`] a layout on the disk; both are
//! [`Files`], from which is read which images there are and which blobs they need.

mod contents;
mod docker;
mod entries;
mod errors;
mod files;
mod folder;
mod format;
mod held;
mod images;
mod layout;
mod rootfs;
mod tree;
mod writer;

#[cfg(test)]
mod tests;

pub use contents::{Contents, KeepBytes, Reading};
pub use files::Files;
pub use folder::Folder;
pub use format::{images_in, images_of};
pub use held::{Held, held_by_archive, held_by_list};
pub use images::Listed;
pub use layout::manifests;
pub use rootfs::RootFs;
pub use tree::tree;
pub use writer::{Out, Saved, Writer};
