//! Manifests and indexes, kept as the very bytes they came in.

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::spelling::Spelled;
use super::{Descriptor, Digest, Digester, Platform, null};
use crate::error::{Clue, Error, Kind, Result};

pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Asked for only to be able to say that it is obsolete.
pub const DOCKER_SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

/// The largest manifest that is read: 8 MiB, twice what the distribution spec asks every client to take.
pub const MAX_SIZE: usize = 8 << 20;

/// A manifest or index; `raw` is what is stored and sent.
#[derive(Debug, Clone)]
pub struct Manifest {
    pub descriptor: Descriptor,
    pub raw: Bytes,
    pub body: Body,
}

#[derive(Debug, Clone)]
pub enum Body {
    Image(Box<ImageManifest>),
    Index(Index),
}

/// One image: its config and its layers, base first.
#[derive(Debug, Clone, Deserialize)]
pub struct ImageManifest {
    pub config: Descriptor,
    #[serde(default, deserialize_with = "null::or_default")]
    pub layers: Vec<Descriptor>,
}

/// Images for several platforms, and what is said about them.
#[derive(Debug, Clone, Deserialize)]
pub struct Index {
    #[serde(deserialize_with = "null::or_default")]
    pub manifests: Vec<Descriptor>,
}

/// What a document says of itself, before it is believed.
#[derive(Deserialize)]
struct Claims {
    #[serde(rename = "schemaVersion")]
    schema_version: Option<u64>,
    #[serde(rename = "mediaType")]
    media_type: Option<String>,
    #[serde(default)]
    manifests: Children,
    layers: Option<IgnoredAny>,
    config: Option<IgnoredAny>,
    #[serde(rename = "fsLayers")]
    fs_layers: Option<IgnoredAny>,
}

/// Whether a document has a list of children. Go writes `null` for one without any.
#[derive(Default, PartialEq, Eq)]
enum Children {
    #[default]
    Absent,
    Null,
    Listed,
}

impl<'de> Deserialize<'de> for Children {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let list: Option<IgnoredAny> = Option::deserialize(deserializer)?;
        Ok(list.map_or(Self::Null, |_| Self::Listed))
    }
}

impl Manifest {
    /// Reads a manifest and checks that it is what it claims: that the `Content-Type` it came with, its own
    /// `mediaType` and its members agree (CVE-2021-41190), and that it hashes to `expected`.
    pub fn parse(raw: Bytes, content_type: Option<&str>, expected: Option<&Digest>) -> Result<Self> {
        let digest = match expected {
            None => Digest::of(&raw),
            Some(expected) => {
                let mut digester = Digester::new(expected.algorithm());
                digester.update(&raw);
                let actual = digester.finish();
                if actual != *expected {
                    return Err(corrupt(format!(
                        "manifest verification failed for digest {expected}: the bytes hash to {actual}"
                    )));
                }
                actual
            }
        };
        let claims: Claims =
            serde_json::from_slice(&raw).map_err(|e| corrupt("the manifest is not valid JSON").caused_by(e))?;
        let invalid = |e: serde_json::Error| corrupt(format!("the manifest {digest} is not valid")).caused_by(e);
        let Spelled = serde_json::from_slice(&raw).map_err(invalid)?;
        let media_type = agreed_type(&claims, content_type)?;
        let body = match media_type.as_str() {
            OCI_INDEX | DOCKER_LIST => Body::Index(serde_json::from_slice(&raw).map_err(invalid)?),
            _ => Body::Image(serde_json::from_slice(&raw).map_err(invalid)?),
        };
        let descriptor = Descriptor::new(media_type, digest, raw.len() as u64);
        Ok(Self { descriptor, raw, body })
    }

    pub fn digest(&self) -> &Digest {
        &self.descriptor.digest
    }
}

impl Index {
    /// The child that serves `wanted` best. Attestations are never chosen.
    pub fn choose(&self, wanted: &Platform) -> Result<&Descriptor> {
        let images = || self.manifests.iter().filter(|child| !child.is_attestation());
        images()
            .filter_map(|child| {
                let distance = match &child.platform {
                    Some(platform) => platform.distance_to(wanted)?,
                    // A child that does not say may serve when nothing better does.
                    None => u32::MAX,
                };
                Some((distance, child))
            })
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, child)| child)
            .ok_or_else(|| {
                let platforms = images()
                    .filter_map(|c| c.platform.as_ref())
                    .map(ToString::to_string)
                    .collect();
                Error::new(
                    Kind::NotFound,
                    format!("no matching manifest for {wanted} in the manifest list entries"),
                )
                .with_clue(Clue::Platforms(platforms))
            })
    }
}

fn corrupt(message: impl Into<String>) -> Error {
    Error::new(Kind::Corrupt, message)
}

/// The one media type on which header, document and members agree.
fn agreed_type(claims: &Claims, content_type: Option<&str>) -> Result<String> {
    let header = content_type
        .map(|t| t.split(';').next().unwrap_or(t).trim().to_ascii_lowercase())
        .filter(|t| {
            !matches!(
                t.as_str(),
                "" | "application/json" | "application/octet-stream" | "text/plain"
            )
        });
    if claims.schema_version == Some(1) || claims.fs_layers.is_some() {
        return Err(Error::new(
            Kind::Unsupported,
            "this is a schema 1 manifest, obsolete since 2017: push the image again with a current tool",
        ));
    }
    let looks_like_image = claims.layers.is_some() || claims.config.is_some();
    if claims.manifests == Children::Listed && looks_like_image {
        return Err(corrupt("the manifest claims to be an image and an index at once"));
    }
    if let (Some(header), Some(own)) = (&header, &claims.media_type)
        && header != own
    {
        return Err(corrupt(format!(
            "the manifest says it is {own}, but was announced as {header}"
        )));
    }
    let looks_like_index = match claims.manifests {
        Children::Listed => true,
        Children::Null => !looks_like_image,
        Children::Absent => false,
    };
    let from_members = if looks_like_index { OCI_INDEX } else { OCI_MANIFEST };
    let media_type = header
        .or_else(|| claims.media_type.clone())
        .unwrap_or_else(|| from_members.into());
    let is_index = match media_type.as_str() {
        OCI_INDEX | DOCKER_LIST => true,
        OCI_MANIFEST | DOCKER_MANIFEST => false,
        other => {
            return Err(Error::new(
                Kind::Unsupported,
                format!("unsupported manifest media type and no default available: {other}"),
            ));
        }
    };
    if is_index != looks_like_index {
        return Err(corrupt(format!(
            "the manifest is said to be {media_type}, but its members are not"
        )));
    }
    Ok(media_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#""config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":2,"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}"#;

    fn parse(text: &str, content_type: Option<&str>) -> Result<Manifest> {
        Manifest::parse(Bytes::copy_from_slice(text.as_bytes()), content_type, None)
    }

    #[test]
    fn a_manifest_that_lies_about_its_type_is_refused() {
        let image = format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}",{CONFIG},"layers":[]}}"#);
        assert!(parse(&image, Some(OCI_MANIFEST)).is_ok());
        assert!(
            parse(
                &image,
                Some("application/vnd.oci.image.manifest.v1+json; charset=utf-8")
            )
            .is_ok()
        );
        assert!(parse(&image, None).is_ok());
        let refused = [
            parse(&image, Some(DOCKER_MANIFEST)),
            parse(&image, Some(OCI_INDEX)),
            parse(
                &format!(r#"{{"schemaVersion":2,{CONFIG},"layers":[],"manifests":[]}}"#),
                Some(OCI_MANIFEST),
            ),
            parse(r#"{"schemaVersion":2,"manifests":[]}"#, Some(OCI_MANIFEST)),
            parse(
                &format!(r#"{{"schemaVersion":2,{CONFIG},"layers":[]}}"#),
                Some(OCI_INDEX),
            ),
            parse("nonsense", Some(OCI_MANIFEST)),
            parse("[]", None),
        ];
        for (n, result) in refused.into_iter().enumerate() {
            assert_eq!(result.unwrap_err().kind(), Kind::Corrupt, "case {n}");
        }
    }

    #[test]
    fn a_manifest_that_docker_would_read_as_another_is_refused() {
        for text in [
            format!(r#"{{"schemaVersion":2,{CONFIG},"Layers":[]}}"#),
            format!(r#"{{"schemaVersion":2,{CONFIG},"layers":[],"MANIFESTS":[]}}"#),
            format!(r#"{{"schemaVersion":2,{CONFIG},"layers":[],"layers":[]}}"#),
            format!(r#"{{"schemaVersion":2,{CONFIG},"layers":[],"mediatype":"{OCI_MANIFEST}"}}"#),
            format!(
                r#"{{"schemaVersion":2,{}}}"#,
                CONFIG.replace("\"digest\"", "\"Digest\":\"sha256:0\",\"digest\"")
            ),
        ] {
            assert_eq!(parse(&text, None).unwrap_err().kind(), Kind::Corrupt, "{text}");
        }
        let other = format!(r#"{{"schemaVersion":2,{CONFIG},"layers":[],"x-Layers":[],"Sbom":1}}"#);
        assert!(parse(&other, None).is_ok());
    }

    #[test]
    fn null_is_a_member_without_anything_in_it() {
        let digest = Digest::of(b"x");
        let layer = format!(
            r#"{{"mediaType":null,"size":1,"digest":"{digest}","urls":null,"annotations":null,"platform":{{"os":"linux","variant":null}}}}"#
        );
        for (text, layers) in [
            (
                format!(r#"{{"schemaVersion":2,"mediaType":null,{CONFIG},"layers":[{layer}],"annotations":null}}"#),
                1,
            ),
            (
                format!(
                    r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}",{CONFIG},"layers":null,"manifests":null}}"#
                ),
                0,
            ),
        ] {
            let manifest = parse(&text, None).unwrap();
            let Body::Image(image) = &manifest.body else {
                panic!("an image: {text}")
            };
            assert_eq!(image.layers.len(), layers);
            assert_eq!(manifest.raw, text.as_bytes());
            assert_eq!(super::super::Referral::of(&manifest), None);
        }
        for text in [
            format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":null,"layers":null}}"#),
            r#"{"schemaVersion":2,"manifests":null}"#.to_owned(),
        ] {
            let parsed = parse(&text, None).unwrap();
            assert!(
                matches!(parsed.body, Body::Index(index) if index.manifests.is_empty()),
                "{text}"
            );
        }
        let no_config = parse(r#"{"schemaVersion":2,"config":null,"layers":[]}"#, Some(OCI_MANIFEST));
        assert_eq!(no_config.unwrap_err().kind(), Kind::Corrupt);
    }

    #[test]
    fn an_obsolete_or_foreign_type_is_named() {
        let schema1 = parse(r#"{"schemaVersion":1,"fsLayers":[]}"#, Some(DOCKER_SCHEMA1)).unwrap_err();
        assert!(schema1.to_string().contains("schema 1"));
        let other = parse(r#"{"schemaVersion":2,"layers":[]}"#, Some("application/x-thing")).unwrap_err();
        assert_eq!(
            other.to_string(),
            "unsupported manifest media type and no default available: application/x-thing"
        );
    }

    #[test]
    fn only_the_bytes_that_hash_to_the_digest_are_taken() {
        let text = format!(r#"{{"schemaVersion":2,{CONFIG},"layers":[]}}"#);
        let raw = Bytes::from(text.into_bytes());
        let right = Digest::of(&raw);
        assert!(Manifest::parse(raw.clone(), None, Some(&right)).is_ok());
        let wrong = Digest::of(b"other");
        assert_eq!(
            Manifest::parse(raw, None, Some(&wrong)).unwrap_err().kind(),
            Kind::Corrupt
        );
    }

    #[test]
    fn the_platform_is_chosen_and_attestations_never() {
        let child = |arch: &str, os: &str, n: u8| {
            format!(
                r#"{{"mediaType":"{OCI_MANIFEST}","size":1,"digest":"sha256:{n:064x}","platform":{{"architecture":"{arch}","os":"{os}"}}}}"#
            )
        };
        let text = format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{},{},{}]}}"#,
            child("unknown", "unknown", 1),
            child("amd64", "linux", 2),
            child("arm64", "linux", 3)
        );
        let Body::Index(index) = parse(&text, None).unwrap().body else {
            panic!("an index")
        };
        let chosen = |p: &str| {
            index
                .choose(&Platform::parse(p).unwrap())
                .map(|d| d.digest.hex()[63..].to_owned())
        };
        assert_eq!(chosen("linux/arm64").unwrap(), "3");
        assert_eq!(chosen("linux/amd64").unwrap(), "2");
        let none = chosen("linux/s390x").unwrap_err();
        assert_eq!(
            none.to_string(),
            "no matching manifest for linux/s390x in the manifest list entries"
        );
        assert_eq!(
            none.clue(),
            Some(&Clue::Platforms(vec!["linux/amd64".into(), "linux/arm64".into()]))
        );
    }
}
