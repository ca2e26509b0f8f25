//! The folders in which docker's engine has its settings, and what lies in them.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};

use super::daemon_file::DaemonFile;

/// The system's folder, then the user's.
#[derive(Debug)]
pub struct DockerFolders {
    folders: Vec<PathBuf>,
    daemon: OnceCell<DaemonFile>,
}

impl DockerFolders {
    pub(super) fn find() -> Self {
        let of_user = dirs::config_dir().map(|folder| folder.join("docker"));
        Self {
            folders: [PathBuf::from("/etc/docker")].into_iter().chain(of_user).collect(),
            daemon: OnceCell::new(),
        }
    }

    /// What every daemon.json says; commands that talk to no registry never read one.
    pub fn daemon(&self) -> &DaemonFile {
        self.daemon.get_or_init(|| DaemonFile::read(&self.folders))
    }

    /// The paths at which a daemon.json may be.
    pub fn daemon_files(&self) -> Vec<PathBuf> {
        self.each("daemon.json")
    }

    /// Each may hold a folder `HOST[:PORT]` with certificates.
    pub fn certificates(&self) -> Vec<PathBuf> {
        self.each("certs.d")
    }

    /// A line for each link in the hosts' certificate folders that leads to nothing.
    pub fn certificate_warnings(&self) -> Vec<String> {
        let hosts = self
            .certificates()
            .into_iter()
            .filter_map(|folder| fs::read_dir(folder).ok());
        let hosts = hosts.flatten().flatten().map(|host| host.path()).take(MOST_HOSTS);
        hosts.flat_map(|folder| dangling_links(&folder)).collect()
    }

    fn each(&self, name: &str) -> Vec<PathBuf> {
        self.folders.iter().map(|folder| folder.join(name)).collect()
    }
}

/// The most hosts that are looked at: far more than anybody has certificates for.
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
