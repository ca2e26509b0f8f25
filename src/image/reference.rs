//! Image names as docker's command line reads, completes and shows them.
//!
//! The grammar and the normal form are those of
//! <https://github.com/distribution/reference>, v0.6.0, which docker 28 uses.

use std::cmp::Ordering;
use std::fmt;

use super::Digest;
use crate::error::{Error, Kind, Result};

/// The domain that a name without one belongs to.
pub const HUB: &str = "docker.io";
const OFFICIAL: &str = "library/";
const DEFAULT_TAG: &str = "latest";
const MAX_PATH: usize = 255;
const MAX_TAG: usize = 128;

/// The one of a repository's images that is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version<'a> {
    Tag(&'a str),
    Digest(&'a Digest),
}

impl fmt::Display for Version<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Version::Tag(tag) => f.write_str(tag),
            Version::Digest(digest) => write!(f, "{digest}"),
        }
    }
}

/// `domain/path[:tag][@digest]`, complete. With both a tag and a digest, only the digest says which image is meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The full form: all parts are read off it, for a store may hold ten thousand names.
    text: Box<str>,
    /// The offset at which the form begins that docker shows.
    familiar: usize,
    domain_end: usize,
    path_end: usize,
    tag_end: usize,
    digest: Option<Digest>,
}

impl Reference {
    /// Reads a name as people type it: `nginx` is `docker.io/library/nginx`. Errors are in docker's words.
    ///
    /// Unlike docker, `ho_st.com/foo` is refused: docker takes it for a name with an empty domain.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(Error::new(
                Kind::Usage,
                format!("invalid repository name ({text}), cannot specify 64-byte hexadecimal strings"),
            ));
        }
        let (domain, prefix, remainder) = split_domain(text);
        let remote = remainder.split(':').next().unwrap_or(remainder);
        if has_uppercase(remote) {
            return Err(Error::new(
                Kind::Usage,
                format!("invalid reference format: repository name ({prefix}{remote}) must be lowercase"),
            ));
        }
        let (rest, digest) = match remainder.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (remainder, None),
        };
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (rest, None),
        };
        let fits = is_domain(domain) && is_path(path) && tag.is_none_or(is_tag) && digest.is_none_or(looks_like_digest);
        if !fits {
            return Err(Error::new(Kind::Usage, "invalid reference format"));
        }
        if prefix.len() + path.len() > MAX_PATH {
            return Err(Error::new(
                Kind::Usage,
                format!("repository name must not be more than {MAX_PATH} characters"),
            ));
        }
        let digest = digest.map(Digest::parse).transpose()?;
        Ok(Self::of(domain, [prefix, path], tag, digest))
    }

    fn of(domain: &str, path: [&str; 2], tag: Option<&str>, digest: Option<Digest>) -> Self {
        let (colon, tag) = tag.map_or(("", ""), |tag| (":", tag));
        let (at, digest_text) = digest.as_ref().map_or(("", ""), |digest| ("@", digest.as_str()));
        let path_start = domain.len() + 1;
        let path_end = path_start + path[0].len() + path[1].len();
        let text = [domain, "/", path[0], path[1], colon, tag, at, digest_text].concat();
        let familiar = match text[path_start..path_end].strip_prefix(OFFICIAL) {
            _ if domain != HUB => 0,
            Some(short) if !short.contains('/') => path_start + OFFICIAL.len(),
            _ => path_start,
        };
        Self {
            familiar,
            text: text.into(),
            domain_end: domain.len(),
            path_end,
            tag_end: path_end + colon.len() + tag.len(),
            digest,
        }
    }

    /// The same repository with these.
    fn with(&self, tag: Option<&str>, digest: Option<&Digest>) -> Self {
        Self::of(self.domain(), ["", self.path()], tag, digest.cloned())
    }

    /// `host[:port]`, or `docker.io`.
    pub fn domain(&self) -> &str {
        &self.text[..self.domain_end]
    }

    /// The repository on its registry: `library/nginx`.
    pub fn path(&self) -> &str {
        &self.text[self.domain_end + 1..self.path_end]
    }

    pub fn tag(&self) -> Option<&str> {
        self.text[self.path_end..self.tag_end].strip_prefix(':')
    }

    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The digest where there is one, else the tag; `latest` stands in for neither.
    pub fn version(&self) -> Version<'_> {
        match (&self.digest, self.tag()) {
            (Some(digest), _) => Version::Digest(digest),
            (None, Some(tag)) => Version::Tag(tag),
            (None, None) => Version::Tag(DEFAULT_TAG),
        }
    }

    pub fn is_hub(&self) -> bool {
        self.domain() == HUB
    }

    /// Whether there is neither a tag nor a digest.
    pub fn is_name_only(&self) -> bool {
        self.path_end == self.text.len()
    }

    /// `docker.io/library/nginx`, without tag and digest.
    pub fn name(&self) -> &str {
        &self.text[..self.path_end]
    }

    /// The name as docker shows it, without tag and digest: `nginx`.
    pub fn familiar_name(&self) -> &str {
        &self.text[self.familiar..self.path_end]
    }

    /// The whole reference as docker shows it: `nginx:1.17@sha256:…`.
    pub fn familiar(&self) -> &str {
        &self.text[self.familiar..]
    }

    /// The order of what docker shows.
    pub fn familiar_order(&self, other: &Self) -> Ordering {
        self.familiar().cmp(other.familiar())
    }

    /// The same with `:latest` when there is neither a tag nor a digest.
    #[must_use]
    pub fn or_latest(self) -> Self {
        if self.is_name_only() {
            return self.with(Some(DEFAULT_TAG), None);
        }
        self
    }

    /// The same repository at this tag alone; an error in docker's words when `tag` is none.
    pub fn at_tag(&self, tag: &str) -> Result<Self> {
        if !is_tag(tag) {
            return Err(Error::new(Kind::Usage, "invalid tag format"));
        }
        Ok(self.with(Some(tag), None))
    }

    /// The same repository at this digest alone.
    #[must_use]
    pub fn at_digest(&self, digest: &Digest) -> Self {
        self.with(None, Some(digest))
    }

    /// The same with this digest, which then says which image is meant.
    #[must_use]
    pub fn with_digest(&self, digest: &Digest) -> Self {
        self.with(self.tag(), Some(digest))
    }

    /// The same repository with neither tag nor digest.
    #[must_use]
    pub fn without_version(&self) -> Self {
        self.with(None, None)
    }
}

/// Compares the parts: a name stands before the longer ones that it begins, whatever follows it.
impl Ord for Reference {
    fn cmp(&self, other: &Self) -> Ordering {
        let own = (self.domain(), self.path(), self.tag(), self.digest());
        own.cmp(&(other.domain(), other.path(), other.tag(), other.digest()))
    }
}

impl PartialOrd for Reference {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The full form: `docker.io/library/nginx:latest`.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What comes before the first slash is a domain only if it cannot be a Hub namespace. Between domain and remainder
/// goes the prefix.
fn split_domain(text: &str) -> (&str, &'static str, &str) {
    let (domain, remainder) = match text.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" || has_uppercase(first) => {
            (first, rest)
        }
        _ => (HUB, text),
    };
    let domain = if domain == "index.docker.io" { HUB } else { domain };
    let is_official = domain == HUB && !remainder.contains('/');
    (domain, if is_official { OFFICIAL } else { "" }, remainder)
}

fn has_uppercase(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_uppercase()) || (!text.is_ascii() && text.chars().any(char::is_uppercase))
}

fn is_domain(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, after)) => {
            let is_address = !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
            return is_address && (after.is_empty() || after.strip_prefix(':').is_some_and(is_port));
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let is_label = |label: &str| {
        let inner = label.as_bytes();
        inner.first().is_some_and(u8::is_ascii_alphanumeric)
            && inner.last().is_some_and(u8::is_ascii_alphanumeric)
            && inner.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
    };
    host.split('.').all(is_label) && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_path(text: &str) -> bool {
    text.split('/').all(is_component)
}

/// Runs of `[a-z0-9]` joined by one dot, one or two underscores, or any number of dashes.
fn is_component(text: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    if !(bytes.first().copied().is_some_and(is_word) && bytes.last().copied().is_some_and(is_word)) {
        return false;
    }
    bytes.split(|b| is_word(*b)).all(|separator| match separator {
        b"" | b"." | b"_" | b"__" => true,
        dashes => dashes.iter().all(|b| *b == b'-'),
    })
}

fn is_tag(text: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.len() <= MAX_TAG
        && text.bytes().next().is_some_and(is_word)
        && text.bytes().all(|b| is_word(b) || b == b'.' || b == b'-')
}

/// The grammar's wide idea of a digest; [`Digest::parse`] then says exactly what is wrong.
fn looks_like_digest(text: &str) -> bool {
    let Some((algorithm, hex)) = text.split_once(':') else {
        return false;
    };
    let is_part = |part: &str| {
        part.bytes().next().is_some_and(|b| b.is_ascii_alphabetic()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    algorithm.split(['-', '_', '+', '.']).all(is_part) && hex.len() >= 32 && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// Docker gives it an empty domain; the reference recommends refusing it.
    const REFUSED_HERE_ONLY: &str = "ho_st.com/foo";

    #[test]
    fn every_recorded_vector_of_docker_passes() {
        let vectors: Vec<Value> =
            serde_json::from_str(include_str!("../../tests/data/reference-vectors.json")).unwrap();
        assert_eq!(vectors.len(), 153);
        for vector in &vectors {
            let input = vector["input"].as_str().unwrap();
            match Reference::parse(input) {
                Err(e) if input == REFUSED_HERE_ONLY => assert_eq!(e.to_string(), "invalid reference format"),
                Err(e) => assert_eq!(Some(e.to_string().as_str()), vector["parse_error"].as_str(), "{input}"),
                Ok(reference) => {
                    assert!(vector["parse_error"].is_null(), "{input} must be refused");
                    assert_eq!(vector["domain"], reference.domain(), "{input}");
                    assert_eq!(vector["path"], reference.path(), "{input}");
                    assert_eq!(vector["tag"].as_str(), reference.tag(), "{input}");
                    assert_eq!(
                        vector["digest"].as_str(),
                        reference.digest().map(Digest::as_str),
                        "{input}"
                    );
                    assert_eq!(vector["familiar"], reference.familiar(), "{input}");
                    assert_eq!(vector["normalized"], reference.or_latest().to_string(), "{input}");
                }
            }
        }
    }

    #[test]
    fn the_full_form_reads_back_as_itself() {
        for text in ["nginx", "[::1]:5000/a/b:c", "Host/x", "a.b:1/c:2", "localhost/x"] {
            let reference = Reference::parse(text).unwrap().or_latest();
            assert_eq!(Reference::parse(&reference.to_string()).unwrap(), reference);
            assert_eq!(Reference::parse(reference.familiar()).unwrap(), reference);
        }
    }

    #[test]
    fn names_are_in_the_order_of_their_parts() {
        let digest = Digest::of(b"x");
        let name = |text: &str| Reference::parse(text).unwrap();
        let sorted = [
            name("a.b/c"),
            name("a.b/c").with_digest(&digest),
            name("a.b/c:1"),
            name("a.b/c-d:1"),
            name("a.b:1/c"),
        ];
        let mut names: Vec<_> = sorted.iter().rev().cloned().collect();
        names.sort();
        assert_eq!(names, sorted);
        assert_eq!(names[2].with_digest(&digest).familiar(), format!("a.b/c:1@{digest}"));
    }
}
