//! The text of a failure: what went wrong, and what to do about it. Advice is here alone.

mod engine;

use crate::error::{Clue, Error, Kind};

use super::{Screen, human, sanitize};

/// What advice names, as the user would write it here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Here {
    /// The name that rdock was called by.
    pub program: &'static str,
    /// The daemon.json files that are read.
    pub daemon_configs: Vec<String>,
    /// The certs.d folders that are read.
    pub certificate_folders: Vec<String>,
}

impl Here {
    /// The paths where nothing was set otherwise.
    pub fn usual(program: &'static str) -> Self {
        let both = |end: &str| vec![format!("/etc/docker/{end}"), format!("~/.config/docker/{end}")];
        Self {
            program,
            daemon_configs: both("daemon.json"),
            certificate_folders: both("certs.d"),
        }
    }
}

/// Prints the failure on standard error, below the live bars, and returns the exit code. An interruption is silent.
pub fn report(screen: &Screen, error: &Error, here: &Here) -> u8 {
    screen.settle();
    if error.kind() != Kind::Interrupted {
        screen.note(&render(error, here));
    }
    exit_code(error)
}

/// 1, or 130 when the user stopped the work, as docker has it.
pub fn exit_code(error: &Error) -> u8 {
    match error.kind() {
        Kind::Interrupted => 130,
        _ => 1,
    }
}

/// The message, and one line of advice where the error holds a clue. No line end after the last line.
pub fn render(error: &Error, here: &Here) -> String {
    let message = sanitize(&error.to_string()).into_owned();
    match error.clue().and_then(|clue| hint(clue, here)) {
        Some(hint) => format!("{}\nhint: {}", message.trim_end(), sanitize::one_line(&hint)),
        None => message,
    }
}

fn hint(clue: &Clue, here: &Here) -> Option<String> {
    let program = here.program;
    Some(match clue {
        Clue::NoDeletion { .. }
        | Clue::TypeRefused { .. }
        | Clue::TagStands { .. }
        | Clue::Lacking { .. }
        | Clue::PortLost { .. } => registry_hint(clue)?,
        Clue::PlainHttp { host } => plain_http(host, here),
        Clue::UnknownAuthority { host } => unknown_authority(host, here),
        Clue::LoginNeeded { host } => format!("{host} wants a login: {}", to_host(program, "login", host)),
        Clue::LoginRefused { host } => format!(
            "{host} refuses the stored login, which may have expired: {}, or for public images {}",
            to_host(program, "login", host),
            to_host(program, "logout", host)
        ),
        Clue::SentOn { host, to } => format!(
            "{host} sends on to {to}, which wants a login of its own: {}, and name the image with {to} in front",
            to_host(program, "login", to)
        ),
        Clue::NearestTags(tags) => format!("existing tags: {}", listed(tags)?),
        Clue::Platforms(platforms) => format!(
            "the image exists for {}: choose one with --platform",
            listed(platforms)?
        ),
        Clue::PartOf { platform, image } => {
            format!("it is {image} for {platform}: {program} rmi --platform {platform} {image} removes it alone")
        }
        Clue::NearestNames(names) => format!("there is {}; {program} images lists all", listed(names)?),
        Clue::Unreachable { host } | Clue::Silent { host } => format!(
            "nothing answers at {host}: check the name and the port, and HTTPS_PROXY and NO_PROXY if a proxy is \
             between"
        ),
        Clue::DiskFull { folder, partial } => disk_full(folder, *partial, program),
        Clue::NoRoom { folder } => {
            format!("the disk that holds {folder} is full: make room on it, or name a place on another disk")
        }
        Clue::BrokenFile { path } => format!("{path} was left as it is: mend it, or move it out of the way"),
        Clue::ForeignStore { root } => foreign_store(root),
        Clue::NoRegistry { host } => {
            format!("{host} answers, but not as a registry does: check the name and the port")
        }
        Clue::Siblings(names) => format!("to take it from {} as well, pass --force", listed(names)?),
        Clue::NeedsEngine { words } => engine::hint(words, program),
        Clue::BaseNeeded => "nothing was loaded: load the archive that this one was saved against first, or save the \
                             image whole, without --since and --have"
            .to_owned(),
        Clue::BadArchive => {
            format!("nothing of the archive was loaded: check that it is whole, or write it again with {program} save")
        }
    })
}

/// About what the registry itself has to be set up for.
fn registry_hint(clue: &Clue) -> Option<String> {
    Some(match clue {
        Clue::NoDeletion { host } => format!(
            "whoever runs {host} can allow it: storage.delete.enabled in docker's registry, a role or a page of its \
             own elsewhere"
        ),
        Clue::TypeRefused { media_type } => format!(
            "rdock sends a manifest as it is, so that its digest stays: the registry has to be set up to take \
             {media_type}"
        ),
        Clue::TagStands { tag, digest } => format!(
            "the tag {tag} stands for {digest} there: where tags may not be moved, push under another one, or remove \
             the old one first"
        ),
        Clue::Lacking { host, digests } => format!(
            "{host} does not see {} that it was sent: a group or a cache takes no images, push to the repository \
             behind it",
            listed(digests)?
        ),
        Clue::PortLost { host } => format!(
            "only whoever runs {host} can mend it: its front has to pass the port on, in nginx by proxy_set_header \
             Host $http_host"
        ),
        _ => return None,
    })
}

fn plain_http(host: &str, here: &Here) -> String {
    format!(
        "this registry speaks plain HTTP: add \"{host}\" to insecure-registries in {}, or pass --insecure",
        here.daemon_configs.join(" or ")
    )
}

fn unknown_authority(host: &str, here: &Here) -> String {
    let folders = here.certificate_folders.iter();
    let files: Vec<String> = folders.map(|folder| format!("{folder}/{host}/ca.crt")).collect();
    format!(
        "the certificate of {host} is signed by an authority that is not trusted here: put the authority's certificate \
         into {}",
        files.join(" or ")
    )
}

/// The command about a host; Docker Hub is where it goes without a name.
fn to_host(program: &str, command: &str, host: &str) -> String {
    match host {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => format!("{program} {command}"),
        host => format!("{program} {command} {host}"),
    }
}

fn disk_full(folder: &str, partial: u64, program: &str) -> String {
    if partial == 0 {
        return format!(
            "the disk that holds {folder} is full: remove images with {program} rmi, or set RDOCK_HOME to a folder with \
             more room"
        );
    }
    let size = human::precise_size(partial);
    format!(
        "the disk that holds {folder} is full: {program} system prune --partial frees {size} that interrupted transfers \
         left, {program} rmi removes images; or set RDOCK_HOME to a folder with more room"
    )
}

fn foreign_store(root: &str) -> String {
    format!(
        "what others may change is not trusted: if {root} is yours alone, chown -R it to yourself and chmod -R go-w it; \
         else copy it with cp -r to a folder of your own, without links, and use that"
    )
}

fn listed(names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(clue: Clue) -> String {
        let error = Error::new(Kind::Unavailable, "it failed").with_clue(clue);
        render(&error, &Here::usual("rdock"))
    }

    #[track_caller]
    fn assert_hints<const N: usize>(expected: [(Clue, &str); N]) {
        for (clue, hint) in expected {
            assert_eq!(rendered(clue), format!("it failed\nhint: {hint}"));
        }
    }

    fn host() -> String {
        "reg.example.com:5000".to_owned()
    }

    #[test]
    fn without_a_clue_there_is_only_docker_s_message() {
        let text =
            "errors:\ndenied: requested access to the resource is denied\nunauthorized: authentication required\n";
        assert_eq!(render(&Error::new(Kind::Denied, text), &Here::usual("rdock")), text);
    }

    #[test]
    fn a_host_that_does_not_do_gets_one_line_of_advice() {
        assert_hints([
            (
                Clue::PlainHttp { host: host() },
                "this registry speaks plain HTTP: add \"reg.example.com:5000\" to insecure-registries in \
                 /etc/docker/daemon.json or ~/.config/docker/daemon.json, or pass --insecure",
            ),
            (
                Clue::UnknownAuthority { host: host() },
                "the certificate of reg.example.com:5000 is signed by an authority that is not trusted here: put the \
                 authority's certificate into /etc/docker/certs.d/reg.example.com:5000/ca.crt or \
                 ~/.config/docker/certs.d/reg.example.com:5000/ca.crt",
            ),
            (
                Clue::LoginNeeded { host: host() },
                "reg.example.com:5000 wants a login: rdock login reg.example.com:5000",
            ),
            (
                Clue::LoginNeeded {
                    host: "docker.io".into(),
                },
                "docker.io wants a login: rdock login",
            ),
            (
                Clue::LoginRefused { host: host() },
                "reg.example.com:5000 refuses the stored login, which may have expired: \
                 rdock login reg.example.com:5000, or for public images rdock logout reg.example.com:5000",
            ),
            (
                Clue::SentOn {
                    host: "images.example.com".into(),
                    to: host(),
                },
                "images.example.com sends on to reg.example.com:5000, which wants a login of its own: \
                 rdock login reg.example.com:5000, and name the image with reg.example.com:5000 in front",
            ),
        ]);
    }

    #[test]
    fn a_name_or_a_registry_that_does_not_do_gets_one_line_of_advice() {
        assert_hints([
            (
                Clue::NearestTags(vec!["1.17.5".into(), "1.17".into(), "latest".into()]),
                "existing tags: 1.17.5, 1.17, latest",
            ),
            (
                Clue::Platforms(vec!["linux/amd64".into(), "linux/arm64/v8".into()]),
                "the image exists for linux/amd64, linux/arm64/v8: choose one with --platform",
            ),
            (
                Clue::NearestNames(vec!["nginx:1.14".into()]),
                "there is nginx:1.14; rdock images lists all",
            ),
            (
                Clue::PartOf {
                    platform: "linux/arm64".into(),
                    image: "app:1".into(),
                },
                "it is app:1 for linux/arm64: rdock rmi --platform linux/arm64 app:1 removes it alone",
            ),
            (
                Clue::Unreachable { host: host() },
                "nothing answers at reg.example.com:5000: check the name and the port, and HTTPS_PROXY and NO_PROXY \
                 if a proxy is between",
            ),
            (
                Clue::TagStands {
                    tag: "1.0".into(),
                    digest: "sha256:abc".into(),
                },
                "the tag 1.0 stands for sha256:abc there: where tags may not be moved, push under another one, or remove \
                 the old one first",
            ),
            (
                Clue::Lacking {
                    host: host(),
                    digests: vec!["sha256:abc".into(), "sha256:def".into()],
                },
                "reg.example.com:5000 does not see sha256:abc, sha256:def that it was sent: a group or a cache takes no \
                 images, push to the repository behind it",
            ),
            (
                Clue::PortLost { host: host() },
                "only whoever runs reg.example.com:5000 can mend it: its front has to pass the port on, in nginx by \
                 proxy_set_header Host $http_host",
            ),
            (
                Clue::NoRegistry { host: host() },
                "reg.example.com:5000 answers, but not as a registry does: check the name and the port",
            ),
        ]);
    }

    #[test]
    fn a_disk_or_a_file_that_is_in_the_way_gets_one_line_of_advice() {
        assert_hints([
            (
                Clue::DiskFull {
                    folder: "/data/rdock".into(),
                    partial: 0,
                },
                "the disk that holds /data/rdock is full: remove images with rdock rmi, or set RDOCK_HOME to a folder \
                 with more room",
            ),
            (
                Clue::DiskFull {
                    folder: "/data/rdock".into(),
                    partial: 2_500_000,
                },
                "the disk that holds /data/rdock is full: rdock system prune --partial frees 2.5MB that interrupted \
                 transfers left, rdock rmi removes images; or set RDOCK_HOME to a folder with more room",
            ),
            (
                Clue::NoRoom {
                    folder: "/backup".into(),
                },
                "the disk that holds /backup is full: make room on it, or name a place on another disk",
            ),
            (
                Clue::BrokenFile {
                    path: "/h/.docker/config.json".into(),
                },
                "/h/.docker/config.json was left as it is: mend it, or move it out of the way",
            ),
        ]);
    }

    #[test]
    fn advice_names_the_program_that_was_called() {
        let advice = |clue: Clue| render(&Error::new(Kind::Denied, "").with_clue(clue), &Here::usual("docker"));
        for clue in [
            Clue::LoginNeeded { host: host() },
            Clue::LoginRefused { host: host() },
            Clue::SentOn {
                host: host(),
                to: host(),
            },
            Clue::NearestNames(vec!["app:1".into()]),
            Clue::DiskFull {
                folder: "/d".into(),
                partial: 0,
            },
            Clue::DiskFull {
                folder: "/d".into(),
                partial: 9,
            },
            Clue::NeedsEngine {
                words: vec!["build".into()],
            },
            Clue::BadArchive,
        ] {
            let text = advice(clue);
            assert!(text.contains("docker ") && !text.contains("rdock "), "{text}");
        }
    }

    #[test]
    fn nothing_near_gives_no_hint() {
        assert_eq!(rendered(Clue::NearestTags(vec![])), "it failed");
        assert_eq!(rendered(Clue::NearestNames(vec![])), "it failed");
    }

    #[test]
    fn a_server_cannot_steer_the_terminal_through_an_error() {
        let error =
            Error::new(Kind::Denied, "denied: \u{1b}[2Jgone").with_clue(Clue::NearestTags(vec!["a\nb\r".into()]));
        assert_eq!(
            render(&error, &Here::usual("rdock")),
            "denied: \u{fffd}[2Jgone\nhint: existing tags: a b "
        );
    }

    #[test]
    fn docker_s_exit_codes() {
        assert_eq!(exit_code(&Error::new(Kind::Interrupted, "")), 130);
        assert_eq!(exit_code(&Error::new(Kind::NotFound, "")), 1);
    }
}
