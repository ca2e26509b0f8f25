//! skopeo, another client, to seed and to inspect.

use std::process::Command;

use super::process::{PATH, Run, finish};

/// Runs skopeo and passes its run on if it succeeded.
#[track_caller]
pub(crate) fn skopeo(arguments: &[&str]) -> Run {
    let mut command = Command::new("skopeo");
    command
        .args(["--insecure-policy"])
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("HOME", "/nonexistent")
        .env("TMPDIR", std::env::temp_dir());
    finish(command, b"").ok()
}

/// Copies an image with all its platforms between two plain-HTTP places.
#[track_caller]
pub(crate) fn copy(from: &str, to: &str) {
    skopeo(&[
        "copy",
        "--all",
        "--preserve-digests",
        "--quiet",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        from,
        to,
    ]);
}

/// The manifest of an image at a plain-HTTP place, byte for byte.
#[track_caller]
pub(crate) fn inspect_raw(image: &str) -> Vec<u8> {
    skopeo(&["inspect", "--raw", "--tls-verify=false", image]).bytes
}

/// Copies an image whose place knows no lists of platforms, such as an archive of docker's.
#[track_caller]
pub(crate) fn copy_as_is(from: &str, to: &str) {
    skopeo(&["copy", "--quiet", from, to]);
}
