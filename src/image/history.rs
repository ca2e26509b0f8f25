//! How an image was made, step by step: the `history` of its config
//! (<https://github.com/opencontainers/image-spec/blob/main/config.md#properties>).

use jiff::Timestamp;
use serde::Deserialize;

use super::null;
use crate::error::{Error, Kind, Result};

/// One step, which made a layer or changed the config alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Step {
    created: Option<String>,
    #[serde(deserialize_with = "null::or_default")]
    pub created_by: String,
    #[serde(deserialize_with = "null::or_default")]
    pub comment: String,
    #[serde(deserialize_with = "null::or_default")]
    pub empty_layer: bool,
}

impl Step {
    /// `None` when the step does not say, or says nothing readable.
    pub fn created(&self) -> Option<Timestamp> {
        self.created.as_deref()?.parse().ok()
    }

    /// The steps that a raw config tells, the oldest first.
    pub fn parse_all(config: &[u8]) -> Result<Vec<Self>> {
        #[derive(Deserialize)]
        struct Wire {
            #[serde(default, deserialize_with = "null::each_or_default")]
            history: Vec<Step>,
        }
        let wire: Wire = serde_json::from_slice(config)
            .map_err(|e| Error::new(Kind::Corrupt, "the image's history is not valid").caused_by(e))?;
        Ok(wire.history)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_may_leave_out_what_they_like() {
        let config = br#"{"history":[{"created":"2019-03-26T22:41:26Z","created_by":"ADD"},{"empty_layer":true}]}"#;
        let steps = Step::parse_all(config).unwrap();
        assert_eq!(steps[0].created().unwrap().to_string(), "2019-03-26T22:41:26Z");
        assert!(!steps[0].empty_layer && steps[1].empty_layer && steps[1].created().is_none());
        assert!(Step::parse_all(b"{}").unwrap().is_empty());
        assert!(Step::parse_all(br#"{"history":[{"comment":1}]}"#).is_err());
        let nulls = br#"{"history":[null,{"created":null,"created_by":null,"comment":null,"empty_layer":null}]}"#;
        assert_eq!(Step::parse_all(nulls).unwrap(), [Step::default(), Step::default()]);
        assert!(Step::parse_all(br#"{"history":null}"#).unwrap().is_empty());
    }
}
