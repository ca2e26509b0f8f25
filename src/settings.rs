//! Flags over environment over config files over defaults, settled once. The only reader of the environment.

mod daemon_file;
mod program;

use std::cell::OnceCell;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::credentials::Secret;
use crate::error::{Error, Kind, Result};

pub use daemon_file::{DaemonFile, Setting};
pub use program::Program;

/// Everything that the surroundings decide. Nothing is read from disk but docker's daemon.json, and that when asked for.
#[derive(Debug)]
pub struct Settings {
    /// Holds docker's config.json.
    pub config_folder: PathBuf,
    /// Docker's `DOCKER_AUTH_CONFIG`, which holds credentials.
    pub auth_config: Option<Secret>,
    /// Where credential helpers are looked for.
    pub search_path: Option<OsString>,
    /// The name that rdock was called by.
    pub program: Program,
    /// Docker's `DOCKER_HOST`: the engine that docker's client would ask.
    pub docker_host: Option<String>,
    /// Docker's `DOCKER_CONTEXT`: the same by name.
    pub docker_context: Option<String>,
    /// The image store.
    pub store_folder: PathBuf,
    /// Each may hold a folder `HOST[:PORT]` with certificates.
    pub certificate_folders: Vec<PathBuf>,
    /// The daemon.json to name in advice: the one that the user can write.
    pub daemon_files: Vec<PathBuf>,
    /// Docker's `DOCKER_CONTENT_TRUST`: only signed images are wanted.
    pub content_trust: bool,
    /// `RDOCK_DEBUG`, or docker's `--debug`: each request is told of.
    pub debug: bool,
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
            program: Program::running(),
            docker_context: text_variable("DOCKER_CONTEXT"),
            docker_host: text_variable("DOCKER_HOST"),
            store_folder,
            certificate_folders: docker_folders.iter().map(|folder| folder.join("certs.d")).collect(),
            daemon: OnceCell::new(),
            daemon_files: docker_folders.iter().map(|folder| folder.join("daemon.json")).collect(),
            // Like docker: whatever is not plainly false.
            content_trust: text_variable("DOCKER_CONTENT_TRUST").is_some_and(|value| is_true(&value)),
            debug: text_variable("RDOCK_DEBUG").is_some_and(|value| is_true(&value)),
            no_color: variable("NO_COLOR").is_some(),
            default_platform: text_variable("DOCKER_DEFAULT_PLATFORM"),
            docker_folders,
        })
    }

    /// What every daemon.json says; commands that talk to no registry never read one.
    pub fn daemon(&self) -> &DaemonFile {
        self.daemon.get_or_init(|| DaemonFile::read(&self.docker_folders))
    }

    /// A line for each link in the hosts' certificate folders that leads to nothing.
    pub fn certificate_warnings(&self) -> Vec<String> {
        let hosts = self
            .certificate_folders
            .iter()
            .filter_map(|folder| fs::read_dir(folder).ok());
        let hosts = hosts.flatten().flatten().map(|host| host.path()).take(MOST_HOSTS);
        hosts.flat_map(|folder| dangling_links(&folder)).collect()
    }
}

/// Far more hosts than anybody has certificates for.
const MOST_HOSTS: usize = 1000;

/// Links in the folder, and the folder itself, that lead to nothing, each as a warning. What cannot be looked at is told
/// by whoever reads it.
fn dangling_links(folder: &Path) -> Vec<String> {
    let is_dangling = |path: &Path| path.is_symlink() && !path.exists();
    if is_dangling(folder) {
        return vec![format!(
            "WARNING: {} is a link to nothing: no certificates are read there",
            folder.display()
        )];
    }
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| is_dangling(path))
        .collect();
    names.sort();
    let warning = |path: PathBuf| {
        let name = path.file_name().unwrap_or_default().display().to_string();
        format!(
            "WARNING: {name} in {} is a link to nothing and is passed over",
            folder.display()
        )
    };
    names.into_iter().map(warning).collect()
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_to_nothing_are_named_with_their_folder() {
        let home = tempfile::tempdir().unwrap();
        let host = home.path().join("h:5000");
        fs::create_dir(&host).unwrap();
        fs::write(host.join("ca.crt"), "").unwrap();
        assert_eq!(dangling_links(&host), Vec::<String>::new());
        symlink("ca.crt", host.join("good.crt")).unwrap();
        symlink("gone.pem", host.join("other.crt")).unwrap();
        let shown = host.display();
        let expected = format!("WARNING: other.crt in {shown} is a link to nothing and is passed over");
        assert_eq!(dangling_links(&host), [expected]);
        let link = home.path().join("link");
        symlink("nowhere", &link).unwrap();
        let shown = link.display();
        let expected = format!("WARNING: {shown} is a link to nothing: no certificates are read there");
        assert_eq!(dangling_links(&link), [expected]);
        assert_eq!(dangling_links(&home.path().join("none")), Vec::<String>::new());
    }
}
