//! What another user of the machine may do, and a file that is a mount point.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::config_file::{config, files, write_config};
use crate::login::{bare_sandbox, config_of_alice};
use crate::support::process::write_program;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;

#[test]
fn a_user_who_may_only_read_the_folder_keeps_what_is_in_it() {
    let (sandbox, registry) = (bare_sandbox(), Registry::htpasswd("alice", "s3cret-pw"));
    write_config(&sandbox, "{}");
    let open = |path: &std::path::Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    open(sandbox.root(), 0o755);
    open(&sandbox.home().join(".docker"), 0o555);
    open(&sandbox.config_path(), 0o644);
    // A copy that another user may start, wherever the build is.
    let program = sandbox.root().join("rdock");
    write_program(&program, &fs::read(env!("CARGO_BIN_EXE_rdock")).unwrap());
    let mut command = sandbox.program(
        "/usr/bin/setpriv",
        &["--reuid", "65534", "--regid", "65534", "--clear-groups"],
    );
    command.arg(program);
    command.args(["login", "-u", "alice", "--password-stdin", &registry.host()]);
    let run = crate::support::process::finish(command, b"s3cret-pw").fails(1);
    assert!(
        run.stderr.starts_with("Error saving credentials: cannot write "),
        "{run}"
    );
    assert!(run.stderr.contains("Permission denied"), "{run}");
    assert_eq!((config(&sandbox).as_str(), files(&sandbox).len()), ("{}", 1));
}

/// As a container has it that is given one file of its host.
#[test]
fn a_file_that_is_a_mount_point_is_written_in_place() {
    let (sandbox, registry) = (bare_sandbox(), Registry::htpasswd("alice", "s3cret-pw"));
    let given = sandbox.root().join("given.json");
    fs::write(
        &given,
        "{\"auths\":{\"a-rather-long-host.example.com\":{\"auth\":\"YWxpY2U6czNjcmV0LXB3\"}}}",
    )
    .unwrap();
    write_config(&sandbox, "{}");
    let script = "mount --bind \"$0\" \"$1\" && shift && exec \"$@\"";
    let arguments = ["-m", "sh", "-c", script];
    let host = registry.host();
    let in_container = |command: &[&str], stdin: &str| {
        let mut child = std::process::Command::new("unshare")
            .args(arguments)
            .arg(&given)
            .arg(sandbox.config_path())
            .arg(env!("CARGO_BIN_EXE_rdock"))
            .args(command)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", sandbox.home())
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), stdin.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "{command:?}");
        fs::read_to_string(&given).unwrap()
    };
    let written = in_container(&["login", "-u", "alice", "--password-stdin", &host], "s3cret-pw");
    assert!(
        written.contains(&host) && written.contains("a-rather-long-host"),
        "{written}"
    );
    let shorter = in_container(&["logout", "a-rather-long-host.example.com"], "");
    assert_eq!(shorter, config_of_alice(&[&host]));
    assert_eq!(config(&sandbox), "{}", "the file below the mount point is not touched");
    assert_eq!(files(&sandbox), ["config.json"]);
}

/// A user that the machine does not know has no home but `HOME`.
#[test]
fn without_a_home_rdock_says_what_to_set() {
    let sandbox = Sandbox::new();
    let binary = sandbox.bin().join("rdock");
    write_program(&binary, &fs::read(env!("CARGO_BIN_EXE_rdock")).unwrap());
    fs::set_permissions(sandbox.root(), fs::Permissions::from_mode(0o755)).unwrap();
    let as_nobody = |arguments: &str| {
        let line = format!(
            "cd / && setpriv --reuid=54321 --regid=54321 --clear-groups env -i {} {arguments}",
            binary.display()
        );
        sandbox.run("bash", &["-c", &line])
    };
    let run = as_nobody("images").fails(1);
    assert_eq!(
        run.stderr,
        "no home folder: set HOME, or DOCKER_CONFIG and RDOCK_HOME\n"
    );
    as_nobody("--version").ok();
    as_nobody("pull --help").ok();
}
