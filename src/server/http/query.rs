//! The query of a URL, and what stands percent-encoded in it.

use std::fmt::Write as _;

/// `key=value` pairs, decoded, in their order.
#[derive(Debug, Default)]
pub(in crate::server) struct Query(Vec<(String, String)>);

impl Query {
    pub(in crate::server) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(key, '+'), decode(value, '+'))
                })
                .collect(),
        )
    }

    /// The first value of this key.
    pub(in crate::server) fn first(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.as_str())
    }

    pub(in crate::server) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }
}

/// Decodes `%XX`; what is no such code stays, and bytes that are no UTF-8 become what no name contains. `space` is the
/// character that stands for one.
pub(in crate::server) fn decode(text: &str, space: char) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        let code = tail.get(..2).and_then(|hex| match hex {
            [a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => {
                u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()
            }
            _ => None,
        });
        match (first, code) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            (byte, _) if char::from(*byte) == space => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Encodes all that might mean something in a query.
pub(in crate::server) fn encode(text: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/:".contains(&b);
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_plain(byte) {
            encoded.push(byte.into());
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_reads_back() {
        let odd = "a b+c&d=e%2f/ü";
        let query = Query::parse(&format!("x=1&last={}&x=2&y", encode(odd)));
        assert_eq!(query.first("last"), Some(odd));
        assert_eq!(query.all("x").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(query.first("y"), Some(""));
        assert_eq!(decode("%zz%4", '+'), "%zz%4");
        assert_eq!(decode("a+b", '\0'), "a+b");
    }
}
