//! Where an image is: on a registry, as plain names say, in a folder, `oci:DIR[:TAG]`, or in an archive,
//! `oci-archive:FILE[:TAG]` and `docker-archive:FILE[:NAME]`.

use std::fmt;
use std::path::PathBuf;

use crate::error::{Error, Kind, Result};
use crate::image::Reference;

/// What stands before a path, as skopeo spells it (containers-transports(5)).
const LAYOUT: &str = "oci:";
const REGISTRY: &str = "docker://";
const ARCHIVES: [&str; 2] = ["oci-archive:", "docker-archive:"];
/// Places that others know and rdock does not.
const STRANGERS: [&str; 5] = ["dir:", "docker-daemon:", "containers-storage:", "ostree:", "tarball:"];

/// Whether this text means a tar file.
pub(super) fn is_archive(text: &str) -> bool {
    ARCHIVES.iter().any(|sort| text.starts_with(sort))
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Registry(Reference),
    /// An OCI image layout, and which of its images.
    Layout {
        folder: PathBuf,
        label: Option<String>,
    },
    /// A tar file. Whichever sort is named, all are read, and one that is both is written.
    Archive {
        sort: &'static str,
        file: PathBuf,
        label: Option<String>,
    },
}

impl Place {
    pub(super) fn parse(text: &str) -> Result<Self> {
        if let Some(rest) = text.strip_prefix(LAYOUT) {
            let (folder, label) = split(text, rest)?;
            return Ok(Self::Layout { folder, label });
        }
        for sort in ARCHIVES {
            if let Some(rest) = text.strip_prefix(sort) {
                let (file, label) = split(text, rest)?;
                return Ok(Self::Archive { sort, file, label });
            }
        }
        if let Some(stranger) = STRANGERS.iter().find(|prefix| text.starts_with(*prefix)) {
            let message = format!("rdock copies no {stranger} images: name a registry, oci:DIR or oci-archive:FILE");
            return Err(Error::new(Kind::Usage, message));
        }
        let name = text.strip_prefix(REGISTRY).unwrap_or(text);
        Reference::parse(name).map(Self::Registry)
    }

    /// The tag or label; a digest for none.
    pub(super) fn tag(&self) -> Option<&str> {
        match self {
            Self::Registry(name) => name.tag(),
            Self::Layout { label, .. } | Self::Archive { label, .. } => label.as_deref(),
        }
    }

    pub(super) fn has_version(&self) -> bool {
        match self {
            Self::Registry(name) => !name.is_name_only(),
            Self::Layout { label, .. } | Self::Archive { label, .. } => label.is_some(),
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
            Self::Archive { sort, file, .. } => Self::Archive {
                sort,
                file: file.clone(),
                label: Some(tag.to_owned()),
            },
        })
    }
}

/// A path and what stands behind its first colon, as skopeo splits them: names in a layout may be whole references.
fn split(text: &str, rest: &str) -> Result<(PathBuf, Option<String>)> {
    let (path, label) = match rest.split_once(':') {
        Some((path, label)) => (path, Some(label)),
        None => (rest, None),
    };
    if path.is_empty() || label == Some("") {
        let sort = text.strip_suffix(rest).unwrap_or_default();
        let message = format!("invalid place {text:?}: it is spelled {sort}PATH[:NAME]");
        return Err(Error::new(Kind::Usage, message));
    }
    Ok((path.into(), label.map(str::to_owned)))
}

/// As it is typed.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(name) => f.write_str(name.familiar()),
            Self::Layout { folder, label } => {
                write!(f, "{LAYOUT}{}", folder.display())?;
                label.iter().try_for_each(|label| write!(f, ":{label}"))
            }
            Self::Archive { sort, file, label } => {
                write!(f, "{sort}{}", file.display())?;
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
            ("oci-archive:x.tar", "oci-archive:x.tar"),
            ("docker-archive:x.tar:a/b:1", "docker-archive:x.tar:a/b:1"),
            ("oci:/store:127.0.0.1:5000/a:1", "oci:/store:127.0.0.1:5000/a:1"),
        ] {
            assert_eq!(Place::parse(text).unwrap().to_string(), shown);
        }
        let layout = Place::parse("oci:/x:a:b").unwrap();
        assert_eq!(layout.tag(), Some("a:b"));
        for bad in [
            "oci:",
            "oci::x",
            "oci:x:",
            "oci-archive:",
            "dir:/x",
            "docker-daemon:x",
            "UPPER/x:y:z",
        ] {
            assert_eq!(Place::parse(bad).unwrap_err().kind(), Kind::Usage, "{bad}");
        }
    }
}
