//! The names that rdock gives to files of the ingest area. Nothing else there is its own to remove.

use crate::image::Digest;

/// A file on its way to a place of its own.
pub(super) const TEMPORARY: &str = "tmp-";
/// The note of where a blob that is half pushed goes on.
pub(super) const SESSION: &str = "push-";
/// What a registry's client sends before it has said the digest.
pub(super) const UPLOAD: &str = "upload-";

/// Whether a file of this name is half-done.
pub(super) fn is_half_done(name: &str) -> bool {
    let given = [TEMPORARY, SESSION, UPLOAD].iter().find_map(|it| name.strip_prefix(it));
    match given {
        Some(rest) => !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'),
        None => is_partial(name),
    }
}

/// Whether a file of this name is a blob that has come in part.
pub(super) fn is_partial(name: &str) -> bool {
    let digest = name.split_once('-');
    digest.is_some_and(|(algorithm, hex)| Digest::parse(&format!("{algorithm}:{hex}")).is_ok())
}
