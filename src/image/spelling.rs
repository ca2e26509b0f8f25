//! Names of members that mean one thing to us and another to docker.

use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The members of manifests and indexes.
const OF_MANIFESTS: [&str; 9] = [
    "schemaVersion",
    "mediaType",
    "config",
    "layers",
    "manifests",
    "subject",
    "annotations",
    "artifactType",
    "fsLayers",
];

/// Refuses a name that differs from a known one in the case of its letters only: Go takes it for that one, and the same
/// bytes would be two images (as in CVE-2021-41190).
pub(super) fn check<E: Error>(name: &str, known: &[&str]) -> Result<(), E> {
    let meant = known
        .iter()
        .find(|known| known.eq_ignore_ascii_case(name) && **known != name);
    match meant {
        None => Ok(()),
        Some(meant) => Err(E::custom(format!("it has {name:?}, which some read as {meant:?}"))),
    }
}

/// A manifest whose members are spelled in one way alone.
pub(super) struct Spelled;

impl<'de> Deserialize<'de> for Spelled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Names)
    }
}

struct Names;

impl<'de> Visitor<'de> for Names {
    type Value = Spelled;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a manifest")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Spelled, A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            check(&name, &OF_MANIFESTS)?;
            map.next_value::<IgnoredAny>()?;
        }
        Ok(Spelled)
    }
}
