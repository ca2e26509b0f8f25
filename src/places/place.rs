//! The name of a place: what is typed, read.

use std::fmt;
use std::path::PathBuf;

use crate::error::Result;
use crate::image::Reference;

/// How many images a place can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    ManyImages,
    /// One, and nothing that refers to it.
    OneImage,
}

/// A sort of places with a path.
#[derive(Debug)]
pub struct Sort {
    /// What stands before the path.
    pub(super) prefix: &'static str,
    pub(super) takes: Takes,
}

/// Where an image is, or is to be.
#[derive(Debug, Clone)]
pub enum Place {
    Registry(Reference),
    /// In a folder or a file, and which of its images.
    Path {
        sort: &'static Sort,
        path: PathBuf,
        label: Option<String>,
    },
}

impl Place {
    /// The tag or label; a digest for none.
    pub fn tag(&self) -> Option<&str> {
        match self {
            Self::Registry(name) => name.tag(),
            Self::Path { label, .. } => label.as_deref(),
        }
    }

    pub fn has_version(&self) -> bool {
        match self {
            Self::Registry(name) => !name.is_name_only(),
            Self::Path { label, .. } => label.is_some(),
        }
    }

    /// Whether a name is needed there to tell images apart.
    pub fn needs_version(&self) -> bool {
        !self.has_version()
            && match self {
                Self::Registry(_) => true,
                Self::Path { sort, .. } => sort.takes == Takes::ManyImages,
            }
    }

    /// The same repository, folder or file at this tag.
    pub fn at_tag(&self, tag: &str) -> Result<Self> {
        Ok(match self {
            Self::Registry(name) => Self::Registry(name.at_tag(tag)?),
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
            Self::Registry(name) => name.to_string(),
            Self::Path { .. } => self.to_string(),
        }
    }

    /// The reference, where the place is a registry.
    pub fn reference(&self) -> Option<&Reference> {
        match self {
            Self::Registry(name) => Some(name),
            Self::Path { .. } => None,
        }
    }

    /// The repository that `to` can have blobs linked from: this one, if it is on the same registry.
    pub fn mounted_by(&self, to: &Self) -> Option<&str> {
        let (from, to) = (self.reference()?, to.reference()?);
        (from.domain() == to.domain()).then(|| from.path())
    }
}

/// As it is typed.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(name) => f.write_str(name.familiar()),
            Self::Path { sort, path, label } => {
                write!(f, "{}{}", sort.prefix, path.display())?;
                label.iter().try_for_each(|label| write!(f, ":{label}"))
            }
        }
    }
}
