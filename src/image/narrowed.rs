//! An index without some of its images, as `save`, `load` and `rmi` with `--platform` leave it.

use serde_json::Value;

use super::{Body, Descriptor, Digest, Index, Manifest, Platform};
use crate::error::{Error, Kind, Result};

/// Names the image that an attestation speaks of
/// (<https://docs.docker.com/build/metadata/attestations/attestation-storage/>).
pub const SPEAKS_OF: &str = "vnd.docker.reference.digest";

/// What stays of an index.
#[derive(Debug, Clone)]
pub enum Narrowed {
    Whole,
    /// A new index of some of its members, as they were.
    Part(Box<Manifest>),
    One(Descriptor),
    Nothing,
}

/// The images of an index that serve these platforms, each once.
pub fn for_platforms<'a>(index: &'a Index, platforms: &[Platform]) -> Result<Vec<&'a Descriptor>> {
    let mut chosen: Vec<&Descriptor> = Vec::new();
    for platform in platforms {
        let child = index.choose(platform)?;
        if !chosen.iter().any(|known| known.digest == child.digest) {
            chosen.push(child);
        }
    }
    Ok(chosen)
}

/// The index with those of its images that are kept, and with what speaks of them.
pub fn keep(manifest: &Manifest, is_kept: impl Fn(&Digest) -> bool) -> Result<Narrowed> {
    let Body::Index(index) = &manifest.body else {
        return Ok(Narrowed::Whole);
    };
    let stays = |child: &Descriptor| match child.annotations.get(SPEAKS_OF) {
        Some(subject) if child.is_attestation() => Digest::parse(subject).is_ok_and(|image| is_kept(&image)),
        _ => is_kept(&child.digest),
    };
    let places: Vec<usize> = (0..index.manifests.len())
        .filter(|place| stays(&index.manifests[*place]))
        .collect();
    let images_that_stay = || {
        index
            .manifests
            .iter()
            .filter(|child| !child.is_attestation() && stays(child))
    };
    if places.len() == index.manifests.len() {
        return Ok(Narrowed::Whole);
    }
    match (images_that_stay().next(), images_that_stay().count()) {
        (None, _) => Ok(Narrowed::Nothing),
        (Some(only), 1) => Ok(Narrowed::One(only.clone())),
        _ => Ok(Narrowed::Part(Box::new(with_members(manifest, &places)?))),
    }
}

/// The same document with fewer members; nothing else of it changes.
fn with_members(manifest: &Manifest, places: &[usize]) -> Result<Manifest> {
    let broken = |e| Error::new(Kind::Corrupt, "the index is not valid JSON").caused_by(e);
    let mut document: Value = serde_json::from_slice(&manifest.raw).map_err(broken)?;
    if let Some(members) = document["manifests"].as_array_mut() {
        *members = places.iter().filter_map(|place| members.get(*place).cloned()).collect();
    }
    let raw = serde_json::to_vec(&document).map_err(broken)?;
    Manifest::parse(raw.into(), Some(&manifest.descriptor.media_type), None)
}

#[cfg(test)]
mod tests {
    use super::super::manifest::{OCI_INDEX, OCI_MANIFEST};
    use super::*;

    fn index() -> Manifest {
        let child = |content: &str, platform: &str, more: &str| {
            let digest = Digest::of(content.as_bytes());
            let (os, architecture) = platform.split_once('/').unwrap();
            format!(
                r#"{{"mediaType":"{OCI_MANIFEST}","digest":"{digest}","size":1,"platform":{{"os":"{os}","architecture":"{architecture}"}}{more}}}"#
            )
        };
        let speaks_of = |content: &str| {
            format!(
                r#","annotations":{{"{SPEAKS_OF}":"{}"}}"#,
                Digest::of(content.as_bytes())
            )
        };
        let members = [
            child("a", "linux/amd64", ""),
            child("b", "linux/arm64", ""),
            child("c", "linux/s390x", ""),
            child("x", "unknown/unknown", &speaks_of("a")),
            child("y", "unknown/unknown", &speaks_of("c")),
        ];
        let text = format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{}],"annotations":{{"z":"z"}}}}"#,
            members.join(",")
        );
        Manifest::parse(text.into(), None, None).unwrap()
    }

    fn kept(contents: &[&str]) -> Narrowed {
        let images: Vec<Digest> = contents.iter().map(|content| Digest::of(content.as_bytes())).collect();
        keep(&index(), |digest| images.contains(digest)).unwrap()
    }

    #[test]
    fn what_speaks_of_an_image_stays_with_it() {
        let Narrowed::Part(part) = kept(&["a", "b"]) else {
            panic!("a part")
        };
        let Body::Index(index) = &part.body else {
            panic!("an index")
        };
        let digests: Vec<&Digest> = index.manifests.iter().map(|child| &child.digest).collect();
        assert_eq!(digests, [&Digest::of(b"a"), &Digest::of(b"b"), &Digest::of(b"x")]);
        assert!(String::from_utf8_lossy(&part.raw).ends_with(r#""annotations":{"z":"z"}}"#));
    }

    #[test]
    fn one_image_needs_no_index() {
        assert!(matches!(kept(&["a"]), Narrowed::One(only) if only.digest == Digest::of(b"a")));
        assert!(matches!(kept(&["nothing of it"]), Narrowed::Nothing));
        assert!(matches!(kept(&["a", "b", "c"]), Narrowed::Whole));
    }

    #[test]
    fn each_platform_is_served_once_or_is_missed() {
        let index = index();
        let Body::Index(index) = &index.body else {
            panic!("an index")
        };
        let platforms = ["amd64", "linux/arm64", "amd64"].map(|text| Platform::parse(text).unwrap());
        assert_eq!(for_platforms(index, &platforms).unwrap().len(), 2);
        assert!(for_platforms(index, &[Platform::parse("riscv64").unwrap()]).is_err());
    }
}
