//! A docker client that is pointed at another machine removes there. rdock has only its own store, which whoever
//! removes something is told.

use crate::settings::Settings;

/// The warning for a command that removes, where `-H`, `-c` or the environment name an engine elsewhere.
pub(super) fn notice(hosts: &[String], context: Option<&str>, settings: &Settings) -> Option<String> {
    let host = hosts
        .last()
        .or(settings.docker.host.as_ref())
        .filter(|host| is_elsewhere(host));
    let context = context
        .or(settings.docker.context.as_deref())
        .filter(|name| !matches!(*name, "" | "default"));
    let place = match (host, context) {
        (Some(host), _) => without_login(host),
        (None, Some(context)) => format!("context {context:?}"),
        (None, None) => return None,
    };
    let store = settings.store_folder.display();
    Some(format!(
        "WARNING: rdock has no engine to connect to: this acts on the local store {store}, not on {place}"
    ))
}

/// Whether an engine's address is not of this machine.
fn is_elsewhere(host: &str) -> bool {
    let Some((scheme, rest)) = host.split_once("://") else {
        return !(host.is_empty() || host.starts_with(':') || is_this_machine(host));
    };
    !matches!(scheme, "unix" | "npipe" | "fd") && (scheme == "ssh" || !is_this_machine(rest))
}

fn is_this_machine(address: &str) -> bool {
    let address = address.split('/').next().unwrap_or_default();
    let host = match address.rsplit_once(':') {
        Some((host, port)) if port.chars().all(|digit| digit.is_ascii_digit()) => host,
        _ => address,
    };
    host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

/// Without user and password.
fn without_login(host: &str) -> String {
    match host.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", rest.rsplit('@').next().unwrap_or_default()),
        None => host.rsplit('@').next().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_other_machines_are_elsewhere() {
        for here in [
            "",
            "unix:///var/run/docker.sock",
            "npipe:////./pipe/docker_engine",
            "fd://",
            "tcp://127.0.0.1:2375",
            "tcp://[::1]:2375",
            "tcp://localhost:2375/",
            ":2375",
        ] {
            assert!(!is_elsewhere(here), "{here}");
        }
        for there in [
            "ssh://me@build.example.com",
            "tcp://10.1.0.1:2375",
            "build.example.com:2375",
        ] {
            assert!(is_elsewhere(there), "{there}");
        }
        assert_eq!(without_login("ssh://me:secret@host/x"), "ssh://host/x");
    }
}
