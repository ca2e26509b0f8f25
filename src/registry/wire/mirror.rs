//! Mirrors of the Hub, as docker's `registry-mirrors` names them.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

use crate::error::{Error, Kind, Result};

/// A server that is asked before the Hub: an entry of docker's `registry-mirrors`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror(Url);

impl FromStr for Mirror {
    type Err = Error;

    /// Errors are in docker's words.
    fn from_str(text: &str) -> Result<Self> {
        let invalid = |why: String| Error::new(Kind::Usage, format!("invalid mirror: {why}"));
        let mut url = Url::parse(text).map_err(|_| invalid(format!("\"{text}\" is not a valid URI")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid(format!(
                "unsupported scheme \"{}\" in \"{text}\"",
                url.scheme()
            )));
        }
        if url.query().is_some() || url.fragment().is_some() {
            let why = format!("query or fragment at end of the URI \"{text}\"");
            return Err(invalid(why));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("username/password not allowed in URI".to_owned()));
        }
        // A mirror may be one of several below a path (Harbor's proxy projects, Artifactory).
        let path = format!("{}/", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Ok(Self(url))
    }
}

impl Mirror {
    pub(super) fn url(&self) -> &Url {
        &self.0
    }
}

/// The URL with a trailing slash, as docker shows it.
impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_is_a_url_without_a_query() {
        for (text, shown) in [
            ("http://h:5000", "http://h:5000/"),
            ("https://h/docker_hub", "https://h/docker_hub/"),
            ("https://h/a/b//", "https://h/a/b/"),
        ] {
            assert_eq!(text.parse::<Mirror>().unwrap().to_string(), shown);
        }
        for (text, why) in [
            (
                "http://h/path?x",
                "invalid mirror: query or fragment at end of the URI \"http://h/path?x\"",
            ),
            ("ftp://x", "invalid mirror: unsupported scheme \"ftp\" in \"ftp://x\""),
            ("http://u:p@h", "invalid mirror: username/password not allowed in URI"),
            ("h", "invalid mirror: \"h\" is not a valid URI"),
        ] {
            assert_eq!(text.parse::<Mirror>().unwrap_err().to_string(), why);
        }
    }
}
