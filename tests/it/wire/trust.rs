//! Which hosts may go without encryption or without a certificate that somebody vouches for.

use std::io::{self, Read as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::{World, assert_discreet, first_line, log_in, write_docker_file};
use crate::support::authority::{Authority, Identity};
use crate::support::image::Image;
use crate::support::internet::Internet;
use crate::support::listener::FREE;
use crate::support::process::Run;
use crate::support::recorder::Recorder;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;

/// A registry with `team/app` behind a recorder with or without TLS, called `name` in a fake internet.
struct Named {
    sandbox: Sandbox,
    recorder: Recorder,
    name: &'static str,
    internet: Internet,
    _registry: Registry,
}

impl Named {
    fn new(name: &'static str, identity: Option<&Identity>) -> Self {
        let (mut sandbox, registry) = (Sandbox::new(), Registry::open());
        let image = Image::small().write(&sandbox.root().join("image"));
        registry.push("team/app", "latest", &image);
        let recorder = Recorder::start(Some(&registry.host()), identity);
        let mut internet = Internet::new(&Authority::new()).host(name, &recorder.host());
        if let Some(bare) = name.strip_suffix(":80") {
            internet = internet.host(&format!("{bare}:443"), &recorder.host());
        }
        internet.apply(&mut sandbox);
        Self {
            sandbox,
            recorder,
            name,
            internet,
            _registry: registry,
        }
    }

    #[track_caller]
    fn pull(&self, flags: &[&str]) -> Run {
        let name = format!("{}/team/app", self.name);
        self.sandbox.rdock(&[&["pull"], flags, &[&name]].concat())
    }
}

#[test]
fn a_host_is_never_spoken_to_without_encryption_unasked() {
    let named = Named::new("plain.test:5000", None);
    log_in(&named.sandbox, "plain.test:5000");
    let pulled = named.pull(&[]).fails(1);
    let lines: Vec<&str> = pulled.stderr.lines().collect();
    assert_eq!(
        lines[0],
        "Get \"https://plain.test:5000/v2/\": http: server gave HTTP response to HTTPS client"
    );
    assert!(
        lines[1]
            .starts_with("hint: this registry speaks plain HTTP: add \"plain.test:5000\" to insecure-registries in ")
            && lines[1].ends_with("/daemon.json, or pass --insecure"),
        "{pulled}"
    );
    assert_eq!(named.recorder.requests().len(), 0);
    assert_discreet(&pulled);
}

#[test]
fn a_refused_or_broken_https_does_not_lead_to_http() {
    let world = World::new();
    // The name has port 80, where a registry would answer, but nothing at port 443.
    let internet = Internet::new(&Authority::new()).host("half.test:80", &world.plain.host());
    let mut sandbox = Sandbox::new();
    internet.apply(&mut sandbox);
    for arguments in [
        ["pull", "half.test/team/app"],
        ["tags", "half.test/team/app"],
        ["search", "half.test/app"],
        ["catalog", "half.test"],
    ] {
        sandbox.rdock(&arguments).fails(1);
    }
    assert_eq!(world.plain.requests().len(), 0);
    assert!(
        internet.connections().iter().all(|name| name == "half.test:443"),
        "{:?}",
        internet.connections()
    );
}

#[test]
fn insecure_means_plain_http_will_do() {
    let named = Named::new("plain.test:5000", None);
    named.pull(&["--insecure"]).ok();
    named.pull(&[]).fails(1);
}

#[test]
fn insecure_means_any_certificate_will_do() {
    let named = Named::new("self.test:5000", Some(&Identity::self_signed(&["something.else"])));
    named.pull(&["--insecure"]).ok();
    assert!(named.recorder.requests().len() > 1);
    let pulled = named.pull(&[]).fails(1);
    assert!(pulled.stderr.contains("x509: "), "{pulled}");
}

#[test]
fn insecure_is_not_for_the_hub() {
    let (mut sandbox, recorder) = (Sandbox::new(), Recorder::alone());
    let internet = Internet::new(&Authority::new())
        .host("registry-1.docker.io:443", &recorder.host())
        .host("registry-1.docker.io:80", &recorder.host());
    internet.apply(&mut sandbox);
    let pulled = sandbox.rdock(&["pull", "--insecure", "nginx"]).fails(1);
    assert!(
        pulled.stderr.contains("server gave HTTP response to HTTPS client"),
        "{pulled}"
    );
    assert_eq!(recorder.requests().len(), 0);
}

#[test]
fn daemon_json_names_insecure_hosts_with_their_port() {
    let named = Named::new("plain.test:5000", None);
    write_docker_file(
        &named.sandbox,
        "daemon.json",
        r#"{"insecure-registries": ["plain.test"]}"#,
    );
    named.pull(&[]).fails(1);
    write_docker_file(
        &named.sandbox,
        "daemon.json",
        r#"{"insecure-registries": ["plain.test:5000"]}"#,
    );
    let pulled = named.pull(&[]).ok();
    assert_eq!(pulled.stderr, "");
}

#[test]
fn daemon_json_names_insecure_networks() {
    // An address of the documentation's network, which a proxy leads to loopback.
    let named = Named::new("192.0.2.7:5000", None);
    named.pull(&[]).fails(1);
    for (network, code) in [("192.0.3.0/24", 1), ("192.0.2.0/24", 0), ("0.0.0.0/0", 0)] {
        let text = format!(r#"{{"insecure-registries": ["{network}"]}}"#);
        write_docker_file(&named.sandbox, "daemon.json", &text);
        named.pull(&[]).fails(code);
    }
}

#[test]
fn the_tutorial_s_misspelt_daemon_json_is_read_with_one_warning() {
    let named = Named::new("plain.test:5000", None);
    write_docker_file(
        &named.sandbox,
        "deamon.json",
        r#"{"insecure-registries": ["plain.test:5000"]}"#,
    );
    let pulled = named.pull(&[]).ok();
    let lines: Vec<&str> = pulled.stderr.lines().collect();
    assert_eq!(lines.len(), 1, "{pulled}");
    assert!(
        lines[0].starts_with("WARNING: ")
            && lines[0].contains("deamon.json is read, but the right name is daemon.json"),
        "{pulled}"
    );
}

#[test]
fn a_broken_daemon_json_is_told_and_passed_over() {
    let world = World::new();
    write_docker_file(&world.sandbox, "daemon.json", "{ broken");
    let pulled = world.pull().ok();
    assert!(
        pulled.stderr.starts_with("WARNING: Error parsing config file ("),
        "{pulled}"
    );
}

#[test]
fn a_nonsense_entry_in_daemon_json_is_an_error_that_names_it() {
    let world = World::new();
    write_docker_file(&world.sandbox, "daemon.json", r#"{"insecure-registries": ["a b"]}"#);
    let pulled = world.pull().fails(1);
    assert!(
        first_line(&pulled).starts_with("insecure registry a b is not valid"),
        "{pulled}"
    );
    assert_eq!(world.internet.connections().len(), 0);
}

#[test]
fn localhost_needs_no_encryption_whatever_the_proxy() {
    let line = super::Line::small();
    let port = line.recorder.host().rsplit(':').next().unwrap().to_owned();
    let run = line
        .sandbox
        .rdock_with(&["pull", &format!("localhost:{port}/team/app")], |command| {
            command
                .env("HTTP_PROXY", "http://127.0.0.1:1")
                .env("HTTPS_PROXY", "http://127.0.0.1:1");
        });
    assert!(run.ok().stdout.contains(&format!("localhost:{port}/team/app:latest")));
}

#[test]
fn an_unencrypted_port_80_is_found_for_an_insecure_name_without_a_port() {
    let named = Named::new("bare.test:80", None);
    write_docker_file(
        &named.sandbox,
        "daemon.json",
        r#"{"insecure-registries": ["bare.test"]}"#,
    );
    named.sandbox.rdock(&["pull", "bare.test/team/app"]).ok();
    let asked = named.internet.connections();
    assert_eq!(asked[0], "bare.test:443", "{asked:?}");
    assert!(asked.contains(&"bare.test:80".to_owned()), "{asked:?}");
}

#[test]
fn a_registry_of_this_machine_is_asked_without_tls_first_and_then_with_it() {
    let listener = TcpListener::bind(FREE).unwrap();
    let host = listener.local_addr().unwrap();
    let firsts = thread::spawn(move || {
        let first_byte = |stream: io::Result<TcpStream>| {
            let mut byte = [0];
            stream.unwrap().read_exact(&mut byte).unwrap();
            byte[0]
        };
        listener.incoming().take(2).map(first_byte).collect::<Vec<u8>>()
    });
    Sandbox::new().rdock(&["pull", &format!("{host}/team/app")]).fails(1);
    // The head of an HTTP request, then TLS's handshake (RFC 8446, 5.1).
    assert_eq!(firsts.join().unwrap(), [b'G', 22]);
}
