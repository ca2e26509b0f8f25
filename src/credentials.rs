//! The places that secrets come from and go to: `DOCKER_AUTH_CONFIG`, credential helpers, Docker's config.json.
//!
//! A login made by Docker or podman is found, and one made here is found by them.

mod config_file;
mod entry;
mod environment;
mod helper;
mod locked_file;
mod members;
mod secret;
mod server;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use config_file::{Change, ConfigFile, NamedBy, Storage};
use helper::{Helper, Helpers};

pub use secret::{Credential, Secret};
pub use server::{server_domain, server_key, server_name};

use crate::error::{Clue, During, Error, Kind, Result};

/// All the places a login can be in, as they stood when this was opened.
pub struct Credentials {
    path: PathBuf,
    environment: Vec<(String, Credential)>,
    file: ConfigFile,
    helpers: Helpers,
    warnings: Mutex<Warnings>,
}

/// Shows where it looks and nothing of what it found.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Warnings {
    lines: Vec<String>,
    taken: usize,
}

/// A login, and the name of the place that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundLogin {
    pub credential: Credential,
    /// A text for people: `config.json auths["h:5000"]`, `docker-credential-pass (credsStore)`.
    pub origin: String,
}

/// The place that a login went to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// A credential helper.
    Helper,
    /// The file config.json; `plain_text_new` if that is a password which was not there before.
    File { path: PathBuf, plain_text_new: bool },
    /// It was in config.json already.
    Unchanged,
}

/// What came of a logout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// The server as `Removing login credentials for` names it.
    pub server: String,
    /// Docker's lines for stderr when the helper erased nothing.
    pub warnings: Vec<String>,
}

struct ConfiguredHelper {
    helper: Helper,
    named_by: NamedBy,
}

/// The places that logins are looked for in.
#[derive(Debug, Clone, Default)]
pub struct LoginPlaces {
    /// Holds docker's config.json; it need not exist.
    pub config_folder: PathBuf,
    /// Docker's `DOCKER_AUTH_CONFIG`, which holds credentials.
    pub auth_config: Option<Secret>,
    /// The folders of the credential helpers, as in `PATH`.
    pub search_path: Option<OsString>,
}

impl Credentials {
    /// Reads what there is. What cannot be read becomes a warning.
    pub fn open(places: LoginPlaces) -> Self {
        let path = places.config_folder.join("config.json");
        let file = ConfigFile::load(&path);
        let environment = environment::parse(places.auth_config.as_ref().map_or("", Secret::expose));
        let unusable = environment.as_ref().err().map(|reason| {
            // Two spaces, as Docker prints it.
            format!("Failed to create credential store from DOCKER_AUTH_CONFIG:  {reason}")
        });
        let lines = file.warning(&path).into_iter().chain(unusable).collect();
        Self {
            path,
            environment: environment.unwrap_or_default(),
            file,
            helpers: Helpers::new(places.search_path),
            warnings: Mutex::new(Warnings { lines, taken: 0 }),
        }
    }

    /// The lines for stderr since the last call, each only once. There are new ones after `open`, `find` and `store`.
    pub fn take_warnings(&self) -> Vec<String> {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = warnings.lines[warnings.taken..].to_vec();
        warnings.taken = warnings.lines.len();
        fresh
    }

    /// The login for a registry, named as in a reference (`docker.io`, `127.0.0.1:5000`): from
    /// `DOCKER_AUTH_CONFIG`, else from the helper of that registry, else from config.json.
    ///
    /// A helper that fails leaves a warning and no login. Only a helper's name that cannot be one is an error.
    pub async fn find(&self, domain: &str) -> Result<Option<Credential>> {
        Ok(self.look_up(domain).await?.map(|found| found.credential))
    }

    /// The same, with where it was found.
    pub async fn look_up(&self, domain: &str) -> Result<Option<FoundLogin>> {
        let near = |(key, login)| Some((server::nearness(key, domain)?, key, login));
        let given = self
            .environment
            .iter()
            .map(|(key, login)| (key.as_str(), login))
            .filter_map(near);
        if let Some((_, key, login)) = given.min_by_key(|(near, ..)| *near) {
            return Ok(Some(FoundLogin {
                credential: login.clone(),
                origin: format!("DOCKER_AUTH_CONFIG auths[{key:?}]"),
            }));
        }
        if let Some(chosen) = self.chosen(&self.file, domain)? {
            let origin = format!("{} ({})", chosen.helper.binary, chosen.named_by);
            let credential = self.ask(&chosen, domain).await;
            return Ok(credential.map(|credential| FoundLogin { credential, origin }));
        }
        let found = self.file.login(domain);
        Ok(found.map(|(key, credential)| FoundLogin {
            credential,
            origin: format!("config.json auths[{key:?}]"),
        }))
    }

    /// A setting of config.json that is a text and not empty, such as `imagesFormat`.
    pub fn setting(&self, name: &str) -> Option<String> {
        self.file.setting(name).filter(|text| !text.is_empty())
    }

    /// The registries that `DOCKER_AUTH_CONFIG` and config.json name, as in a reference. No helper is asked.
    pub fn servers(&self) -> BTreeSet<String> {
        let given = self.environment.iter().map(|(key, _)| key.as_str());
        let keys = given.chain(self.file.all_keys());
        keys.map(|key| server_domain(Some(key))).collect()
    }

    /// Fails where [`store`](Self::store) would, because config.json cannot be understood: to be told before a
    /// password is asked for.
    pub fn check(&self) -> Result<()> {
        let understood = ConfigFile::load(&self.path).understood(&self.path);
        understood.map(drop).during("Error saving credentials")
    }

    /// Keeps a login under its [`server_key`]. A configured helper that fails is an error, and the secret goes
    /// nowhere else; one that merely is this system's default gives way to the file, with a warning.
    pub async fn store(&self, key: &str, credential: &Credential) -> Result<Stored> {
        // Docker's words; here, so that they stand before whatever went wrong.
        self.keep(key, credential).await.during("Error saving credentials")
    }

    /// Forgets the login of a registry under every key that [`find`](Self::find) would read.
    pub async fn erase(&self, argument: Option<&str>) -> Result<Erased> {
        let domain = server_domain(argument);
        let file = ConfigFile::load(&self.path).understood(&self.path)?;
        let stored = file.erasable_keys(&domain);
        let failures = match self.chosen(&file, &domain)? {
            Some(chosen) => chosen.erase(&server::erasable_keys(argument), &stored).await,
            None => Vec::new(),
        };
        if self.path.exists() {
            ConfigFile::edit(&self.path, |file| {
                let erasable = file.erasable_keys(&domain);
                // A helper that kept the login leaves its marker true.
                Ok(file.remove(|key, login| {
                    let is_named = argument == Some(key) || erasable.iter().any(|known| known == key);
                    is_named && (failures.is_empty() || entry::has_login(login))
                }))
            })?;
        }
        let server = server_name(argument);
        let heading = (!failures.is_empty()).then(|| "WARNING: could not erase credentials:".to_owned());
        let warnings = heading.into_iter().chain(failures).collect();
        Ok(Erased { server, warnings })
    }

    async fn keep(&self, key: &str, credential: &Credential) -> Result<Stored> {
        let file = ConfigFile::load(&self.path).understood(&self.path)?;
        if let Some(ConfiguredHelper { helper, named_by }) = self.chosen(&file, &server_domain(Some(key)))? {
            match helper.store(key, credential).await {
                Ok(()) => {
                    self.mark(key, &helper, &named_by)?;
                    return Ok(Stored::Helper);
                }
                Err(failure) if named_by == NamedBy::Default => {
                    let binary = &helper.binary;
                    self.warn(format!(
                        "WARNING: {binary}, the default store here, cannot be used: {failure}"
                    ));
                }
                Err(failure) => return Err(failure.into()),
            }
        }
        Ok(
            match ConfigFile::edit(&self.path, |file| file.put(key, Some(credential)))? {
                Change::None => Stored::Unchanged,
                Change::Made => Stored::File {
                    path: self.path.clone(),
                    plain_text_new: matches!(credential, Credential::Basic { .. }),
                },
            },
        )
    }

    /// Notes in config.json that a helper keeps the login, and which helper if it was not named there before.
    fn mark(&self, key: &str, helper: &Helper, named_by: &NamedBy) -> Result<()> {
        ConfigFile::edit(&self.path, |file| {
            let change = file.put(key, None)?;
            if *named_by == NamedBy::Default {
                file.name_store(&helper.name)?;
            }
            Ok(change)
        })?;
        Ok(())
    }

    fn chosen(&self, file: &ConfigFile, domain: &str) -> Result<Option<ConfiguredHelper>> {
        let (name, named_by) = match file.storage(domain) {
            Storage::File => return Ok(None),
            Storage::Unset => {
                let named_by = NamedBy::Default;
                return Ok(self
                    .helpers
                    .default_store()
                    .map(|helper| ConfiguredHelper { helper, named_by }));
            }
            Storage::Helper { name, named_by } => (name, named_by),
        };
        let path = self.path.display().to_string();
        match self.helpers.named(&name) {
            Some(helper) => Ok(Some(ConfiguredHelper { helper, named_by })),
            None => Err(Error::new(
                Kind::Usage,
                format!("{named_by} in {path} is {name:?}, which cannot be the name of a credential helper"),
            )
            .with_clue(Clue::BrokenFile { path })),
        }
    }

    /// Asks a helper for the registry's key and, where config.json or its own entry names other spellings, for those.
    async fn ask(&self, chosen: &ConfiguredHelper, domain: &str) -> Option<Credential> {
        let ConfiguredHelper { helper, named_by } = chosen;
        let mut keys = vec![server_key(Some(domain))];
        if let NamedBy::ForHost(key) = named_by {
            keys.push(key.clone());
        }
        keys.extend(self.file.keys(domain).into_iter().map(str::to_owned));
        for (_, key) in keys.iter().enumerate().filter(|(n, key)| !keys[..*n].contains(key)) {
            match helper.get(key).await {
                Ok(None) => {}
                Ok(found) => return found,
                Err(failure) => {
                    // Nobody asked for the default store, and most who have it keep nothing there.
                    if *named_by != NamedBy::Default {
                        let (binary, path) = (&helper.binary, self.path.display());
                        self.warn(format!("WARNING: {binary} ({named_by} in {path}) failed, going on without credentials for {domain}: {failure}"));
                    }
                    return None;
                }
            }
        }
        None
    }

    fn warn(&self, line: String) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if !warnings.lines.contains(&line) {
            warnings.lines.push(line);
        }
    }
}

impl ConfiguredHelper {
    /// Erases the keys that Docker does and those in config.json; the failures if none could be erased.
    async fn erase(&self, usual: &[String], stored: &[String]) -> Vec<String> {
        let keys: Vec<&String> = usual
            .iter()
            .chain(stored.iter().filter(|key| !usual.contains(key)))
            .collect();
        let mut failures = Vec::new();
        for key in &keys {
            if let Err(failure) = self.helper.erase(key).await {
                failures.push(format!("{key}: {failure}"));
            }
        }
        if failures.len() < keys.len() || self.named_by == NamedBy::Default {
            failures.clear();
        }
        failures
    }
}

#[cfg(test)]
mod tests;
