//! Where an image is: on a registry, as plain names say, or in a folder, as `oci:DIR[:TAG]` says.

use std::fmt;
use std::path::PathBuf;

use crate::error::{Error, Kind, Result};
use crate::image::Reference;

/// What stands before a path, as skopeo spells it (containers-transports(5)).
const LAYOUT: &str = "oci:";
const REGISTRY: &str = "docker://";
/// Places that others know and rdock does not.
const STRANGERS: [&str; 5] = ["dir:", "docker-daemon:", "containers-storage:", "ostree:", "tarball:"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Registry(Reference),
    /// An OCI image layout, and which of its images.
    Layout {
        folder: PathBuf,
        label: Option<String>,
    },
}

impl Place {
    pub(super) fn parse(text: &str) -> Result<Self> {
        if let Some(rest) = text.strip_prefix(LAYOUT) {
            // At the first colon, as skopeo does: names in a layout may be whole references.
            let (folder, label) = match rest.split_once(':') {
                Some((folder, label)) => (folder, Some(label)),
                None => (rest, None),
            };
            if folder.is_empty() || label == Some("") {
                let message = format!("invalid place {text:?}: a layout is spelled oci:DIR[:TAG]");
                return Err(Error::new(Kind::Usage, message));
            }
            return Ok(Self::Layout {
                folder: folder.into(),
                label: label.map(str::to_owned),
            });
        }
        if let Some(stranger) = STRANGERS.iter().find(|prefix| text.starts_with(*prefix)) {
            let message = format!("rdock copies no {stranger} images: name a registry or oci:DIR[:TAG]");
            return Err(Error::new(Kind::Usage, message));
        }
        let name = text.strip_prefix(REGISTRY).unwrap_or(text);
        Reference::parse(name).map(Self::Registry)
    }

    /// The tag or label; a digest for none.
    pub(super) fn tag(&self) -> Option<&str> {
        match self {
            Self::Registry(name) => name.tag(),
            Self::Layout { label, .. } => label.as_deref(),
        }
    }

    pub(super) fn has_version(&self) -> bool {
        match self {
            Self::Registry(name) => !name.is_name_only(),
            Self::Layout { label, .. } => label.is_some(),
        }
    }

    /// The same repository or folder at this tag.
    pub(super) fn at_tag(&self, tag: &str) -> Result<Self> {
        Ok(match self {
            Self::Registry(name) => Self::Registry(name.at_tag(tag)?),
            Self::Layout { folder, .. } => Self::Layout {
                folder: folder.clone(),
                label: Some(tag.to_owned()),
            },
        })
    }
}

/// As it is typed.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(name) => f.write_str(&name.familiar()),
            Self::Layout { folder, label } => {
                write!(f, "{LAYOUT}{}", folder.display())?;
                label.iter().try_for_each(|label| write!(f, ":{label}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_spelled_as_skopeo_spells_it() {
        for (text, shown) in [
            ("nginx", "nginx"),
            ("docker://127.0.0.1:5000/a/b:1", "127.0.0.1:5000/a/b:1"),
            ("oci:out", "oci:out"),
            ("oci:/x/y:v1", "oci:/x/y:v1"),
            ("oci:/store:127.0.0.1:5000/a:1", "oci:/store:127.0.0.1:5000/a:1"),
        ] {
            assert_eq!(Place::parse(text).unwrap().to_string(), shown);
        }
        let layout = Place::parse("oci:/x:a:b").unwrap();
        assert_eq!(layout.tag(), Some("a:b"));
        for bad in ["oci:", "oci::x", "oci:x:", "dir:/x", "docker-daemon:x", "UPPER/x:y:z"] {
            assert_eq!(Place::parse(bad).unwrap_err().kind(), Kind::Usage, "{bad}");
        }
    }
}
