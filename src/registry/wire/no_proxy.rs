//! Hosts that are asked without a proxy: `NO_PROXY`, as Go reads it and so docker
//! (<https://pkg.go.dev/golang.org/x/net/http/httpproxy#Config>).

use std::net::IpAddr;

use reqwest::Url;

/// The entries of `NO_PROXY` that the HTTP client does not know: those with a port, and those with a star. It heeds the
/// others itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct NoProxy(Vec<HostPattern>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct HostPattern {
    /// The domain in lower case, without its star, its dot and its port.
    host: String,
    port: Option<u16>,
    /// Whether the hosts below it are meant alone: it began with a star or a dot.
    is_suffix: bool,
}

impl NoProxy {
    /// The value of the variable: entries with commas between. One that means nothing is passed over.
    pub(super) fn parse(value: &str) -> Self {
        Self(value.split(',').filter_map(HostPattern::parse).collect())
    }

    /// Whether this URL's host is asked directly.
    pub(super) fn covers(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else {
            return false;
        };
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        self.0
            .iter()
            .any(|entry| entry.covers(&host, url.port_or_known_default()))
    }
}

impl HostPattern {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        // A block of addresses is left to the client.
        if text.is_empty() || text.contains('/') {
            return None;
        }
        let bare_address = text.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !bare_address => (host, Some(port.parse().ok()?)),
            _ => (text.as_str(), None),
        };
        let host = host.trim_matches(['[', ']']);
        let (host, is_suffix) = match host.strip_prefix('*').unwrap_or(host).strip_prefix('.') {
            Some(rest) => (rest, true),
            None => (host, false),
        };
        (!host.is_empty()).then(|| Self {
            host: host.to_owned(),
            port,
            is_suffix,
        })
    }

    fn covers(&self, host: &str, port: Option<u16>) -> bool {
        if self.port.is_some() && self.port != port {
            return false;
        }
        if self.host == "*" {
            return true;
        }
        let is_below = host.strip_suffix(&self.host).is_some_and(|rest| rest.ends_with('.'));
        let is_address = host.parse::<IpAddr>().is_ok();
        (is_below && !is_address) || (host == self.host && !self.is_suffix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_ports_suffixes_and_stars_are_understood() {
        let covers = |value: &str, url: &str| NoProxy::parse(value).covers(&Url::parse(url).unwrap());
        for (value, url, expected) in [
            ("h.example.com:5000", "https://h.example.com:5000/v2/", true),
            ("h.example.com:5000", "https://h.example.com:5001/v2/", false),
            ("example.com:443", "https://h.example.com/", true),
            ("*.example.com", "https://h.example.com/", true),
            ("*.example.com", "https://example.com/", false),
            (".EXAMPLE.com", "https://h.Example.com/", true),
            ("example.com", "https://example.com/", true),
            ("example.com", "https://badexample.com/", false),
            (" a , *.example.com:80 ", "http://h.example.com/", true),
            ("*", "https://anything/", true),
            ("10.0.0.1:5000", "http://10.0.0.1:5000/", true),
            ("0.0.1", "http://10.0.0.1/", false),
            ("[fd00::1]:5000", "http://[fd00::1]:5000/", true),
            ("fd00::1", "http://[fd00::1]:5000/", true),
            ("h:no", "http://h/", false),
            ("", "http://h/", false),
            (",:,*:,", "http://h/", false),
        ] {
            assert_eq!(covers(value, url), expected, "{value} {url}");
        }
    }
}
