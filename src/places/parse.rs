//! How places are spelled and opened, one line each: plain names are on a registry, the rest has a prefix.

use std::path::PathBuf;

use super::archive::{ArchiveFile, UnpackedArchive};
use super::ends::{Answer, Destination, Means, Origin};
use super::layout::LayoutFolder;
use super::place::{Place, Sort, Takes};
use super::registry::OnRegistry;
use super::store::InStore;
use crate::error::{Error, Kind, Result};
use crate::image::Reference;

/// What stands before a path, as skopeo spells it (containers-transports(5)).
#[rustfmt::skip]
static SORTS: [&Spelling; 5] = [
    &Spelling::of_paths("oci:", Takes::ManyImages, LayoutFolder::origin, LayoutFolder::destination),
    &Spelling::of_paths("oci-archive:", Takes::OneImage, UnpackedArchive::origin, ArchiveFile::destination),
    &Spelling::of_paths("docker-archive:", Takes::OneImage, UnpackedArchive::origin, ArchiveFile::destination),
    &STORE,
    &REGISTRY,
];
static STORE: Spelling = Spelling::of_names("rdock-store:", InStore::origin, InStore::destination);
/// The place that a text without a prefix means: the last of all, since every text begins with nothing.
static REGISTRY: Spelling = Spelling::of_names("", OnRegistry::origin, OnRegistry::destination);
/// What a name on a registry may begin with.
const SCHEME: &str = "docker://";
/// Places that others know and rdock does not.
const STRANGERS: [&str; 5] = ["dir:", "docker-daemon:", "containers-storage:", "ostree:", "tarball:"];

type OpenOrigin = for<'a> fn(&'a Place, &'a Means<'a>) -> Answer<'a, Box<dyn Origin>>;
type OpenDestination = for<'a> fn(&'a Place, &'a Means<'a>) -> Result<Box<dyn Destination>>;

/// A sort of places, and how they are opened.
struct Spelling {
    sort: Sort,
    /// What stands behind the prefix.
    has: Behind,
    origin: OpenOrigin,
    destination: OpenDestination,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behind {
    Name,
    Path,
}

impl Spelling {
    const fn of_paths(prefix: &'static str, takes: Takes, origin: OpenOrigin, destination: OpenDestination) -> Self {
        Self {
            sort: Sort { prefix, takes },
            has: Behind::Path,
            origin,
            destination,
        }
    }

    const fn of_names(prefix: &'static str, origin: OpenOrigin, destination: OpenDestination) -> Self {
        let takes = Takes::ManyImages;
        Self {
            sort: Sort { prefix, takes },
            has: Behind::Name,
            origin,
            destination,
        }
    }
}

/// Reads a place as it is typed.
pub fn parse(text: &str) -> Result<Place> {
    if let Some(stranger) = STRANGERS.iter().find(|prefix| text.starts_with(*prefix)) {
        let message = format!("rdock copies no {stranger} images: name a registry, oci:DIR or oci-archive:FILE");
        return Err(Error::new(Kind::Usage, message));
    }
    let Spelling { sort, has, .. } = spelled(text);
    let rest = &text[sort.prefix.len()..];
    if *has == Behind::Path {
        let (path, label) = split(sort, text, rest)?;
        return Ok(Place::Path { sort, path, label });
    }
    let name = rest.strip_prefix(SCHEME).unwrap_or(rest);
    Reference::parse(name).map(|name| Place::Named { sort, name })
}

/// A name on its registry.
pub fn on_registry(name: Reference) -> Place {
    let sort = &REGISTRY.sort;
    Place::Named { sort, name }
}

/// A name in the store.
pub fn in_store(name: Reference) -> Place {
    let sort = &STORE.sort;
    Place::Named { sort, name }
}

/// Whether this text means a place that takes one image and nothing that refers to it.
pub fn is_archive(text: &str) -> bool {
    spelled(text).sort.takes == Takes::OneImage
}

/// Whether this text means a place of this machine.
pub fn is_local(text: &str) -> bool {
    !spelled(text).sort.prefix.is_empty()
}

fn spelled(text: &str) -> &'static Spelling {
    let found = SORTS.iter().find(|it| text.starts_with(it.sort.prefix));
    found.copied().unwrap_or(&REGISTRY)
}

/// Opens a place to read from.
pub async fn origin(place: &Place, means: &Means<'_>) -> Result<Box<dyn Origin>> {
    (spelled(place.sort().prefix).origin)(place, means).await
}

/// Opens a place to write to. Nothing is touched yet.
pub fn destination(place: &Place, means: &Means<'_>) -> Result<Box<dyn Destination>> {
    (spelled(place.sort().prefix).destination)(place, means)
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
            ("rdock-store:docker.io/library/nginx:1", "rdock-store:nginx:1"),
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
