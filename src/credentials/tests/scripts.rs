//! Credential helpers for tests: shell scripts in a folder.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Keeps logins as files beside itself and notes each call as `verb|stdin` in `log`.
pub(in crate::credentials) const STORING: &str = r#"
home=$(dirname "$0"); in=$(cat)
printf '%s|%s\n' "$1" "$in" >> "$home/log"
name() { printf %s "$1" | sed 's/[^A-Za-z0-9._-]/_/g'; }
case $1 in
get) if [ -f "$home/db-$(name "$in")" ]; then cat "$home/db-$(name "$in")"
     else echo "credentials not found in native keychain"; exit 1; fi;;
store) printf %s "$in" > "$home/db-$(name "$(printf %s "$in" | sed 's/.*"ServerURL":"\([^"]*\)".*/\1/')")";;
erase) rm -f "$home/db-$(name "$in")";;
esac
"#;

pub(in crate::credentials) const BROKEN: &str = "cat >/dev/null; echo 'boom: helper is broken'; exit 1";

/// Installs a program. Another process writes it: were this one to, a child started by another test at
/// that moment could hold it open for writing, and it could not be run.
pub(in crate::credentials) fn install(folder: &Path, program: &str, body: &str) {
    let mut writer = Command::new("sh")
        .args(["-c", r#"cat > "$1" && chmod 755 "$1""#, "sh"])
        .arg(folder.join(program))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    write!(writer.stdin.take().unwrap(), "#!/bin/sh\n{body}\n").unwrap();
    assert!(writer.wait().unwrap().success());
}

pub(in crate::credentials) fn install_helper(folder: &Path, name: &str, body: &str) {
    install(folder, &format!("docker-credential-{name}"), body);
}

/// The calls that [`STORING`] noted since the last look.
pub(in crate::credentials) fn calls(folder: &Path) -> Vec<String> {
    let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    let _ = std::fs::remove_file(folder.join("log"));
    log.lines().map(str::to_owned).collect()
}
