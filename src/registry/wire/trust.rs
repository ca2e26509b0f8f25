//! Trust: the hosts that need not prove who they are, and where certificates for the others lie.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::str::FromStr;

use super::proxies::Proxies;
use crate::error::{Error, Kind, Result};

/// What the user and the system trust.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Hosts that may answer with plain HTTP or with a certificate nobody vouches for.
    pub insecure: Vec<Insecure>,
    /// Whether every host but the Hub may.
    pub insecure_everywhere: bool,
    /// Folders with a folder `HOST[:PORT]` for each host that has certificates of its own, as docker's `certs.d`.
    pub certificate_folders: Vec<PathBuf>,
    /// Who is asked through whom.
    pub proxies: Proxies,
}

/// An entry of docker's `insecure-registries`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Insecure {
    /// `host[:port]`, exactly as references spell it.
    Host(String),
    /// All hosts with no address outside of this block, whatever their port.
    Network { address: IpAddr, prefix: u8 },
}

impl FromStr for Insecure {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bare = ["http://", "https://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme))
            .unwrap_or(text)
            .trim_end_matches('/');
        let invalid = |why: &str| {
            Error::new(
                Kind::Usage,
                format!("insecure registry {text} is not valid: {why} \"{bare}\""),
            )
        };
        if let Some((address, prefix)) = bare.split_once('/') {
            let address: IpAddr = address.parse().map_err(|_| invalid("invalid host"))?;
            let bits = if address.is_ipv4() { 32 } else { 128 };
            return match prefix.parse() {
                Ok(prefix) if prefix <= bits => Ok(Self::Network { address, prefix }),
                _ => Err(invalid("invalid network")),
            };
        }
        let port = match bare.rsplit_once(':') {
            Some((_, port)) if !port.contains(']') && bare.parse::<Ipv6Addr>().is_err() => Some(port),
            _ => None,
        };
        if port.is_some_and(|port| port.parse::<u16>().is_err()) {
            return Err(invalid("invalid port in"));
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
        if bare.is_empty() || bare.starts_with(':') || !bare.chars().all(fits) {
            return Err(invalid("invalid host"));
        }
        Ok(Self::Host(bare.to_owned()))
    }
}

impl Insecure {
    /// Whether a host of this name, with these addresses, is meant.
    fn covers(&self, domain: &str, addresses: &[IpAddr]) -> bool {
        match self {
            Self::Host(host) => host.eq_ignore_ascii_case(domain),
            // A name is not trusted for one of its addresses when another may answer for it.
            Self::Network { address, prefix } => {
                !addresses.is_empty() && addresses.iter().all(|a| in_network(*a, *address, *prefix))
            }
        }
    }
}

impl Trust {
    /// Whether a host may go without a valid certificate. Loopback always may, as with docker.
    pub(super) fn is_insecure(&self, domain: &str, addresses: &[IpAddr]) -> bool {
        self.insecure_everywhere
            || are_loopback(addresses)
            || self.insecure.iter().any(|entry| entry.covers(domain, addresses))
    }
}

/// Whether a host with these addresses is on this machine, and nowhere else.
pub(super) fn are_loopback(addresses: &[IpAddr]) -> bool {
    !addresses.is_empty() && addresses.iter().all(|a| a.to_canonical().is_loopback())
}

fn in_network(address: IpAddr, network: IpAddr, prefix: u8) -> bool {
    fn same_start(a: u128, b: u128, width: u32, prefix: u8) -> bool {
        let rest = width - u32::from(prefix);
        // A shift by the whole width is not defined: everything matches an empty prefix.
        a.checked_shr(rest) == b.checked_shr(rest)
    }
    match (address.to_canonical(), network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => {
            same_start(Ipv4Addr::to_bits(a).into(), Ipv4Addr::to_bits(n).into(), 32, prefix)
        }
        (IpAddr::V6(a), IpAddr::V6(n)) => same_start(a.to_bits(), n.to_bits(), 128, prefix),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Vec<IpAddr> {
        vec![text.parse().unwrap()]
    }

    fn trust(entries: &[&str]) -> Trust {
        Trust {
            insecure: entries.iter().map(|e| e.parse().unwrap()).collect(),
            ..Trust::default()
        }
    }

    #[test]
    fn a_host_is_meant_with_its_port_only() {
        let trust = trust(&[
            "h.example:5443",
            "https://s.example",
            "http://p.example:5001/",
            "[fd00::1]:5000",
        ]);
        for yes in ["h.example:5443", "s.example", "p.example:5001", "[fd00::1]:5000"] {
            assert!(trust.is_insecure(yes, &[]), "{yes}");
        }
        for no in [
            "h.example",
            "s.example:443",
            "p.example",
            "x.h.example:5443",
            "docker.io",
        ] {
            assert!(!trust.is_insecure(no, &ip("192.0.2.1")), "{no}");
        }
    }

    #[test]
    fn a_network_covers_the_hosts_with_an_address_in_it() {
        let trust = trust(&["10.99.0.5/16", "fd00:1::/32", "192.0.2.7/32"]);
        for yes in ["10.99.255.1", "fd00:1::9", "192.0.2.7", "::ffff:10.99.0.1"] {
            assert!(trust.is_insecure("h:1", &ip(yes)), "{yes}");
        }
        for no in ["10.98.0.1", "fd00:2::9", "192.0.2.8"] {
            assert!(!trust.is_insecure("h:1", &ip(no)), "{no}");
        }
        assert!(self::trust(&["0.0.0.0/0"]).is_insecure("h", &ip("198.51.100.1")));
        assert!(!self::trust(&["0.0.0.0/0"]).is_insecure("h", &ip("2001:db8::1")));
        assert!(self::trust(&["::/0"]).is_insecure("h", &ip("2001:db8::1")));
    }

    #[test]
    fn loopback_is_always_insecure() {
        for yes in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(Trust::default().is_insecure("h", &ip(yes)), "{yes}");
        }
        assert!(!Trust::default().is_insecure("h", &ip("10.0.0.1")));
    }

    #[test]
    fn one_address_elsewhere_is_enough_to_be_verified() {
        let [local, inside, outside]: [IpAddr; 3] = ["127.0.0.1", "10.0.0.5", "192.0.2.1"].map(|a| a.parse().unwrap());
        assert!(!Trust::default().is_insecure("h", &[local, outside]));
        assert!(!Trust::default().is_insecure("h", &[]));
        let trust = trust(&["10.0.0.0/8"]);
        assert!(trust.is_insecure("h", &[inside]));
        assert!(!trust.is_insecure("h", &[inside, outside]));
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            "",
            "http://",
            "h/path",
            "10.0.0.0/33",
            "::1/129",
            "h:99999",
            "h:x",
            "a b",
            ":5000",
        ] {
            assert!(bad.parse::<Insecure>().is_err(), "{bad}");
        }
    }
}
