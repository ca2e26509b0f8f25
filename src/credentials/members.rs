//! A JSON object that can be changed in one place and keeps the rest as it was written: the order of its
//! members and the text of each value, so that no number or string is rewritten by passing through rdock.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

/// No `Debug`: the values may be secrets.
#[derive(Clone, Default)]
pub(super) struct Members(Vec<(String, Box<RawValue>)>);

/// Why a text is not the object it should be; never quotes the text.
pub(super) enum ParseError {
    /// Not JSON; the reason names the position.
    Syntax(String),
    /// JSON, but of another type.
    NotAnObject,
    /// An object, but more follows it.
    MoreFollows(Members),
}

impl Members {
    /// Reads one object, or `null` or nothing at all as an empty one.
    pub(super) fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let mut values = serde_json::Deserializer::from_slice(text).into_iter::<Option<Self>>();
        let members = match values.next() {
            None => return Ok(Self::default()),
            Some(Ok(members)) => members.unwrap_or_default(),
            Some(Err(e)) if e.is_data() => return Err(ParseError::NotAnObject),
            Some(Err(e)) => return Err(ParseError::Syntax(e.to_string())),
        };
        match text.get(values.byte_offset()..) {
            Some(rest) if !rest.trim_ascii().is_empty() => Err(ParseError::MoreFollows(members)),
            _ => Ok(members),
        }
    }

    /// The value of a member; like Go's decoder this takes a name in another case too, and the last of several.
    pub(super) fn get(&self, name: &str) -> Option<&RawValue> {
        self.position(name).map(|at| self.0[at].1.as_ref())
    }

    /// The value of a member that should be text; absent and `null` are empty, another type is `None`.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let Some(value) = self.get(name) else {
            return Some(String::new());
        };
        serde_json::from_str::<Option<String>>(value.get())
            .ok()
            .map(Option::unwrap_or_default)
    }

    /// The value of the member with this very name.
    pub(super) fn get_exact(&self, name: &str) -> Option<&RawValue> {
        self.iter()
            .filter(|(known, _)| *known == name)
            .last()
            .map(|(_, value)| value)
    }

    /// Sets the member with this very name in its place, or as the last one.
    pub(super) fn put(&mut self, name: &str, value: &impl Serialize) -> serde_json::Result<()> {
        let value = to_raw_value(value)?;
        match self.0.iter().rposition(|(known, _)| known == name) {
            Some(at) => self.0[at].1 = value,
            None => self.0.push((name.to_owned(), value)),
        }
        Ok(())
    }

    /// Sets the member with this very name in its place, or before the first one with a greater name, where docker,
    /// which sorts them all, has it too.
    pub(super) fn put_sorted(&mut self, name: &str, value: &impl Serialize) -> serde_json::Result<()> {
        if self.get_exact(name).is_some() {
            return self.put(name, value);
        }
        let at = self.0.iter().position(|(known, _)| known.as_str() > name);
        let at = at.unwrap_or(self.0.len());
        self.0.insert(at, (name.to_owned(), to_raw_value(value)?));
        Ok(())
    }

    /// Sets the member that [`get`](Self::get) reads in its place, or as the first one.
    pub(super) fn put_first(&mut self, name: &str, value: &impl Serialize) -> serde_json::Result<()> {
        let value = to_raw_value(value)?;
        match self.position(name) {
            Some(at) => self.0[at].1 = value,
            None => self.0.insert(0, (name.to_owned(), value)),
        }
        Ok(())
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&str, &RawValue) -> bool) {
        self.0.retain(|(name, value)| keep(name, value));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_ref()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn position(&self, name: &str) -> Option<usize> {
        let exact = self.0.iter().rposition(|(known, _)| known == name);
        exact.or_else(|| self.0.iter().rposition(|(known, _)| known.eq_ignore_ascii_case(name)))
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::go_json;

    #[test]
    fn what_passes_through_is_as_it_was_written() {
        let odd = r#"{ "a" :{},"b":[ ],"c":[1.10, 1e3,{"d":"x\"{,:\\"}],
            "e":12345678901234567890123,"f":"\u003c"}"#;
        let neat = "{\n\t\"a\": {},\n\t\"b\": [],\n\t\"c\": [\n\t\t1.10,\n\t\t1e3,\n\t\t{\n\t\t\t\"d\": \"x\\\"{,:\\\\\"\n\t\t}\n\t],\n\t\"e\": 12345678901234567890123,\n\t\"f\": \"\\u003c\"\n}";
        let read = Members::parse(odd.as_bytes()).ok().unwrap();
        assert_eq!(go_json::indented(&serde_json::to_string(&read).unwrap(), "\t"), neat);
    }

    #[test]
    fn nothing_and_null_are_empty_objects() {
        for text in ["", " \n", "null", "{}", "{} \n"] {
            assert!(Members::parse(text.as_bytes()).is_ok_and(|m| m.is_empty()), "{text:?}");
        }
    }

    #[test]
    fn a_fault_says_where_but_never_what() {
        assert!(
            matches!(Members::parse(b"{bad json"), Err(ParseError::Syntax(e)) if e == "key must be a string at line 1 column 2")
        );
        assert!(matches!(Members::parse(b"[]"), Err(ParseError::NotAnObject)));
        assert!(matches!(Members::parse(b"\"secret\""), Err(ParseError::NotAnObject)));
        assert!(matches!(Members::parse(b"{\"a\":1} x"), Err(ParseError::MoreFollows(m)) if !m.is_empty()));
    }
}
