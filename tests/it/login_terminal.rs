//! `rdock login` at a real terminal: docker's questions, and a terminal that is as before on every way out.

use std::fs;
use std::os::unix::fs::symlink;

use rustix::process::Signal;

use crate::login::{bare_sandbox, config_of_alice, unencrypted};
use crate::support::credential_helper::CredentialHelper;
use crate::support::hub::Hub;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;
use crate::support::terminal::{Ends, Terminal};

/// A sandbox without helpers in which a terminal can be started.
fn sandbox() -> Sandbox {
    let sandbox = bare_sandbox();
    symlink("/usr/bin/setsid", sandbox.bin().join("setsid")).unwrap();
    sandbox
}

fn start(sandbox: &Sandbox, arguments: &[&str]) -> Terminal {
    Terminal::start(&sandbox.command(arguments), 80, 24)
}

/// What was on the screen, with plain line ends; the terminal must be as it was.
#[track_caller]
fn ended(terminal: &mut Terminal, code: i32) -> String {
    let Ends {
        code: actual,
        output,
        echo,
        lines,
    } = terminal.finish();
    let text = String::from_utf8(output).unwrap().replace("\r\n", "\n");
    assert_eq!(actual, code, "{text}");
    assert!(echo && lines, "the terminal is left changed after {text:?}");
    text
}

/// Answers the question for the password, which must not show.
#[track_caller]
fn type_password(terminal: &mut Terminal, password: &str) {
    terminal.wait_text("Password: ");
    assert!(!terminal.is_echo());
    terminal.send(password);
}

#[test]
fn the_password_is_asked_for_without_showing_it() {
    let (sandbox, registry) = (sandbox(), Registry::htpasswd("alice", "s3cret-pw"));
    let host = registry.host();
    let warning = unencrypted(sandbox.config_path().to_str().unwrap());

    let mut both = start(&sandbox, &["login", &host]);
    both.wait_text("Username: ");
    both.send("alice\n");
    type_password(&mut both, "s3cret-pw\n");
    let text = ended(&mut both, 0);
    assert_eq!(text, format!("Username: alice\nPassword: \n{warning}Login Succeeded\n"));
    assert_eq!(
        fs::read_to_string(sandbox.config_path()).unwrap(),
        config_of_alice(&[&host])
    );

    fs::remove_file(sandbox.config_path()).unwrap();
    let mut password = start(&sandbox, &["login", "-u", "alice", &host]);
    type_password(&mut password, "s3cret-pw\n");
    assert_eq!(
        ended(&mut password, 0),
        format!("Password: \n{warning}Login Succeeded\n")
    );
}

#[test]
fn an_empty_answer_and_a_wrong_password_are_refused_in_docker_s_words() {
    let (sandbox, registry) = (sandbox(), Registry::htpasswd("alice", "s3cret-pw"));
    let host = registry.host();
    let mut nobody = start(&sandbox, &["login", &host]);
    nobody.wait_text("Username: ");
    nobody.send("\n");
    assert_eq!(ended(&mut nobody, 1), "Username: \nError: Non-null Username Required\n");

    let mut nothing = start(&sandbox, &["login", "-u", "alice", &host]);
    type_password(&mut nothing, "\n");
    assert_eq!(ended(&mut nothing, 1), "Password: \nError: Password Required\n");

    let mut wrong = start(&sandbox, &["login", "-u", "alice", &host]);
    type_password(&mut wrong, "nope\n");
    let refused = format!("login attempt to http://{host}/v2/ failed with status: 401 Unauthorized\n");
    assert_eq!(ended(&mut wrong, 1), format!("Password: \n{refused}"));
    assert!(!sandbox.home().join(".docker").exists());
}

#[test]
fn a_blank_name_or_password_on_the_command_line_is_asked_for() {
    let (sandbox, registry) = (sandbox(), Registry::htpasswd("alice", "s3cret-pw"));
    let host = registry.host();
    let mut terminal = start(&sandbox, &["login", "-u", " ", "-p", " ", &host]);
    terminal.wait_text("Username: ");
    terminal.send("alice\n");
    type_password(&mut terminal, "s3cret-pw\n");
    assert!(ended(&mut terminal, 0).ends_with("Login Succeeded\n"));
}

#[test]
fn a_stored_login_that_is_refused_leaves_its_user_name_as_the_default() {
    let (sandbox, registry) = (sandbox(), Registry::htpasswd("alice", "s3cret-pw"));
    let host = registry.host();
    fs::create_dir(sandbox.home().join(".docker")).unwrap();
    let bad = config_of_alice(&[&host]).replace("YWxpY2U6czNjcmV0LXB3", "YWxpY2U6YmFk");
    fs::write(sandbox.config_path(), bad).unwrap();
    let mut terminal = start(&sandbox, &["login", &host]);
    terminal.wait_text("Username (alice): ");
    terminal.send("\n");
    type_password(&mut terminal, "s3cret-pw\n");
    let text = ended(&mut terminal, 0);
    let refused = format!("error: login attempt to http://{host}/v2/ failed with status: 401 Unauthorized\n");
    let warning = unencrypted(sandbox.config_path().to_str().unwrap());
    let end = format!("{refused}Username (alice): \nPassword: \n{warning}Login Succeeded\n");
    assert!(text.ends_with(&end), "{text}");
    assert_eq!(
        fs::read_to_string(sandbox.config_path()).unwrap(),
        config_of_alice(&[&host])
    );
}

#[test]
fn the_hub_explains_itself_before_it_asks() {
    let hub = Hub::new();
    let mut sandbox = sandbox();
    hub.internet().apply(&mut sandbox);
    let mut terminal = start(&sandbox, &["login"]);
    terminal.wait_text("Username: ");
    terminal.send("alice\n");
    type_password(&mut terminal, "s3cret-pw\n");
    let text = ended(&mut terminal, 0);
    assert!(
        text.starts_with("Log in with your Docker ID or email address to push and pull images"),
        "{text}"
    );
    assert!(
        text.contains("https://docs.docker.com/go/access-tokens/\n\nUsername: alice\n"),
        "{text}"
    );
    assert!(text.ends_with("\n\nLogin Succeeded\n"), "{text}");
}

/// How somebody ends a question without an answer.
enum Stop {
    Typed(&'static str),
    Sent(Signal),
}

#[test]
fn ctrl_c_and_signals_at_a_question_leave_the_terminal_as_it_was() {
    let (sandbox, registry) = (sandbox(), Registry::htpasswd("alice", "s3cret-pw"));
    let host = registry.host();
    let stops = [
        ("ctrl-C", Stop::Typed("\x03"), 130),
        ("ctrl-C after some letters", Stop::Typed("s3cr\x03"), 130),
        ("SIGINT", Stop::Sent(Signal::INT), 130),
        ("SIGTERM", Stop::Sent(Signal::TERM), 143),
    ];
    for (what, stop, code) in &stops {
        for (user, question) in [(&[][..], "Username: "), (&["-u", "alice"], "Password: ")] {
            let mut terminal = start(&sandbox, &[&["login"][..], user, &[&host]].concat());
            terminal.wait_text(question);
            match &stop {
                Stop::Typed(keys) => terminal.send(keys),
                Stop::Sent(signal) => terminal.signal(*signal),
            }
            let text = ended(&mut terminal, *code);
            let said = text.trim_end();
            assert!(
                said.starts_with(question.trim_end()) && !said.contains("rror"),
                "{what}: {text}"
            );
        }
    }
    assert!(!sandbox.home().join(".docker").exists());
}

#[test]
fn a_helper_that_dawdles_can_be_interrupted() {
    let (mut sandbox, registry) = (Sandbox::new(), Registry::htpasswd("alice", "x"));
    let helper = CredentialHelper::slow(&sandbox, "slow");
    sandbox.set_env("DOCKER_CONFIG", sandbox.root().to_owned());
    fs::write(sandbox.root().join("config.json"), "{\"credsStore\":\"slow\"}").unwrap();
    for arguments in [
        &["pull", &format!("{}/x", registry.host())][..],
        &["login", "-u", "alice", "-p", "x", &registry.host()],
        &["logout", &registry.host()],
    ] {
        let before = helper.calls().len();
        let mut terminal = start(&sandbox, arguments);
        crate::support::runtime::wait_for("the helper's call", || (helper.calls().len() > before).then_some(()));
        terminal.interrupt();
        ended(&mut terminal, 130);
    }
}
