//! Manifests that say something about another one: signatures, SBOMs, attestations
//! (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers>).

use serde::Deserialize;
use serde_json::Value;

use super::manifest::Manifest;
use super::{Annotations, Descriptor, Digest, null};

/// A manifest's word that it belongs to another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referral {
    /// What it speaks of.
    pub subject: Digest,
    /// The manifest itself, as a list of referrers shows it.
    pub referrer: Descriptor,
}

#[derive(Deserialize)]
struct Wire {
    subject: Option<Subject>,
    #[serde(rename = "artifactType")]
    artifact_type: Option<String>,
    config: Option<Config>,
    #[serde(default, deserialize_with = "null::or_default")]
    annotations: Annotations,
}

#[derive(Deserialize)]
struct Subject {
    digest: Digest,
}

#[derive(Deserialize)]
struct Config {
    #[serde(rename = "mediaType", default, deserialize_with = "null::or_default")]
    media_type: String,
}

impl Referral {
    /// None for a manifest that speaks of no other.
    pub fn of(manifest: &Manifest) -> Option<Self> {
        let wire: Wire = serde_json::from_slice(&manifest.raw).ok()?;
        let mut referrer = manifest.descriptor.clone();
        referrer.annotations = wire.annotations;
        let artifact_type = wire.artifact_type.filter(|it| !it.is_empty());
        if let Some(artifact_type) = artifact_type.or(wire.config.map(|config| config.media_type)) {
            referrer
                .rest
                .get_or_insert_default()
                .insert("artifactType".to_owned(), Value::String(artifact_type));
        }
        Some(Self {
            subject: wire.subject?.digest,
            referrer,
        })
    }
}

/// The tag that lists the referrers of a manifest where the registry has no call for it.
pub fn fallback_tag(subject: &Digest) -> String {
    let algorithm = subject.algorithm().name();
    let hex = subject.hex();
    format!("{algorithm:.32}-{hex:.64}")
}

/// Whether this is the tag of such a list.
pub fn is_fallback_tag(tag: &str) -> bool {
    let hex = tag.strip_prefix("sha256-").or_else(|| tag.strip_prefix("sha512-"));
    hex.is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn referral(text: &str) -> Option<Referral> {
        let manifest = Manifest::parse(Bytes::copy_from_slice(text.as_bytes()), None, None).unwrap();
        Referral::of(&manifest)
    }

    #[test]
    fn a_referrer_is_listed_by_its_artifact_type_or_its_config_s() {
        let digest = Digest::of(b"subject");
        let subject = format!(r#""subject":{{"mediaType":"x","size":1,"digest":"{digest}"}}"#);
        let config = format!(r#""config":{{"mediaType":"application/x-config","size":2,"digest":"{digest}"}}"#);
        let with = |rest: &str| referral(&format!(r#"{{"schemaVersion":2,{config},"layers":[]{rest}}}"#));
        let plain = with(&format!(r#","annotations":{{"a":"b"}},{subject}"#)).unwrap();
        assert_eq!(plain.subject, digest);
        assert_eq!(plain.referrer.rest.unwrap()["artifactType"], "application/x-config");
        assert_eq!(plain.referrer.annotations.get("a"), Some("b"));
        let typed = with(&format!(r#","artifactType":"application/x-sbom",{subject}"#)).unwrap();
        assert_eq!(typed.referrer.rest.unwrap()["artifactType"], "application/x-sbom");
        assert_eq!(with(""), None);
        let nulls = with(&format!(r#","artifactType":null,"annotations":null,{subject}"#)).unwrap();
        assert!(nulls.referrer.annotations.is_empty());
    }

    #[test]
    fn the_fallback_tag_is_the_digest_with_a_dash() {
        let digest = Digest::of(b"subject");
        let tag = fallback_tag(&digest);
        assert_eq!(tag, digest.as_str().replace(':', "-"));
        assert!(is_fallback_tag(&tag));
        for other in ["latest", "sha256-12", &format!("{tag}.sig")] {
            assert!(!is_fallback_tag(other), "{other}");
        }
    }
}
