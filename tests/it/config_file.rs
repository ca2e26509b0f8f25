//! Docker's config.json under the hands of `login` and `logout`: nothing of anybody's is lost.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Child;
use std::thread;

use serde_json::Value;

use crate::login::{bare_sandbox, config_of_alice};
use crate::support::recorder::Recorder;
use crate::support::registry::Registry;
use crate::support::runtime::wait_for;
use crate::support::sandbox::Sandbox;

const FOREIGN: &str = r#"{"zzUnknown":{"b":1,"a":[1.50,"<"]},"auths":{"old.example.com":{"weird":1,"auth":"YWxpY2U6czNjcmV0LXB3","email":"a@b.c"}},"HttpHeaders":{"X-My":"v","User-Agent":"foo"},"detachKeys":"ctrl-a","credHelpers":{"x.example":"fake"}}"#;

pub(crate) fn write_config(sandbox: &Sandbox, text: &str) {
    fs::create_dir_all(sandbox.home().join(".docker")).unwrap();
    fs::write(sandbox.config_path(), text).unwrap();
}

pub(crate) fn config(sandbox: &Sandbox) -> String {
    fs::read_to_string(sandbox.config_path()).unwrap()
}

/// The files of the folder of config.json.
pub(crate) fn files(sandbox: &Sandbox) -> Vec<String> {
    let entries = fs::read_dir(sandbox.home().join(".docker")).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn login(sandbox: &Sandbox, host: &str) -> crate::support::process::Run {
    sandbox.rdock_stdin(&["login", "-u", "alice", "--password-stdin", host], "s3cret-pw")
}

#[test]
fn members_that_are_not_rdock_s_keep_their_values_and_order() {
    let (sandbox, registry) = (bare_sandbox(), Registry::htpasswd("alice", "s3cret-pw"));
    write_config(&sandbox, FOREIGN);
    fs::set_permissions(sandbox.config_path(), fs::Permissions::from_mode(0o644)).unwrap();
    login(&sandbox, &registry.host()).ok();
    let text = config(&sandbox);
    let places: Vec<usize> = [
        "zzUnknown",
        "\"b\"",
        "\"a\"",
        "1.50",
        "weird",
        "email",
        "User-Agent",
        "detachKeys",
    ]
    .map(|word| text.find(word).unwrap_or_else(|| panic!("{word} is gone: {text}")))
    .to_vec();
    let zz = places[0];
    assert!(places[1..].iter().all(|place| *place > 0), "{text}");
    assert!(
        zz < places[1] && places[1] < places[2] && places[2] < places[3],
        "{text}"
    );
    assert!(places[4] < places[5] && places[6] < places[7], "{text}");
    let mode = fs::metadata(sandbox.config_path()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o644);

    sandbox.rdock(&["logout", &registry.host()]).ok();
    let (before, after): (Value, Value) = (
        serde_json::from_str(FOREIGN).unwrap(),
        serde_json::from_str(&config(&sandbox)).unwrap(),
    );
    assert_eq!(before, after);
}

#[test]
fn a_malformed_file_is_named_and_never_written() {
    let (sandbox, registry) = (bare_sandbox(), Registry::htpasswd("alice", "s3cret-pw"));
    let path = sandbox.config_path().display().to_string();
    for (text, reason) in [
        ("{bad json", "line 1 column 2"),
        ("[]", ""),
        ("{\"auths\":[]}", ""),
        ("{\"auths\":{}} x", ""),
        ("{\"auths\":{\"h\":{\"auth\":\"", ""),
    ] {
        write_config(&sandbox, text);
        for run in [
            login(&sandbox, &registry.host()),
            sandbox.rdock(&["logout", &registry.host()]),
        ] {
            let run = run.fails(1);
            assert!(run.stderr.contains(&path) && run.stderr.contains(reason), "{run}");
            let hint = format!("hint: {path} was left as it is: mend it, or move it out of the way\n");
            assert!(run.stderr.ends_with(&hint), "{run}");
            assert_eq!(run.stdout, "", "{run}");
            assert_eq!((config(&sandbox).as_str(), files(&sandbox).len()), (text, 1));
        }
    }
    // Commands that need no login do not mind.
    sandbox.rdock(&["images"]).ok();
}

#[test]
fn empty_files_are_as_good_as_none() {
    let (sandbox, registry) = (bare_sandbox(), Registry::htpasswd("alice", "s3cret-pw"));
    for text in ["", "{}", "{\"auths\":null}", "\n"] {
        write_config(&sandbox, text);
        login(&sandbox, &registry.host()).ok();
        assert_eq!(config(&sandbox), config_of_alice(&[&registry.host()]));
    }
}

#[test]
fn a_symbolic_link_stays_one_and_may_lead_to_nothing() {
    let (sandbox, registry) = (bare_sandbox(), Registry::htpasswd("alice", "s3cret-pw"));
    fs::create_dir(sandbox.home().join(".docker")).unwrap();
    symlink("../real.json", sandbox.config_path()).unwrap();
    for _ in ["nothing there", "there"] {
        login(&sandbox, &registry.host()).ok();
        assert!(fs::symlink_metadata(sandbox.config_path()).unwrap().is_symlink());
        let real = fs::read_to_string(sandbox.home().join("real.json")).unwrap();
        assert_eq!(real, config_of_alice(&[&registry.host()]));
        sandbox.rdock(&["logout", &registry.host()]).ok();
    }
    assert_eq!(files(&sandbox), ["config.json"]);
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error_that_names_the_file() {
    let (sandbox, registry) = (bare_sandbox(), Registry::htpasswd("alice", "s3cret-pw"));
    // Root may write anywhere but below a file and where there is a folder already.
    fs::write(sandbox.home().join(".docker"), "a file").unwrap();
    let run = login(&sandbox, &registry.host()).fails(1);
    let path = sandbox.config_path().display().to_string();
    assert!(
        run.stderr.contains(&format!("Error saving credentials: {path} ")),
        "{run}"
    );
    assert_eq!(run.stdout, "");
    assert_eq!(fs::read_to_string(sandbox.home().join(".docker")).unwrap(), "a file");

    fs::remove_file(sandbox.home().join(".docker")).unwrap();
    fs::create_dir_all(sandbox.config_path()).unwrap();
    let run = login(&sandbox, &registry.host()).fails(1);
    assert!(run.stderr.contains(&format!("read {path}: is a directory")), "{run}");
    assert_eq!(files(&sandbox), ["config.json"]);
}

/// A login of its own process at a registry that takes any.
fn spawn_login(sandbox: &Sandbox, host: &str) -> Child {
    sandbox.spawn(&["login", "-u", "alice", "-p", "s3cret-pw", host])
}

/// Servers that take any login.
fn open_registries(count: usize) -> Vec<Recorder> {
    let registries: Vec<Recorder> = (0..count).map(|_| Recorder::alone()).collect();
    for registry in &registries {
        registry.on_path("GET", "/v2/").answer(200, &[], "{}");
    }
    registries
}

#[test]
fn eight_logins_at_once_are_all_kept() {
    let sandbox = bare_sandbox();
    let registries = open_registries(8);
    let children: Vec<Child> = registries
        .iter()
        .map(|registry| spawn_login(&sandbox, &registry.host()))
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let mut hosts: Vec<String> = registries.iter().map(Recorder::host).collect();
    hosts.sort();
    let kept: Value = serde_json::from_str(&config(&sandbox)).unwrap();
    let mut keys: Vec<&String> = kept["auths"].as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, hosts.iter().collect::<Vec<_>>());
    assert_eq!(files(&sandbox), ["config.json"]);
}

#[test]
fn a_login_killed_at_any_moment_leaves_a_whole_file() {
    let sandbox = bare_sandbox();
    write_config(&sandbox, FOREIGN);
    let registries = open_registries(1);
    let host = registries[0].host();
    for round in 0..24_u64 {
        let before = registries[0].requests().len();
        let mut child = spawn_login(&sandbox, &host);
        // The answer has gone out: the file is about to be written.
        wait_for("the login's request", || {
            (registries[0].requests().len() > before).then_some(())
        });
        thread::sleep(std::time::Duration::from_micros(round * 250));
        child.kill().unwrap();
        child.wait().unwrap();
        let kept: Value = serde_json::from_str(&config(&sandbox)).expect("a whole file");
        assert_eq!(kept["detachKeys"], "ctrl-a");
        assert_eq!(kept["auths"]["old.example.com"]["weird"], 1);
        if round % 4 == 3 {
            sandbox.rdock(&["logout", &host]).ok();
        }
    }
    assert!(spawn_login(&sandbox, &host).wait().unwrap().success());
    assert!(config(&sandbox).contains(&host));
}
