//! A registry as a place: what may have been meant, the tags that look most like a missing one.

use crate::error::{Clue, Error, Kind};
use crate::image::Reference;
use crate::image::nearest::nearest;
use crate::registry::Repository;

/// How many names are offered.
const OFFERED: usize = 5;

/// The error that `name` is not there, with the repository's nearest tags where it lists any.
pub async fn with_nearest_tags(error: Error, repository: &Repository, name: &Reference) -> Error {
    let is_missing = error.kind() == Kind::NotFound && error.clue().is_none() && name.digest().is_none();
    let Some(tag) = name.tag().filter(|_| is_missing) else {
        return error;
    };
    match repository.tags().await {
        Ok(tags) if !tags.is_empty() => error.with_clue(Clue::NearestTags(nearest(tag, &tags, OFFERED))),
        _ => error,
    }
}
