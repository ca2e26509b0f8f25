//! Host names to addresses: asked of the system once, used to connect, to judge loopback, and in messages.

use std::fmt;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::bounded_map::BoundedMap;
use super::zone::Zone;

/// How long an answer serves: the look-up that judges a host also serves the connection made right after.
const LIFETIME: Duration = Duration::from_secs(30);

/// The most hosts that are remembered: registries send readers on to hosts of their choice.
const MAX_KEPT: usize = 128;

/// The system's resolver with a short memory. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Resolver(Arc<Mutex<BoundedMap<String, Found>>>);

impl Default for Resolver {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(BoundedMap::new(MAX_KEPT))))
    }
}

#[derive(Debug, Clone)]
struct Found {
    addresses: Vec<SocketAddr>,
    at: Instant,
    /// Whether a connection was tried, and not only the address looked at: through a proxy none is.
    dialled: bool,
}

/// A resolver that gives no address nearer than a zone: what a registry leads to is judged by where it really is, just
/// before it is connected to.
#[derive(Debug, Clone)]
pub(super) struct GuardedResolver {
    resolver: Resolver,
    nearest: Zone,
}

/// A name that leads to where the registry that named it must not lead.
#[derive(Debug)]
pub(super) struct Forbidden {
    host: String,
    address: IpAddr,
}

/// The system knows no address of this name.
#[derive(Debug)]
pub(super) struct LookupFailed {
    host: String,
    why: String,
}

impl Resolver {
    /// The same, for the hosts that a registry of this zone leads to.
    pub(super) fn guarded(&self, nearest: Zone) -> GuardedResolver {
        let resolver = self.clone();
        GuardedResolver { resolver, nearest }
    }

    /// The addresses of a host; port 0 stands for the one of the scheme.
    async fn look_up(&self, host: &str) -> Result<Vec<SocketAddr>, LookupFailed> {
        if let Some(found) = self.known(host).filter(|found| found.at.elapsed() < LIFETIME) {
            return Ok(found.addresses);
        }
        let failed = |why: String| LookupFailed {
            host: host.to_owned(),
            why,
        };
        let name = host.to_owned();
        let addresses: Vec<SocketAddr> = tokio::task::spawn_blocking(move || (name.as_str(), 0).to_socket_addrs())
            .await
            .map_err(|e| failed(e.to_string()))?
            .map_err(|e| failed(in_go_words(&e.to_string())))?
            .collect();
        let found = Found {
            addresses: addresses.clone(),
            at: Instant::now(),
            dialled: false,
        };
        self.lock().insert(host.to_owned(), found);
        Ok(addresses)
    }

    /// The addresses of a host as a URL or a reference names it; none when nobody knows it.
    pub(super) async fn addresses(&self, host: &str) -> Vec<IpAddr> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(literal) = bare.parse() {
            return vec![literal];
        }
        let found = self.look_up(bare).await.unwrap_or_default();
        found.into_iter().map(|address| address.ip()).collect()
    }

    /// The address that a connection to this host tries first.
    pub(super) fn dialled(&self, host: &str) -> Option<IpAddr> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let tried = || {
            self.known(bare)
                .filter(|found| found.dialled)?
                .addresses
                .first()
                .map(SocketAddr::ip)
        };
        bare.parse().ok().or_else(tried)
    }

    fn known(&self, host: &str) -> Option<Found> {
        self.lock().get(host).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, BoundedMap<String, Found>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resolver {
    /// The addresses of a host that is about to be connected to.
    async fn dial(&self, host: &str) -> Result<Vec<SocketAddr>, LookupFailed> {
        let addresses = self.look_up(host).await?;
        if let Some(found) = self.lock().get_mut(host) {
            found.dialled = true;
        }
        Ok(addresses)
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = resolver.dial(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let Self { resolver, nearest } = self.clone();
        Box::pin(async move {
            let addresses = resolver.dial(name.as_str()).await?;
            let (fine, forbidden): (Vec<_>, Vec<_>) = addresses
                .into_iter()
                .partition(|address| Zone::of(address.ip()) <= nearest);
            match forbidden.first() {
                Some(address) if fine.is_empty() => Err(Forbidden {
                    host: name.as_str().to_owned(),
                    address: address.ip(),
                }
                .into()),
                _ => Ok(Box::new(fine.into_iter()) as Addrs),
            }
        })
    }
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, address } = self;
        write!(f, "{host} is {address}, an address inside the network: refused")
    }
}

impl std::error::Error for Forbidden {}

impl fmt::Display for LookupFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lookup {}: {}", self.host, self.why)
    }
}

impl std::error::Error for LookupFailed {}

/// The C library's words for "no such name" as docker users know them.
fn in_go_words(text: &str) -> String {
    let absent = [
        "Name or service not known",
        "No address associated",
        "nodename nor servname",
    ];
    if absent.iter().any(|words| text.contains(words)) {
        return "no such host".to_owned();
    }
    text.rsplit(": ").next().unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn literals_need_no_look_up_and_localhost_is_loopback() {
        let resolver = Resolver::default();
        assert_eq!(resolver.addresses("[::1]").await, ["::1".parse::<IpAddr>().unwrap()]);
        assert_eq!(
            resolver.addresses("192.0.2.1").await,
            ["192.0.2.1".parse::<IpAddr>().unwrap()]
        );
        assert!(resolver.addresses("localhost").await.iter().all(IpAddr::is_loopback));
        assert_eq!(resolver.dialled("localhost"), None);
        resolver.resolve("localhost".parse().unwrap()).await.map(drop).unwrap();
        assert!(resolver.dialled("localhost").is_some_and(|a| a.is_loopback()));
    }

    #[tokio::test]
    async fn a_name_is_judged_by_its_address() {
        let resolve = async |nearest| {
            let resolver = Resolver::default().guarded(nearest);
            resolver.resolve("localhost".parse().unwrap()).await.map(drop)
        };
        for nearest in [Zone::Public, Zone::Private] {
            let error = resolve(nearest).await.unwrap_err().to_string();
            assert!(error.ends_with(", an address inside the network: refused"), "{error}");
        }
        assert!(resolve(Zone::Loopback).await.is_ok());
    }

    #[test]
    fn the_words_are_docker_s() {
        let failed = LookupFailed {
            host: "nosuchhost.invalid".into(),
            why: in_go_words("failed to lookup address information: Name or service not known"),
        };
        assert_eq!(failed.to_string(), "lookup nosuchhost.invalid: no such host");
        let later = in_go_words("failed to lookup address information: Temporary failure in name resolution");
        assert_eq!(later, "Temporary failure in name resolution");
    }
}
