//! Docker's `--filter NAME=VALUE`, and what it means for images: `images` and `image prune` share it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::error::{Error, Kind, Result};
use crate::image::{Body, Reference, glob, go_duration};
use crate::store::{Image, Store};

/// One `NAME=VALUE` of the command line. Docker takes an empty text for no condition at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    name: String,
    value: String,
}

impl FromStr for Condition {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, value) = match text.split_once('=') {
            Some(parts) => parts,
            None if text.is_empty() => ("", ""),
            None => return Err(Error::new(Kind::Usage, "bad format of filter (expected name=value)")),
        };
        Ok(Self {
            name: name.trim().to_lowercase(),
            value: value.trim().to_owned(),
        })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}

/// Refuses a condition whose name the command does not know.
pub(super) fn check_names(conditions: &[Condition], known: &[&str]) -> Result<()> {
    let unknown = |condition: &&Condition| !condition.name.is_empty() && !known.contains(&condition.name.as_str());
    match conditions.iter().find(unknown) {
        Some(condition) => Err(invalid(&condition.name)),
        None => Ok(()),
    }
}

/// The different values given for a name, in order.
pub(super) fn values<'a>(conditions: &'a [Condition], name: &str) -> Vec<&'a str> {
    let mut values: Vec<&str> = Vec::new();
    for condition in conditions.iter().filter(|condition| condition.name == name) {
        if !values.contains(&condition.value.as_str()) {
            values.push(&condition.value);
        }
    }
    values
}

/// The one value of a switch, as docker reads it; `None` where the name is not among the conditions.
pub(super) fn switch(conditions: &[Condition], name: &str) -> Result<Option<bool>> {
    let values = values(conditions, name);
    let is_any = |known: [&str; 2]| values.iter().any(|value| known.contains(value));
    match (is_any(["1", "true"]), is_any(["0", "false"])) {
        (true, false) => Ok(Some(true)),
        (false, true) => Ok(Some(false)),
        _ if values.is_empty() => Ok(None),
        _ => Err(invalid(&format!("{name}=[{}]", values.join(" ")))),
    }
}

pub(super) fn invalid(what: &str) -> Error {
    Error::new(Kind::Usage, format!("invalid filter '{what}'"))
}

/// What all conditions on images together ask for.
#[derive(Debug, Default)]
pub struct ImageFilter {
    dangling: Option<bool>,
    labels: Vec<String>,
    labels_not: Vec<String>,
    /// Only images made before this time, and not at it.
    before: Option<Timestamp>,
    since: Option<Timestamp>,
    references: Vec<String>,
}

impl ImageFilter {
    /// What `images` knows. Docker's `until` and `label!` came with later engines than 20.10.
    pub const LISTING: [&str; 7] = ["dangling", "label", "label!", "before", "since", "reference", "until"];
    /// What `image prune` knows.
    pub const PRUNING: [&str; 4] = ["dangling", "label", "label!", "until"];

    /// Docker's rules: conditions of different names must all hold, as must all labels; of several references one is
    /// enough. `before` and `since` name images of the store.
    pub fn new(conditions: &[Condition], known: &[&str], store: &Store) -> Result<Self> {
        check_names(conditions, known)?;
        let owned = |name: &str| values(conditions, name).into_iter().map(str::to_owned).collect();
        let mut filter = Self {
            dangling: switch(conditions, "dangling")?,
            labels: owned("label"),
            labels_not: owned("label!"),
            references: owned("reference"),
            ..Self::default()
        };
        let now = Timestamp::now();
        for until in values(conditions, "until") {
            filter.narrow_before(moment(until, now)?);
        }
        for name in values(conditions, "before") {
            filter.narrow_before(created(name, store)?);
        }
        for name in values(conditions, "since") {
            let since = created(name, store)?;
            filter.since = filter.since.max(Some(since));
        }
        for pattern in &filter.references {
            glob::matches(pattern, "")?;
        }
        Ok(filter)
    }

    /// Adds one more pattern that names may fit, as the argument of `images` does.
    pub fn add_reference(&mut self, pattern: &str) -> Result<()> {
        glob::matches(pattern, "")?;
        self.references.push(pattern.to_owned());
        Ok(())
    }

    pub fn dangling(&self) -> Option<bool> {
        self.dangling
    }

    /// Whether nothing is asked for but what [`dangling`](Self::dangling) tells.
    pub fn is_empty(&self) -> bool {
        let has_labels = !(self.labels.is_empty() && self.labels_not.is_empty());
        !has_labels && self.before.is_none() && self.since.is_none() && self.references.is_empty()
    }

    /// Whether names are asked for, so that images without any are not meant.
    pub fn has_references(&self) -> bool {
        !self.references.is_empty()
    }

    /// Whether everything fits but the names and [`dangling`](Self::dangling), which commands read in different ways.
    pub fn fits(&self, image: &Image, store: &Store) -> bool {
        let created = image.created.unwrap_or(Timestamp::MIN);
        let asks_for_labels = !(self.labels.is_empty() && self.labels_not.is_empty());
        let carried = if asks_for_labels {
            labels(image, store)
        } else {
            BTreeMap::new()
        };
        let has = |label: &String| {
            let (key, value) = label
                .split_once('=')
                .map_or((label.as_str(), None), |(k, v)| (k, Some(v)));
            let found = carried.get(key);
            found.is_some_and(|found| value.is_none_or(|value| value == found))
        };
        self.labels.iter().all(has)
            && (self.labels_not.is_empty() || !self.labels_not.iter().all(has))
            && self.before.is_none_or(|before| created < before)
            && self.since.is_none_or(|since| created > since)
    }

    /// Whether a name of an image fits: the familiar name alone or with its tag, or the full one where the pattern
    /// begins with the Hub's host, so that `*/*/*` stays what has a host, as docker has it.
    pub fn fits_name(&self, name: &Reference) -> Result<bool> {
        if self.references.is_empty() {
            return Ok(true);
        }
        let (familiar, full) = ([name.familiar_name(), name.familiar()], name.to_string());
        for pattern in &self.references {
            let texts = if pattern.starts_with("docker.io/") {
                [name.name(), &full]
            } else {
                familiar
            };
            for text in texts {
                if glob::matches(pattern, text)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn narrow_before(&mut self, time: Timestamp) {
        self.before = Some(self.before.map_or(time, |before| before.min(time)));
    }
}

/// The labels of an image; none of one that cannot be read.
fn labels(image: &Image, store: &Store) -> BTreeMap<String, String> {
    match store
        .images()
        .manifest(&image.manifest.digest)
        .map(|manifest| manifest.body)
    {
        Ok(Body::Image(body)) => store
            .images()
            .config(&body)
            .map(|config| config.labels)
            .unwrap_or_default(),
        Ok(Body::Index(_)) | Err(_) => BTreeMap::new(),
    }
}

/// The time when the image that a condition names was made.
fn created(name: &str, store: &Store) -> Result<Timestamp> {
    let found = store.images().find(name)?;
    Ok(found.image.created.unwrap_or(Timestamp::MIN))
}

/// A time as docker takes it: a duration before now (`24h`, `1h30m`), RFC 3339 with as little of it as the day, or
/// seconds since 1970. Without a zone it is local.
fn moment(text: &str, now: Timestamp) -> Result<Timestamp> {
    let zone = || jiff::tz::TimeZone::system();
    let ago = || now.checked_sub(go_duration::parse(text)?).ok();
    let seconds = || {
        let (seconds, nanos) = text.split_once('.').unwrap_or((text, "0"));
        Timestamp::new(seconds.parse().ok()?, format!("{nanos:0<9}").parse().ok()?).ok()
    };
    let local = || {
        let date = text.parse::<jiff::civil::DateTime>().ok()?;
        zone().to_timestamp(date).ok()
    };
    ago()
        .or_else(|| text.parse().ok())
        .or_else(local)
        .or_else(seconds)
        .ok_or_else(|| {
            let wanted = "a duration like 24h, a date like 2026-01-31T12:00:00Z, or seconds since 1970";
            Error::new(Kind::Usage, format!("invalid until {text:?}: it must be {wanted}"))
        })
}

#[cfg(test)]
mod tests {
    mod fuzz;

    use super::*;

    fn conditions(texts: &[&str]) -> Vec<Condition> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn filter(texts: &[&str], known: &[&str]) -> Result<ImageFilter> {
        let nowhere = tempfile::tempdir().unwrap();
        ImageFilter::new(&conditions(texts), known, &Store::at(nowhere.path().to_owned()))
    }

    #[test]
    fn docker_s_words_for_conditions_it_does_not_know() {
        for (texts, words) in [
            (["bogus=1"].as_slice(), "invalid filter 'bogus'"),
            (&["dangling=maybe"], "invalid filter 'dangling=[maybe]'"),
            (
                &["dangling=true", "dangling=false"],
                "invalid filter 'dangling=[true false]'",
            ),
            (&["before=nosuch"], "No such image: nosuch:latest"),
            (&["reference=["], "syntax error in pattern"),
        ] {
            let error = filter(texts, &ImageFilter::LISTING).unwrap_err();
            assert_eq!(error.to_string(), words);
        }
        let error = filter(&["before=x"], &ImageFilter::PRUNING).unwrap_err();
        assert_eq!(error.to_string(), "invalid filter 'before'");
        assert!(filter(&["label!=stage=old", "until=24h"], &ImageFilter::PRUNING).is_ok());
        for texts in [
            ["", "dangling=true", "dangling=1"],
            ["dangling=false", "dangling=0", "dangling=x"],
        ] {
            let filter = filter(&texts, &ImageFilter::LISTING).unwrap();
            assert_eq!(filter.dangling(), Some(texts[0].is_empty()));
        }
        assert_eq!(
            "x".parse::<Condition>().unwrap_err().to_string(),
            "bad format of filter (expected name=value)"
        );
    }

    #[test]
    fn moments_read_as_docker_reads_them() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        for (text, time) in [
            ("24h", "2026-11-23T12:00:00Z"),
            ("1h30m", "2026-11-24T10:30:00Z"),
            ("1.5h", "2026-11-24T10:30:00Z"),
            ("0", "2026-11-24T12:00:00Z"),
            ("2026-11-20T00:00:00Z", "2026-11-20T00:00:00Z"),
            ("2026-11-20T01:00:00+01:00", "2026-11-20T00:00:00Z"),
            ("1553642093", "2019-03-26T23:14:53Z"),
            ("1553642093.5", "2019-03-26T23:14:53.5Z"),
        ] {
            assert_eq!(moment(text, now).unwrap(), time.parse().unwrap(), "{text}");
        }
        assert!(moment("2026-11-20", now).is_ok());
        for bad in ["", "soon", "24", "h", "24 h", "-"] {
            // A bare number is seconds since 1970, as docker has it.
            assert_eq!(moment(bad, now).is_err(), bad != "24", "{bad}");
        }
    }
}
