//! What descriptors and manifests say about themselves, key by key
//! (<https://github.com/opencontainers/image-spec/blob/main/annotations.md>).

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The full name of an image, as containerd writes it.
pub const IMAGE_NAME: &str = "io.containerd.image.name";
/// The same where skopeo and podman look for it; a tag for containerd and docker.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// Texts by key, in the order of the keys. A list, because nearly always there are one or two, in ten thousand
/// descriptors at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Annotations(Vec<(Key, Box<str>)>);

impl Annotations {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.place(key).ok().map(|place| &*self.0[place].1)
    }

    /// Keys and texts.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, text)| (&*key.0, &**text))
    }

    /// Sets the text of this key, whatever it was.
    pub fn insert(&mut self, key: &str, text: &str) {
        self.put(Key::from(key), text.into());
    }

    fn put(&mut self, key: Key, text: Box<str>) {
        match self.place(&key.0) {
            Ok(place) => self.0[place].1 = text,
            Err(place) => self.0.insert(place, (key, text)),
        }
    }

    fn place(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(own, _)| (*own.0).cmp(key))
    }
}

impl Serialize for Annotations {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, text)| (&key.0, text)))
    }
}

impl<'de> Deserialize<'de> for Annotations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Annotations;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of texts")
    }

    /// Of a key that comes twice the later text counts; `null` is an empty one, as to Go.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Annotations, A::Error> {
        let mut annotations = Annotations(Vec::with_capacity(2));
        while let Some((key, text)) = map.next_entry::<_, Option<Box<str>>>()? {
            annotations.put(key, text.unwrap_or_default());
        }
        Ok(annotations)
    }
}

/// Known keys: those that the store and archives write into every entry take no memory.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key(Cow<'static, str>);

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        let known = [IMAGE_NAME, REF_NAME].into_iter().find(|known| *known == text);
        Self(known.map_or_else(|| Cow::Owned(text.to_owned()), Cow::Borrowed))
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyText)
    }
}

struct KeyText;

impl Visitor<'_> for KeyText {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the key of an annotation")
    }

    fn visit_str<E>(self, text: &str) -> Result<Key, E> {
        Ok(Key::from(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_are_written_in_the_order_of_their_keys() {
        let text = format!(r#"{{"z":"1","{REF_NAME}":"x","a":"\"2\"","z":"3","{IMAGE_NAME}":"y"}}"#);
        let mut annotations: Annotations = serde_json::from_str(&text).unwrap();
        let sorted = format!(r#"{{"a":"\"2\"","{IMAGE_NAME}":"y","{REF_NAME}":"x","z":"3"}}"#);
        assert_eq!(serde_json::to_string(&annotations).unwrap(), sorted);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(Annotations::deserialize(&value).unwrap(), annotations);
        annotations.insert("z", "4");
        annotations.insert("b", "5");
        assert_eq!(
            ["a", "b", "z", "c"].map(|key| annotations.get(key)),
            [Some("\"2\""), Some("5"), Some("4"), None]
        );
    }

    #[test]
    fn what_is_no_text_is_no_annotation() {
        for bad in [r#"{"a":1}"#, "[]", "null"] {
            assert!(serde_json::from_str::<Annotations>(bad).is_err(), "{bad}");
        }
        let empty: Annotations = serde_json::from_str(r#"{"a":null}"#).unwrap();
        assert_eq!(empty.get("a"), Some(""));
    }
}
