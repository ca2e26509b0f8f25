//! Flags over environment over config files over defaults, settled once. The only reader of the environment.

mod daemon_file;
mod docker_folders;
mod program;

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::credentials::{LoginPlaces, Secret};
use crate::error::{Error, Kind, Result};

pub use daemon_file::{DaemonFile, Setting};
pub use docker_folders::DockerFolders;
pub use program::Program;

/// Everything that the surroundings decide. Nothing is read from disk but docker's daemon.json, and that when asked for.
#[derive(Debug)]
pub struct Settings {
    pub logins: LoginPlaces,
    pub docker: DockerVariables,
    /// The name that rdock was called by.
    pub program: Program,
    /// The image store.
    pub store_folder: PathBuf,
    pub docker_folders: DockerFolders,
    pub output: OutputVariables,
}

/// How much is shown, and how.
#[derive(Debug)]
pub struct OutputVariables {
    /// `RDOCK_DEBUG`, or docker's `--debug`: each request is told of.
    pub debug: bool,
    /// `NO_COLOR`, see <https://no-color.org>.
    pub no_color: bool,
}

/// What docker's own variables say.
#[derive(Debug)]
pub struct DockerVariables {
    /// `DOCKER_HOST`: the engine that docker's client would ask.
    pub host: Option<String>,
    /// `DOCKER_CONTEXT`: the same by name.
    pub context: Option<String>,
    /// `DOCKER_CONTENT_TRUST`: only signed images are wanted.
    pub content_trust: bool,
    /// `DOCKER_DEFAULT_PLATFORM`.
    pub default_platform: Option<String>,
}

impl DockerVariables {
    fn read() -> Self {
        Self {
            host: text_variable("DOCKER_HOST"),
            context: text_variable("DOCKER_CONTEXT"),
            // Like docker: whatever is not plainly false.
            content_trust: text_variable("DOCKER_CONTENT_TRUST").is_some_and(|value| is_true(&value)),
            default_platform: text_variable("DOCKER_DEFAULT_PLATFORM"),
        }
    }
}

impl Settings {
    /// `config_flag` is the value of `--config`.
    pub fn settle(config_flag: Option<&Path>) -> Result<Self> {
        let home = dirs::home_dir();
        let in_home = |folder: &str| home.as_ref().map(|home| home.join(folder));
        let no_home = || Error::new(Kind::Usage, "no home folder: set HOME, or DOCKER_CONFIG and RDOCK_HOME");
        let config_folder = match config_flag {
            Some(folder) => folder.to_owned(),
            None => variable("DOCKER_CONFIG")
                .map(PathBuf::from)
                .or_else(|| in_home(".docker"))
                .ok_or_else(no_home)?,
        };
        let store_folder = variable("RDOCK_HOME")
            .map(PathBuf::from)
            .or_else(|| dirs::data_dir().map(|data| data.join("rdock")))
            .ok_or_else(no_home)?;
        Ok(Self {
            logins: LoginPlaces {
                config_folder,
                auth_config: text_variable("DOCKER_AUTH_CONFIG").map(Secret::new),
                search_path: variable("PATH"),
            },
            docker: DockerVariables::read(),
            program: Program::running(),
            store_folder,
            docker_folders: DockerFolders::find(),
            output: OutputVariables {
                debug: text_variable("RDOCK_DEBUG").is_some_and(|value| is_true(&value)),
                no_color: variable("NO_COLOR").is_some(),
            },
        })
    }
}

fn is_true(value: &str) -> bool {
    !["0", "f", "F", "false", "FALSE", "False"].contains(&value)
}

/// A variable that is set and not empty.
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// The value of a variable that speaks of proxies, such as `HTTPS_PROXY`.
pub fn proxy_variable(name: &str) -> Option<String> {
    text_variable(name)
}

fn text_variable(name: &str) -> Option<String> {
    variable(name).and_then(|value| value.into_string().ok())
}
