//! `demo`: the tutorial with nothing installed, and nothing of it stays.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::process::{Run, exit_code};
use crate::support::runtime::wait_for;
use crate::support::sandbox::Sandbox;

/// A sandbox whose temporary files are in a folder of its own.
fn sandbox() -> Sandbox {
    let mut sandbox = Sandbox::new();
    let folder = sandbox.root().join("tmp");
    fs::create_dir(&folder).unwrap();
    sandbox.set_env("TMPDIR", folder);
    sandbox
}

/// What is left where it may have left something.
#[track_caller]
fn assert_untouched(sandbox: &Sandbox) {
    for folder in [sandbox.root().join("tmp"), sandbox.store()] {
        let names: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(names.is_empty(), "{names:?}");
    }
    assert!(!sandbox.config_path().exists());
}

/// The lines after a command up to the next one.
fn told<'a>(run: &'a Run, command: &str) -> Vec<&'a str> {
    let after = run
        .stdout
        .lines()
        .skip_while(|line| !line.starts_with(&format!("$ {command}")));
    after.skip(1).take_while(|line| !line.is_empty()).collect()
}

#[test]
fn the_demo_walks_through_the_tutorial_and_leaves_nothing() {
    // A proxy and a login of the user's must not lead it astray.
    let sandbox = sandbox()
        .env("http_proxy", "http://127.0.0.1:9")
        .env("DOCKER_AUTH_CONFIG", "{\"auths\":{}}")
        .env("DOCKER_DEFAULT_PLATFORM", "linux/s390x");
    let run = sandbox.rdock(&["demo"]).ok();
    let commands = run.stdout.lines().filter(|line| line.starts_with("$ ")).count();
    assert_eq!(commands, 12, "{run}");
    assert_eq!(told(&run, "echo tutorial | rdock login"), ["Login Succeeded"]);
    assert!(
        told(&run, "rdock pull")
            .iter()
            .any(|line| line.starts_with("Status: Downloaded newer image")),
        "{run}"
    );
    assert_eq!(told(&run, "rdock images").len(), 2);
    assert!(
        told(&run, "rdock push")
            .last()
            .unwrap()
            .starts_with("2.0: digest: sha256:"),
        "{run}"
    );
    assert!(
        told(&run, "rdock tags").last().unwrap().contains("linux/arm64"),
        "{run}"
    );
    assert!(told(&run, "rdock search")[1].starts_with("hello "), "{run}");
    assert!(
        told(&run, "rdock copy")
            .iter()
            .any(|line| line.starts_with("Status: Copied image to")),
        "{run}"
    );
    assert!(
        told(&run, "rdock logout")[0].starts_with("Removing login credentials for 127.0.0.1:"),
        "{run}"
    );
    assert!(
        run.stdout
            .lines()
            .rev()
            .nth(1)
            .unwrap()
            .starts_with("# 12 commands in "),
        "{run}"
    );
    assert_untouched(&sandbox);
    // The same rdock makes the same image.
    let digests = |run: &Run| -> Vec<String> {
        let lines = run.stdout.lines().filter(|line| line.starts_with("Digest: "));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(digests(&sandbox.rdock(&["demo"]).ok()), digests(&run));
}

#[test]
fn a_demo_that_fails_or_is_interrupted_leaves_nothing_either() {
    let sandbox = sandbox();
    let mut child = sandbox
        .command(&["demo"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    lines.find(|line| line.starts_with("$ rdock pull")).unwrap();
    // A terminal would tell the whole process group; a supervisor tells the process alone.
    let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let status = wait_for("the end of the demo", || child.try_wait().unwrap());
    assert_eq!(exit_code(status), 130);
    assert_untouched(&sandbox);

    let daemon = sandbox.home().join(".config/docker/daemon.json");
    fs::create_dir_all(daemon.parent().unwrap()).unwrap();
    fs::write(&daemon, "{\"insecure-registries\": [\"http://x:y/z\"]}").unwrap();
    let run = sandbox.rdock(&["demo"]).fails(1);
    let last = run.stderr.lines().last().unwrap();
    assert!(
        last.starts_with("the demo stops here: rdock login ") && last.ends_with(" ended with exit code 1"),
        "{run}"
    );
    assert_untouched(&sandbox);
}
