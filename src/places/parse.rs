//! How places are spelled and opened: plain names are on a registry, the rest has a prefix, one line each.

use std::path::{Path, PathBuf};

use super::archive::{ArchiveFile, UnpackedArchive};
use super::ends::{Answer, Destination, Means, Origin};
use super::layout::LayoutFolder;
use super::place::{Place, Sort, Takes};
use super::registry::OnRegistry;
use crate::error::{Error, Kind, Result};
use crate::image::Reference;

/// What stands before a path, as skopeo spells it (containers-transports(5)).
static SORTS: [Spelling; 3] = [
    spelling(
        "oci:",
        Takes::ManyImages,
        LayoutFolder::origin,
        LayoutFolder::destination,
    ),
    spelling(
        "oci-archive:",
        Takes::OneImage,
        UnpackedArchive::origin,
        ArchiveFile::destination,
    ),
    spelling(
        "docker-archive:",
        Takes::OneImage,
        UnpackedArchive::origin,
        ArchiveFile::destination,
    ),
];
const REGISTRY: &str = "docker://";
/// Places that others know and rdock does not.
const STRANGERS: [&str; 5] = ["dir:", "docker-daemon:", "containers-storage:", "ostree:", "tarball:"];

type OpenOrigin = for<'a> fn(&'a Path, &'a Means<'a>) -> Answer<'a, Box<dyn Origin>>;
type OpenDestination = fn(&Path) -> Box<dyn Destination>;

/// A sort of places with a path, and how they are opened.
struct Spelling {
    sort: Sort,
    origin: OpenOrigin,
    destination: OpenDestination,
}

const fn spelling(prefix: &'static str, takes: Takes, origin: OpenOrigin, destination: OpenDestination) -> Spelling {
    Spelling {
        sort: Sort { prefix, takes },
        origin,
        destination,
    }
}

/// Reads a place as it is typed.
pub fn parse(text: &str) -> Result<Place> {
    for Spelling { sort, .. } in &SORTS {
        if let Some(rest) = text.strip_prefix(sort.prefix) {
            let (path, label) = split(sort, text, rest)?;
            return Ok(Place::Path { sort, path, label });
        }
    }
    if let Some(stranger) = STRANGERS.iter().find(|prefix| text.starts_with(*prefix)) {
        let message = format!("rdock copies no {stranger} images: name a registry, oci:DIR or oci-archive:FILE");
        return Err(Error::new(Kind::Usage, message));
    }
    let name = text.strip_prefix(REGISTRY).unwrap_or(text);
    Reference::parse(name).map(Place::Registry)
}

/// Whether this text means a place that takes one image and nothing that refers to it.
pub fn is_archive(text: &str) -> bool {
    spelled(text).is_some_and(|it| it.sort.takes == Takes::OneImage)
}

/// Whether this text means a place of this file system.
pub fn has_path(text: &str) -> bool {
    spelled(text).is_some()
}

fn spelled(text: &str) -> Option<&'static Spelling> {
    SORTS.iter().find(|it| text.starts_with(it.sort.prefix))
}

/// Opens a place to read from.
pub async fn origin(place: &Place, means: &Means<'_>) -> Result<Box<dyn Origin>> {
    match place {
        Place::Registry(name) => Ok(Box::new(OnRegistry::origin(name, means)?)),
        Place::Path { sort, path, .. } => match spelled(sort.prefix) {
            Some(spelling) => (spelling.origin)(path, means).await,
            None => Err(unknown(place)),
        },
    }
}

/// Opens a place to write to. Nothing is touched yet.
pub fn destination(place: &Place, means: &Means<'_>) -> Result<Box<dyn Destination>> {
    match place {
        Place::Registry(name) => Ok(Box::new(OnRegistry::destination(name, means)?)),
        Place::Path { sort, path, .. } => match spelled(sort.prefix) {
            Some(spelling) => Ok((spelling.destination)(path)),
            None => Err(unknown(place)),
        },
    }
}

fn unknown(place: &Place) -> Error {
    Error::new(Kind::Usage, format!("{place} is of no known sort"))
}

/// A path and what stands behind its first colon, as skopeo splits them: names in a layout may be whole references.
fn split(sort: &Sort, text: &str, rest: &str) -> Result<(PathBuf, Option<String>)> {
    let (path, label) = match rest.split_once(':') {
        Some((path, label)) => (path, Some(label)),
        None => (rest, None),
    };
    if path.is_empty() || label == Some("") {
        let prefix = sort.prefix;
        let message = format!("invalid place {text:?}: it is spelled {prefix}PATH[:NAME]");
        return Err(Error::new(Kind::Usage, message));
    }
    Ok((path.into(), label.map(str::to_owned)))
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
            assert_eq!(parse(text).unwrap().to_string(), shown);
        }
        let layout = parse("oci:/x:a:b").unwrap();
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
            assert_eq!(parse(bad).unwrap_err().kind(), Kind::Usage, "{bad}");
        }
    }
}
