//! The words for archives that are not what they should be.

use crate::error::{Clue, Error, Kind};
use crate::image::Digest;

/// The archive is not what it should be.
pub(super) fn bad(why: impl Into<String>) -> Error {
    Error::new(Kind::Corrupt, why).with_clue(Clue::BadArchive)
}

/// Docker's words when the stream ends too early or is no tar at all.
pub(super) fn cut_off() -> Error {
    bad("Error processing tar file(exit status 1): unexpected EOF")
}

/// Docker's words for a layer that is not the one of the config.
pub(super) fn wrong_diff_id(number: usize, expected: &Digest, actual: &Digest) -> Error {
    bad(format!(
        "invalid diffID for layer {number}: expected \"{expected}\", got \"{actual}\""
    ))
}
