//! Servers that are no registry, or one of an odd kind; and hosts without a name.

use std::net::TcpListener;

use super::{Line, first_line};
use crate::support::process::Run;
use crate::support::recorder::Recorder;
use crate::support::sandbox::Sandbox;

/// Runs it against a server that answers everything alike.
#[track_caller]
fn meet(status: u16, body: &str, arguments: &[&str]) -> Run {
    let (sandbox, recorder) = (Sandbox::new(), Recorder::alone());
    recorder
        .on(|_| true)
        .answer(status, &[("Content-Type", "text/html"), ("Retry-After", "0")], body);
    let arguments: Vec<String> = arguments.iter().map(|a| a.replace("HOST", &recorder.host())).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let run = sandbox.rdock(&arguments).fails(1);
    assert!(!run.stderr.contains("panicked"), "{run}");
    assert!(run.stderr.lines().count() <= 2, "{run}");
    run
}

#[test]
fn a_web_server_is_told_to_be_no_registry() {
    let page = "<!DOCTYPE html><html><body>It works!</body></html>";
    for arguments in [
        ["pull", "HOST/x"],
        ["tags", "HOST/x"],
        ["catalog", "HOST"],
        ["search", "HOST/x"],
    ] {
        for status in [200, 404] {
            let run = meet(status, page, &arguments);
            assert!(
                run.stderr
                    .contains("answers, but not as a registry does: check the name and the port")
                    || run.stderr.contains("does not list its repositories"),
                "{status}: {run}"
            );
        }
    }
}

#[test]
fn an_unreadable_refusal_is_shown_as_docker_shows_it() {
    let run = meet(404, "<html>no such page</html>", &["pull", "HOST/x"]);
    assert_eq!(
        first_line(&run),
        "error parsing HTTP 404 response body: invalid character '<' looking for beginning of value: \
         \"<html>no such page</html>\""
    );
    let run = meet(502, "<html>bad gateway</html>", &["pull", "HOST/x"]);
    assert_eq!(first_line(&run), "received unexpected HTTP status: 502 Bad Gateway");
}

#[test]
fn an_empty_answer_is_an_error_and_no_image() {
    for (status, arguments) in [
        (200, ["pull", "HOST/x"]),
        (204, ["pull", "HOST/x"]),
        (404, ["pull", "HOST/x"]),
        (200, ["tags", "HOST/x"]),
        (200, ["catalog", "HOST"]),
    ] {
        let run = meet(status, "", &arguments);
        assert!(first_line(&run).len() > 10, "{status}: {run}");
    }
}

#[test]
fn a_refusal_cannot_steer_the_terminal() {
    let body = r#"{"errors":[{"code":"DENIED","message":"\u001b[2J\u0007gone\r\nfake line\u202e","detail":1}]}"#;
    let run = meet(403, body, &["pull", "HOST/x"]);
    for bad in ['\u{1b}', '\u{7}', '\r', '\u{202e}'] {
        assert!(!run.stderr.contains(bad), "{run}");
    }
}

#[test]
fn a_host_where_nobody_listens_is_told_with_a_way_out() {
    let sandbox = Sandbox::new();
    let port = crate::support::registry::free_port();
    let run = sandbox.rdock(&["pull", &format!("127.0.0.1:{port}/x")]).fails(1);
    assert_eq!(
        run.stderr,
        format!(
            "Get \"http://127.0.0.1:{port}/v2/\": dial tcp 127.0.0.1:{port}: connect: connection refused\n\
             hint: nothing answers at 127.0.0.1:{port}: check the name and the port, and HTTPS_PROXY and NO_PROXY if a \
             proxy is between\n"
        )
    );
}

#[test]
fn a_registry_on_ipv6_is_pulled_from() {
    let line = Line::small();
    let listener = TcpListener::bind("[::1]:0").unwrap();
    let (port, upstream) = (listener.local_addr().unwrap().port(), line.recorder.host());
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = std::net::TcpStream::connect(&upstream).unwrap();
            for (mut from, mut to) in [
                (client.try_clone().unwrap(), server.try_clone().unwrap()),
                (server, client),
            ] {
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Write);
                });
            }
        }
    });
    let name = format!("[::1]:{port}/team/app");
    let pulled = line.sandbox.rdock(&["pull", &name]).ok();
    assert!(pulled.stdout.ends_with(&format!("\n{name}:latest\n")), "{pulled}");
    let images = line.sandbox.rdock(&["images"]).ok();
    assert!(images.stdout.contains(&format!("\n[::1]:{port}/team/app ")), "{images}");
    line.sandbox
        .rdock(&["tag", &name, &format!("[::1]:{port}/team/six")])
        .ok();
    line.sandbox.rdock(&["push", &format!("[::1]:{port}/team/six")]).ok();
}
