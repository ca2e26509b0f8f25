//! The program that was called: rdock takes docker's place through a link of that name.

use std::env;
use std::ffi::OsStr;
use std::path::Path;

/// The name that the program answers to, and the version that goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    Rdock,
    /// Called as `docker`: scripts compare its version with that of docker.
    Docker,
}

/// rdock's own version.
const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");
/// The docker whose commands rdock has.
const DOCKER_VERSION: &str = "28.2.2";

impl Program {
    /// The program that is running.
    pub fn running() -> Self {
        env::args_os().next().map_or(Self::Rdock, |path| Self::called(&path))
    }

    /// The program that is called by this path.
    pub fn called(path: &OsStr) -> Self {
        match Path::new(path).file_stem().and_then(OsStr::to_str) {
            Some("docker") => Self::Docker,
            _ => Self::Rdock,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Rdock => "rdock",
            Self::Docker => "docker",
        }
    }

    pub fn version(self) -> &'static str {
        match self {
            Self::Rdock => OWN_VERSION,
            Self::Docker => DOCKER_VERSION,
        }
    }

    /// Where docker names a commit: in its place, which rdock this is.
    pub fn build(self) -> String {
        match self {
            Self::Rdock => String::new(),
            Self::Docker => format!("rdock-{OWN_VERSION}"),
        }
    }

    /// The engine's API that goes with the version, and the oldest that it serves.
    pub fn api_versions(self) -> (&'static str, &'static str) {
        match self {
            Self::Rdock => ("1.41", "1.41"),
            Self::Docker => ("1.50", "1.24"),
        }
    }

    /// What `--version` prints, without a line end.
    pub fn sentence(self) -> String {
        match self {
            Self::Rdock => format!("rdock version {OWN_VERSION}"),
            Self::Docker => format!("Docker version {DOCKER_VERSION}, build {}", self.build()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_file_name_docker_takes_docker_s_place() {
        for (path, program) in [
            ("docker", Program::Docker),
            ("/usr/local/bin/docker", Program::Docker),
            ("./docker.exe", Program::Docker),
            ("rdock", Program::Rdock),
            ("/opt/docker/rdock", Program::Rdock),
            ("docker-rdock", Program::Rdock),
            ("", Program::Rdock),
        ] {
            assert_eq!(Program::called(OsStr::new(path)), program, "{path}");
        }
    }
}
