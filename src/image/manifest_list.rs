//! Manifest lists and indexes as `docker manifest` makes them, byte for byte, so that both give the same digest.

use serde::Serialize;
use serde_json::Value;

use super::manifest::{DOCKER_LIST, OCI_INDEX, OCI_MANIFEST};
use super::{Descriptor, Digest, Platform, go_json};

/// The member of a platform that holds the features an image needs of its operating system.
pub const OS_FEATURES: &str = "os.features";

/// `manifestlist.ManifestList` of docker's client.
#[derive(Serialize)]
struct List<'a> {
    #[serde(rename = "schemaVersion")]
    schema_version: u8,
    #[serde(rename = "mediaType")]
    media_type: &'a str,
    manifests: Vec<Member<'a>>,
}

#[derive(Serialize)]
struct Member<'a> {
    #[serde(rename = "mediaType")]
    media_type: &'a str,
    size: u64,
    digest: &'a Digest,
    platform: Spec<'a>,
}

/// A platform with its members in docker's order.
#[derive(Serialize)]
pub struct Spec<'a> {
    architecture: &'a str,
    os: &'a str,
    #[serde(rename = "os.version", skip_serializing_if = "str::is_empty")]
    os_version: &'a str,
    #[serde(rename = "os.features", skip_serializing_if = "Vec::is_empty")]
    os_features: Vec<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    variant: &'a str,
}

impl<'a> Spec<'a> {
    pub fn of(platform: Option<&'a Platform>) -> Self {
        let Some(platform) = platform else {
            return Self {
                architecture: "",
                os: "",
                os_version: "",
                os_features: Vec::new(),
                variant: "",
            };
        };
        Self {
            architecture: &platform.architecture,
            os: &platform.os,
            os_version: &platform.os_version,
            os_features: os_features(platform),
            variant: &platform.variant,
        }
    }
}

/// The features an image needs of its operating system.
pub fn os_features(platform: &Platform) -> Vec<&str> {
    match platform.rest.get(OS_FEATURES) {
        Some(Value::Array(features)) => features.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The media type and the text of the list of these manifests. As docker has it, the first decides of which sort it is.
pub fn list(manifests: &[Descriptor]) -> (&'static str, String) {
    let is_oci = manifests.first().is_some_and(|first| first.media_type == OCI_MANIFEST);
    let media_type = if is_oci { OCI_INDEX } else { DOCKER_LIST };
    let members = manifests.iter().map(|manifest| Member {
        media_type: &manifest.media_type,
        size: manifest.size,
        digest: &manifest.digest,
        platform: Spec::of(manifest.platform.as_deref()),
    });
    let list = List {
        schema_version: 2,
        media_type,
        manifests: members.collect(),
    };
    // Nothing in it can fail to serialise: there are no maps and no numbers but integers.
    let text = serde_json::to_string(&list).unwrap_or_default();
    (media_type, go_json::indented(&go_json::embedded(&text), "   "))
}
