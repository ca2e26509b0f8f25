//! The URLs that a registry may lead to: what it names is only followed when it could not be meant to harm.

use reqwest::Url;

use super::connect_error::authority;
use super::zone::Zone;
use crate::error::{Error, Kind, Result};

/// The longest URL that is asked, in bytes; the HTTP library ends the process at one of 64 KiB.
const MAX_URL: usize = 16 << 10;

/// What a registry may name, by what it is itself.
#[derive(Debug, Clone, Copy)]
pub(in crate::registry) struct UrlPolicy {
    /// Whether plain HTTP will do after https.
    pub(super) insecure: bool,
    /// The nearest addresses that it may name.
    pub(super) zone: Zone,
}

impl UrlPolicy {
    /// Refuses plain HTTP after https, an address that a registry that far away has no business to name, and a login
    /// that is not the user's. A name is judged by its address when that is connected to.
    pub(in crate::registry) fn check(self, from: &Url, to: &Url) -> Result<()> {
        let refused = |why: &str| {
            let (from, to) = (authority(from), authority(to));
            Error::new(Kind::Unsupported, format!("{from} points to {to}, {why}: refused"))
        };
        if from.scheme() == "https" && to.scheme() != "https" && !self.insecure {
            return Err(refused("without encryption"));
        }
        if Zone::of_url(to) > self.zone {
            return Err(refused("an address inside the network"));
        }
        if has_login(to) {
            return Err(refused("with a login in the URL"));
        }
        Ok(())
    }
}

/// Whether it names a user or a password.
pub(super) fn has_login(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// Refuses what is longer than any server's URL.
pub(super) fn check_length(url: &Url) -> Result<()> {
    let length = url.as_str().len();
    if length <= MAX_URL {
        return Ok(());
    }
    let host = authority(url);
    let message = format!("the URL at {host} has {length} bytes, more than {MAX_URL}: refused");
    Err(Error::new(Kind::Unsupported, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_registry_names_nothing_that_is_nearer_than_itself() {
        let check = |zone, to: &str| {
            let policy = UrlPolicy { insecure: false, zone };
            policy.check(&url("https://reg.test/"), &url(to)).is_ok()
        };
        for (zone, to, is_fine) in [
            (Zone::Public, "https://cdn.test/x?sig=1", true),
            (Zone::Public, "https://10.0.0.1/", false),
            (Zone::Private, "https://10.0.0.1/", true),
            (Zone::Private, "https://127.0.0.1/", false),
            (Zone::Loopback, "https://127.0.0.1/", true),
            (Zone::Loopback, "https://[fd00:ec2::254]/", false),
            (Zone::Loopback, "http://127.0.0.1/", false),
            (Zone::Public, "https://user@cdn.test/", false),
            (Zone::Public, "https://:pass@cdn.test/", false),
        ] {
            assert_eq!(check(zone, to), is_fine, "{zone:?} {to}");
        }
    }

    #[test]
    fn a_url_longer_than_any_server_s_is_refused_without_being_shown() {
        let long = format!("https://h/{}", "x".repeat(MAX_URL));
        let error = check_length(&url(&long)).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("the URL at h has {} bytes, more than 16384: refused", MAX_URL + 10)
        );
        assert!(check_length(&url(&long[..MAX_URL])).is_ok());
    }
}
