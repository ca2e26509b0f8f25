//! Credential helpers: what they are sent, what happens when they fail.

use std::fs;

use serde_json::json;

use crate::login::bare_sandbox;
use crate::support::credential_helper::CredentialHelper;
use crate::support::image::Image;
use crate::support::process::write_program;
use crate::support::recorder::Recorder;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;

pub(crate) const SECRET: &str = "s3cret-pw";

/// A registry with passwords, with an image at `x/motd:v1`.
pub(crate) fn registry(sandbox: &Sandbox) -> Registry {
    let registry = Registry::htpasswd("alice", SECRET);
    let image = Image::small().write(&sandbox.root().join("image"));
    registry.push("x/motd", "v1", &image);
    registry
}

pub(crate) fn write_config(sandbox: &Sandbox, text: &str) {
    fs::create_dir_all(sandbox.home().join(".docker")).unwrap();
    fs::write(sandbox.config_path(), text).unwrap();
}

pub(crate) fn config(sandbox: &Sandbox) -> String {
    fs::read_to_string(sandbox.config_path()).unwrap()
}

fn call(verb: &str, stdin: &str) -> (String, String) {
    (verb.to_owned(), stdin.to_owned())
}

#[test]
fn a_helper_is_sent_what_docker_sends_it() {
    let sandbox = Sandbox::new();
    let helper = CredentialHelper::fake(&sandbox, "fake");
    let registry = registry(&sandbox);
    let host = registry.host();
    write_config(&sandbox, "{\"credsStore\":\"fake\"}");
    let options = ["login", "-u", "alice", "--password-stdin", &host];
    let login = sandbox.rdock_stdin(&options, SECRET).ok();
    assert_eq!(
        (login.stdout.as_str(), login.stderr.as_str()),
        ("Login Succeeded\n", "")
    );
    let marked = format!("{{\n\t\"auths\": {{\n\t\t\"{host}\": {{}}\n\t}},\n\t\"credsStore\": \"fake\"\n}}");
    assert_eq!(config(&sandbox), marked);
    let store = call(
        "store",
        &format!("{{\"ServerURL\":\"{host}\",\"Username\":\"alice\",\"Secret\":\"{SECRET}\"}}"),
    );
    assert_eq!(helper.calls(), std::slice::from_ref(&store));

    sandbox.rdock(&["pull", "-q", &format!("{host}/x/motd:v1")]).ok();
    assert_eq!(helper.calls()[1..], [call("get", &host)]);
    let again = sandbox.rdock(&["login", &host]).ok();
    assert!(again.stderr.contains("[Username: alice]"), "{again}");
    assert!(helper.calls()[2..].contains(&store), "{:?}", helper.calls());

    let before = helper.calls().len();
    sandbox.rdock(&["logout", &host]).ok();
    let erased = [host.clone(), format!("http://{host}"), format!("https://{host}")];
    assert_eq!(helper.calls()[before..], erased.map(|key| call("erase", &key)));
    assert_eq!(config(&sandbox), "{\n\t\"auths\": {},\n\t\"credsStore\": \"fake\"\n}");
    assert_eq!(helper.stored(&host), None);
}

#[test]
fn a_host_s_own_helper_comes_before_the_one_for_all() {
    let sandbox = Sandbox::new();
    let (for_all, own) = (
        CredentialHelper::fake(&sandbox, "all"),
        CredentialHelper::fake(&sandbox, "own"),
    );
    let (registry, other) = (registry(&sandbox), Registry::htpasswd("alice", SECRET));
    let (host, other) = (registry.host(), other.host());
    let text = format!("{{\"credsStore\":\"all\",\"credHelpers\":{{\"{host}\":\"own\"}}}}");
    write_config(&sandbox, &text);
    for server in [&host, &other] {
        let options = ["login", "-u", "alice", "--password-stdin", server];
        sandbox.rdock_stdin(&options, SECRET).ok();
    }
    let login = |server: &str| Some(json!({"ServerURL": server, "Username": "alice", "Secret": SECRET}));
    assert_eq!((own.stored(&host), own.stored(&other)), (login(&host), None));
    assert_eq!((for_all.stored(&host), for_all.stored(&other)), (None, login(&other)));
    sandbox.rdock(&["pull", "-q", &format!("{host}/x/motd:v1")]).ok();
    assert_eq!(own.calls().last().unwrap(), &call("get", &host));
    assert_eq!(for_all.calls().len(), 1);
}

#[test]
fn a_login_that_the_helper_cannot_keep_is_kept_nowhere() {
    let sandbox = Sandbox::new();
    CredentialHelper::broken(&sandbox, "broken");
    let registry = registry(&sandbox);
    let host = registry.host();
    for (name, why) in [
        ("broken", "exit status 1, out: `boom: helper is broken`"),
        (
            "missing",
            "exec: \"docker-credential-missing\": executable file not found in $PATH, out: ``",
        ),
    ] {
        for text in [
            format!("{{\"credsStore\":\"{name}\"}}"),
            format!("{{\"credHelpers\":{{\"{host}\":\"{name}\"}}}}"),
        ] {
            write_config(&sandbox, &text);
            let options = ["login", "-u", "alice", "--password-stdin", &host];
            let run = sandbox.rdock_stdin(&options, SECRET).fails(1);
            let said = format!("Error saving credentials: error storing credentials - err: {why}\n");
            assert_eq!((run.stdout.as_str(), run.stderr), ("", said));
            assert_eq!(config(&sandbox), text);
        }
    }
}

#[test]
fn a_helper_that_fails_on_pull_is_named_and_the_pull_goes_on_without_a_login() {
    let sandbox = Sandbox::new();
    CredentialHelper::broken(&sandbox, "broken");
    CredentialHelper::not_json(&sandbox, "notjson");
    let (locked, open) = (registry(&sandbox), Registry::open());
    open.push("x/motd", "v1", &Image::small().write(&sandbox.root().join("other")));
    let (locked, open) = (Recorder::front(&locked.host()), Recorder::front(&open.host()));
    let host = locked.host();
    for (name, why) in [
        (
            "broken",
            "error getting credentials - err: exit status 1, out: `boom: helper is broken`",
        ),
        (
            "notjson",
            "error getting credentials - err: the answer is not the JSON it should be, out: ``",
        ),
        (
            "missing",
            "error getting credentials - err: exec: \"docker-credential-missing\": executable file not found in \
             $PATH, out: ``",
        ),
    ] {
        write_config(&sandbox, &format!("{{\"credsStore\":\"{name}\"}}"));
        let run = sandbox.rdock(&["pull", &format!("{host}/x/motd:v1")]).fails(1);
        let path = sandbox.config_path();
        let warning = format!(
            "WARNING: docker-credential-{name} (credsStore in {}) failed, going on without credentials for {host}: \
             {why}\n",
            path.display()
        );
        let refused = format!("Head \"http://{host}/v2/x/motd/manifests/v1\": no basic auth credentials\n");
        assert!(run.stderr.starts_with(&format!("{warning}{refused}")), "{run}");
        // A registry that asks for nothing is pulled from as ever.
        let fine = sandbox
            .rdock(&["pull", "-q", &format!("{}/x/motd:v1", open.host())])
            .ok();
        assert_eq!(fine.stderr, "");
        sandbox.rdock(&["rmi", &format!("{}/x/motd:v1", open.host())]).ok();
    }
    let proofs = |recorder: &Recorder| recorder.count(|request| request.header("authorization").is_some());
    assert_eq!((proofs(&locked), proofs(&open)), (0, 0));
}

#[test]
fn logout_tells_when_the_helper_erased_nothing_and_keeps_the_marker() {
    let sandbox = Sandbox::new();
    CredentialHelper::broken(&sandbox, "broken");
    let text = "{\n\t\"auths\": {\n\t\t\"h:1\": {}\n\t},\n\t\"credsStore\": \"broken\"\n}";
    write_config(&sandbox, text);
    let run = sandbox.rdock(&["logout", "h:1"]).ok();
    assert_eq!(run.stdout, "Removing login credentials for h:1\n");
    let boom = "error erasing credentials - err: exit status 1, out: `boom: helper is broken`";
    assert_eq!(
        run.stderr,
        format!("WARNING: could not erase credentials:\nh:1: {boom}\nhttp://h:1: {boom}\nhttps://h:1: {boom}\n")
    );
    assert_eq!(config(&sandbox), text);
}

#[test]
fn the_name_of_a_helper_cannot_be_a_path() {
    let sandbox = bare_sandbox();
    for name in ["../evil", "/bin/sh", "-x", "a b"] {
        let text = format!("{{\"credsStore\":\"{name}\"}}");
        write_config(&sandbox, &text);
        let run = sandbox.rdock(&["logout", "h:1"]).fails(1);
        assert!(
            run.stderr.contains("cannot be the name of a credential helper\nhint: "),
            "{run}"
        );
        assert_eq!(config(&sandbox), text);
    }
}

#[test]
fn the_password_is_in_no_output_no_argument_and_no_other_file() {
    let sandbox = Sandbox::new();
    // A helper that would show what it was started with, and that fails with what it was sent.
    let script = "#!/bin/sh\nin=$(cat)\necho \"$@ $(cat /proc/$$/cmdline /proc/$PPID/cmdline | tr '\\0' ' ')\" >> ARGS\n\
                  env >> ARGS\necho \"cannot keep $in\"; exit 1\n";
    let seen = sandbox.root().join("seen");
    let path = sandbox.bin().join("docker-credential-leaky");
    write_program(&path, script.replace("ARGS", seen.to_str().unwrap()).as_bytes());
    let registry = registry(&sandbox);
    let host = registry.host();
    let options = ["login", "-u", "alice", "--password-stdin", &host];
    write_config(&sandbox, "{\"credsStore\":\"leaky\"}");
    let run = sandbox.rdock_stdin(&options, SECRET).fails(1);
    let args = fs::read_to_string(&seen).unwrap();
    assert!(args.starts_with("store "), "{args}");
    assert!(!args.contains(SECRET) && !run.stderr.contains(SECRET), "{run}{args}");

    write_config(&sandbox, "{\"auths\":{\"other:1\":{}}}");
    let login = sandbox.rdock_stdin(&options, SECRET).ok();
    let pull = sandbox.rdock(&["pull", &format!("{host}/x/motd:v1")]).ok();
    let again = sandbox.rdock(&["login", &host]).ok();
    for run in [login, pull, again] {
        assert!(!run.stdout.contains(SECRET) && !run.stderr.contains(SECRET), "{run}");
    }
    let encoded = "YWxpY2U6czNjcmV0LXB3";
    for word in [SECRET, encoded] {
        let mut grep = sandbox.program("grep", &["-rlF", word]);
        grep.arg(sandbox.root());
        let found = crate::support::process::finish(grep, b"").stdout;
        let expected = (word == encoded).then(|| format!("{}\n", sandbox.config_path().display()));
        assert_eq!(found, expected.unwrap_or_default());
    }
}
