//! Where a registry may send us: which addresses it may name, and with whom a password may be shared.

use std::net::IpAddr;

use reqwest::Url;

/// How far away an address is. A registry may name addresses no nearer than its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Zone {
    Public,
    /// Of this network or this machine.
    Private,
    /// Where clouds keep the secrets of their machines (169.254.169.254).
    LinkLocal,
}

impl Zone {
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(a) if a.is_link_local() => Self::LinkLocal,
            IpAddr::V4(a) if a.is_private() || a.is_loopback() || a.is_unspecified() => Self::Private,
            IpAddr::V6(a) if a.is_unicast_link_local() => Self::LinkLocal,
            IpAddr::V6(a) if a.is_unique_local() || a.is_loopback() || a.is_unspecified() => Self::Private,
            _ => Self::Public,
        }
    }

    /// What the host of a URL says by itself, without asking for its addresses.
    pub(super) fn of_url(url: &Url) -> Self {
        match literal(url) {
            Some(address) => Self::of(address),
            None if is_localhost(host(url)) => Self::Private,
            None => Self::Public,
        }
    }
}

/// Whether both are the same scheme, host and port.
pub(super) fn same_origin(a: &Url, b: &Url) -> bool {
    a.origin() == b.origin()
}

/// Whether requests to this URL stay on this machine, where no proxy is asked.
pub(super) fn is_loopback(url: &Url) -> bool {
    literal(url).map_or_else(|| is_localhost(host(url)), |a| a.to_canonical().is_loopback())
}

/// Whether the owner of one host is, as far as names tell, the owner of the other.
pub(super) fn same_owner(a: &Url, b: &Url) -> bool {
    if host(a) == host(b) || (is_loopback(a) && is_loopback(b)) {
        return true;
    }
    if literal(a).is_some() || literal(b).is_some() {
        return false;
    }
    let (a, b) = (registrable(host(a)), registrable(host(b)));
    // Two bare names live in the same private network (docker compose).
    a == b || !(a.contains('.') || b.contains('.')) || PARTNERS.contains(&(a, b))
}

/// Registries whose token server lives under another domain of the same owner.
const PARTNERS: [(&str, &str); 1] = [
    ("scw.cloud", "scaleway.com"), // rg.*.scw.cloud
];

/// Second-level labels under which countries let people register (`example.co.uk`).
const SHARED_SECOND_LEVELS: [&str; 7] = ["ac", "co", "com", "edu", "gov", "net", "org"];

/// The part of a host name that its owner registered, near enough without a list of all suffixes.
fn registrable(host: &str) -> &str {
    let labels: Vec<&str> = host.rsplit('.').collect();
    let count = match labels.as_slice() {
        [country, second, _, ..] if country.len() == 2 && SHARED_SECOND_LEVELS.contains(second) => 3,
        _ => 2,
    };
    let length = labels.iter().take(count).map(|label| label.len() + 1).sum::<usize>() - 1;
    &host[host.len() - length..]
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

fn literal(url: &Url) -> Option<IpAddr> {
    host(url).trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn is_localhost(host: &str) -> bool {
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
    fn addresses_have_a_reach() {
        for (text, zone) in [
            ("http://169.254.169.254/", Zone::LinkLocal),
            ("http://[fe80::1]/", Zone::LinkLocal),
            ("http://[::ffff:169.254.169.254]/", Zone::LinkLocal),
            ("http://2852039166/", Zone::LinkLocal),
            ("http://10.0.0.1/", Zone::Private),
            ("http://0x7f000001/", Zone::Private),
            ("http://[fd00::1]/", Zone::Private),
            ("http://0.0.0.0/", Zone::Private),
            ("http://localhost/", Zone::Private),
            ("http://x.localhost./", Zone::Private),
            ("http://192.0.2.1/", Zone::Public),
            ("http://example.com/", Zone::Public),
        ] {
            assert_eq!(Zone::of_url(&url(text)), zone, "{text}");
        }
    }

    #[test]
    fn passwords_stay_with_the_owner() {
        for (a, b) in [
            ("https://registry-1.docker.io", "https://auth.docker.io"),
            ("https://registry.gitlab.com", "https://gitlab.com"),
            ("https://h:5000", "https://h:5001"),
            ("http://127.0.0.1:5000", "http://localhost:5001"),
            ("http://127.0.0.1:5000", "http://[::1]:5001"),
            ("https://rg.fr-par.scw.cloud", "https://api.scaleway.com"),
            ("http://registry:5000", "http://auth:5001"),
            ("https://registry.example.co.uk", "https://auth.example.co.uk"),
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
        ] {
            assert!(!same_owner(&url(a), &url(b)), "{a} {b}");
        }
    }
}
