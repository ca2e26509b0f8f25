//! Flags over environment over config files over defaults, settled once. The only reader of the environment.

mod daemon_file;

use std::cell::OnceCell;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::credentials::Secret;
use crate::error::{Error, Kind, Result};

pub use daemon_file::DaemonFile;

/// Everything that the surroundings decide. Nothing is read from disk but docker's daemon.json, and that when asked for.
#[derive(Debug)]
pub struct Settings {
    /// Holds docker's config.json.
    pub config_folder: PathBuf,
    /// Docker's `DOCKER_AUTH_CONFIG`, which holds credentials.
    pub auth_config: Option<Secret>,
    /// Where credential helpers are looked for.
    pub search_path: Option<OsString>,
    /// The image store.
    pub store_folder: PathBuf,
    /// Each may hold a folder `HOST[:PORT]` with certificates.
    pub certificate_folders: Vec<PathBuf>,
    /// The daemon.json to name in advice: the one that the user can write.
    pub daemon_files: Vec<PathBuf>,
    /// Docker's `DOCKER_CONTENT_TRUST`: only signed images are wanted.
    pub content_trust: bool,
    /// `NO_COLOR`, see <https://no-color.org>.
    pub no_color: bool,
    daemon: OnceCell<DaemonFile>,
    docker_folders: Vec<PathBuf>,
    /// Docker's `DOCKER_DEFAULT_PLATFORM`.
    pub default_platform: Option<String>,
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
        let docker_folders: Vec<PathBuf> = [
            Some(PathBuf::from("/etc/docker")),
            dirs::config_dir().map(|c| c.join("docker")),
        ]
        .into_iter()
        .flatten()
        .collect();
        Ok(Self {
            config_folder,
            auth_config: text_variable("DOCKER_AUTH_CONFIG").map(Secret::new),
            search_path: variable("PATH"),
            store_folder,
            certificate_folders: docker_folders.iter().map(|folder| folder.join("certs.d")).collect(),
            daemon: OnceCell::new(),
            daemon_files: docker_folders.iter().map(|folder| folder.join("daemon.json")).collect(),
            // Like docker: whatever is not plainly false.
            content_trust: text_variable("DOCKER_CONTENT_TRUST")
                .is_some_and(|value| !["0", "f", "F", "false", "FALSE", "False"].contains(&value.as_str())),
            no_color: variable("NO_COLOR").is_some(),
            default_platform: text_variable("DOCKER_DEFAULT_PLATFORM"),
            docker_folders,
        })
    }

    /// What every daemon.json says; commands that talk to no registry never read one.
    pub fn daemon(&self) -> &DaemonFile {
        self.daemon.get_or_init(|| DaemonFile::read(&self.docker_folders))
    }
}

/// A variable that is set and not empty.
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

fn text_variable(name: &str) -> Option<String> {
    variable(name).and_then(|value| value.into_string().ok())
}
