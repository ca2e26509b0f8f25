//! The files of an archive or of a layout, wherever they lie.

use bytes::Bytes;

use super::errors::bad;
use crate::error::Result;
use crate::image::{Descriptor, Digest, Manifest, manifest};

/// The most that is read of a document of an archive: manifests, configs and lists of them.
pub(super) const MAX_DOCUMENT: u64 = manifest::MAX_SIZE as u64;

/// The way to the files of an archive or of a layout. What is read is not kept in memory.
pub trait Files {
    /// A small file by its path.
    fn document(&self, path: &str) -> Result<Option<Bytes>>;

    /// A small blob, whole and verified.
    fn blob(&self, digest: &Digest) -> Result<Option<Bytes>>;

    /// How many bytes the blob has, if it is there.
    fn size_of(&self, digest: &Digest) -> Option<u64>;
}

/// The manifest that is described so, which must be there.
pub(super) fn manifest(files: &dyn Files, descriptor: &Descriptor) -> Result<Manifest> {
    let digest = &descriptor.digest;
    let raw = files
        .blob(digest)?
        .ok_or_else(|| bad(format!("the archive lists the manifest {digest}, but does not hold it")))?;
    // One that is shorter is what it should be by its digest, and is pulled too.
    if raw.len() as u64 > descriptor.size {
        let is = raw.len();
        return Err(bad(format!(
            "the manifest {digest} has {is} bytes, not {}",
            descriptor.size
        )));
    }
    let claimed = Some(descriptor.media_type.as_str()).filter(|it| !it.is_empty());
    Manifest::parse(raw, claimed, Some(digest))
}

/// The path of this blob in a layout.
pub(super) fn path_of(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}

/// The digest that a path in a layout's folder of blobs is named after.
pub(super) fn digest_in(path: &str) -> Result<Option<Digest>> {
    let Some(rest) = path.strip_prefix("blobs/") else {
        return Ok(None);
    };
    match Digest::parse(&rest.replacen('/', ":", 1)) {
        Ok(digest) => Ok(Some(digest)),
        Err(e) => Err(bad(format!("the archive's entry {path:?} is named after no digest")).caused_by(e)),
    }
}
