//! Through which proxy a host is asked: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, as Go reads them and so
//! docker (<https://pkg.go.dev/golang.org/x/net/http/httpproxy#Config>).

use std::sync::Arc;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{ClientBuilder, Proxy, Url};

use super::no_proxy::NoProxy;
use super::origin::is_loopback;
use crate::credentials::Secret;
use crate::error::{Error, Kind, Result};

const HTTPS: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
const HTTP: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
const NO: [&str; 2] = ["NO_PROXY", "no_proxy"];
const SCHEMES: [&str; 5] = ["http", "https", "socks4", "socks4a", "socks5h"];

/// The proxies that the environment names, and for whom they are not.
#[derive(Debug, Clone)]
pub struct Proxies {
    https: Option<Named>,
    http: Option<Named>,
    no_proxy: NoProxy,
    /// Answers all but the entries of `NO_PROXY` that the HTTP client knows.
    matcher: Arc<Matcher>,
}

/// What a variable says.
#[derive(Debug, Clone)]
struct Named {
    variable: &'static str,
    /// The proxy's URL, which may hold a password. None where the value is no URL of a proxy.
    url: Option<Secret>,
}

impl Proxies {
    /// `variable` answers the value of an environment variable, if it has one.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&'static str]| names.iter().find_map(|name| Some((*name, variable(name)?)));
        let named = |names| {
            first(names).map(|(variable, value)| Named {
                variable,
                url: proxy_url(&value),
            })
        };
        // A web server hands the header `Proxy` of a client on to its programs in this variable.
        let is_from_web = variable("REQUEST_METHOD").is_some();
        let no = first(&NO).map(|(_, value)| value).unwrap_or_default();
        Self {
            https: named(&HTTPS),
            http: named(&HTTP).filter(|named| !(is_from_web && named.variable == HTTP[0])),
            no_proxy: NoProxy::parse(&no),
            matcher: Arc::new(Matcher::builder().all("http://proxy.invalid").no(no).build()),
        }
    }

    /// Whether this URL is asked through a proxy. An error where the proxy that is named for it can not be one: who
    /// names one does not want to go without.
    pub(super) fn cover(&self, url: &Url) -> Result<bool> {
        let named = match url.scheme() {
            "https" => &self.https,
            _ => &self.http,
        };
        let Some(named) = named else {
            return Ok(false);
        };
        let is_matched = |uri| self.matcher.intercept(&uri).is_some();
        let is_direct = is_loopback(url) || self.no_proxy.covers(url) || !url.as_str().parse().is_ok_and(is_matched);
        if !is_direct && named.url.is_none() {
            let variable = named.variable;
            let message = format!(
                "invalid proxy address in {variable}: it has to be [SCHEME://][USER:PASSWORD@]HOST[:PORT], of the scheme \
                 http, https or socks5"
            );
            return Err(Error::new(Kind::Usage, message));
        }
        Ok(!is_direct)
    }

    /// A client that asks through these proxies, whomever it asks.
    pub(super) fn with(&self, builder: ClientBuilder) -> reqwest::Result<ClientBuilder> {
        let mut builder = builder.no_proxy();
        if let Some(url) = self.https.as_ref().and_then(|named| named.url.as_ref()) {
            builder = builder.proxy(Proxy::https(url.expose())?);
        }
        if let Some(url) = self.http.as_ref().and_then(|named| named.url.as_ref()) {
            builder = builder.proxy(Proxy::http(url.expose())?);
        }
        Ok(builder)
    }
}

/// No proxy for anybody.
impl Default for Proxies {
    fn default() -> Self {
        Self::of(|_| None)
    }
}

/// The URL behind the value of a variable: without a scheme, HTTP is meant. As with Go, a SOCKS5 proxy looks the names up
/// itself, since who needs one often knows no name out there.
fn proxy_url(value: &str) -> Option<Secret> {
    let value = value.trim();
    let url = match value.split_once("://") {
        None => format!("http://{value}"),
        Some(("socks5", rest)) => format!("socks5h://{rest}"),
        Some(_) => value.to_owned(),
    };
    let parsed = Url::parse(&url).ok()?;
    let is_proxy = SCHEMES.contains(&parsed.scheme()) && parsed.host_str().is_some_and(|host| !host.is_empty());
    is_proxy.then(|| Secret::new(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cover(variables: &[(&str, &str)], url: &str) -> Result<bool> {
        let value = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Proxies::of(value).cover(&Url::parse(url).unwrap())
    }

    #[test]
    fn each_scheme_has_its_proxy() {
        let https = "https://reg.example/v2/";
        let http = "http://reg.example/v2/";
        for (variables, for_https, for_http) in [
            (&[][..], false, false),
            (&[("HTTPS_PROXY", "http://p:1")], true, false),
            (&[("https_proxy", "p:1")], true, false),
            (&[("HTTP_PROXY", "p")], false, true),
            (&[("ALL_PROXY", "socks5://p:1")], true, true),
            (&[("HTTPS_PROXY", "p"), ("NO_PROXY", "reg.example")], false, false),
            (&[("HTTPS_PROXY", "p"), ("no_proxy", "reg.example:443")], false, false),
            (&[("HTTPS_PROXY", "p"), ("NO_PROXY", "10.0.0.0/8,.other")], true, false),
            (&[("HTTP_PROXY", "p"), ("REQUEST_METHOD", "GET")], false, false),
            (&[("http_proxy", "p"), ("REQUEST_METHOD", "GET")], false, true),
        ] {
            assert_eq!(cover(variables, https).unwrap(), for_https, "{variables:?}");
            assert_eq!(cover(variables, http).unwrap(), for_http, "{variables:?}");
        }
        assert!(!cover(&[("ALL_PROXY", "p")], "http://localhost:5000/v2/").unwrap());
        assert!(!cover(&[("ALL_PROXY", "p"), ("NO_PROXY", "10.0.0.0/8")], "http://10.1.2.3/v2/").unwrap());
    }

    #[test]
    fn a_proxy_that_can_not_be_one_is_named_where_it_would_be_asked() {
        for value in [
            "ftp://u:hush@p:1",
            "http://",
            "http://u:hush@p:port",
            "://p",
            "socks5:///",
        ] {
            let error = cover(&[("HTTPS_PROXY", value)], "https://reg.example/").unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.contains("invalid proxy address in HTTPS_PROXY"), "{value}: {text}");
            assert!(!text.contains("hush"), "{text}");
            for (url, no) in [("https://reg.example/", "reg.example"), ("http://reg.example/", "")] {
                assert!(!cover(&[("HTTPS_PROXY", value), ("NO_PROXY", no)], url).unwrap());
            }
        }
    }

    #[test]
    fn a_socks_proxy_looks_names_up_itself() {
        assert_eq!(proxy_url(" socks5://u:p@h:1 ").unwrap().expose(), "socks5h://u:p@h:1");
        assert_eq!(proxy_url("h:3128").unwrap().expose(), "http://h:3128");
    }
}
