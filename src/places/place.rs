//! The name of a place: what is typed, read.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Kind, Result};
use crate::image::Reference;

/// How many images a place can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    ManyImages,
    /// One, and nothing that refers to it.
    OneImage,
}

/// A sort of places.
#[derive(Debug)]
pub struct Sort {
    /// What stands before the name or the path.
    pub(super) prefix: &'static str,
    pub(super) takes: Takes,
}

/// The place where an image is, or is to be.
#[derive(Debug, Clone)]
pub enum Place {
    /// A name, on a registry or in the store.
    Named { sort: &'static Sort, name: Reference },
    /// A folder or a file, and which of its images.
    Path {
        sort: &'static Sort,
        path: PathBuf,
        label: Option<String>,
    },
}

impl Place {
    pub(super) fn sort(&self) -> &'static Sort {
        match self {
            Self::Named { sort, .. } | Self::Path { sort, .. } => sort,
        }
    }

    /// The tag or label; a digest for none.
    pub fn tag(&self) -> Option<&str> {
        match self {
            Self::Named { name, .. } => name.tag(),
            Self::Path { label, .. } => label.as_deref(),
        }
    }

    pub fn has_version(&self) -> bool {
        match self {
            Self::Named { name, .. } => !name.is_name_only(),
            Self::Path { label, .. } => label.is_some(),
        }
    }

    /// Whether a name is needed there to tell images apart.
    pub fn needs_version(&self) -> bool {
        !self.has_version() && self.sort().takes == Takes::ManyImages
    }

    /// The same repository, folder or file at this tag.
    pub fn at_tag(&self, tag: &str) -> Result<Self> {
        Ok(match self {
            Self::Named { sort, name } => Self::Named {
                sort,
                name: name.at_tag(tag)?,
            },
            Self::Path { sort, path, .. } => Self::Path {
                sort,
                path: path.clone(),
                label: Some(tag.to_owned()),
            },
        })
    }

    /// The name in full, as the last line of a job has it.
    pub fn in_full(&self) -> String {
        match self {
            Self::Named { sort, name } => format!("{}{name}", sort.prefix),
            Self::Path { .. } => self.to_string(),
        }
    }

    /// The reference, where images have such names.
    pub fn reference(&self) -> Option<&Reference> {
        match self {
            Self::Named { name, .. } => Some(name),
            Self::Path { .. } => None,
        }
    }

    /// The whole reference, of a place where images have such names.
    pub(super) fn name(&self) -> Result<Reference> {
        let name = self.reference().map(|name| name.clone().or_latest());
        name.ok_or_else(|| Error::new(Kind::Usage, format!("{self} is no name of an image")))
    }

    /// The path, of a place that has one.
    pub(super) fn path(&self) -> Result<&Path> {
        match self {
            Self::Path { path, .. } => Ok(path),
            Self::Named { .. } => Err(Error::new(Kind::Usage, format!("{self} is no path"))),
        }
    }

    /// The repository that `to` can have blobs linked from: this one, if it is on the same registry.
    pub fn mounted_by(&self, to: &Self) -> Option<&str> {
        let (from, name) = (self.reference()?, to.reference()?);
        let is_same = self.sort().prefix == to.sort().prefix && from.domain() == name.domain();
        is_same.then(|| from.path())
    }
}

/// The text that a person types.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sort().prefix)?;
        match self {
            Self::Named { name, .. } => f.write_str(name.familiar()),
            Self::Path { path, label, .. } => {
                write!(f, "{}", path.display())?;
                label.iter().try_for_each(|label| write!(f, ":{label}"))
            }
        }
    }
}
