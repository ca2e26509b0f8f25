//! Whether a browser's page of somebody else is behind a request: it must not reach a registry that asks for no password.

use hyper::header::{HOST, HeaderName, ORIGIN};
use hyper::http::uri::Authority;
use hyper::{Request, StatusCode, Version};

use super::refusal::{Code, Refusal};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses a request that names no host or several (<https://www.rfc-editor.org/rfc/rfc9112.html#section-3.2>).
pub(in crate::server) fn check_host<B>(request: &Request<B>) -> Result<(), Refusal> {
    let count = request.headers().get_all(HOST).iter().count();
    if count > 1 || (count == 0 && request.version() > Version::HTTP_10) {
        return Err(Refusal::bad(Code::Unknown, "a request has one Host"));
    }
    Ok(())
}

/// Refuses what a page of another site sends, such as a form, and on loopback names that only look like this machine
/// (<https://en.wikipedia.org/wiki/DNS_rebinding>).
pub(in crate::server) fn check<B>(request: &Request<B>, is_loopback: bool) -> Result<(), Refusal> {
    let headers = request.headers();
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    // What stands in the request line counts before the header.
    let host = request.uri().authority().map(Authority::as_str).or_else(|| text(HOST));
    if is_loopback && host.is_some_and(|host| !is_own(host)) {
        let why = "this registry is for this machine: ask localhost or 127.0.0.1";
        return Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, Code::Denied, why));
    }
    let is_foreign = |origin: &str| origin.split_once("://").map(|(_, authority)| authority) != host;
    let fetched = text(SEC_FETCH_SITE);
    if text(ORIGIN).is_some_and(is_foreign) || fetched.is_some_and(|site| matches!(site, "cross-site" | "same-site")) {
        let why = "requests of other sites' pages are refused";
        return Err(Refusal::new(StatusCode::FORBIDDEN, Code::Denied, why));
    }
    Ok(())
}

/// Whether only this machine can have the name. A name without a dot cannot be had in the public DNS: it stands in this
/// machine's own list of hosts.
fn is_own(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    if let Some(address) = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        return address
            .parse::<std::net::Ipv6Addr>()
            .is_ok_and(|address| address.to_canonical().is_loopback());
    }
    match name.parse::<std::net::Ipv4Addr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => !name.is_empty() && (!name.contains('.') || name.ends_with(".localhost")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, headers: &[(&str, &str)]) -> Request<()> {
        let request = Request::builder().uri(uri);
        let request = headers
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap()
    }

    fn status(headers: &[(&str, &str)], is_loopback: bool) -> Option<u16> {
        check(&request("/v2/", headers), is_loopback)
            .err()
            .map(|refusal| refusal.status().as_u16())
    }

    #[test]
    fn the_host_of_the_request_line_counts_and_there_is_one() {
        let foreign = request("http://evil.example/v2/", &[("host", "localhost")]);
        assert!(check(&foreign, true).is_err() && check(&foreign, false).is_ok());
        assert!(check_host(&request("/v2/", &[("host", "a")])).is_ok());
        assert!(check_host(&request("/v2/", &[("host", "a"), ("host", "a")])).is_err());
        assert!(check_host(&request("/v2/", &[])).is_err());
        let mut old = request("/v2/", &[]);
        *old.version_mut() = Version::HTTP_10;
        assert!(check_host(&old).is_ok());
    }

    #[test]
    fn on_loopback_only_own_names_are_taken() {
        for own in [
            "localhost",
            "localhost:5000",
            "127.0.0.1:5000",
            "127.3.2.1",
            "[::1]:5000",
            "a.localhost",
            "box:1",
        ] {
            assert_eq!(status(&[("host", own)], true), None, "{own}");
        }
        for foreign in [
            "evil.example",
            "evil.example:5000",
            "127.0.0.1.evil.example",
            "10.0.0.1:5000",
            "[2001:db8::1]",
            "",
        ] {
            assert_eq!(status(&[("host", foreign)], true), Some(421), "{foreign}");
            assert_eq!(status(&[("host", foreign)], false), None, "{foreign}");
        }
    }

    #[test]
    fn what_a_page_of_another_site_sends_is_refused() {
        let host = ("host", "localhost:5000");
        for foreign in ["http://evil.example", "null", "http://localhost:8080"] {
            assert_eq!(status(&[host, ("origin", foreign)], false), Some(403), "{foreign}");
        }
        assert_eq!(status(&[host, ("origin", "http://localhost:5000")], true), None);
        assert_eq!(status(&[host, ("sec-fetch-site", "cross-site")], true), Some(403));
        assert_eq!(status(&[host, ("sec-fetch-site", "none")], true), None);
    }
}
