//! Docker's `--filter` of search: applied to what the registry found, so fewer rows than `--limit` may stay.

use std::num::IntErrorKind;

use crate::commands::filter::{Condition, check_names, invalid, switch, values};
use crate::error::{Error, Kind, Result};
use crate::registry::Hit;

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
        check_names(conditions, &["stars", "is-official", "is-automated"])?;
        let mut filter = Self {
            stars: 0,
            is_official: switch(conditions, "is-official")?,
            is_automated: switch(conditions, "is-automated")?,
        };
        for stars in values(conditions, "stars") {
            let stars = number(stars).map_err(|why| {
                let why = format!("strconv.Atoi: parsing {stars:?}: {why}");
                Error::new(Kind::Usage, format!("{}: {why}", invalid(&format!("stars={stars}"))))
            })?;
            filter.stars = filter.stars.max(stars);
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

/// Go's `strconv.Atoi`, or why it would not read the text.
fn number(text: &str) -> Result<i64, &'static str> {
    text.parse::<i64>().map_err(|e| match e.kind() {
        IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
        _ => "invalid syntax",
    })
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
            (
                ["stars=abc"].as_slice(),
                "invalid filter 'stars=abc': strconv.Atoi: parsing \"abc\": invalid syntax",
            ),
            (
                &["stars=99999999999999999999"],
                "invalid filter 'stars=99999999999999999999': strconv.Atoi: parsing \"99999999999999999999\": value \
                 out of range",
            ),
            (&["is-official=maybe"], "invalid filter 'is-official=[maybe]'"),
            (
                &["is-automated=true", "is-automated=false"],
                "invalid filter 'is-automated=[true false]'",
            ),
            (&["bogus=1"], "invalid filter 'bogus'"),
        ] {
            assert_eq!(filter(conditions).unwrap_err().to_string(), words);
        }
    }
}
