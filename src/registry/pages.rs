//! Lists that come in pages: read to their end, or told to be cut.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;

use reqwest::{Method, Url};
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::wire::{Host, NextPage, Refusal, Request, next_page};
use crate::error::{Error, Kind, Result};

/// The most pages: a server must not keep us for ever.
const MAX_PAGES: usize = 10_000;
/// The most pages in a row that bring nothing new; some registries filter what a user may see after they cut pages.
const MAX_BARREN_PAGES: usize = 100;
/// The most names of one list, which bounds its memory.
pub(super) const MAX_NAMES: usize = 200_000;
/// No tag and no repository has a longer name, in bytes.
const MAX_NAME: usize = 255;

/// A list as far as it came.
#[derive(Debug)]
pub struct Listed<T> {
    pub entries: Vec<T>,
    /// Why the rest did not come; none when the list is whole.
    pub cut: Option<Error>,
}

impl<T> Listed<T> {
    /// The whole list, for whoever acts on it; an error when it was cut.
    pub fn whole(self) -> Result<Vec<T>> {
        match self.cut {
            Some(why) => Err(why),
            None => Ok(self.entries),
        }
    }
}

/// A list to be read.
pub(super) struct List<'a> {
    /// What it lists, for messages: `list of tags`.
    pub(super) what: &'a str,
    /// The largest page that is read, in bytes.
    pub(super) max_page: usize,
    /// The most bytes over all pages.
    pub(super) max_length: usize,
    /// The most entries over all pages.
    pub(super) max_entries: usize,
}

/// Why there is not even a first page.
pub(super) enum NoList {
    Refused(Refusal),
    /// A page that is no such list.
    Unreadable,
}

impl List<'_> {
    /// What `parse` finds on the first page and all that follow.
    pub(super) async fn read<T: PartialEq>(
        &self,
        host: &Host,
        first: Request,
        parse: impl Fn(&[u8]) -> Option<Vec<T>>,
    ) -> Result<Result<Listed<T>, NoList>> {
        let page = match host.fetch(&first, self.max_page).await? {
            Ok(page) => page,
            Err(failure) => return Ok(Err(NoList::Refused(failure))),
        };
        let Some(mut entries) = parse(&page.body) else {
            return Ok(Err(NoList::Unreadable));
        };
        let mut walk = Walk::new(page.body.len());
        let mut next = next_page(&page.headers, &page.url);
        walk.note(&page.url);
        let cut = loop {
            entries.truncate(self.max_entries + 1);
            let url = match next {
                NextPage::None => break None,
                NextPage::Unreadable(link) => break Some(self.cut_at(&link, unsupported("this is no address"))),
                NextPage::At(url) => url,
            };
            if let Some(why) = walk.stops(&url, self, entries.len()) {
                break Some(self.cut_at(url.as_str(), unsupported(why)));
            }
            let request = Request::to(Method::GET, url.clone()).scopes(first.scopes.clone());
            let page = match host.fetch(&request, self.max_page).await {
                Ok(Ok(page)) => page,
                Ok(Err(failure)) => break Some(self.cut_at(url.as_str(), failure.first())),
                Err(e) => break Some(self.cut_at(url.as_str(), e)),
            };
            let Some(found) = parse(&page.body) else {
                break Some(self.cut_at(url.as_str(), unsupported("no list came")));
            };
            walk.turn(page.body.len(), found.is_empty() || found.last() == entries.last());
            entries.extend(found);
            next = next_page(&page.headers, &page.url);
        };
        let is_too_long = cut.is_none() && entries.len() > self.max_entries;
        entries.truncate(self.max_entries);
        let cut = cut.or_else(|| is_too_long.then(|| self.cut_at(page.url.as_str(), self.too_long())));
        Ok(Ok(Listed { entries, cut }))
    }

    fn too_long(&self) -> Error {
        unsupported(&format!("it has more than {} entries", self.max_entries))
    }

    /// Never a kind for which others do without the list.
    fn cut_at(&self, place: &str, why: Error) -> Error {
        let kind = match why.kind() {
            Kind::Interrupted => Kind::Interrupted,
            _ => Kind::Corrupt,
        };
        let error = Error::new(kind, format!("the {} is cut short at {place}", self.what));
        match why.clue().cloned() {
            Some(clue) => error.with_clue(clue).caused_by(why),
            None => error.caused_by(why),
        }
    }
}

fn unsupported(why: &str) -> Error {
    Error::new(Kind::Unsupported, why)
}

/// How far a list was read.
struct Walk {
    /// The hashes of the pages' URLs, each of which may be long.
    seen: HashSet<u64>,
    hasher: RandomState,
    length: usize,
    barren: usize,
}

impl Walk {
    fn new(length: usize) -> Self {
        Self {
            seen: HashSet::new(),
            hasher: RandomState::new(),
            length,
            barren: 0,
        }
    }

    /// Whether this page was not read before.
    fn note(&mut self, url: &Url) -> bool {
        self.seen.insert(self.hasher.hash_one(url))
    }

    fn turn(&mut self, length: usize, is_barren: bool) {
        self.length += length;
        self.barren = if is_barren { self.barren + 1 } else { 0 };
    }

    /// Why this page is not asked for.
    fn stops(&mut self, url: &Url, list: &List<'_>, entries: usize) -> Option<&'static str> {
        if !self.note(url) {
            return Some("this page was read before");
        }
        if entries > list.max_entries {
            return Some("it has more entries than are read");
        }
        let is_endless =
            self.length > list.max_length || self.seen.len() > MAX_PAGES || self.barren >= MAX_BARREN_PAGES;
        is_endless.then_some("it has no end")
    }
}

/// The texts of a JSON list. Other members are dropped: Nexus has null among the tags (skopeo#2409), and registry 2.8
/// null for a list without any.
#[derive(Default)]
pub(super) struct Names(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamesVisitor;
        impl<'de> Visitor<'de> for NamesVisitor {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Names, E> {
                Ok(Names::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some(Name(name)) = list.next_element()? {
                    names.extend(name.filter(|_| names.len() <= MAX_NAMES));
                }
                Ok(Names(names))
            }
        }
        deserializer.deserialize_any(NamesVisitor)
    }
}

/// A text that may be a name; anything else is read over without being kept.
struct Name(Option<String>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Name, E> {
                let is_possible = (1..=MAX_NAME).contains(&text.len());
                Ok(Name(is_possible.then(|| text.to_owned())))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Name, E> {
                Ok(Name(None))
            }

            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Name, E> {
                Ok(Name(None))
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Name, E> {
                Ok(Name(None))
            }

            fn visit_u64<E: de::Error>(self, _: u64) -> Result<Name, E> {
                Ok(Name(None))
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Name, E> {
                Ok(Name(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Name, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Name(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Name, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Name(None))
            }
        }
        deserializer.deserialize_any(NameVisitor)
    }
}

#[cfg(test)]
mod tests {
    mod fuzz;

    use super::*;

    #[test]
    fn only_texts_of_a_possible_length_are_names() {
        let text = format!(
            r#"[null, "a", 7, -7, 1.5, true, ["x", ["y"]], {{"z": "z"}}, "", "{}", "b"]"#,
            "n".repeat(MAX_NAME + 1)
        );
        let names: Names = serde_json::from_str(&text).unwrap();
        assert_eq!(names.0, ["a", "b"]);
        assert!(serde_json::from_str::<Names>("null").unwrap().0.is_empty());
        assert!(serde_json::from_str::<Names>("7").is_err());
    }

    #[test]
    fn more_names_than_are_wanted_are_not_kept() {
        let text = serde_json::to_string(&vec!["a"; MAX_NAMES + 10]).unwrap();
        assert_eq!(serde_json::from_str::<Names>(&text).unwrap().0.len(), MAX_NAMES + 1);
    }
}
