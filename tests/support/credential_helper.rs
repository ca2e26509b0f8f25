//! Credential helpers: small scripts that keep, break, babble or dawdle, and Debian's real `pass`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::Value;

use super::process::{finish, write_program};
use super::sandbox::Sandbox;

/// Keeps one file a server and logs each call as `VERB|STDIN`.
const FAKE: &str = r#"#!/bin/sh
in=$(cat)
printf '%s|%s\n' "$1" "$in" >> "DB/log"
name() { printf %s "$1" | sed 's/[^A-Za-z0-9._-]/_/g'; }
case $1 in
get)
    if [ -f "DB/$(name "$in").json" ]; then cat "DB/$(name "$in").json"
    else echo "credentials not found in native keychain"; exit 1; fi;;
store)
    url=$(printf %s "$in" | sed 's/.*"ServerURL": *"\([^"]*\)".*/\1/')
    printf %s "$in" > "DB/$(name "$url").json";;
erase)
    rm -f "DB/$(name "$in").json";;
list)
    printf '{'; comma=
    for file in DB/*.json; do
        [ -f "$file" ] || continue
        printf '%s' "$comma"; comma=,
        sed 's/.*\("ServerURL": *\)\("[^"]*"\).*/\2/' "$file"; printf ':'
        sed 's/.*"Username": *\("[^"]*"\).*/\1/' "$file"
    done
    printf '}';;
esac
"#;

/// A script on a sandbox's `PATH` called `docker-credential-NAME`.
pub(crate) struct CredentialHelper {
    folder: PathBuf,
}

impl CredentialHelper {
    /// A helper that works.
    pub(crate) fn fake(sandbox: &Sandbox, name: &str) -> Self {
        Self::write(sandbox, name, FAKE)
    }

    /// A helper that fails whatever it is asked.
    pub(crate) fn broken(sandbox: &Sandbox, name: &str) -> Self {
        let script = "#!/bin/sh\ncat >/dev/null; echo 'boom: helper is broken'; exit 1\n";
        Self::write(sandbox, name, script)
    }

    /// A helper that succeeds and talks nonsense.
    pub(crate) fn not_json(sandbox: &Sandbox, name: &str) -> Self {
        let script = "#!/bin/sh\ncat >/dev/null; echo 'not json'\n";
        Self::write(sandbox, name, script)
    }

    /// A helper that notes what it is asked and then takes ten minutes.
    pub(crate) fn slow(sandbox: &Sandbox, name: &str) -> Self {
        let script = FAKE.replacen("name() {", "exec sleep 600\nname() {", 1);
        Self::write(sandbox, name, &script)
    }

    fn write(sandbox: &Sandbox, name: &str, script: &str) -> Self {
        let folder = sandbox.root().join(format!("helper-{name}"));
        fs::create_dir(&folder).unwrap();
        let path = sandbox.bin().join(format!("docker-credential-{name}"));
        let script = script.replace("DB", folder.to_str().unwrap());
        write_program(&path, script.as_bytes());
        Self { folder }
    }

    /// The calls so far: verb and standard input.
    pub(crate) fn calls(&self) -> Vec<(String, String)> {
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let lines = log.lines().filter_map(|line| line.split_once('|'));
        lines.map(|(verb, stdin)| (verb.to_owned(), stdin.to_owned())).collect()
    }

    /// What is kept for a server: `{"ServerURL", "Username", "Secret"}`.
    pub(crate) fn stored(&self, server: &str) -> Option<Value> {
        let safe = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        let name: String = server
            .chars()
            .map(|letter| if safe(letter) { letter } else { '_' })
            .collect();
        let text = fs::read_to_string(self.folder.join(format!("{name}.json"))).ok()?;
        serde_json::from_str(&text).ok()
    }
}

/// Debian's `docker-credential-pass` with a fresh key in the sandbox's home.
pub(crate) struct PasswordStore<'a> {
    sandbox: &'a Sandbox,
}

impl<'a> PasswordStore<'a> {
    /// Makes a key without a passphrase and a password store for it.
    pub(crate) fn new(sandbox: &'a Sandbox) -> Self {
        let home = sandbox.home().join(".gnupg");
        fs::create_dir(&home).unwrap();
        fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
        let store = Self { sandbox };
        let key = "Key-Type: eddsa\nKey-Curve: ed25519\nSubkey-Type: ecdh\nSubkey-Curve: cv25519\n\
                   Name-Email: rdock@example.com\nExpire-Date: 0\n%no-protection\n%commit\n";
        let command = sandbox.program("gpg", &["--batch", "--quiet", "--gen-key"]);
        finish(command, key.as_bytes()).ok();
        sandbox.run("pass", &["init", "rdock@example.com"]).ok();
        store
    }

    /// Asks the helper itself; `verb` is `get`, `store`, `erase` or `list`.
    #[track_caller]
    pub(crate) fn helper(&self, verb: &str, stdin: &str) -> super::process::Run {
        let command = self.sandbox.program("docker-credential-pass", &[verb]);
        finish(command, stdin.as_bytes())
    }
}

impl Drop for PasswordStore<'_> {
    fn drop(&mut self) {
        let command = self.sandbox.program("gpgconf", &["--kill", "all"]);
        let _ = finish(command, b"");
    }
}
