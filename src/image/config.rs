//! The config blob of an image: what it runs on, when it was made, and its uncompressed layers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{Digest, Platform};
use crate::error::{Error, Kind, Result};

/// The parts of <https://github.com/opencontainers/image-spec/blob/main/config.md> that rdock shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageConfig {
    /// `None` when absent, unreadable, or Go's zero time.
    pub created: Option<Timestamp>,
    pub platform: Platform,
    /// The digest of each uncompressed layer, base first.
    pub diff_ids: Vec<Digest>,
    pub labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Wire {
    created: Option<String>,
    architecture: Option<String>,
    os: Option<String>,
    #[serde(rename = "os.version")]
    os_version: Option<String>,
    variant: Option<String>,
    rootfs: Option<RootFs>,
    config: Option<Execution>,
}

/// How to run the image; labels that are no strings are nobody's.
#[derive(Deserialize)]
struct Execution {
    #[serde(rename = "Labels")]
    labels: Option<Value>,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Option<Vec<Digest>>,
}

/// The config types whose contents must be valid.
const TYPES: [&str; 2] = [
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
];

impl ImageConfig {
    /// What stands in a config of this type; an artifact's own sort of config reads as an empty one.
    pub fn parse_as(media_type: &str, raw: &[u8]) -> Result<Self> {
        match Self::parse(raw) {
            Err(_) if !TYPES.contains(&media_type) => Ok(Self::default()),
            parsed => parsed,
        }
    }

    pub fn parse(raw: &[u8]) -> Result<Self> {
        let wire: Wire = serde_json::from_slice(raw)
            .map_err(|e| Error::new(Kind::Corrupt, "the image's config is not valid").caused_by(e))?;
        let created = wire.created.and_then(|text| text.parse::<Timestamp>().ok());
        let platform = Platform {
            architecture: wire.architecture.unwrap_or_default(),
            os: wire.os.unwrap_or_default(),
            os_version: wire.os_version.unwrap_or_default(),
            variant: wire.variant.unwrap_or_default(),
            ..Platform::default()
        };
        Ok(Self {
            created: created.filter(|t| t.as_second() > GO_ZERO_TIME),
            platform,
            diff_ids: wire.rootfs.and_then(|r| r.diff_ids).unwrap_or_default(),
            labels: wire.config.and_then(|c| c.labels).map(labels).unwrap_or_default(),
        })
    }
}

/// The chain ID of each layer, base first: the identity of a layer on top of all below it
/// (<https://github.com/opencontainers/image-spec/blob/main/config.md#layer-chainid>).
pub fn chain_ids(diff_ids: &[Digest]) -> Vec<Digest> {
    let mut chain: Vec<Digest> = Vec::with_capacity(diff_ids.len());
    for diff_id in diff_ids {
        chain.push(match chain.last() {
            None => diff_id.clone(),
            Some(below) => Digest::of(format!("{below} {diff_id}").as_bytes()),
        });
    }
    chain
}

fn labels(members: Value) -> BTreeMap<String, String> {
    let Value::Object(members) = members else {
        return BTreeMap::new();
    };
    let text = |(key, value): (String, Value)| match value {
        Value::String(value) => Some((key, value)),
        // Go has an empty text then.
        Value::Null => Some((key, String::new())),
        _ => None,
    };
    members.into_iter().filter_map(text).collect()
}

/// 0001-01-01T00:00:00Z in seconds since 1970: what Go writes for "no time".
const GO_ZERO_TIME: i64 = -62_135_596_800;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chain_ids_are_those_docker_deletes() {
        let config = ImageConfig::parse(
            br#"{"os":"linux","architecture":"amd64","created":"2019-03-26T23:14:53Z","rootfs":{"type":"layers","diff_ids":[
            "sha256:19509da889ee366a1688b31100244dd2177cfe5e0b1e0767f6d8fbb1d670622f",
            "sha256:19509da889ee366a1688b31100244dd2177cfe5e0b1e0767f6d8fbb1d670622f"]}}"#,
        )
        .unwrap();
        let chain = chain_ids(&config.diff_ids);
        assert_eq!(chain[0], config.diff_ids[0]);
        assert_eq!(
            chain[1],
            Digest::of(format!("{} {}", config.diff_ids[0], config.diff_ids[1]).as_bytes())
        );
        assert_eq!(config.platform.to_string(), "linux/amd64");
        assert_eq!(config.created.unwrap().to_string(), "2019-03-26T23:14:53Z");
    }

    #[test]
    fn null_is_a_member_that_is_not_there() {
        let nulls = [
            r#"{"created":null,"os":null,"architecture":null,"variant":null,"rootfs":null,"config":null}"#,
            r#"{"rootfs":{"diff_ids":null},"config":{"Labels":null},"history":null}"#,
        ];
        for config in nulls {
            assert_eq!(
                ImageConfig::parse(config.as_bytes()).unwrap(),
                ImageConfig::default(),
                "{config}"
            );
        }
        let label = ImageConfig::parse(br#"{"config":{"Labels":{"a":null,"b":1}}}"#).unwrap();
        assert_eq!(label.labels, BTreeMap::from([("a".to_owned(), String::new())]));
    }

    #[test]
    fn no_time_is_no_time() {
        let created = |text: &str| {
            ImageConfig::parse(format!(r#"{{"created":"{text}"}}"#).as_bytes())
                .unwrap()
                .created
        };
        assert_eq!(created("0001-01-01T00:00:00Z"), None);
        assert!(created("1970-01-01T00:00:00Z").is_some());
        assert_eq!(created("yesterday"), None);
    }
}
