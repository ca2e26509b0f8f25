//! `--platform` as docker takes it: an empty text is none.

use crate::error::{Error, Kind, Result};
use crate::image::Platform;

/// The platform of a flag that takes one.
pub(super) fn given(text: Option<&str>) -> Result<Option<Platform>> {
    text.filter(|text| !text.is_empty()).map(Platform::parse).transpose()
}

/// What docker says of a platform that it cannot read, where it says more than what is wrong.
pub(super) fn invalid(e: Error) -> Error {
    e.during("invalid platform")
}

/// The store has one platform of an image under a name; another one is not here.
pub(super) fn check(name: &str, actual: &Platform, wanted: &Platform) -> Result<()> {
    if actual.distance_to(wanted).is_some() {
        return Ok(());
    }
    Err(Error::new(
        Kind::NotFound,
        format!("image with reference {name} was found but does not provide the specified platform ({wanted})"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_platform_is_none() {
        assert_eq!(given(Some("")).unwrap(), None);
        assert_eq!(given(None).unwrap(), None);
        assert!(given(Some(" ")).is_err());
    }
}
