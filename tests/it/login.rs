//! `rdock login` and `logout` without a terminal: docker's checks in docker's order, and what is kept.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::hub::Hub;
use crate::support::image::Image;
use crate::support::recorder::Recorder;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;

const NO_TERMINAL: &str = "Error: Cannot perform an interactive login from a non TTY device\n";
const INSECURE_FLAG: &str = "WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n";

/// A sandbox without any credential helper: a machine with `pass` would have one by default.
pub(crate) fn bare_sandbox() -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.set_env("PATH", sandbox.bin());
    sandbox
}

/// Docker's paragraph about a password that was just written in clear.
pub(crate) fn unencrypted(path: &str) -> String {
    format!(
        "\nWARNING! Your credentials are stored unencrypted in '{path}'.\n\
         Configure a credential helper to remove this warning. See\n\
         https://docs.docker.com/go/credential-store/\n\n"
    )
}

/// What docker writes for logins of alice with s3cret-pw at these keys.
pub(crate) fn config_of_alice(keys: &[&str]) -> String {
    let entries: Vec<String> = keys
        .iter()
        .map(|key| format!("\t\t\"{key}\": {{\n\t\t\t\"auth\": \"YWxpY2U6czNjcmV0LXB3\"\n\t\t}}"))
        .collect();
    format!("{{\n\t\"auths\": {{\n{}\n\t}}\n}}", entries.join(",\n"))
}

#[test]
fn wrong_options_are_refused_in_docker_s_order_and_nothing_is_asked_or_written() {
    let (sandbox, recorder) = (bare_sandbox(), Recorder::alone());
    let host = recorder.host();
    let insecure = format!("{INSECURE_FLAG}{NO_TERMINAL}");
    let requires_user = "the --password-stdin option requires --username to be set\n";
    let conflict = "conflicting options: cannot specify both --password and --password-stdin\n";
    for (options, stdin, stderr) in [
        (&[][..], "", NO_TERMINAL),
        (&["-u", "alice"], "s3cret-pw\n", NO_TERMINAL),
        (&["-p", "x"], "", &insecure),
        (&["--password-stdin"], "s3cret-pw", requires_user),
        (&["-u", "alice", "-p", "x", "--password-stdin"], "s3cret-pw", conflict),
        (&["-u", "", "-p", "x", "--password-stdin"], "s3cret-pw", conflict),
        (&["-u", "", "-p", "x"], "", "username is empty\n"),
        (&["-u", "", "-p", ""], "", "username is empty\n"),
        (&["-u", "alice", "-p", ""], "", "password is empty\n"),
        (&["-u", "alice", "--password-stdin"], "", NO_TERMINAL),
        (&["-u", "alice", "--password-stdin"], " \n", NO_TERMINAL),
        (&["-u", " ", "--password-stdin"], "s3cret-pw", NO_TERMINAL),
    ] {
        let arguments = [&["login"][..], options, &[&host]].concat();
        let run = sandbox.rdock_stdin(&arguments, stdin).fails(1);
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", stderr), "{run}");
    }
    assert_eq!(recorder.requests().len(), 0);
    assert!(!sandbox.home().join(".docker").exists());
}

#[test]
fn a_password_that_is_refused_is_not_kept_and_one_that_is_taken_is_kept_once() {
    let (sandbox, registry) = (bare_sandbox(), Registry::htpasswd("alice", "s3cret-pw"));
    let host = registry.host();
    let path = sandbox.config_path();
    let refused = format!("login attempt to http://{host}/v2/ failed with status: 401 Unauthorized\n");
    let wrong = sandbox.rdock(&["login", "-u", "alice", "-p", "wr0ng", &host]).fails(1);
    assert_eq!(
        (wrong.stdout.as_str(), wrong.stderr),
        ("", format!("{INSECURE_FLAG}{refused}"))
    );
    assert!(!sandbox.home().join(".docker").exists());

    let warning = unencrypted(path.to_str().unwrap());
    let login = sandbox.rdock(&["login", "-u", "alice", "-p", "s3cret-pw", &host]).ok();
    assert_eq!(login.stdout, "Login Succeeded\n");
    assert_eq!(login.stderr, format!("{INSECURE_FLAG}{warning}"));
    let kept = config_of_alice(&[&host]);
    assert_eq!(fs::read_to_string(&path).unwrap(), kept);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(path.parent().unwrap()), mode(&path)), (0o700, 0o600));

    let wrong = sandbox.rdock_stdin(&["login", "-u", "alice", "--password-stdin", &host], "wr0ng\n");
    assert_eq!((wrong.code, wrong.stderr), (1, refused));
    assert_eq!(fs::read_to_string(&path).unwrap(), kept, "the login that works stays");

    // The same login by any spelling of the server, and with any line end, changes nothing.
    let before = fs::metadata(&path).unwrap().modified().unwrap();
    for spelling in [
        "HOST",
        "http://HOST",
        "http://HOST/v2/",
        "https://HOST/v1/",
        "HOST/some/path",
    ] {
        let server = spelling.replace("HOST", &host);
        let arguments = ["login", "-u", " alice ", "--password-stdin", &server];
        let again = sandbox.rdock_stdin(&arguments, "s3cret-pw\r\n").ok();
        assert_eq!(
            (again.stdout.as_str(), again.stderr.as_str()),
            ("Login Succeeded\n", "")
        );
    }
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before);
    assert_eq!(fs::read_to_string(&path).unwrap(), kept);
}

#[test]
fn a_stored_login_is_tried_first_and_tells_who_it_is() {
    let (sandbox, registry) = (bare_sandbox(), Registry::htpasswd("alice", "s3cret-pw"));
    let host = registry.host();
    let info = "Authenticating with existing credentials... [Username: alice]\n\n Info -> To login with a different \
                account, run 'rdock logout' followed by 'rdock login'\n\n\n";
    fs::create_dir(sandbox.home().join(".docker")).unwrap();
    fs::write(sandbox.config_path(), config_of_alice(&[&host])).unwrap();
    let login = sandbox.rdock(&["login", &host]).ok();
    assert_eq!(
        (login.stdout.as_str(), login.stderr.as_str()),
        ("Login Succeeded\n", info)
    );
    // With a user name on the command line it is not.
    let asked = sandbox.rdock(&["login", "-u", "alice", &host]).fails(1);
    assert_eq!(asked.stderr, NO_TERMINAL);

    let bad = config_of_alice(&[&host]).replace("YWxpY2U6czNjcmV0LXB3", "YWxpY2U6YmFk");
    fs::write(sandbox.config_path(), &bad).unwrap();
    let refused = sandbox.rdock(&["login", &host]).fails(1);
    assert_eq!(
        refused.stderr,
        format!(
            "{info}Login did not succeed, error: login attempt to http://{host}/v2/ failed with status: 401 \
             Unauthorized\n{NO_TERMINAL}"
        )
    );
    assert_eq!(fs::read_to_string(sandbox.config_path()).unwrap(), bad);
}

#[test]
fn a_password_may_hold_colons_and_a_registry_without_a_door_takes_any() {
    let (sandbox, registry) = (bare_sandbox(), Registry::htpasswd("bob", "hunter2:with:colons"));
    let arguments = ["login", "-u", "bob", "--password-stdin", &registry.host()];
    sandbox.rdock_stdin(&arguments, "hunter2:with:colons\n\n").ok();
    let config = fs::read_to_string(sandbox.config_path()).unwrap();
    assert!(config.contains("Ym9iOmh1bnRlcjI6d2l0aDpjb2xvbnM="), "{config}");

    let open = Registry::open();
    let arguments = ["login", "-u", "alice", "--password-stdin", &open.host()];
    let login = sandbox.rdock_stdin(&arguments, "s3cret-pw").ok();
    assert_eq!(login.stdout, "Login Succeeded\n");
    let config = fs::read_to_string(sandbox.config_path()).unwrap();
    assert!(
        config.contains(&open.host()) && config.contains(&registry.host()),
        "{config}"
    );
}

#[test]
fn every_spelling_of_the_hub_is_one_login() {
    let hub = Hub::new();
    let mut sandbox = bare_sandbox();
    hub.internet().apply(&mut sandbox);
    let key = "https://index.docker.io/v1/";
    let wrong = sandbox
        .rdock_stdin(&["login", "-u", "alice", "--password-stdin"], "bad")
        .fails(1);
    assert_eq!(
        wrong.stderr,
        "Get \"https://registry-1.docker.io/v2/\": unauthorized: incorrect username or password\n"
    );
    assert!(!sandbox.home().join(".docker").exists());
    for server in [
        None,
        Some("docker.io"),
        Some("index.docker.io"),
        Some("https://registry-1.docker.io/v2/"),
        Some(key),
    ] {
        let mut arguments = vec!["login", "-u", "alice", "--password-stdin"];
        arguments.extend(server);
        let login = sandbox.rdock_stdin(&arguments, "s3cret-pw").ok();
        assert_eq!(login.stdout, "Login Succeeded\n");
        assert_eq!(
            fs::read_to_string(sandbox.config_path()).unwrap(),
            config_of_alice(&[key])
        );
        let logout: Vec<&str> = ["logout"].into_iter().chain(server).collect();
        let gone = sandbox.rdock(&logout).ok();
        assert!(gone.stdout.starts_with("Removing login credentials for "), "{gone}");
        assert_eq!(
            fs::read_to_string(sandbox.config_path()).unwrap(),
            "{\n\t\"auths\": {}\n}"
        );
    }
}

#[test]
fn a_login_that_nobody_can_check_is_not_kept() {
    let sandbox = bare_sandbox();
    let port = crate::support::registry::free_port();
    let arguments = ["login", "-u", "alice", "--password-stdin", &format!("127.0.0.1:{port}")];
    let run = sandbox.rdock_stdin(&arguments, "s3cret-pw").fails(1);
    let docker =
        format!("Get \"http://127.0.0.1:{port}/v2/\": dial tcp 127.0.0.1:{port}: connect: connection refused\nhint: ");
    assert!(run.stderr.starts_with(&docker), "{run}");
    assert!(!sandbox.home().join(".docker").exists());
}

#[test]
fn logout_says_the_same_whether_logged_in_or_not() {
    let sandbox = bare_sandbox();
    for (arguments, server) in [
        (&["logout"][..], "https://index.docker.io/v1/"),
        (&["logout", "docker.io"], "docker.io"),
        (&["logout", "registry-1.docker.io"], "registry-1.docker.io"),
        (&["logout", "nosuch.example.com"], "nosuch.example.com"),
        (&["logout", "https://127.0.0.1:5102/v2/"], "127.0.0.1:5102"),
    ] {
        let run = sandbox.rdock(arguments).ok();
        assert_eq!(run.stdout, format!("Removing login credentials for {server}\n"));
        assert_eq!(run.stderr, "");
    }
    assert!(
        !sandbox.home().join(".docker").exists(),
        "nothing was there, nothing is made"
    );
    fs::create_dir(sandbox.home().join(".docker")).unwrap();
    let keys = ["a:1", "http://b:2", "https://b:2/v2/", "b:2", "c:3"];
    fs::write(sandbox.config_path(), config_of_alice(&keys)).unwrap();
    sandbox.rdock(&["logout", "b:2"]).ok();
    let left = fs::read_to_string(sandbox.config_path()).unwrap();
    assert_eq!(left, config_of_alice(&["a:1", "c:3"]));
}

#[test]
fn the_config_folder_is_the_flag_s_then_the_variable_s() {
    let (mut sandbox, registry) = (bare_sandbox(), Registry::htpasswd("alice", "s3cret-pw"));
    let host = registry.host();
    sandbox.set_env("DOCKER_CONFIG", sandbox.root().join("made/up"));
    let options = ["-u", "alice", "--password-stdin", &host];
    let by_variable = sandbox
        .rdock_stdin(&[&["login"][..], &options].concat(), "s3cret-pw")
        .ok();
    let path = sandbox.root().join("made/up/config.json");
    assert_eq!(by_variable.stderr, unencrypted(path.to_str().unwrap()));
    assert_eq!(fs::read_to_string(path).unwrap(), config_of_alice(&[&host]));

    // The flag may stand before or after the command; a relative folder is named as it was typed.
    for (arguments, folder) in [
        ([&["--config", "before", "login"][..], &options].concat(), "before"),
        ([&["login", "--config", "after"][..], &options].concat(), "after"),
    ] {
        let by_flag = sandbox.rdock_stdin(&arguments, "s3cret-pw").ok();
        assert_eq!(by_flag.stderr, unencrypted(&format!("{folder}/config.json")));
        let written = fs::read_to_string(sandbox.home().join(folder).join("config.json"));
        assert_eq!(written.unwrap(), config_of_alice(&[&host]));
    }
}

#[test]
fn docker_auth_config_opens_the_door_and_comes_before_the_file() {
    let (mut sandbox, registry) = (bare_sandbox(), Registry::htpasswd("alice", "s3cret-pw"));
    registry.push("x/motd", "v1", &Image::small().write(&sandbox.root().join("image")));
    let (host, name) = (registry.host(), format!("{}/x/motd:v1", registry.host()));
    fs::create_dir(sandbox.home().join(".docker")).unwrap();
    let bad = config_of_alice(&[&host]).replace("YWxpY2U6czNjcmV0LXB3", "YWxpY2U6YmFk");
    fs::write(sandbox.config_path(), &bad).unwrap();
    sandbox.rdock(&["pull", "-q", &name]).fails(1);
    let value = format!("{{\"auths\":{{\"{host}\":{{\"auth\":\"YWxpY2U6czNjcmV0LXB3\"}}}}}}");
    sandbox.set_env("DOCKER_AUTH_CONFIG", value);
    sandbox.rdock(&["pull", "-q", &name]).ok();
    assert_eq!(fs::read_to_string(sandbox.config_path()).unwrap(), bad);

    sandbox.set_env("DOCKER_AUTH_CONFIG", "{\"s3cret\":1}");
    let broken = sandbox.rdock(&["pull", "-q", &name]).fails(1);
    let docker = "Failed to create credential store from DOCKER_AUTH_CONFIG:  json: unknown field \"s3cret\"\n";
    assert!(broken.stderr.starts_with(docker), "{broken}");
}

#[test]
fn blanks_at_the_ends_of_a_password_are_part_of_it() {
    for password in [" begins", "ends ", "\tboth "] {
        let (sandbox, registry) = (bare_sandbox(), Registry::htpasswd("alice", password));
        let host = registry.host();
        for end in ["", "\n", "\r\n"] {
            let typed = format!("{password}{end}");
            let by_stdin = ["login", "-u", "alice", "--password-stdin", &host];
            sandbox.rdock_stdin(&by_stdin, &typed).ok();
            let by_dash = ["login", "-u", "alice", "-p", "-", &host];
            let run = sandbox.rdock_stdin(&by_dash, &typed).ok();
            assert!(!run.stderr.contains("via the CLI"), "{run}");
        }
        sandbox.rdock(&["login", "-u", "alice", "-p", password, &host]).ok();
        let other = sandbox.rdock_stdin(&["login", "-u", "alice", "-p", "-", &host], password.trim());
        other.fails(1);
    }
}

#[test]
fn a_login_that_the_variable_overrides_says_so() {
    let (mut sandbox, registry) = (bare_sandbox(), Registry::htpasswd("alice", "s3cret-pw"));
    let host = registry.host();
    sandbox.set_env(
        "DOCKER_AUTH_CONFIG",
        format!("{{\"auths\":{{\"{host}\":{{\"auth\":\"YWxpY2U6czNjcmV0LXB3\"}}}}}}"),
    );
    let said = "WARNING: DOCKER_AUTH_CONFIG is set and takes precedence.\n\
                Unset DOCKER_AUTH_CONFIG to restore the CLI auth behaviour.\n";
    let login = sandbox
        .rdock_stdin(&["login", "-u", "alice", "--password-stdin", &host], "s3cret-pw")
        .ok();
    assert!(login.stderr.starts_with(said), "{login}");
    let logout = sandbox.rdock(&["logout", &host]).ok();
    assert!(logout.stderr.starts_with(said), "{logout}");
}
