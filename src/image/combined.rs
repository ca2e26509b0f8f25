//! The index that `buildx imagetools create` makes of images and indexes, byte for byte as buildx does, so that both
//! give the same digest (<https://github.com/docker/buildx/blob/v0.24.0/util/imagetools/create.go>).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::manifest::{DOCKER_LIST, OCI_INDEX};
use super::manifest_list::Spec;
use super::narrowed::SPEAKS_OF;
use super::{Annotations, Body, Descriptor, Digest, Manifest, Platform, go_json, null};
use crate::error::{Error, Kind, Result};

/// What is said of the index, or of what it lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    pub about: About,
    pub key: String,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    Index,
    /// Its members, or those for one platform.
    Members(Option<Platform>),
}

/// An index, and whether it is of docker's sort, which holds no annotations.
#[derive(Debug, Clone)]
pub struct Combined {
    pub index: Manifest,
    pub leaves_annotations_out: bool,
}

/// `ocispec.Index`.
#[derive(Serialize)]
struct Index<'a> {
    #[serde(rename = "schemaVersion")]
    schema_version: u8,
    #[serde(rename = "mediaType")]
    media_type: &'a str,
    manifests: Vec<Member<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'a str, &'a str>,
}

/// `ocispec.Descriptor`.
#[derive(Serialize)]
struct Member<'a> {
    #[serde(rename = "mediaType")]
    media_type: &'a str,
    digest: &'a Digest,
    size: u64,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    urls: &'a [String],
    #[serde(skip_serializing_if = "Annotations::is_empty")]
    annotations: &'a Annotations,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<Spec<'a>>,
    #[serde(rename = "artifactType", skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'a Value>,
}

impl<'a> Member<'a> {
    fn of(it: &'a Descriptor) -> Self {
        let rest = |name: &str| it.rest.as_ref().and_then(|rest| rest.get(name));
        Self {
            media_type: &it.media_type,
            digest: &it.digest,
            size: it.size,
            urls: &it.urls,
            annotations: &it.annotations,
            data: rest("data"),
            platform: it.platform.as_deref().map(|platform| Spec::of(Some(platform))),
            artifact_type: rest("artifactType"),
        }
    }
}

/// The index of these members, each once: what is said of one that comes again counts, and is added.
pub fn combine(members: impl IntoIterator<Item = Descriptor>, annotations: &[Annotation]) -> Result<Combined> {
    let mut list: Vec<Descriptor> = Vec::new();
    for member in members {
        match list.iter_mut().find(|known| known.digest == member.digest) {
            Some(known) => {
                for (key, text) in member.annotations.iter() {
                    known.annotations.insert(key, text);
                }
                known.platform = member.platform.or_else(|| known.platform.take());
            }
            None => list.push(member),
        }
    }
    let is_docker_s = |it: &Descriptor| it.media_type.starts_with("application/vnd.docker.");
    let media_type = if list.iter().all(is_docker_s) {
        DOCKER_LIST
    } else {
        OCI_INDEX
    };
    let mut of_index = BTreeMap::new();
    if media_type == OCI_INDEX {
        for Annotation { about, key, text } in annotations {
            match about {
                About::Index => drop(of_index.insert(key.as_str(), text.as_str())),
                About::Members(wanted) => {
                    let is_meant = |it: &&mut Descriptor| {
                        let fits = |wanted| it.platform.as_ref().and_then(|own| own.distance_to(wanted)) == Some(0);
                        wanted.as_ref().is_none_or(fits)
                    };
                    list.iter_mut()
                        .filter(is_meant)
                        .for_each(|it| it.annotations.insert(key, text));
                }
            }
        }
    }
    Ok(Combined {
        index: written(media_type, list.iter(), of_index)?,
        leaves_annotations_out: media_type == DOCKER_LIST && !annotations.is_empty(),
    })
}

/// What an index says of itself.
#[derive(Deserialize)]
struct Said {
    #[serde(default, deserialize_with = "null::or_default")]
    annotations: BTreeMap<String, String>,
}

/// The index with the members for these platforms, what speaks of them, and what is for none; the same where that is all.
pub fn for_platforms(whole: &Manifest, platforms: &[Platform]) -> Result<Manifest> {
    let Body::Index(body) = &whole.body else {
        return Ok(whole.clone());
    };
    let is_wanted = |it: &Descriptor| {
        let fits = |own: &Platform| platforms.iter().any(|wanted| own.distance_to(wanted) == Some(0));
        it.platform.as_deref().is_none_or(fits)
    };
    let subject = |it: &Descriptor| {
        let digest = Digest::parse(it.annotations.get(SPEAKS_OF)?).ok()?;
        body.manifests.iter().find(|image| image.digest == digest)
    };
    let stays = |it: &&Descriptor| match subject(it) {
        Some(image) if it.is_attestation() => is_wanted(image),
        _ => is_wanted(it),
    };
    let list: Vec<&Descriptor> = body.manifests.iter().filter(stays).collect();
    if list.is_empty() {
        let message = "none of the manifests match the provided platforms";
        return Err(Error::new(Kind::NotFound, message));
    }
    if list.len() == body.manifests.len() {
        return Ok(whole.clone());
    }
    let broken = |e| Error::new(Kind::Corrupt, "the index is not valid JSON").caused_by(e);
    let said: Said = serde_json::from_slice(&whole.raw).map_err(broken)?;
    let own = said.annotations.iter().map(|(key, text)| (key.as_str(), text.as_str()));
    written(&whole.descriptor.media_type, list.into_iter(), own.collect())
}

fn written<'a>(
    media_type: &'a str,
    members: impl Iterator<Item = &'a Descriptor>,
    annotations: BTreeMap<&'a str, &'a str>,
) -> Result<Manifest> {
    let index = Index {
        schema_version: 2,
        media_type,
        manifests: members.map(Member::of).collect(),
        annotations,
    };
    // Nothing in it can fail to serialise.
    let text = serde_json::to_string(&index).unwrap_or_default();
    let text = go_json::indented(&go_json::embedded(&text), "  ");
    Manifest::parse(text.into(), Some(media_type), None)
}

/// The platform of a config as containerd writes it into an index: without the variant that goes without saying.
pub fn as_listed(mut platform: Platform) -> Platform {
    platform.rest.clear();
    platform.os_version.clear();
    match (platform.architecture.as_str(), platform.variant.as_str()) {
        ("arm64", "8" | "v8") | ("amd64", "v1") => platform.variant.clear(),
        ("arm", "" | "7") => "v7".clone_into(&mut platform.variant),
        ("arm", variant @ ("5" | "6" | "8")) => platform.variant = format!("v{variant}"),
        _ => {}
    }
    platform
}

#[cfg(test)]
mod tests {
    use super::super::manifest::{DOCKER_MANIFEST, OCI_MANIFEST};
    use super::*;

    fn member(media_type: &str, content: &str, platform: &str) -> Descriptor {
        let mut member = Descriptor::new(media_type, Digest::of(content.as_bytes()), 7);
        member.platform = Some(Box::new(as_listed(Platform::parse(platform).unwrap())));
        member
    }

    fn annotation(about: About, key: &str, text: &str) -> Annotation {
        let (key, text) = (key.to_owned(), text.to_owned());
        Annotation { about, key, text }
    }

    #[test]
    fn the_text_is_as_go_writes_it() {
        let members = [
            member(OCI_MANIFEST, "a", "linux/arm64"),
            member(OCI_MANIFEST, "b", "linux/arm/v6"),
        ];
        let arm64 = Platform::parse("linux/arm64").unwrap();
        let annotations = [
            annotation(About::Index, "title", "<x>"),
            annotation(About::Members(Some(arm64)), "of", "one"),
        ];
        let combined = combine(members, &annotations).unwrap();
        assert!(!combined.leaves_annotations_out);
        let expected = r#"{
  "schemaVersion": 2,
  "mediaType": "application/vnd.oci.image.index.v1+json",
  "manifests": [
    {
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "digest": "sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
      "size": 7,
      "annotations": {
        "of": "one"
      },
      "platform": {
        "architecture": "arm64",
        "os": "linux"
      }
    },
    {
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "digest": "sha256:3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d",
      "size": 7,
      "platform": {
        "architecture": "arm",
        "os": "linux",
        "variant": "v6"
      }
    }
  ],
  "annotations": {
    "title": "\u003cx\u003e"
  }
}"#;
        assert_eq!(combined.index.raw, expected.as_bytes());
    }

    #[test]
    fn images_of_docker_s_sort_make_a_list_that_holds_no_annotations() {
        let docker = || member(DOCKER_MANIFEST, "a", "linux/amd64");
        let annotations = [annotation(About::Index, "a", "b")];
        let list = combine([docker(), docker()], &annotations).unwrap();
        assert_eq!(list.index.descriptor.media_type, DOCKER_LIST);
        assert!(list.leaves_annotations_out);
        assert_eq!(String::from_utf8_lossy(&list.index.raw).matches("digest").count(), 1);
        let mixed = combine([docker(), member(OCI_MANIFEST, "b", "linux/386")], &annotations).unwrap();
        assert_eq!(mixed.index.descriptor.media_type, OCI_INDEX);
    }
}
