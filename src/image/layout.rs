//! The two documents of an OCI image layout, `oci-layout` and `index.json`: read and written here alone.
//!
//! <https://github.com/opencontainers/image-spec/blob/main/image-layout.md>. What another tool wrote into the index
//! stays, understood or not.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Descriptor;
use super::manifest::OCI_INDEX;

pub const INDEX: &str = "index.json";
pub const MARKER: &str = "oci-layout";
const VERSION: &str = "1.0.0";

/// Why a document of a layout cannot be read.
#[derive(Debug)]
pub enum Unreadable {
    NotValid(serde_json::Error),
    /// It has this version, and not the one that is known.
    Version {
        is: String,
        known: &'static str,
    },
}

#[derive(Deserialize)]
struct Marker {
    #[serde(rename = "imageLayoutVersion")]
    version: String,
}

/// Reads `oci-layout`, and sees whether the layout is of the known version, or of a later one that can be read as it.
pub fn check_marker(raw: &[u8]) -> Result<(), Unreadable> {
    let marker: Marker = serde_json::from_slice(raw).map_err(Unreadable::NotValid)?;
    if marker.version == VERSION || marker.version.starts_with("1.") {
        return Ok(());
    }
    Err(Unreadable::Version {
        is: format!("{:?}", marker.version),
        known: VERSION,
    })
}

/// What `oci-layout` says.
pub fn marker() -> Vec<u8> {
    format!("{{\"imageLayoutVersion\":\"{VERSION}\"}}").into_bytes()
}

/// What `index.json` lists.
#[derive(Debug, Default)]
pub struct LayoutIndex {
    pub manifests: Vec<Descriptor>,
    pub rest: Rest,
}

/// What else stands in `index.json`.
#[derive(Debug, Default)]
pub struct Rest {
    /// Members of `manifests` that are no descriptors.
    pub strangers: Vec<Value>,
    /// The members beside `manifests`.
    members: Map<String, Value>,
}

impl LayoutIndex {
    pub fn parse(raw: &[u8]) -> Result<Self, Unreadable> {
        // Nearly always all members are descriptors; only else is each looked at by itself.
        let members = serde_json::from_slice::<Wire<Descriptor>>(raw).map(Members::Understood);
        let members = members
            .or_else(|_| serde_json::from_slice::<Wire<Value>>(raw).map(Members::Mixed))
            .map_err(Unreadable::NotValid)?;
        let mut index = Self::default();
        let schema_version = match members {
            Members::Understood(wire) => {
                index.manifests = wire.manifests.unwrap_or_default();
                index.rest.members = wire.rest;
                wire.schema_version
            }
            Members::Mixed(wire) => {
                for member in wire.manifests.unwrap_or_default() {
                    match Descriptor::deserialize(&member) {
                        Ok(descriptor) => index.manifests.push(descriptor),
                        Err(_) => index.rest.strangers.push(member),
                    }
                }
                index.rest.members = wire.rest;
                wire.schema_version
            }
        };
        match schema_version {
            // Some tools leave it out.
            None | Some(2) => Ok(index),
            Some(other) => Err(Unreadable::Version {
                is: other.to_string(),
                known: "2",
            }),
        }
    }
}

impl Rest {
    /// `index.json` with these manifests and what stood beside them.
    pub fn written_with<'a>(&'a self, manifests: impl Iterator<Item = &'a Descriptor>) -> serde_json::Result<Vec<u8>> {
        let mut rest = self.members.clone();
        rest.entry("mediaType").or_insert_with(|| OCI_INDEX.into());
        let strangers = self.strangers.iter().map(Member::Stranger);
        serde_json::to_vec(&Wire {
            schema_version: Some(2),
            rest,
            manifests: Some(manifests.map(Member::Ours).chain(strangers).collect()),
        })
    }
}

/// The document, with members that are understood or not.
#[derive(Serialize, Deserialize)]
struct Wire<M> {
    #[serde(rename = "schemaVersion")]
    schema_version: Option<u64>,
    #[serde(flatten)]
    rest: Map<String, Value>,
    manifests: Option<Vec<M>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Member<'a> {
    Ours(&'a Descriptor),
    Stranger(&'a Value),
}

/// The document as it could be read.
enum Members {
    Understood(Wire<Descriptor>),
    Mixed(Wire<Value>),
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = r#"{"mediaType":"m","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2}"#;

    #[test]
    fn what_others_wrote_into_the_index_stays() {
        let text = format!(
            r#"{{"schemaVersion":2,"annotations":{{"a":"b"}},"mediaType":"x","manifests":[{ENTRY},{{"odd":1}},7]}}"#
        );
        let index = LayoutIndex::parse(text.as_bytes()).unwrap();
        assert_eq!((index.manifests.len(), index.rest.strangers.len()), (1, 2));
        let written = index.rest.written_with(index.manifests.iter()).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), text);
    }

    #[test]
    fn numbers_of_others_stay_the_same_however_often_they_are_written() {
        let text = r#"{"schemaVersion":2,"x":[18446744077509551615,0.1,1e3],"mediaType":"x","manifests":[]}"#;
        let again = |text: &[u8]| {
            LayoutIndex::parse(text)
                .unwrap()
                .rest
                .written_with([].into_iter())
                .unwrap()
        };
        let once = again(text.as_bytes());
        assert_eq!(again(&once), once);
        let numbers = |text: &[u8]| serde_json::from_slice::<Value>(text).unwrap()["x"].clone();
        assert_eq!(numbers(&once), numbers(text.as_bytes()));
    }

    #[test]
    fn absent_and_null_members_are_empty_ones() {
        for text in [
            "{}",
            r#"{"schemaVersion":null,"manifests":null}"#,
            r#"{"schemaVersion":2}"#,
        ] {
            assert!(
                LayoutIndex::parse(text.as_bytes()).unwrap().manifests.is_empty(),
                "{text}"
            );
        }
        let written = Rest::default().written_with([].into_iter()).unwrap();
        let expected = format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[]}}"#);
        assert_eq!(String::from_utf8(written).unwrap(), expected);
    }

    #[test]
    fn another_version_and_nonsense_are_refused() {
        let version = |it: Result<_, Unreadable>| matches!(it, Err(Unreadable::Version { .. }));
        assert!(version(LayoutIndex::parse(br#"{"schemaVersion":3}"#).map(drop)));
        assert!(version(check_marker(br#"{"imageLayoutVersion":"2.0.0"}"#)));
        assert!(matches!(check_marker(b"nonsense"), Err(Unreadable::NotValid(_))));
        assert!(matches!(LayoutIndex::parse(b"[]"), Err(Unreadable::NotValid(_))));
        check_marker(&marker()).unwrap();
        check_marker(br#"{"imageLayoutVersion":"1.1.0"}"#).unwrap();
    }
}
