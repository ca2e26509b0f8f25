//! What two URLs have in common: an origin, and an owner with whom a password may be shared.

use std::net::IpAddr;

use reqwest::Url;

/// Whether both are the same scheme, host and port.
pub(super) fn same_origin(a: &Url, b: &Url) -> bool {
    a.origin() == b.origin()
}

/// Whether requests to this URL stay on this machine, where no proxy is asked.
pub(super) fn is_loopback(url: &Url) -> bool {
    literal(url).map_or_else(|| is_localhost(url), |a| a.to_canonical().is_loopback())
}

/// Whether the owner of a registry is, as far as names tell, the owner of a token server. What tenants of one provider
/// have in common is no owner (<https://publicsuffix.org>).
pub(super) fn same_owner(token_server: &Url, registry: &Url) -> bool {
    let (a, b) = (host(token_server), host(registry));
    if a == b || (is_loopback(token_server) && is_loopback(registry)) {
        return true;
    }
    if literal(token_server).is_some() || literal(registry).is_some() {
        return false;
    }
    // Two bare names live in the same private network (docker compose).
    if !a.contains('.') && !b.contains('.') {
        return true;
    }
    are_partners(b, a) || registrable(a).is_some_and(|domain| registrable(b) == Some(domain))
}

/// What of a host's name somebody has registered; none for a name under which anybody may.
fn registrable(host: &str) -> Option<&str> {
    psl2::lookup(host)?.registrable_domain()
}

/// Registries whose token server has a name of its own: how the registry's begins and ends, and the token server's.
const PARTNERS: [(&str, &str, &str); 1] = [
    ("rg.", ".scw.cloud", "api.scaleway.com"), // Scaleway's registries of each region
];

fn are_partners(registry: &str, token_server: &str) -> bool {
    let is_pair = |(start, end, known): &(&str, &str, &str)| {
        registry.starts_with(start) && registry.ends_with(end) && token_server == *known
    };
    PARTNERS.iter().any(is_pair)
}

/// An address of the host that was asked, over TLS as it was asked: registries behind a proxy that ends TLS name themselves
/// without it (Nexus in Locations, Harbor in realms).
pub(in crate::registry) fn encrypted_again(mut location: Url, asked: &Url) -> Url {
    if asked.scheme() == "https" && location.scheme() == "http" && asked.host() == location.host() {
        let port = asked.port();
        if location.set_scheme("https").is_ok() && location.set_port(port).is_ok() {
            return location;
        }
    }
    location
}

/// Whether a place lacks the port at which its host was asked: fronts forget it that pass on no more than the name
/// (moby#15048, distribution#1209).
pub(in crate::registry) fn has_lost_port(place: &Url, asked: &Url) -> bool {
    place.port().is_none() && asked.port().is_some() && asked.host() == place.host()
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default().trim_end_matches('.')
}

/// The address that stands in a URL in place of a name.
pub(super) fn literal(url: &Url) -> Option<IpAddr> {
    host(url).trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Whether it is a name of this machine's own (RFC 6761).
pub(super) fn is_localhost(url: &Url) -> bool {
    let host = host(url);
    host == "localhost" || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        assert!(same_origin(&url("https://h/a"), &url("https://h:443/b?c")));
        for other in ["http://h/", "https://h:444/", "https://x.h/", "https://h.example/"] {
            assert!(!same_origin(&url("https://h/"), &url(other)), "{other}");
        }
    }

    #[test]
    fn a_location_that_forgot_its_encryption_is_put_right() {
        let fixed = |location: &str, asked: &str| encrypted_again(url(location), &url(asked)).to_string();
        assert_eq!(fixed("http://h/u?s=1", "https://h:8443/v2/"), "https://h:8443/u?s=1");
        assert_eq!(fixed("http://h:80/u", "https://h/v2/"), "https://h/u");
        assert_eq!(fixed("http://other/u", "https://h/v2/"), "http://other/u");
        assert_eq!(fixed("http://h/u", "http://h/v2/"), "http://h/u");
    }

    #[test]
    fn only_the_same_host_can_have_lost_its_port() {
        let lost = |place: &str| has_lost_port(&url(place), &url("http://h:5000/v2/"));
        assert!(lost("http://h/u") && lost("https://h:443/u"));
        assert!(!lost("http://h:5000/u") && !lost("http://h:81/u") && !lost("http://other/u"));
        assert!(!has_lost_port(&url("https://h/u"), &url("https://h/v2/")));
    }

    #[test]
    fn passwords_stay_with_the_owner() {
        for (a, b) in [
            ("https://registry-1.docker.io", "https://auth.docker.io"),
            ("https://registry.gitlab.com", "https://gitlab.com"),
            ("https://h:5000", "https://h:5001"),
            ("http://127.0.0.1:5000", "http://localhost:5001"),
            ("http://127.0.0.1:5000", "http://[::1]:5001"),
            ("https://gitlab.example.com", "https://registry.example.com"),
            ("https://api.scaleway.com", "https://rg.fr-par.scw.cloud"),
            ("http://registry:5000", "http://auth:5001"),
            ("https://registry.example.co.uk", "https://auth.example.co.uk"),
            ("https://registry.b\u{fc}cher.de", "https://auth.xn--bcher-kva.de"),
            ("https://a.city.kobe.jp", "https://b.city.kobe.jp"),
        ] {
            assert!(same_owner(&url(a), &url(b)), "{a} {b}");
        }
        for (a, b) in [
            ("https://docker.io", "https://docker.io.evil.example"),
            ("https://docker.io", "https://evildocker.io"),
            ("https://10.0.0.1", "https://10.0.0.2"),
            ("https://127.0.0.1", "https://10.0.0.1"),
            ("https://registry.example.co.uk", "https://evil.co.uk"),
            ("https://registry.example.com", "https://auth"),
            ("https://com", "https://example.com"),
            ("https://github.io", "https://tenant.github.io"),
            ("https://evil.github.io", "https://tenant.github.io"),
            ("https://evil.s3.amazonaws.com", "https://tenant.s3.amazonaws.com"),
            ("https://evil.web.app", "https://tenant.web.app"),
            // `*.customer-oci.com` covers what has rules below it, too.
            ("https://oci.customer-oci.com", "https://ocp.customer-oci.com"),
            ("https://evil.xn--55qx5d.cn", "https://tenant.xn--55qx5d.cn"),
            ("https://rg.fr-par.scw.cloud", "https://api.scaleway.com"),
            ("https://api.scaleway.com", "https://evil.scw.cloud.test"),
        ] {
            assert!(!same_owner(&url(a), &url(b)), "{a} {b}");
        }
    }
}
