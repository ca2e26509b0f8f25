//! Why a connection failed, in the words of the Go library that docker shows.

use std::error::Error as StdError;
use std::io;
use std::net::SocketAddr;

use jiff::Timestamp;
use reqwest::Url;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, InvalidMessage};

use super::resolver::{Forbidden, LookupFailed, Resolver};
use crate::error::{Clue, Error, Kind};

/// The cause alone, without the request that met it. URLs never are part of it: their queries may be signed.
pub(super) fn describe(error: &reqwest::Error, url: &Url, resolver: &Resolver) -> Error {
    let host = || authority(url);
    let tls = find::<rustls::Error>(error);
    // In the middle of a stream only an alert is the other side's last word: it may be about our certificate.
    if let Some(tls) = tls.filter(|tls| error.is_connect() || matches!(tls, rustls::Error::AlertReceived(_))) {
        return describe_tls(tls, host());
    }
    if let Some(lookup) = find::<LookupFailed>(error) {
        let clue = Clue::Unreachable { host: host() };
        return Error::new(Kind::Unavailable, format!("dial tcp: {lookup}")).with_clue(clue);
    }
    if let Some(forbidden) = find::<Forbidden>(error) {
        return Error::new(Kind::Unsupported, forbidden.to_string());
    }
    let io = find::<io::Error>(error);
    let why = match io {
        _ if error.is_timeout() => "i/o timeout".to_owned(),
        Some(io) => system_words(io),
        None => innermost(error),
    };
    // Someone was there, and hung up.
    let was_met = io.is_some_and(|io| {
        let kind = io.kind();
        matches!(kind, io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof)
    });
    if was_met || !error.is_connect() {
        return Error::new(Kind::Unavailable, why);
    }
    let port = url.port_or_known_default().unwrap_or_default();
    let at = match url.host_str().and_then(|host| resolver.dialled(host)) {
        Some(address) => format!("dial tcp {}", SocketAddr::new(address, port)),
        None => "proxyconnect tcp".to_owned(),
    };
    let is_system = io.is_some_and(|io| io.raw_os_error().is_some());
    let call = if is_system { ": connect" } else { "" };
    let host = host();
    if let Some(why) = proxy_words(&why) {
        return Error::new(Kind::Unavailable, why).with_clue(Clue::Unreachable { host });
    }
    let clue = if error.is_timeout() {
        Clue::Silent { host }
    } else {
        Clue::Unreachable { host }
    };
    Error::new(Kind::Unavailable, format!("{at}{call}: {why}")).with_clue(clue)
}

/// `host[:port]` as it is typed.
pub(super) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn describe_tls(error: &rustls::Error, host: String) -> Error {
    let failed = |message: String| Error::new(Kind::Unsupported, message);
    match error {
        // Not a TLS record: the letters of an HTTP answer.
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            failed("http: server gave HTTP response to HTTPS client".to_owned()).with_clue(Clue::PlainHttp { host })
        }
        // A bad signature: an authority of the same name is trusted, made anew since; to Go too that is unknown.
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            failed(format!("{UNVERIFIED}: certificate signed by unknown authority"))
                .with_clue(Clue::UnknownAuthority { host })
        }
        rustls::Error::InvalidCertificate(why) => failed(format!("{UNVERIFIED}: {}", certificate_words(why))),
        rustls::Error::AlertReceived(alert) => failed(format!("remote error: tls: {}", alert_words(*alert))),
        other => failed(format!("tls: {other}")),
    }
}

/// How Go begins since 1.20, and docker since 24.
const UNVERIFIED: &str = "tls: failed to verify certificate: x509";

/// Go's words for an alert (crypto/tls/alert.go).
fn alert_words(alert: AlertDescription) -> String {
    let words = match alert {
        AlertDescription::UnknownCA => "unknown certificate authority",
        AlertDescription::CertificateExpired => "expired certificate",
        AlertDescription::CertificateRevoked => "revoked certificate",
        AlertDescription::DecodeError => "error decoding message",
        AlertDescription::DecryptError => "error decrypting message",
        AlertDescription::ProtocolVersion => "protocol version not supported",
        AlertDescription::InsufficientSecurity => "insufficient security level",
        other => return spaced(&format!("{other:?}")),
    };
    words.to_owned()
}

fn certificate_words(why: &CertificateError) -> String {
    const LIMITS: &str = "certificate has expired or is not yet valid: current time";
    match why {
        CertificateError::ExpiredContext { time, not_after } => {
            format!("{LIMITS} {} is after {}", stamp(*time), stamp(*not_after))
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            format!("{LIMITS} {} is before {}", stamp(*time), stamp(*not_before))
        }
        CertificateError::NotValidForNameContext { expected, presented } => name_words(expected, presented),
        other => other.to_string(),
    }
}

fn name_words(expected: &ServerName<'_>, presented: &[String]) -> String {
    // The TLS library lists names as `DnsName("a.example")` and `IpAddress(10.0.0.1)`.
    let names = |kind: &str| -> Vec<String> {
        presented
            .iter()
            .filter_map(|name| name.strip_prefix(kind)?.strip_prefix('(')?.strip_suffix(')'))
            .map(|name| name.trim_matches('"').to_owned())
            .collect()
    };
    let wanted = expected.to_str();
    let fitting = match expected {
        ServerName::IpAddress(_) => names("IpAddress"),
        _ => names("DnsName"),
    };
    match (fitting.as_slice(), expected) {
        ([], ServerName::IpAddress(_)) => {
            format!("cannot validate certificate for {wanted} because it doesn't contain any IP SANs")
        }
        ([], _) => format!("certificate is not valid for any names, but wanted to match {wanted}"),
        (names, _) => format!("certificate is valid for {}, not {wanted}", names.join(", ")),
    }
}

fn stamp(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |t| t.to_string())
}

/// `HandshakeFailure` to `handshake failure`.
fn spaced(name: &str) -> String {
    let mut words = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    words
}

/// The first error of this type in the chain; an `io::Error` hides what it wraps from `source`.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn StdError + 'static)),
            None => error.source(),
        };
    }
    None
}

/// What a proxy said to CONNECT, as Go shows it: its words alone, which the library keeps to itself but for one status.
fn proxy_words(why: &str) -> Option<&'static str> {
    match why.strip_prefix("tunnel error: ")? {
        "proxy authorization required" => Some("Proxy Authentication Required"),
        "unsuccessful" => Some("the proxy refuses to connect"),
        "unexpected end of file" => Some("unexpected EOF"),
        _ => None,
    }
}

fn system_words(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return "unexpected EOF".to_owned();
    }
    if error.kind() == io::ErrorKind::ConnectionReset {
        return "read: connection reset by peer".to_owned();
    }
    let text = error.to_string();
    let mut chars = text.split(" (os error").next().unwrap_or(&text).chars();
    let first = chars.next().into_iter().flat_map(char::to_lowercase);
    first.chain(chars).collect()
}

fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn StdError = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    match cause.to_string() {
        text if text.starts_with("connection closed before message") => "EOF".to_owned(),
        text if text.starts_with("end of file before message") => "unexpected EOF".to_owned(),
        // The client's own words hold the URL.
        _ if cause.is::<reqwest::Error>() => "the request failed".to_owned(),
        text => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_fail_in_go_s_words() {
        let time = |seconds| UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let expired = CertificateError::ExpiredContext {
            time: time(1_790_000_000),
            not_after: time(1_700_000_000),
        };
        assert_eq!(
            certificate_words(&expired),
            "certificate has expired or is not yet valid: current time 2026-09-21T14:13:20Z is after 2023-11-14T22:13:20Z"
        );
        let named = |expected: &str, presented: &[&str]| {
            let expected = ServerName::try_from(expected.to_owned()).unwrap();
            let presented: Vec<String> = presented.iter().map(|&p| p.to_owned()).collect();
            name_words(&expected, &presented)
        };
        let both = [
            "DnsName(\"a.example\")",
            "DnsName(\"*.b.example\")",
            "IpAddress(10.0.0.1)",
        ];
        assert_eq!(
            named("c.example", &both),
            "certificate is valid for a.example, *.b.example, not c.example"
        );
        assert_eq!(
            named("10.0.0.2", &both),
            "certificate is valid for 10.0.0.1, not 10.0.0.2"
        );
        assert_eq!(
            named("10.0.0.2", &both[..2]),
            "cannot validate certificate for 10.0.0.2 because it doesn't contain any IP SANs"
        );
        assert_eq!(alert_words(AlertDescription::HandshakeFailure), "handshake failure");
        assert_eq!(
            alert_words(AlertDescription::UnknownCA),
            "unknown certificate authority"
        );
    }
}
