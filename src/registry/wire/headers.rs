//! The header lines of the protocol, read.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{
    ACCEPT, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RANGE,
    RETRY_AFTER, WWW_AUTHENTICATE,
};
use reqwest::{StatusCode, Url};

use super::challenge::Challenge;
use super::connect_error::authority;
use super::url_policy::has_login;
use crate::error::{Error, Kind, Result};
use crate::image::Digest;
use crate::image::manifest::{DOCKER_LIST, DOCKER_MANIFEST, DOCKER_SCHEMA1, OCI_INDEX, OCI_MANIFEST};

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const CHUNK_MIN_LENGTH: HeaderName = HeaderName::from_static("oci-chunk-min-length");
const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
const LIMIT_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
/// The most schemes of challenges that are named, and the longest part of one, in characters.
const SHOWN_SCHEMES: usize = 4;
const SHOWN_SCHEME: usize = 40;
/// Over how long a quota counts, at least: longer than anyone waits for it.
const QUOTA_WINDOW: Duration = Duration::from_hours(1);
/// Refused after it is read, but better than a registry's "not found" for what is there.
const OCI_ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";

/// The longest header line that is read, in bytes: servers and proxies take no longer ones themselves.
const MAX_LINE: usize = 16 << 10;
/// What is read here, but for Link: a list that cannot be gone on with is shown as far as it came.
const READ: [HeaderName; 11] = [
    CONTENT_RANGE,
    CONTENT_TYPE,
    CONTENT_LENGTH,
    LOCATION,
    RANGE,
    RETRY_AFTER,
    WWW_AUTHENTICATE,
    CONTENT_DIGEST,
    CHUNK_MIN_LENGTH,
    SUBJECT,
    LIMIT_REMAINING,
];

/// Refuses an answer that has too long a line of what is read.
pub(super) fn check_lengths(headers: &HeaderMap, url: &Url) -> Result<()> {
    let is_read = |(name, value): &(&HeaderName, &HeaderValue)| value.len() > MAX_LINE && READ.contains(name);
    let Some((name, value)) = headers.iter().find(is_read) else {
        return Ok(());
    };
    let (host, length) = (authority(url), value.len());
    let message = format!("{host} sends a {name} of {length} bytes, more than {MAX_LINE}: refused");
    Err(Error::new(Kind::Unsupported, message))
}

/// Every manifest type in one line: some registries read only the first line.
pub(in crate::registry) fn accept_manifests() -> (HeaderName, HeaderValue) {
    let types = [
        OCI_INDEX,
        DOCKER_LIST,
        OCI_MANIFEST,
        DOCKER_MANIFEST,
        OCI_ARTIFACT,
        DOCKER_SCHEMA1,
    ];
    let line = HeaderValue::try_from(types.join(", "));
    (ACCEPT, line.unwrap_or(HeaderValue::from_static("*/*")))
}

pub(super) fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let lines = headers.get_all(WWW_AUTHENTICATE).iter();
    lines
        .flat_map(|line| Challenge::parse(&String::from_utf8_lossy(line.as_bytes())))
        .collect()
}

/// What a host wants that wants no proof of a sort that is known here, such as Negotiate.
pub(in crate::registry) fn strange_schemes(headers: &HeaderMap) -> Option<String> {
    let challenges = challenges(headers);
    if challenges.is_empty() || challenges.iter().any(Challenge::is_known) {
        return None;
    }
    let mut schemes: Vec<String> = challenges
        .iter()
        .map(|challenge| challenge.scheme.chars().take(SHOWN_SCHEME).collect())
        .take(SHOWN_SCHEMES)
        .collect();
    schemes.dedup();
    let schemes = schemes.join(" or ");
    Some(format!(
        "it wants {schemes}, and no more than Basic and Bearer can be answered"
    ))
}

pub(in crate::registry) fn content_type(headers: &HeaderMap) -> Option<&str> {
    text(headers, &CONTENT_TYPE)
}

/// The digest the registry claims; none when it claims none that makes sense.
pub(in crate::registry) fn content_digest(headers: &HeaderMap) -> Option<Digest> {
    Digest::parse(text(headers, &CONTENT_DIGEST)?).ok()
}

/// The smallest chunk but the last that the registry takes, in bytes.
pub(in crate::registry) fn chunk_min_length(headers: &HeaderMap) -> Option<u64> {
    text(headers, &CHUNK_MIN_LENGTH)?.parse().ok()
}

/// Whether the registry has listed the manifest among those that speak of its subject.
pub(in crate::registry) fn has_listed_subject(headers: &HeaderMap) -> bool {
    headers.contains_key(SUBJECT)
}

/// Whether it is a registry of docker's making that answers.
pub(in crate::registry) fn is_registry_s(headers: &HeaderMap) -> bool {
    headers.contains_key("docker-distribution-api-version")
}

/// How long a server asks to wait before the next try. A quota that is used up stays so for hours, whatever else is
/// said (the Hub).
pub(super) fn requested_wait(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    let is_limited = status == StatusCode::TOO_MANY_REQUESTS;
    quota_window(headers)
        .filter(|_| is_limited)
        .or_else(|| retry_after(headers))
}

/// The hours over which a quota counts that is used up: `0;w=21600`.
fn quota_window(headers: &HeaderMap) -> Option<Duration> {
    let mut quota = text(headers, &LIMIT_REMAINING)?.split(';').map(str::trim);
    let is_used_up = quota.next() == Some("0");
    let window = quota.find_map(|part| part.strip_prefix("w=")?.parse().ok());
    is_used_up.then(|| window.map_or(QUOTA_WINDOW, Duration::from_secs).max(QUOTA_WINDOW))
}

/// Seconds, or a date counted from now.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = text(headers, &RETRY_AFTER)?;
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO))
}

/// The URL that the registry points to, resolved against the one that was asked.
pub(in crate::registry) fn location(headers: &HeaderMap, asked: &Url) -> Result<Url> {
    let missing = |what: &str| Error::new(Kind::Unsupported, format!("the registry's answer has {what} Location"));
    let target = headers.get(LOCATION).ok_or_else(|| missing("no"))?;
    let target = target.to_str().map_err(|_| missing("an unreadable"))?;
    let target = asked.join(target).map_err(|_| missing("an unreadable"))?;
    match target.scheme() {
        "http" | "https" if target.host_str().is_some() && !has_login(&target) => Ok(target),
        _ => Err(missing("a forbidden")),
    }
}

/// `bytes 5-9/10`: where a partial answer begins, and how long the whole is if the server says.
pub(in crate::registry) fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let (range, total) = text(headers, &CONTENT_RANGE)?.strip_prefix("bytes ")?.split_once('/')?;
    let (start, end) = range.trim().split_once('-')?;
    let (start, _): (u64, u64) = (start.parse().ok()?, end.parse().ok()?);
    let total = match total.trim() {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    Some((start, total))
}

/// How many bytes an upload session holds: `Range: 0-9` means 10, and `0-0` means none, as registries use it.
pub(in crate::registry) fn received(headers: &HeaderMap) -> Option<u64> {
    let range = text(headers, &RANGE)?;
    let (start, end) = range.strip_prefix("bytes=").unwrap_or(range).split_once('-')?;
    match (start.parse().ok()?, end.parse::<u64>().ok()?) {
        (0, 0) => Some(0),
        (0, end) => end.checked_add(1),
        _ => None,
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::try_from(value).unwrap());
        headers
    }

    #[test]
    fn locations_are_resolved_and_keep_their_query() {
        let asked = Url::parse("https://h:5000/v2/a/blobs/uploads/").unwrap();
        let to = |location: &str| location_of(location, &asked);
        assert_eq!(
            to("/v2/a/u/1?_state=x%3D").unwrap(),
            "https://h:5000/v2/a/u/1?_state=x%3D"
        );
        assert_eq!(to("https://s.example/x?sig=1").unwrap(), "https://s.example/x?sig=1");
        assert_eq!(to("?digest=1").unwrap(), "https://h:5000/v2/a/blobs/uploads/?digest=1");
        for bad in [
            "file:///etc/passwd",
            "ftp://h/x",
            "data:x",
            "https://",
            "http://[::",
            "https://u:p@h/",
        ] {
            assert!(to(bad).is_err(), "{bad}");
        }
        assert!(location(&HeaderMap::new(), &asked).is_err());
    }

    fn location_of(target: &str, asked: &Url) -> Result<String> {
        location(&headers("location", target), asked).map(|url| url.to_string())
    }

    #[test]
    fn ranges_are_read_and_nonsense_is_not() {
        let content = |text: &str| content_range(&headers("content-range", text));
        assert_eq!(content("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content("bytes 5-9/*"), Some((5, None)));
        for bad in ["bytes */10", "5-9/10", "bytes 5-/10", "bytes -1-9/10", "bytes 5-9"] {
            assert_eq!(content(bad), None, "{bad}");
        }
        let session = |text: &str| received(&headers("range", text));
        assert_eq!(session("0-9"), Some(10));
        assert_eq!(session("bytes=0-9"), Some(10));
        assert_eq!(session("0-0"), Some(0));
        for bad in ["5-9", "0-", "x", "0-18446744073709551615"] {
            assert_eq!(session(bad), None, "{bad}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let wait = |text: &str| retry_after(&headers("retry-after", text));
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert!(wait("Wed, 21 Oct 2065 07:28:00 GMT").unwrap() > Duration::from_secs(1 << 20));
        assert_eq!(wait("soon"), None);
    }

    #[test]
    fn only_a_real_digest_counts() {
        assert_eq!(content_digest(&headers("docker-content-digest", "sha256:../x")), None);
        let digest = Digest::of(b"");
        let line = headers("docker-content-digest", digest.as_str());
        assert_eq!(content_digest(&line), Some(digest));
    }

    #[test]
    fn a_quota_that_is_used_up_stays_so_for_hours() {
        let wait = |status, left: &str| {
            let mut said = headers("ratelimit-remaining", left);
            said.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            requested_wait(status, &said)
        };
        let (limited, second) = (StatusCode::TOO_MANY_REQUESTS, Some(Duration::from_secs(1)));
        assert_eq!(wait(limited, "0;w=21600"), Some(Duration::from_hours(6)));
        for endless in ["0", "0;w=0", "0;w=x"] {
            assert_eq!(wait(limited, endless), Some(QUOTA_WINDOW), "{endless}");
        }
        assert_eq!(wait(limited, "76;w=21600"), second);
        assert_eq!(wait(StatusCode::SERVICE_UNAVAILABLE, "0;w=21600"), second);
    }
}
