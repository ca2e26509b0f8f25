//! One registry, many spellings: the keys under which Docker, podman and people have kept its login.

/// The key of Docker Hub's login, <https://github.com/docker/cli> `registry.IndexServer`.
pub(super) const HUB_KEY: &str = "https://index.docker.io/v1/";
const HUB_DOMAIN: &str = "docker.io";
/// Hosts that are all Docker Hub, the likeliest key first.
const HUB_HOSTS: [&str; 3] = ["index.docker.io", HUB_DOMAIN, "registry-1.docker.io"];

/// The key a login is kept under: the host and port, or the Hub's long key for every spelling of the Hub.
///
/// Docker stores `login index.docker.io` and others under keys that its own pull never reads.
pub fn server_key(argument: Option<&str>) -> String {
    let domain = server_domain(argument);
    if domain == HUB_DOMAIN {
        HUB_KEY.to_owned()
    } else {
        domain
    }
}

/// The registry to talk to, as in a reference: `docker.io` for every spelling of the Hub.
pub fn server_domain(argument: Option<&str>) -> String {
    match argument {
        None | Some("") => HUB_DOMAIN.to_owned(),
        Some(typed) => {
            let (host, _) = host_and_path(typed);
            let known = if is_hub(host) { HUB_DOMAIN } else { host };
            known.to_owned()
        }
    }
}

/// What `logout` calls the server: the Hub's long key without an argument, else host and port as typed.
pub fn server_name(argument: Option<&str>) -> String {
    match argument {
        None | Some("") => HUB_KEY.to_owned(),
        Some(typed) => host_and_path(typed).0.to_owned(),
    }
}

/// How near a stored key is to the registry asked for; the smallest is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Nearness {
    /// The key that login writes.
    Exact,
    /// The host with a scheme or an API path, or (by its place in the list) another host of the Hub.
    Spelling(usize),
    /// Something below the host, such as podman's `host/namespace`: Docker takes it for the whole host.
    Below,
}

/// `None`: the key belongs to another registry.
pub(super) fn nearness(key: &str, domain: &str) -> Option<Nearness> {
    let (host, path) = host_and_path(key);
    let is_api_root = matches!(path.trim_matches('/'), "" | "v1" | "v2");
    if is_hub(domain) {
        let place = HUB_HOSTS.iter().position(|hub| hub.eq_ignore_ascii_case(host))?;
        return match key {
            HUB_KEY => Some(Nearness::Exact),
            // Nothing else below: `v1/refresh-token` and its like hold something other than the login.
            _ => is_api_root.then_some(Nearness::Spelling(place)),
        };
    }
    match key {
        _ if !host.eq_ignore_ascii_case(domain) => None,
        _ if key == domain => Some(Nearness::Exact),
        _ if is_api_root => Some(Nearness::Spelling(0)),
        _ => Some(Nearness::Below),
    }
}

/// Whether the key holds what Docker's login through a browser leaves beside the Hub's login.
pub(super) fn is_web_login(key: &str, domain: &str) -> bool {
    is_hub(domain) && matches!(key.strip_prefix(HUB_KEY), Some("access-token" | "refresh-token"))
}

/// The keys that logout erases in a helper, each once: as typed, HOST, `http://HOST`, `https://HOST`; one for the Hub.
pub(super) fn erasable_keys(argument: Option<&str>) -> Vec<String> {
    let key = server_key(argument);
    if key == HUB_KEY {
        return vec![key];
    }
    let schemes = [format!("http://{key}"), format!("https://{key}")];
    let mut keys: Vec<String> = argument.map(str::to_owned).into_iter().collect();
    for spelling in std::iter::once(key).chain(schemes) {
        if !keys.contains(&spelling) {
            keys.push(spelling);
        }
    }
    keys
}

fn is_hub(host: &str) -> bool {
    HUB_HOSTS.iter().any(|hub| hub.eq_ignore_ascii_case(host))
}

/// Splits a key or argument, without `http://` or `https://` in any case, at its first slash.
fn host_and_path(text: &str) -> (&str, &str) {
    let rest = match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") => rest,
        _ => text,
    };
    rest.find('/').map_or((rest, ""), |at| rest.split_at(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_writes_the_key_that_pull_reads() {
        let table = [
            (None, HUB_KEY, "docker.io"),
            (Some(""), HUB_KEY, "docker.io"),
            (Some("docker.io"), HUB_KEY, "docker.io"),
            (Some("https://index.docker.io/v1/"), HUB_KEY, "docker.io"),
            (Some("index.docker.io"), HUB_KEY, "docker.io"),
            (Some("registry-1.docker.io"), HUB_KEY, "docker.io"),
            (Some("https://registry-1.docker.io/v2/"), HUB_KEY, "docker.io"),
            (Some("https://docker.io"), HUB_KEY, "docker.io"),
            (Some("http://127.0.0.1:5102"), "127.0.0.1:5102", "127.0.0.1:5102"),
            (Some("https://127.0.0.1:5102/v1/"), "127.0.0.1:5102", "127.0.0.1:5102"),
            (Some("127.0.0.1:5102/some/path"), "127.0.0.1:5102", "127.0.0.1:5102"),
            (Some("[::1]:5000"), "[::1]:5000", "[::1]:5000"),
        ];
        for (argument, key, domain) in table {
            assert_eq!(server_key(argument), key, "{argument:?}");
            assert_eq!(server_domain(argument), domain, "{argument:?}");
            assert!(nearness(&server_key(argument), domain).is_some(), "{argument:?}");
        }
    }

    #[test]
    fn every_historic_key_of_a_host_is_found_and_no_other_host_s() {
        let domain = "127.0.0.1:5102";
        for (key, expected) in [
            ("127.0.0.1:5102", Some(Nearness::Exact)),
            ("http://127.0.0.1:5102", Some(Nearness::Spelling(0))),
            ("https://127.0.0.1:5102", Some(Nearness::Spelling(0))),
            ("HTTPS://127.0.0.1:5102", Some(Nearness::Spelling(0))),
            ("https://127.0.0.1:5102/v1/", Some(Nearness::Spelling(0))),
            ("127.0.0.1:5102/v2", Some(Nearness::Spelling(0))),
            ("127.0.0.1:5102/x/nginx", Some(Nearness::Below)),
            ("127.0.0.1", None),
            ("//127.0.0.1:5102", None),
            ("ftp://127.0.0.1:5102", None),
            ("127.0.0.1:51020", None),
            ("user@127.0.0.1:5102", None),
            ("127.0.0.1:5102.evil.example", None),
            ("evil.example/127.0.0.1:5102", None),
            (HUB_KEY, None),
        ] {
            assert_eq!(nearness(key, domain), expected, "{key}");
        }
        assert_eq!(
            nearness("Reg.Example.COM", "reg.example.com"),
            Some(Nearness::Spelling(0))
        );
    }

    #[test]
    fn every_historic_key_of_the_hub_is_found_the_long_one_first() {
        for domain in ["docker.io", "index.docker.io", "registry-1.docker.io"] {
            assert_eq!(nearness(HUB_KEY, domain), Some(Nearness::Exact));
            for (key, place) in [
                ("https://index.docker.io/v1", 0),
                ("http://index.docker.io/v1/", 0),
                ("https://index.docker.io/v2/", 0),
                ("index.docker.io", 0),
                ("docker.io", 1),
                ("https://docker.io", 1),
                ("registry-1.docker.io", 2),
                ("https://registry-1.docker.io/v2/", 2),
            ] {
                assert_eq!(nearness(key, domain), Some(Nearness::Spelling(place)), "{key}");
            }
            for key in [
                "https://index.docker.io/v1/refresh-token",
                "docker.io/library",
                "hub.docker.com",
                "evil-docker.io",
            ] {
                assert_eq!(nearness(key, domain), None, "{key}");
            }
        }
    }

    #[test]
    fn logout_erases_docker_s_keys_each_once() {
        assert_eq!(erasable_keys(None), [HUB_KEY]);
        assert_eq!(erasable_keys(Some("docker.io")), [HUB_KEY]);
        assert_eq!(erasable_keys(Some("h:1")), ["h:1", "http://h:1", "https://h:1"]);
        assert_eq!(
            erasable_keys(Some("https://h:1/v2/")),
            ["https://h:1/v2/", "h:1", "http://h:1", "https://h:1"]
        );
        assert_eq!(server_name(None), HUB_KEY);
        assert_eq!(server_name(Some("docker.io")), "docker.io");
        assert_eq!(server_name(Some("https://127.0.0.1:5102/v2/")), "127.0.0.1:5102");
    }
}
