//! Docker's config.json: which helper keeps a registry's login, and the logins kept in the file itself.
//!
//! Read with Docker's tolerance; changed only where a login changes, and never when it could not be understood.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::value::RawValue;

use super::locked_file::LockedFile;
use super::members::{Members, ParseError};
use super::server::{Nearness, is_web_login, nearness};
use super::{Credential, entry};
use crate::error::{Clue, During, Error, Kind, Result};
use crate::image::go_json;

/// The file as it was when it was read; a missing or empty one holds nothing.
#[derive(Default)]
pub(super) struct ConfigFile {
    top: Members,
    auths: Members,
    /// `credHelpers`: key and helper.
    helpers: Vec<(String, String)>,
    /// `credsStore`, or nothing.
    store: String,
    problem: Option<Unusable>,
}

/// Why the file must not be written.
struct Unusable {
    /// How Docker begins its warning about it.
    action: String,
    reason: String,
}

/// The place of the login of a registry.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Storage {
    Helper {
        name: String,
        named_by: NamedBy,
    },
    File,
    /// The file says nothing about logins at all: the system's own store, if there is one.
    Unset,
}

/// The member in which a helper is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NamedBy {
    /// `credHelpers`, with its key.
    ForHost(String),
    /// `credsStore`.
    ForAll,
    /// Nowhere: it is what this system has.
    Default,
}

impl fmt::Display for NamedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NamedBy::ForHost(key) => write!(f, "credHelpers[{key:?}]"),
            NamedBy::ForAll => f.write_str("credsStore"),
            NamedBy::Default => f.write_str("the default store"),
        }
    }
}

/// Whether an edit changed anything; if not, nothing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Made,
    None,
}

impl ConfigFile {
    /// Reads the file; never fails: what could not be read is told by [`warning`](Self::warning).
    pub(super) fn load(path: &Path) -> Self {
        let parsing = format!("Error parsing config file ({})", path.display());
        let (action, reason) = match fs::read(path) {
            Ok(text) => return Self::parse(&text, parsing),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Self::default(),
            Err(e) if e.kind() == io::ErrorKind::IsADirectory => {
                (parsing, format!("read {}: is a directory", path.display()))
            }
            Err(e) => (
                "Error loading config file".to_owned(),
                format!("open {}: {e}", path.display()),
            ),
        };
        let problem = Some(Unusable { action, reason });
        Self {
            problem,
            ..Self::default()
        }
    }

    /// Reads the file again and changes it, all under the lock, so that two logins at once both stay.
    pub(super) fn edit(path: &Path, change: impl FnOnce(&mut Self) -> serde_json::Result<Change>) -> Result<Change> {
        let writing = || format!("cannot write {}", path.display());
        let locked = LockedFile::lock(path).during(writing())?;
        let mut file = Self::load(path).understood(path)?;
        let change = change(&mut file).map_err(io::Error::from)?;
        if change == Change::Made {
            let text = file.text().map_err(io::Error::from)?;
            locked.replace(&text).during(writing())?;
        }
        Ok(change)
    }

    /// This file, unless there is something in it that writing it again would lose.
    pub(super) fn understood(self, path: &Path) -> Result<Self> {
        let Some(problem) = self.problem else {
            return Ok(self);
        };
        let path = path.display().to_string();
        let message = format!("{path} cannot be used and was left as it is: {}", problem.reason);
        Err(Error::new(Kind::Conflict, message).with_clue(Clue::BrokenFile { path }))
    }

    /// Docker's line about a file that it goes on without, or in part.
    pub(super) fn warning(&self, path: &Path) -> Option<String> {
        if let Some(Unusable { action, reason }) = &self.problem {
            return Some(format!("WARNING: {action}: {reason}"));
        }
        let reason = self.auths.iter().find_map(|(_, login)| entry::read(login).err())?;
        Some(format!(
            "WARNING: Error parsing config file ({}): {reason}",
            path.display()
        ))
    }

    pub(super) fn storage(&self, domain: &str) -> Storage {
        let by_host = self
            .helpers
            .iter()
            .filter_map(|(key, name)| Some((nearness(key, domain)?, key, name)))
            .filter(|(near, ..)| *near != Nearness::Below)
            .min_by_key(|(near, ..)| *near);
        let (name, named_by) = match by_host {
            Some((_, key, name)) => (name, NamedBy::ForHost(key.clone())),
            None => (&self.store, NamedBy::ForAll),
        };
        if !name.is_empty() {
            let name = name.clone();
            Storage::Helper { name, named_by }
        } else if self.auths.is_empty() && self.helpers.is_empty() {
            Storage::Unset
        } else {
            // An empty name in credHelpers takes its host out of credsStore.
            Storage::File
        }
    }

    /// The login of a registry that is kept in the file, and the nearest key that holds one.
    pub(super) fn login(&self, domain: &str) -> Option<(&str, Credential)> {
        self.keys(domain)
            .into_iter()
            .find_map(|key| Some((key, entry::read(self.auths.get_exact(key)?).ok()??)))
    }

    /// The keys in `auths` that mean this registry, the nearest first.
    pub(super) fn keys(&self, domain: &str) -> Vec<&str> {
        let mut keys: Vec<(Nearness, &str)> = self
            .auths
            .iter()
            .filter_map(|(key, _)| Some((nearness(key, domain)?, key)))
            .collect();
        keys.sort_by_key(|(near, _)| *near);
        keys.into_iter().map(|(_, key)| key).collect()
    }

    /// A member of the file that has nothing to do with logins, if it is a text.
    pub(super) fn setting(&self, name: &str) -> Option<String> {
        self.top.text(name)
    }

    /// The keys of `auths` and `credHelpers`.
    pub(super) fn all_keys(&self) -> impl Iterator<Item = &str> {
        let auths = self.auths.iter().map(|(key, _)| key);
        auths.chain(self.helpers.iter().map(|(key, _)| key.as_str()))
    }

    /// The keys in `auths` that logging out of this registry removes: its spellings, and what a login through the
    /// browser left. A login for a namespace of it (`HOST/namespace`, as podman keeps them) is another one.
    pub(super) fn erasable_keys(&self, domain: &str) -> Vec<String> {
        let is_erasable =
            |key: &&str| nearness(key, domain).is_some_and(|near| near != Nearness::Below) || is_web_login(key, domain);
        let keys = self.auths.iter().map(|(key, _)| key);
        keys.filter(is_erasable).map(str::to_owned).collect()
    }

    /// Keeps a login in the file, or with none the marker that a helper keeps it.
    pub(super) fn put(&mut self, key: &str, login: Option<&Credential>) -> serde_json::Result<Change> {
        let old = self.auths.get_exact(key);
        let is_same = match (old, login) {
            (None, _) => false,
            (Some(old), None) => !entry::has_login(old),
            (Some(old), login) => entry::read(old).is_ok_and(|old| old.as_ref() == login),
        };
        if is_same {
            return Ok(Change::None);
        }
        let new = entry::written(old, login)?;
        self.auths.put_sorted(key, &new)?;
        Ok(Change::Made)
    }

    /// Names the helper for all registries, so that the logins it keeps are looked for there from now on.
    pub(super) fn name_store(&mut self, name: &str) -> serde_json::Result<()> {
        self.top.put("credsStore", &name)
    }

    pub(super) fn remove(&mut self, mut is_erasable: impl FnMut(&str, &RawValue) -> bool) -> Change {
        let mut change = Change::None;
        self.auths.retain(|key, login| {
            let is_removed = is_erasable(key, login);
            if is_removed {
                change = Change::Made;
            }
            !is_removed
        });
        change
    }

    fn parse(text: &[u8], action: String) -> Self {
        let mut file = Self::default();
        let mut reasons = Vec::new();
        file.top = object("the file", text, &mut reasons);
        let part = |name: &str| file.top.get(name).map_or("null", RawValue::get).as_bytes();
        let auths = object("auths", part("auths"), &mut reasons);
        let helpers = object("credHelpers", part("credHelpers"), &mut reasons);
        for (key, _) in helpers.iter() {
            match helpers.text(key) {
                Some(name) => file.helpers.push((key.to_owned(), name)),
                None => reasons.push(format!("credHelpers[{key:?}] is not a string")),
            }
        }
        match file.top.text("credsStore") {
            Some(name) => file.store = name,
            None => reasons.push("credsStore is not a string".to_owned()),
        }
        file.auths = auths;
        file.problem = reasons.into_iter().next().map(|reason| Unusable { action, reason });
        file
    }

    fn text(&mut self) -> serde_json::Result<String> {
        self.top.put_first("auths", &self.auths)?;
        Ok(go_json::indented(&serde_json::to_string(&self.top)?, "\t"))
    }
}

/// What could be read of an object; why not all of it goes to the `reasons`.
fn object(what: &str, text: &[u8], reasons: &mut Vec<String>) -> Members {
    let (members, reason) = match Members::parse(text) {
        Ok(members) => return members,
        Err(ParseError::Syntax(reason)) => (Members::default(), reason),
        Err(ParseError::NotAnObject) => (Members::default(), format!("{what} is not a JSON object")),
        Err(ParseError::MoreFollows(members)) => (members, format!("{what} goes on after its JSON object")),
    };
    reasons.push(reason);
    members
}

#[cfg(test)]
mod tests;
