//! Docker's `--filter` of search: applied to what the registry found, so fewer rows than `--limit` may stay.

use std::str::FromStr;

use crate::error::{Error, Kind, Result};
use crate::registry::Hit;

/// One `NAME=VALUE` of the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    name: String,
    value: String,
}

impl FromStr for Condition {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let Some((name, value)) = text.split_once('=') else {
            return Err(Error::new(Kind::Usage, "bad format of filter (expected name=value)"));
        };
        Ok(Self {
            name: name.trim().to_lowercase(),
            value: value.trim().to_owned(),
        })
    }
}

/// What all conditions together ask for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    stars: i64,
    is_official: Option<bool>,
    is_automated: Option<bool>,
}

impl Filter {
    /// Docker's rules: of several `stars` the largest counts; a switch has one value.
    pub(super) fn new(conditions: &[Condition]) -> Result<Self> {
        let mut filter = Self::default();
        for Condition { name, value } in conditions {
            match name.as_str() {
                "stars" => {
                    let stars = value.parse().map_err(|_| invalid(&format!("stars={value}")))?;
                    filter.stars = filter.stars.max(stars);
                }
                "is-official" => filter.is_official = Some(switch(name, conditions)?),
                "is-automated" => filter.is_automated = Some(switch(name, conditions)?),
                other => return Err(invalid(other)),
            }
        }
        Ok(filter)
    }

    pub(super) fn fits(&self, hit: &Hit) -> bool {
        hit.star_count >= self.stars
            && self.is_official.is_none_or(|wanted| wanted == hit.is_official)
            && self.is_automated.is_none_or(|wanted| wanted == hit.is_automated)
    }

    /// Docker's warning for a filter that the Hub has made useless.
    pub(super) fn warning(&self) -> Option<&'static str> {
        self.is_automated.map(|_| {
            "WARNING: the \"is-automated\" filter is deprecated, and searching for \"is-automated=true\" will not \
             yield any results in future."
        })
    }
}

fn switch(name: &str, conditions: &[Condition]) -> Result<bool> {
    let mut values: Vec<&str> = conditions
        .iter()
        .filter(|condition| condition.name == name)
        .map(|condition| condition.value.as_str())
        .collect();
    values.dedup();
    match values.as_slice() {
        ["true"] => Ok(true),
        ["false"] => Ok(false),
        values => Err(invalid(&format!("{name}=[{}]", values.join(" ")))),
    }
}

fn invalid(what: &str) -> Error {
    Error::new(Kind::Usage, format!("Invalid filter '{what}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(conditions: &[&str]) -> Result<Filter> {
        let conditions: Vec<Condition> = conditions.iter().map(|text| text.parse().unwrap()).collect();
        Filter::new(&conditions)
    }

    #[test]
    fn the_most_stars_count() {
        assert_eq!(filter(&["stars=3", "Stars= 10 ", "stars=5"]).unwrap().stars, 10);
    }

    #[test]
    fn docker_s_words_for_filters_it_does_not_know() {
        for (conditions, words) in [
            (["stars=abc"].as_slice(), "Invalid filter 'stars=abc'"),
            (&["is-official=maybe"], "Invalid filter 'is-official=[maybe]'"),
            (
                &["is-automated=true", "is-automated=false"],
                "Invalid filter 'is-automated=[true false]'",
            ),
            (&["bogus=1"], "Invalid filter 'bogus'"),
        ] {
            assert_eq!(filter(conditions).unwrap_err().to_string(), words);
        }
        assert_eq!(
            "x".parse::<Condition>().unwrap_err().to_string(),
            "bad format of filter (expected name=value)"
        );
    }
}
