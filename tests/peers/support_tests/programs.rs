//! The sandbox, the terminal, the docker engine and the credential helpers.

use crate::support::credential_helper::{CredentialHelper, PasswordStore};
use crate::support::docker_engine::DockerEngine;
use crate::support::hub::Hub;
use crate::support::image::Image;
use crate::support::process::finish_within;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;
use crate::support::terminal::Terminal;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

#[test]
fn a_sandbox_knows_only_its_own_home() {
    let mut sandbox = Sandbox::new().env("EXTRA", "1");
    sandbox.set_env("MORE", "2");
    let environment = sandbox.run("env", &[]).ok().stdout;
    for line in ["EXTRA=1", "MORE=2", "TERM=xterm", "LANG=C.UTF-8", "TZ=UTC"] {
        assert!(environment.lines().any(|found| found == line), "{environment}");
    }
    assert!(!environment.to_lowercase().contains("proxy"), "{environment}");
    assert_eq!(
        sandbox.run("pwd", &[]).ok().stdout.trim(),
        sandbox.home().to_str().unwrap()
    );
    assert!(sandbox.store().is_dir());
    assert!(!sandbox.config_path().exists());
    sandbox.run("sh", &["-c", "exit 7"]).fails(7);
    assert_eq!(sandbox.run("sh", &["-c", "kill -TERM $$"]).code, 143);
    // The program itself starts; what it says is no business of these tests.
    sandbox.rdock(&["--version"]);
    sandbox.rdock_stdin(&["--version"], "input");
    sandbox.rdock_with(&["--version"], |command| {
        command.env("A", "b");
    });
}

#[test]
fn a_running_program_is_stopped_at_its_limit() {
    let failure = std::panic::catch_unwind(|| {
        let mut command = Command::new("sh");
        command.args(["-c", "echo begun; sleep 600 & sleep 600"]);
        finish_within(command, b"", Duration::from_millis(300))
    })
    .unwrap_err();
    // Its output comes to an end only when all that it started is gone.
    assert!(failure.downcast::<String>().unwrap().contains("begun"));
}

#[test]
fn a_terminal_is_real() {
    let sandbox = Sandbox::new();
    let script = "tty; stty size; stty -echo; printf 'Password: '; read a; stty echo; \
                  echo; echo \"got $a\"; trap 'echo stopped; exit 130' INT; echo ready; sleep 600 & wait";
    let mut terminal = Terminal::start(&sandbox.program("sh", &["-c", script]), 97, 31);
    terminal.wait_text("Password: ");
    assert!(!terminal.is_echo());
    terminal.send("hidden\n");
    terminal.wait_text("ready");
    terminal.resize(120, 40);
    terminal.interrupt();
    let ends = terminal.finish();
    let text = String::from_utf8(ends.output).unwrap();
    assert!(text.starts_with("/dev/pts/") && text.contains("31 97\r\n"), "{text}");
    assert!(text.contains("got hidden\r\n") && text.contains("stopped"), "{text}");
    assert_eq!(text.matches("hidden").count(), 1, "not echoed: {text}");
    assert_eq!(ends.code, 130);
    assert!(ends.echo && ends.lines);

    let careless = sandbox.program("sh", &["-c", "stty raw -echo; sleep 600"]);
    let mut terminal = Terminal::start(&careless, 80, 24);
    crate::support::runtime::wait_for("raw mode", || (!terminal.is_echo()).then_some(()));
    terminal.signal(Signal::TERM);
    let ends = terminal.finish();
    assert_eq!(ends.code, 143);
    assert!(!ends.lines && !ends.echo);
    assert_eq!(terminal.text(), "");
}

#[test]
fn a_docker_engine_pulls_and_pushes() {
    let engine = DockerEngine::shared();
    let registry = Registry::htpasswd("alice", "s3cret-pw");
    let folder = tempfile::tempdir().unwrap();
    let image = Image::small().docker().write(folder.path());
    registry.push("team/app", "1", &image);
    let name = format!("{}/team/app:1", registry.host());
    engine.docker(&["pull", &name]).fails(1);
    let sandbox = Sandbox::new();
    let login = ["login", "-u", "alice", "--password-stdin", &registry.host()];
    engine.docker_in(&sandbox, &login, b"s3cret-pw").ok();
    let pull = engine.docker_in(&sandbox, &["pull", &name], b"").ok();
    assert!(pull.stdout.contains(&image.digest), "{pull}");
    let id = engine.docker(&["inspect", "--format", "{{.Id}}", &name]).ok();
    assert_eq!(id.stdout.trim(), image.config_digest);
    assert!(engine.socket().starts_with("unix:///"));
    assert!(engine.log().contains("API listen"));
}

#[test]
fn a_docker_engine_lives_in_the_fake_internet() {
    let hub = Hub::new();
    let folder = tempfile::tempdir().unwrap();
    let image = Image::small().docker().write(folder.path());
    hub.seed("library/nginx", "latest", &image);
    hub.redirect_blobs();
    let engine = DockerEngine::on(hub.internet());
    let pull = engine.docker(&["pull", "nginx"]).ok();
    assert!(pull.stdout.contains(&image.digest), "{pull}");
    assert_eq!(hub.cdn().count(|request| request.status == 200), 4);
    let socket = engine.socket();
    drop(engine);
    assert!(!std::path::Path::new(socket.trim_start_matches("unix://")).exists());
}

#[test]
fn credential_helpers_keep_break_babble_and_dawdle() {
    let sandbox = Sandbox::new();
    let fake = CredentialHelper::fake(&sandbox, "fake");
    let call = |name: &str, verb: &str, stdin: &str, limit: u64| {
        let command = sandbox.program(&format!("docker-credential-{name}"), &[verb]);
        finish_within(command, stdin.as_bytes(), Duration::from_millis(limit))
    };
    let entry = r#"{"ServerURL":"https://a.example:5000","Username":"alice","Secret":"s3cret"}"#;
    call("fake", "store", entry, 9000).ok();
    assert_eq!(call("fake", "get", "https://a.example:5000", 9000).ok().stdout, entry);
    assert_eq!(fake.stored("https://a.example:5000").unwrap()["Secret"], "s3cret");
    let list: Value = serde_json::from_str(&call("fake", "list", "", 9000).ok().stdout).unwrap();
    assert_eq!(list, json!({"https://a.example:5000": "alice"}));
    call("fake", "erase", "https://a.example:5000", 9000).ok();
    let none = call("fake", "get", "https://a.example:5000", 9000).fails(1);
    assert!(none.stdout.contains("credentials not found in native keychain"));
    assert_eq!(fake.calls()[0], ("store".to_owned(), entry.to_owned()));
    CredentialHelper::broken(&sandbox, "broken");
    call("broken", "get", "x", 9000).fails(1);
    CredentialHelper::not_json(&sandbox, "notjson");
    assert_eq!(call("notjson", "get", "x", 9000).ok().stdout, "not json\n");
    CredentialHelper::slow(&sandbox, "slow");
    assert!(std::panic::catch_unwind(|| call("slow", "get", "x", 200)).is_err());
}

#[test]
fn the_real_password_store_keeps_a_secret() {
    let sandbox = Sandbox::new();
    let store = PasswordStore::new(&sandbox);
    let entry = r#"{"ServerURL":"127.0.0.1:5000","Username":"alice","Secret":"s3cret-pw"}"#;
    store.helper("store", entry).ok();
    let got: Value = serde_json::from_str(&store.helper("get", "127.0.0.1:5000").ok().stdout).unwrap();
    assert_eq!(got["Secret"], "s3cret-pw");
    store.helper("erase", "127.0.0.1:5000").ok();
    // Debian's helper succeeds with nothing where others fail with a message.
    let none = store.helper("get", "127.0.0.1:5000").ok();
    assert!(none.stdout.contains(r#""Username":"","Secret":"""#), "{none}");
}
