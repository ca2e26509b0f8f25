//! How far away an address is: a registry may name none that is nearer than its own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

use super::origin::{is_localhost, literal};

/// Zones, from the farthest to the one that guards the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Zone {
    Public,
    /// An address of this network, or one meant for nobody.
    Private,
    /// An address of this machine.
    Loopback,
    /// An address of the link, where clouds keep the secrets of their machines.
    Metadata,
}

/// Metadata services at addresses that look like others': Alibaba, Azure, Oracle.
const METADATA_V4: [Ipv4Addr; 3] = [
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];
/// The same in IPv6: Amazon, Google, Oracle.
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
];

impl Zone {
    pub(super) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(a) => of_v4(a),
            IpAddr::V6(a) => embedded(a).map(of_v4).fold(of_v6(a), Self::max),
        }
    }

    /// What the host of a URL says by itself, without asking for its addresses.
    pub(super) fn of_url(url: &Url) -> Self {
        match literal(url) {
            Some(address) => Self::of(address),
            None if is_localhost(url) => Self::Loopback,
            None => Self::Public,
        }
    }
}

fn of_v4(a: Ipv4Addr) -> Zone {
    let [first, second, third, _] = a.octets();
    if a.is_link_local() || METADATA_V4.contains(&a) {
        return Zone::Metadata;
    }
    // 0.0.0.0 leads to this machine.
    if a.is_loopback() || first == 0 {
        return Zone::Loopback;
    }
    let is_inside = a.is_private()
        // RFC 6598, 6890, 2544; what is multicast or reserved.
        || (first == 100 && second & 0xc0 == 64)
        || (first, second, third) == (192, 0, 0)
        || (first == 198 && second & 0xfe == 18)
        || first >= 224;
    if is_inside { Zone::Private } else { Zone::Public }
}

fn of_v6(a: Ipv6Addr) -> Zone {
    if a.is_unicast_link_local() || METADATA_V6.contains(&a) {
        return Zone::Metadata;
    }
    if a.is_loopback() || a.is_unspecified() {
        return Zone::Loopback;
    }
    let first = a.segments()[0];
    let is_inside = a.is_unique_local() || first & 0xffc0 == 0xfec0 || a.is_multicast() || is_local_nat64(a);
    if is_inside { Zone::Private } else { Zone::Public }
}

/// RFC 8215: a translator of this network.
fn is_local_nat64(a: Ipv6Addr) -> bool {
    a.segments()[..3] == [0x64, 0xff9b, 1]
}

/// The IPv4 addresses that an IPv6 address may lead to: mapped (RFC 4291), translated (RFC 2765, 6052), by 6to4
/// (RFC 3056), Teredo (RFC 4380) and ISATAP (RFC 5214).
fn embedded(a: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let segments = a.segments();
    let at = |place: usize| {
        let [high, low] = [segments[place], segments[place + 1]].map(u16::to_be_bytes);
        Ipv4Addr::new(high[0], high[1], low[0], low[1])
    };
    let is_plain = matches!(
        segments,
        [0, 0, 0, 0, 0 | 0xffff, 0 | 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..]
    );
    let is_own = a.is_loopback() || a.is_unspecified();
    let last =
        ((is_plain && !is_own) || is_local_nat64(a) || matches!(segments[4..6], [0 | 0x200, 0x5efe])).then(|| at(6));
    let second = (segments[0] == 0x2002).then(|| at(1));
    let teredo = (segments[..2] == [0x2001, 0]).then(|| Ipv4Addr::from_bits(!at(6).to_bits()));
    // RFC 6052 keeps the fifth segment's first byte free in a prefix of 48 bits.
    let of_48 = is_local_nat64(a).then(|| {
        let [high, low] = [segments[4], segments[5]].map(u16::to_be_bytes);
        let [first, second] = segments[3].to_be_bytes();
        Ipv4Addr::new(first, second, high[1], low[0])
    });
    [last, second, teredo, of_48].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_address_has_the_zone_of_what_it_leads_to() {
        for (host, zone) in [
            ("169.254.169.254", Zone::Metadata),
            ("169.254.170.2", Zone::Metadata),
            ("2852039166", Zone::Metadata),
            ("100.100.100.200", Zone::Metadata),
            ("168.63.129.16", Zone::Metadata),
            ("[fd00:ec2::254]", Zone::Metadata),
            ("[fe80::1]", Zone::Metadata),
            ("[::ffff:169.254.169.254]", Zone::Metadata),
            ("[::169.254.169.254]", Zone::Metadata),
            ("[::ffff:0:169.254.169.254]", Zone::Metadata),
            ("[64:ff9b::169.254.169.254]", Zone::Metadata),
            ("[64:ff9b:1::169.254.169.254]", Zone::Metadata),
            ("[64:ff9b:1:a9fe:a9:fe00::]", Zone::Metadata),
            ("[2002:a9fe:a9fe::1]", Zone::Metadata),
            ("[2001:0:1:2:3:4:5601:5601]", Zone::Metadata),
            ("[2001:db8::5efe:169.254.169.254]", Zone::Metadata),
            ("127.0.0.1", Zone::Loopback),
            ("0x7f000001", Zone::Loopback),
            ("127.1", Zone::Loopback),
            ("0.0.0.0", Zone::Loopback),
            ("[::1]", Zone::Loopback),
            ("[::]", Zone::Loopback),
            ("[64:ff9b::127.0.0.1]", Zone::Loopback),
            ("localhost", Zone::Loopback),
            ("x.localhost.", Zone::Loopback),
            ("10.0.0.1", Zone::Private),
            ("100.64.0.1", Zone::Private),
            ("198.18.0.1", Zone::Private),
            ("224.0.0.1", Zone::Private),
            ("255.255.255.255", Zone::Private),
            ("[fd00::1]", Zone::Private),
            ("[fec0::1]", Zone::Private),
            ("[ff02::1]", Zone::Private),
            ("[64:ff9b::10.0.0.1]", Zone::Private),
            ("[64:ff9b:1::1]", Zone::Loopback),
            ("[2002:a00:1::1]", Zone::Private),
            ("192.0.2.1", Zone::Public),
            ("100.128.0.1", Zone::Public),
            ("[2606:4700::1]", Zone::Public),
            ("[64:ff9b::8.8.8.8]", Zone::Public),
            ("[2002:808:808::1]", Zone::Public),
            ("example.com", Zone::Public),
        ] {
            let url = Url::parse(&format!("http://{host}/")).unwrap();
            assert_eq!(Zone::of_url(&url), zone, "{host}");
        }
    }
}
