//! `null` in the JSON of others. Go writes it for an empty list or map, and reads it as a member that is not there.

use serde::{Deserialize, Deserializer};

/// The value, and the empty one for `null`.
pub fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A list that may be `null`, of values that may be.
pub fn each_or_default<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    let values: Option<Vec<Option<T>>> = Option::deserialize(deserializer)?;
    Ok(values
        .unwrap_or_default()
        .into_iter()
        .map(Option::unwrap_or_default)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize, Debug, PartialEq, Default)]
    #[serde(default)]
    struct Wire {
        #[serde(deserialize_with = "or_default")]
        text: String,
        #[serde(deserialize_with = "each_or_default")]
        list: Vec<String>,
    }

    #[test]
    fn null_is_empty_and_another_type_is_an_error() {
        let read = |text: &str| serde_json::from_str::<Wire>(text);
        assert_eq!(read("{}").unwrap(), Wire::default());
        let nulls = read(r#"{"text":null,"list":null}"#).unwrap();
        assert_eq!(nulls, Wire::default());
        let full = read(r#"{"text":"a","list":["b",null]}"#).unwrap();
        assert_eq!(
            (full.text.as_str(), full.list.as_slice()),
            ("a", ["b".to_owned(), String::new()].as_slice())
        );
        for bad in [r#"{"text":1}"#, r#"{"list":"a"}"#, r#"{"list":[1]}"#] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
