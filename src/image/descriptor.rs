//! A pointer to content: media type, digest, size. Members rdock does not know survive a round trip.

use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::{Annotations, Digest, Platform, spelling};

/// <https://github.com/opencontainers/image-spec/blob/main/descriptor.md>; `size` in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Descriptor {
    #[serde(rename = "mediaType")]
    pub media_type: String,
    pub digest: Digest,
    pub size: u64,
    /// The platform, in a box, since few descriptors have one and a store has thousands of descriptors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Box<Platform>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    #[serde(skip_serializing_if = "Annotations::is_empty")]
    pub annotations: Annotations,
    /// Members nobody knows, in a box as the platform is.
    #[serde(flatten)]
    pub rest: Option<Box<Map<String, Value>>>,
}

impl Descriptor {
    pub fn new(media_type: impl Into<String>, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.into(),
            digest,
            size,
            platform: None,
            urls: Vec::new(),
            annotations: Annotations::default(),
            rest: None,
        }
    }

    /// Whether this child of an index is provenance or an SBOM, not an image
    /// (<https://docs.docker.com/build/metadata/attestations/attestation-storage/>).
    pub fn is_attestation(&self) -> bool {
        self.platform.as_deref().is_some_and(Platform::is_unknown)
            || self.annotations.get("vnd.docker.reference.type") == Some("attestation-manifest")
    }

    /// Whether the bytes live at `urls` only and must not be pushed (Windows base layers).
    pub fn is_foreign(&self) -> bool {
        !self.urls.is_empty()
            && (self.media_type.contains(".foreign.") || self.media_type.contains(".nondistributable."))
    }
}

/// Written by hand: serde's `flatten` keeps every member in between, which takes three times as long, and the index of
/// a store may hold ten thousand descriptors.
impl<'de> Deserialize<'de> for Descriptor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Descriptor;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a descriptor")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Descriptor, A::Error> {
        let (mut media_type, mut digest, mut size): (Member<String>, Member<Digest>, Member<u64>) = (None, None, None);
        let (mut platform, mut annotations): (Member<Box<Platform>>, Member<Annotations>) = (None, None);
        let mut urls: Member<Vec<Option<String>>> = None;
        let mut rest: Option<Box<Map<String, Value>>> = None;
        while let Some(key) = map.next_key::<Key>()? {
            match key {
                Key::MediaType => once(&mut media_type, "mediaType", &mut map)?,
                Key::Digest => once(&mut digest, "digest", &mut map)?,
                Key::Size => once(&mut size, "size", &mut map)?,
                Key::Platform => once(&mut platform, "platform", &mut map)?,
                Key::Urls => once(&mut urls, "urls", &mut map)?,
                Key::Annotations => once(&mut annotations, "annotations", &mut map)?,
                Key::Other(name) => drop(rest.get_or_insert_default().insert(name, map.next_value()?)),
            }
        }
        Ok(Descriptor {
            media_type: media_type.flatten().unwrap_or_default(),
            digest: digest.flatten().ok_or_else(|| A::Error::missing_field("digest"))?,
            size: size.flatten().ok_or_else(|| A::Error::missing_field("size"))?,
            platform: platform.flatten(),
            urls: urls
                .flatten()
                .unwrap_or_default()
                .into_iter()
                .map(Option::unwrap_or_default)
                .collect(),
            annotations: annotations.flatten().unwrap_or_default(),
            rest,
        })
    }
}

/// A member that may not be there, or be `null`.
type Member<T> = Option<Option<T>>;

/// Takes the member's value, which must not have come before.
fn once<'de, A: MapAccess<'de>, T: Deserialize<'de>>(
    place: &mut Member<T>,
    name: &'static str,
    map: &mut A,
) -> Result<(), A::Error> {
    if place.replace(map.next_value()?).is_some() {
        return Err(A::Error::duplicate_field(name));
    }
    Ok(())
}

/// The members that mean something here.
const KNOWN: [&str; 6] = ["mediaType", "digest", "size", "platform", "urls", "annotations"];

enum Key {
    MediaType,
    Digest,
    Size,
    Platform,
    Urls,
    Annotations,
    Other(String),
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_identifier(KeyText)
    }
}

struct KeyText;

impl Visitor<'_> for KeyText {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Key, E> {
        Ok(match text {
            "mediaType" => Key::MediaType,
            "digest" => Key::Digest,
            "size" => Key::Size,
            "platform" => Key::Platform,
            "urls" => Key::Urls,
            "annotations" => Key::Annotations,
            other => {
                spelling::check(other, &KNOWN)?;
                Key::Other(other.to_owned())
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_reads_back_as_it_was_with_members_nobody_knows() {
        let digest = Digest::of(b"x");
        let text = format!(
            r#"{{"mediaType":"a/b","digest":"{digest}","size":7,"platform":{{"architecture":"arm64","os":"linux","os.version":"1","variant":"v8","os.features":["x"]}},"urls":["u"],"annotations":{{"a":"b"}},"data":"e30=","x.org/more":[1,{{"y":null}}]}}"#
        );
        let descriptor: Descriptor = serde_json::from_str(&text).unwrap();
        assert_eq!(descriptor.rest.as_ref().map(|rest| rest.len()), Some(2));
        assert_eq!(serde_json::to_string(&descriptor).unwrap(), text);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(Descriptor::deserialize(&value).unwrap(), descriptor);
        let bare = format!(r#"{{"digest":"{digest}","size":7}}"#);
        let nulls = format!(
            r#"{{"mediaType":null,"digest":"{digest}","size":7,"platform":null,"urls":null,"annotations":null}}"#
        );
        for empty in [bare, nulls] {
            let read: Descriptor = serde_json::from_str(&empty).unwrap();
            assert_eq!(read, Descriptor::new("", digest.clone(), 7));
        }
        for bad in [
            r#"{"size":1}"#.to_owned(),
            format!(r#"{{"digest":"{digest}"}}"#),
            format!(r#"{{"digest":"{digest}","size":-1}}"#),
            format!(r#"{{"digest":"{digest}","size":null}}"#),
            r#"{"digest":null,"size":1}"#.to_owned(),
            format!(r#"{{"digest":"{digest}","size":1,"size":2}}"#),
            r#"{"digest":"md5:abc","size":1}"#.to_owned(),
            format!(r#"{{"digest":"{digest}","size":1,"Digest":"{digest}"}}"#),
            format!(r#"{{"digest":"{digest}","size":1,"URLS":[]}}"#),
            "[]".to_owned(),
        ] {
            assert!(serde_json::from_str::<Descriptor>(&bad).is_err(), "{bad}");
        }
    }
}
