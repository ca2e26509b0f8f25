//! `docker-credential-NAME`: a program that keeps logins, spoken to over stdin and stdout.
//! <https://github.com/docker/docker-credential-helpers>

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::members::{Members, ParseError};
use super::{Credential, Secret, entry};
use crate::error::{Error, Kind};
use crate::image::go_json;

/// The time for an answer: long enough to type a passphrase for a key, short enough for a machine without anybody.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: u64 = 1 << 20;
/// The user name that says the secret is an identity token.
const TOKEN_USERNAME: &str = "<token>";
/// How a helper says that it keeps nothing under a key.
const NOT_FOUND: &str = "credentials not found in native keychain";
/// Messages that Docker shows in place of the exit status.
const TELLING: [&str; 2] = ["no credentials server URL", "no credentials username"];

/// The helpers in the folders of a search path such as `PATH`.
pub(super) struct Helpers {
    search_path: Option<OsString>,
    timeout: Duration,
}

impl Helpers {
    pub(super) fn new(search_path: Option<OsString>) -> Self {
        let timeout = ANSWER_TIMEOUT;
        Self { search_path, timeout }
    }

    /// The helper of this name, installed or not; `None` when no helper can have such a name.
    pub(super) fn named(&self, name: &str) -> Option<Helper> {
        let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.starts_with(['-', '.']) || !name.chars().all(is_safe) {
            return None;
        }
        let binary = format!("docker-credential-{name}");
        let program = self.program(&binary);
        let (name, timeout) = (name.to_owned(), self.timeout);
        Some(Helper {
            name,
            binary,
            program,
            timeout,
        })
    }

    /// The helper Docker uses when config.json says nothing: `pass` where both it and its helper are
    /// installed, else the desktop's secret service where its helper is.
    pub(super) fn default_store(&self) -> Option<Helper> {
        let pass = self.program("pass").and_then(|_| self.named("pass"));
        let installed = |helper: &Helper| helper.program.is_some();
        pass.filter(installed)
            .or_else(|| self.named("secretservice").filter(installed))
    }

    /// Relative folders are passed over: a program must not come from wherever rdock is started.
    fn program(&self, binary: &str) -> Option<PathBuf> {
        let is_program = |path: &Path| {
            path.metadata()
                .is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
        };
        let folders = env::split_paths(self.search_path.as_ref()?);
        folders
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(binary))
            .find(|path| is_program(path))
    }
}

pub(super) struct Helper {
    pub(super) name: String,
    pub(super) binary: String,
    program: Option<PathBuf>,
    timeout: Duration,
}

/// What a helper is given to keep.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct HelperInput {
    #[serde(rename = "ServerURL")]
    server_url: String,
    username: String,
    secret: String,
}

/// A helper that did not do its work, in Docker's words.
#[derive(Debug)]
pub(super) struct HelperError {
    doing: &'static str,
    error: String,
    out: String,
}

impl fmt::Display for HelperError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} - err: {}, out: `{}`", self.doing, self.error, self.out)
    }
}

impl From<HelperError> for Error {
    fn from(failure: HelperError) -> Self {
        Error::new(Kind::Io, failure.to_string())
    }
}

impl Helper {
    /// The login kept under a key. A helper that answers with nothing in it (as `pass` does) keeps none.
    pub(super) async fn get(&self, key: &str) -> Result<Option<Credential>, HelperError> {
        let doing = "error getting credentials";
        let out = match self.run("get", key.as_bytes()).await {
            Ok(out) => out,
            Err((_, out)) if out.trim_ascii() == NOT_FOUND.as_bytes() => return Ok(None),
            Err((error, out)) => return Err(failure(doing, error, &out, &[])),
        };
        let Some((username, secret)) = read_login(&out) else {
            let error = "the answer is not the JSON it should be".to_owned();
            return Err(failure(doing, error, &[], &[]));
        };
        Ok(match username.as_str() {
            TOKEN_USERNAME => Some(Credential::IdentityToken(secret)),
            "" => None,
            _ => Some(Credential::Basic {
                username,
                password: secret,
            }),
        })
    }

    /// Keeps a login under a key, in place of what was there.
    pub(super) async fn store(&self, key: &str, credential: &Credential) -> Result<(), HelperError> {
        let doing = "error storing credentials";
        let (username, secret) = match credential {
            Credential::Basic { username, password } => (username.as_str(), password),
            Credential::IdentityToken(token) => (TOKEN_USERNAME, token),
            Credential::RegistryToken(_) => {
                let error = format!("{} cannot keep a registry token", self.binary);
                return Err(failure(doing, error, &[], &[]));
            }
        };
        let login = HelperInput {
            server_url: key.to_owned(),
            username: username.to_owned(),
            secret: secret.expose().to_owned(),
        };
        let json = match serde_json::to_string(&login) {
            Ok(json) => go_json::embedded(&json),
            Err(e) => return Err(failure(doing, e.to_string(), &[], &[])),
        };
        match self.run("store", format!("{json}\n").as_bytes()).await {
            Ok(_) => Ok(()),
            Err((error, out)) => {
                let quoted = go_json::embedded(&serde_json::Value::from(secret.expose()).to_string());
                let encoded = entry::encode(username, secret);
                // The longer forms first: none may be broken up by a shorter one.
                let hidden = [encoded.as_str(), quoted.trim_matches('"'), secret.expose()];
                Err(failure(doing, error, &out, &hidden))
            }
        }
    }

    /// Makes sure nothing is kept under a key. Helpers differ in how they refuse to erase what they do not
    /// keep, so after a refusal they are asked.
    pub(super) async fn erase(&self, key: &str) -> Result<(), HelperError> {
        match self.run("erase", key.as_bytes()).await {
            Ok(_) => Ok(()),
            Err(_) if self.program.is_some() && matches!(self.get(key).await, Ok(None)) => Ok(()),
            Err((error, out)) => Err(failure("error erasing credentials", error, &out, &[])),
        }
    }

    /// What the helper writes to stdout; on failure the reason with it.
    async fn run(&self, verb: &str, input: &[u8]) -> Result<Vec<u8>, (String, Vec<u8>)> {
        let Some(program) = &self.program else {
            return Err((
                format!("exec: {:?}: executable file not found in $PATH", self.binary),
                Vec::new(),
            ));
        };
        // stderr is the user's, as with Docker: some helpers ask for a touch or a new login there.
        let child = Command::new(program)
            .arg(verb)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut child = child.map_err(|e| (format!("fork/exec {}: {e}", program.display()), Vec::new()))?;
        let answer = tokio::time::timeout(self.timeout, converse(&mut child, input)).await;
        let (status, out) = match answer {
            Err(_) => return Err((format!("no answer within {} s", self.timeout.as_secs()), Vec::new())),
            Ok(Err(e)) => return Err((e.to_string(), Vec::new())),
            Ok(Ok(answer)) => answer,
        };
        if status.success() {
            Ok(out)
        } else {
            Err((as_go_says(status), out))
        }
    }
}

/// The user name and the secret of a helper's answer. Names of members are taken in any case, as Go takes them; what
/// follows the answer is not read, and what a wrapper prints on lines before it is passed over.
fn read_login(out: &[u8]) -> Option<(String, Secret)> {
    let starts = out.iter().enumerate().filter(|&(at, byte)| {
        *byte == b'{'
            && out[..at]
                .iter()
                .rev()
                .find(|byte| !b" \t\xef\xbb\xbf".contains(byte))
                .is_none_or(|byte| *byte == b'\n')
    });
    let start = starts.map(|(at, _)| at).next().unwrap_or_default();
    let (Ok(login) | Err(ParseError::MoreFollows(login))) = Members::parse(&out[start..]) else {
        return None;
    };
    Some((login.text("Username")?, Secret::new(login.text("Secret")?)))
}

/// Feeds a child and reads its stdout, at the same time, so that neither waits for the other.
async fn converse(child: &mut Child, input: &[u8]) -> io::Result<(ExitStatus, Vec<u8>)> {
    let (mut stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let feed = async {
        if let Some(stdin) = &mut stdin {
            // A helper that does not read all of it says why by its exit status.
            let _ = stdin.write_all(input).await;
        }
        drop(stdin);
    };
    let read = async {
        let mut out = Vec::new();
        if let Some(stdout) = stdout {
            stdout.take(LONGEST_ANSWER + 1).read_to_end(&mut out).await?;
        }
        Ok::<_, io::Error>(out)
    };
    let ((), out) = tokio::join!(feed, read);
    let out = out?;
    if out.len() as u64 > LONGEST_ANSWER {
        return Err(io::Error::other(format!(
            "the answer is longer than {LONGEST_ANSWER} bytes"
        )));
    }
    Ok((child.wait().await?, out))
}

/// Builds the message from what the helper wrote, without the secrets that went in or may have come out.
fn failure(doing: &'static str, error: String, out: &[u8], hidden: &[&str]) -> HelperError {
    let mut out = String::from_utf8_lossy(out).trim().to_owned();
    if TELLING.contains(&out.as_str()) {
        return HelperError {
            doing,
            error: out.clone(),
            out,
        };
    }
    for secret in hidden.iter().filter(|secret| !secret.is_empty()) {
        out = out.replace(secret, "***");
    }
    // An answer to `get` in full, in a message that was to say why there is none.
    if hidden.is_empty() && out.to_ascii_lowercase().contains("\"secret\"") {
        "***".clone_into(&mut out);
    }
    HelperError { doing, error, out }
}

fn as_go_says(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(9)) => "signal: killed".to_owned(),
        (None, Some(signal)) => format!("signal: {signal}"),
        (None, None) => status.to_string(),
    }
}

#[cfg(test)]
mod tests;
