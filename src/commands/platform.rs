//! `--platform` as docker takes it: an empty text is none.

use crate::error::{Error, Result};
use crate::image::Platform;

/// The platform of a flag that takes one.
pub(super) fn given(text: Option<&str>) -> Result<Option<Platform>> {
    text.filter(|text| !text.is_empty()).map(Platform::parse).transpose()
}

/// The platforms of a flag that takes lists and may be given several times, each once.
pub(super) fn given_each(texts: &[String]) -> Result<Vec<Platform>> {
    let mut platforms = Vec::new();
    for text in texts.iter().filter(|text| !text.is_empty()) {
        let platform = Platform::parse(text)?;
        if !platforms.contains(&platform) {
            platforms.push(platform);
        }
    }
    Ok(platforms)
}

/// What docker says of a platform that it cannot read, where it says more than what is wrong.
pub(super) fn invalid(e: Error) -> Error {
    e.during("invalid platform")
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
