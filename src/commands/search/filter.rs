//! Docker's `--filter` of search: applied to what the registry found, so fewer rows than `--limit` may stay.

use crate::commands::filter::{Condition, check_names, invalid, switch, values};
use crate::error::Result;
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
            let stars = stars.parse().map_err(|_| invalid(&format!("stars={stars}")))?;
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
    }
}
