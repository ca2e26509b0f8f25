//! `--debug` shows what goes over the wire, and none of the secrets that do.

use serde_json::json;

use super::{HOST, Line, PASSWORD, World, ask_for_password, ask_for_token, basic_of_alice, log_in, log_in_by_token};
use crate::support::fault::Reply;
use crate::support::hub::Hub;
use crate::support::image::Image;
use crate::support::process::{Run, write_program};
use crate::support::recorder::Recorder;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;

/// Everything secret that these tests send or are sent. A signature, a session and a token each begin so.
fn secrets() -> Vec<String> {
    let mut secrets = vec![basic_of_alice()["Basic ".len()..].to_owned(), PASSWORD.to_owned()];
    secrets.extend(["secret-", "s1gn3d", "t0ken"].map(str::to_owned));
    secrets
}

#[track_caller]
fn assert_silent(run: &Run) {
    let said = run.to_string();
    for secret in secrets() {
        assert!(!said.contains(&secret), "{secret} in {said}");
    }
    assert!(run.stderr.contains("debug: #1 > "), "{run}");
}

fn debug(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    sandbox.rdock(&[&["-D"], arguments].concat())
}

#[test]
fn each_request_is_shown_with_its_answer() {
    let line = Line::small();
    let run = debug(&line.sandbox, &["pull", &line.name()]).ok();
    let url = format!("GET http://{}/v2/team/app/manifests/latest", line.recorder.host());
    assert!(run.stderr.contains(&format!("> {url}")), "{run}");
    let from = format!(" ms, from {}, no TLS", line.recorder.host());
    let answered = run
        .stderr
        .lines()
        .filter(|line| line.contains(" < 200 after ") && line.ends_with(&from));
    assert_eq!(
        answered.count(),
        line.recorder.count(|request| request.status == 200),
        "{run}"
    );
    assert!(run.stderr.contains(" bytes after "), "{run}");
    for quiet in [line.pull(), line.sandbox.rdock(&["-D=false", "tags", &line.name()])] {
        assert_eq!(quiet.ok().stderr, "");
    }
    let variable = |value: &str| {
        line.sandbox.rdock_with(&["tags", &line.name()], |command| {
            command.env("RDOCK_DEBUG", value);
        })
    };
    let (shown, plain) = (variable("1").ok(), variable("0").ok());
    assert_eq!(
        (shown.stdout.as_str(), plain.stderr.as_str()),
        (plain.stdout.as_str(), "")
    );
    assert!(shown.stderr.starts_with("debug: #1 > "), "{shown}");
}

#[test]
fn a_login_and_a_version_of_tls_have_names() {
    let world = World::with_password();
    let run = debug(&world.sandbox, &["tags", &format!("{HOST}/team/app")]).ok();
    assert!(
        run.stderr.contains(&format!(", shows config.json auths[\"{HOST}\"]")),
        "{run}"
    );
    assert!(run.stderr.contains(", by the proxy 127.0.0.1:"), "{run}");
    assert!(run.stderr.contains(", TLS 1.3"), "{run}");
    assert_silent(&run);
}

#[test]
fn tries_are_told() {
    let line = Line::small();
    let headers = [("Retry-After", "0")];
    line.recorder
        .on_path("GET", "/tags/")
        .times(1)
        .answer(503, &headers, "s1gn3d");
    let run = debug(&line.sandbox, &["tags", &line.name()]).ok();
    assert!(
        run.stderr.contains("debug: again in 0 ms: 503 Service Unavailable"),
        "{run}"
    );
    assert_silent(&run);
}

#[test]
fn no_flow_shows_a_secret() {
    let world = World::with_password();
    let name = format!("{HOST}/team/app");
    let sign = |request: &crate::support::recorder::Recorded| {
        let there = format!("https://other.test{}?X-Amz-Signature=s1gn3d&sig=s1gn3d", request.path);
        (request.path.contains("/blobs/") && request.header("authorization").is_some())
            .then(|| Reply::new(307, "").header("Location", &there))
    };
    world.front.on(|request| request.method == "GET").respond(sign);
    let run = |arguments: &[&str]| {
        let run = debug(&world.sandbox, arguments);
        assert_silent(&run);
        run
    };
    run(&["pull", &name]).ok();
    world.sandbox.rdock(&["tag", &name, &format!("{HOST}/team/copy")]).ok();
    let start = "/v2/team/copy/blobs/uploads/";
    world.front.on_path("HEAD", "/team/copy/blobs/").answer(404, &[], "");
    world.front.on_path("POST", start).answer(
        202,
        &[(
            "Location",
            "/v2/team/copy/blobs/uploads/secret-UPLOADSessionTokenOfManyLetters?_state=s1gn3d",
        )],
        "",
    );
    world.front.on_path("PUT", start).answer(201, &[], "");
    run(&["push", &format!("{HOST}/team/copy")]);
    run(&["copy", &name, &format!("{HOST}/team/third")]);
    run(&["catalog", HOST]);
    run(&["search", &format!("{HOST}/app")]);
    run(&["tags", &name]).ok();
    run(&["digest", &name]).ok();
    run(&["manifest", "inspect", &name]);
    run(&["rmi", "--remote", &name]);
    let login = ["-D", "login", "-u", "alice", "--password-stdin", HOST];
    assert_silent(&world.sandbox.rdock_stdin(&login, PASSWORD).ok());
    run(&["pull", &format!("{HOST}/team/none")]).fails(1);
    let words = json!({"errors": [{"code": "DENIED", "message": "no"}]}).to_string();
    world
        .front
        .on_path("GET", "/tags/list")
        .answer(403, &[], words.as_str());
    run(&["tags", &name]).fails(1);
}

#[test]
fn no_token_server_s_secret_is_shown() {
    for by_token in [false, true] {
        let (line, tokens) = (Line::small(), Recorder::alone());
        if by_token {
            log_in_by_token(&line.sandbox, &line.recorder.host());
        } else {
            log_in(&line.sandbox, &line.recorder.host());
        }
        ask_for_token(&line.recorder, &format!("{}/token?key=s1gn3d", tokens.url()));
        let answer = json!({"token": "good", "refresh_token": "secret-refresh", "access_token": "t0ken"});
        tokens.on(|_| true).respond(move |_| Some(Reply::json(200, &answer)));
        let run = debug(&line.sandbox, &["pull", &line.name()]).ok();
        assert_silent(&run);
        let shows = format!("shows config.json auths[\"{}\"]", line.recorder.host());
        assert!(run.stderr.contains(&shows), "{run}");
        assert!(
            run.stderr.contains("shows a token for repository:team/app:pull"),
            "{run}"
        );
        tokens.clear();
        let line = Line::small();
        log_in(&line.sandbox, &line.recorder.host());
        ask_for_token(&line.recorder, &format!("{}/token", tokens.url()));
        let refusals = Recorder::alone();
        ask_for_token(&line.recorder, &format!("{}/token", refusals.url()));
        refusals.on(|_| true).answer(503, &[("Retry-After", "0")], "t0ken");
        assert_silent(&debug(&line.sandbox, &["pull", &line.name()]));
    }
}

#[test]
fn a_mirror_and_a_helper_have_names_too() {
    let line = Line::small();
    ask_for_password(&line.recorder);
    let helper = line.sandbox.bin().join("docker-credential-test");
    let login = json!({"Username": "alice", "Secret": PASSWORD});
    write_program(&helper, format!("#!/bin/sh\necho '{login}'\n").as_bytes());
    super::configure(&line.sandbox, &json!({"credsStore": "test"}));
    let run = debug(&line.sandbox, &["pull", &line.name()]).ok();
    assert!(
        run.stderr.contains("shows docker-credential-test (credsStore)"),
        "{run}"
    );
    assert_silent(&run);
    let auths = json!({"auths": {line.recorder.host(): {"auth": &basic_of_alice()["Basic ".len()..]}}});
    let run = line.sandbox.rdock_with(&["--debug", "tags", &line.name()], |command| {
        command.env("DOCKER_AUTH_CONFIG", auths.to_string());
    });
    let shows = format!("shows DOCKER_AUTH_CONFIG auths[\"{}\"]", line.recorder.host());
    assert!(run.stderr.contains(&shows), "{run}");
    assert_silent(&run);
}

#[test]
fn no_mirror_shows_a_secret() {
    let hub = Hub::new();
    let mut sandbox = Sandbox::new();
    hub.internet().apply(&mut sandbox);
    log_in(&sandbox, "https://index.docker.io/v1/");
    let image = Image::small().write(&sandbox.root().join("image"));
    hub.seed("library/nginx", "latest", &image);
    hub.redirect_blobs();
    let (tokens, registry) = (Recorder::alone(), Registry::open());
    tokens
        .on(|_| true)
        .respond(|_| Some(Reply::json(200, &json!({"token": "t0ken-of-the-mirror"}))));
    registry.push("library/nginx", "latest", &image);
    let mirrors = [Recorder::alone(), Recorder::front(&registry.host())];
    // One that asks for a token and lacks the image, and one whose blobs are elsewhere by signed URLs, and hurt there.
    let challenge = format!("Bearer realm=\"{}/token?key=s1gn3d\",service=\"x\"", tokens.url());
    mirrors[0]
        .on(|r| r.header("authorization").is_none())
        .answer(401, &[("WWW-Authenticate", &challenge)], "s1gn3d");
    mirrors[0].on(|_| true).answer(404, &[], "t0ken-of-the-mirror");
    mirrors[1].on_path("GET", "?sig=s1gn3d").corrupt_at(5);
    mirrors[1]
        .on(|r| r.is("GET", "/blobs/") && !r.path.contains("sig="))
        .respond(|r| Some(Reply::new(307, "").header("Location", &format!("{}?sig=s1gn3d", r.path))));
    let urls: Vec<String> = mirrors.iter().map(Recorder::url).collect();
    super::write_docker_file(&sandbox, "daemon.json", &json!({"registry-mirrors": urls}).to_string());
    for arguments in [
        &["pull", "nginx"] as &[&str],
        &["pull", "nginx"],
        &["pull", "-a", "nginx"],
        &["digest", "nginx"],
    ] {
        let run = debug(&sandbox, arguments).ok();
        assert_silent(&run);
        assert!(
            urls.iter()
                .all(|url| run.stderr.contains(&format!("> HEAD {url}/v2/library/nginx/"))
                    || run.stderr.contains(&format!("> GET {url}/v2/library/nginx/"))),
            "{run}"
        );
    }
    assert!(!tokens.requests().is_empty() && mirrors[1].count(|r| r.path.contains("sig=s1gn3d")) > 0);
}

#[test]
fn standard_output_is_the_same_with_and_without_it() {
    // What a run leaves behind must not differ: each has a world of its own.
    let says = |is_debugging: bool, arguments: &[&str]| {
        let line = Line::small();
        line.pull().ok();
        line.sandbox
            .rdock(&["tag", &line.name(), &line.name().replace("app", "new")])
            .ok();
        let host = line.recorder.host();
        let words: Vec<String> = arguments.iter().map(|word| word.replace("HOST", &host)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let flag: &[&str] = if is_debugging { &["-D"] } else { &[] };
        let run = line.sandbox.rdock_stdin(&[flag, &words].concat(), PASSWORD);
        assert_eq!(run.code, 0, "{run}");
        assert_eq!(run.stderr.contains("debug: #1 > "), is_debugging, "{run}");
        let mut lines: Vec<String> = run.stdout.replace(&host, "HOST").lines().map(str::to_owned).collect();
        // Layers come in any order.
        lines.sort();
        lines
    };
    for arguments in [
        &["pull", "HOST/team/app"] as &[&str],
        &["push", "HOST/team/new"],
        &["copy", "HOST/team/app", "HOST/team/third"],
        &["copy", "--dry-run", "HOST/team/app", "HOST/team/third"],
        &["tags", "HOST/team/app"],
        &["tags", "--long", "HOST/team/app"],
        &["catalog", "HOST"],
        &["search", "HOST/app"],
        &["digest", "HOST/team/app"],
        &["inspect", "--remote", "HOST/team/app"],
        &["rmi", "--remote", "HOST/team/app"],
        &["login", "-u", "alice", "--password-stdin", "HOST"],
        &["manifest", "inspect", "HOST/team/app"],
        &["manifest", "inspect", "-v", "HOST/team/app"],
        &["manifest", "create", "HOST/team/list:1", "HOST/team/app"],
        &["buildx", "imagetools", "inspect", "HOST/team/app"],
        &["buildx", "imagetools", "create", "--dry-run", "HOST/team/app"],
    ] {
        assert_eq!(says(true, arguments), says(false, arguments), "{arguments:?}");
    }
}
