//! Dockerfile instructions as `--change` takes them, applied to the run configuration of an image.
//!
//! Which ones and in which words they are refused is docker's
//! (<https://github.com/moby/moby/blob/v20.10.24/builder/dockerfile/builder.go>, `validCommitCommands`); the form of the
//! configuration is <https://github.com/opencontainers/image-spec/blob/main/config.md>.

mod health;
mod ports;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};

pub use health::Health;
use words::{array, pairs, process, split, wrong};

use crate::error::Result;

/// How containers of an image are run.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RunConfig {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_set")]
    pub exposed_ports: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cmd: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Health>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_set")]
    pub volumes: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub on_build: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
}

/// Go writes a set as an object with empty objects in it, sorted.
fn as_set<S: Serializer>(members: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    let set: BTreeSet<&String> = members.iter().collect();
    serializer.collect_map(set.into_iter().map(|it| (it, Nothing {})))
}

#[derive(Serialize)]
struct Nothing {}

impl RunConfig {
    /// Applies the instructions of one `--change`: a line, or several as in a Dockerfile.
    pub fn change(&mut self, text: &str) -> Result<()> {
        let lines = lines(text);
        if lines.is_empty() {
            return Err(wrong("file with no instructions"));
        }
        lines.iter().try_for_each(|line| self.apply(line))
    }

    fn apply(&mut self, line: &str) -> Result<()> {
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let (upper, rest) = (name.to_ascii_uppercase(), rest.trim());
        match upper.as_str() {
            "CMD" => self.cmd = command(rest),
            "ENTRYPOINT" => self.entrypoint = command(rest),
            "ENV" => {
                for (key, value) in pairs("ENV", rest)? {
                    let (key, value) = (process(&key, &self.env)?, process(&value, &self.env)?);
                    self.set_env(&key, &value);
                }
            }
            "EXPOSE" | "HEALTHCHECK" | "ONBUILD" | "VOLUME" if rest.is_empty() => {
                return Err(wrong(format!("{upper} requires at least one argument")));
            }
            "EXPOSE" => {
                for word in split(rest) {
                    let ports = ports::parse(&process(&word, &self.env)?)?;
                    self.exposed_ports.extend(ports);
                }
            }
            "HEALTHCHECK" => self.healthcheck = Some(Health::parse(rest)?),
            "LABEL" => {
                for (key, value) in pairs("LABEL", rest)? {
                    let (key, value) = (process(&key, &self.env)?, process(&value, &self.env)?);
                    self.labels.insert(key, value);
                }
            }
            "ONBUILD" => self.on_build.push(trigger(rest)?),
            "STOPSIGNAL" => self.stop_signal = process(only(&upper, rest)?, &self.env)?,
            "USER" => self.user = process(only(&upper, rest)?, &self.env)?,
            "VOLUME" => self.add_volumes(rest)?,
            "WORKDIR" => {
                let path = process(only(&upper, rest)?, &self.env)?;
                self.working_dir = joined(&self.working_dir, &path);
            }
            _ => {
                let name = name.to_ascii_lowercase();
                return Err(wrong(format!("{name} is not a valid change command")));
            }
        }
        Ok(())
    }

    fn set_env(&mut self, key: &str, value: &str) {
        let entry = format!("{key}={value}");
        let is_it = |old: &&mut String| old.split('=').next() == Some(key);
        match self.env.iter_mut().find(is_it) {
            Some(old) => *old = entry,
            None => self.env.push(entry),
        }
    }

    fn add_volumes(&mut self, rest: &str) -> Result<()> {
        let words = array(rest).unwrap_or_else(|| split(rest));
        for word in words {
            let volume = process(&word, &self.env)?;
            let volume = volume.trim();
            if volume.is_empty() {
                return Err(wrong("VOLUME specified can not be an empty string"));
            }
            self.volumes.push(volume.to_owned());
        }
        Ok(())
    }
}

/// The instructions of a text, without comments and with continued lines in one piece.
fn lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut continued = String::new();
    for line in text.lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(part) = line.strip_suffix('\\') {
            continued += part;
        } else {
            lines.push(std::mem::take(&mut continued) + line);
        }
    }
    if !continued.is_empty() {
        lines.push(continued);
    }
    lines
}

/// The exec form as it is, the shell form in docker's shell.
fn command(rest: &str) -> Vec<String> {
    match array(rest) {
        Some(words) => words,
        None if rest.is_empty() => Vec::new(),
        None => ["/bin/sh", "-c", rest].map(str::to_owned).to_vec(),
    }
}

fn only<'a>(name: &str, rest: &'a str) -> Result<&'a str> {
    if rest.is_empty() {
        return Err(wrong(format!("{name} requires exactly one argument")));
    }
    Ok(rest)
}

fn trigger(rest: &str) -> Result<String> {
    let first = rest.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    match first.as_str() {
        "ONBUILD" => Err(wrong("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")),
        "FROM" | "MAINTAINER" => Err(wrong(format!("{first} isn't allowed as an ONBUILD trigger"))),
        _ => Ok(rest.to_owned()),
    }
}

/// A folder seen from the one before, in its shortest spelling.
fn joined(before: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let before = if path.starts_with('/') { "" } else { before };
    for part in before.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests;
