//! What docker's daemon.json says to a registry client: insecure registries and mirrors of the Hub.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

use crate::error::{Error, Result};

/// The union of every daemon.json found, in order.
/// <https://docs.docker.com/reference/cli/dockerd/#daemon-configuration-file>
#[derive(Debug, Default, PartialEq, Eq)]
pub struct DaemonFile {
    /// `host[:port]` or CIDR, as written.
    pub insecure_registries: Vec<Setting>,
    /// URLs, as written.
    pub registry_mirrors: Vec<Setting>,
    /// One line each for files that cannot be used or have the wrong name.
    pub warnings: Vec<String>,
}

/// One text of a list, and the file that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub text: String,
    pub file: PathBuf,
}

impl Setting {
    /// The value of each text; one that cannot be read is an error.
    pub fn read_each<T: FromStr<Err = Error>>(settings: &[Self]) -> Result<Vec<T>> {
        settings.iter().map(|setting| setting.text.parse()).collect()
    }

    /// The value of each text that can be read. One that cannot is passed over, with a line that names its file.
    pub fn read_all<T: FromStr<Err = Error>>(settings: &[Self]) -> (Vec<T>, Vec<String>) {
        let (mut values, mut warnings) = (Vec::new(), Vec::new());
        for Self { text, file } in settings {
            match text.parse() {
                Ok(value) => values.push(value),
                Err(e) => warnings.push(format!("WARNING: an entry of {} is passed over: {e}", file.display())),
            }
        }
        (values, warnings)
    }
}

#[derive(Deserialize, Default)]
struct Members {
    #[serde(rename = "insecure-registries")]
    insecure_registries: Option<Vec<String>>,
    #[serde(rename = "registry-mirrors")]
    registry_mirrors: Option<Vec<String>>,
}

const RIGHT_NAME: &str = "daemon.json";
/// A well-known tutorial spells it so.
const WRONG_NAME: &str = "deamon.json";

impl DaemonFile {
    /// Reads the file in each folder; a missing one is no mistake, a broken one is passed over with a warning.
    pub fn read(folders: &[PathBuf]) -> Self {
        let mut found = Self::default();
        for folder in folders {
            found.take_in(&folder.join(RIGHT_NAME));
            let misspelt = folder.join(WRONG_NAME);
            if found.take_in(&misspelt) {
                found.warnings.push(format!(
                    "WARNING: {} is read, but the right name is {RIGHT_NAME}: please rename it",
                    misspelt.display()
                ));
            }
        }
        found
    }

    /// Whether there was a file to read.
    fn take_in(&mut self, path: &Path) -> bool {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return false,
            Err(e) => {
                self.warnings
                    .push(format!("WARNING: Error loading config file: {}: {e}", path.display()));
                return false;
            }
        };
        if text.trim_ascii().is_empty() {
            return true;
        }
        match serde_json::from_slice::<Members>(&text) {
            Ok(members) => {
                let from_here = |texts: Option<Vec<String>>| {
                    let file = path.to_owned();
                    let settings = texts.unwrap_or_default().into_iter();
                    settings.map(move |text| Setting {
                        text,
                        file: file.clone(),
                    })
                };
                self.insecure_registries.extend(from_here(members.insecure_registries));
                self.registry_mirrors.extend(from_here(members.registry_mirrors));
            }
            Err(e) => self
                .warnings
                .push(format!("WARNING: Error parsing config file ({}): {e}", path.display())),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    mod fuzz;

    use super::*;

    #[test]
    fn files_add_up_and_the_misspelt_name_is_read_with_a_warning() {
        let dir = tempfile::tempdir().unwrap();
        let (system, user) = (dir.path().join("etc"), dir.path().join("user"));
        fs::create_dir_all(&system).unwrap();
        fs::create_dir_all(&user).unwrap();
        fs::write(
            system.join("daemon.json"),
            r#"{"insecure-registries":["10.0.0.0/8"],"debug":true}"#,
        )
        .unwrap();
        fs::write(
            user.join("deamon.json"),
            r#"{"insecure-registries":["reg.local:5000"],"registry-mirrors":["https://m"]}"#,
        )
        .unwrap();
        let found = DaemonFile::read(&[system, user]);
        let texts = |settings: &[Setting]| settings.iter().map(|it| it.text.clone()).collect::<Vec<_>>();
        assert_eq!(texts(&found.insecure_registries), ["10.0.0.0/8", "reg.local:5000"]);
        assert_eq!(texts(&found.registry_mirrors), ["https://m"]);
        assert!(found.registry_mirrors[0].file.ends_with("user/deamon.json"));
        assert_eq!(found.warnings.len(), 1);
        assert!(
            found.warnings[0].contains("right name is daemon.json"),
            "{}",
            found.warnings[0]
        );
    }

    #[test]
    fn a_broken_file_is_passed_over_with_a_warning() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("daemon.json"), "{ broken").unwrap();
        let found = DaemonFile::read(&[dir.path().to_owned()]);
        assert!(found.insecure_registries.is_empty());
        assert!(
            found.warnings[0].starts_with("WARNING: Error parsing config file ("),
            "{}",
            found.warnings[0]
        );
    }
}
