//! Answers that were made to harm: none ends in a panic, a hang or a secret, each in one clear sentence.

use std::io::Write;
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use super::{HOST, Line, World, ask_for_token, assert_discreet, first_line, log_in, write_docker_file};
use crate::support::fault::Reply;
use crate::support::process::Run;
use crate::support::raw::{RawServer, read_head};
use crate::support::recorder::Recorder;
use crate::support::sandbox::Sandbox;

/// Asks a server that will not answer well, and waits for it no longer than this.
#[track_caller]
fn ask(server: &RawServer, silence: &str) -> Run {
    let pull = ["pull", "--stall-timeout", silence, &format!("{}/x", server.host())];
    let run = Sandbox::new().rdock(&pull).fails(1);
    let is_short = first_line(&run).len() < 300;
    assert!(is_short && !run.stderr.contains("panicked"), "{run}");
    run
}

/// A server that goes on and on with one piece, once it has been asked.
fn endless(start: &'static [u8], piece: Vec<u8>) -> RawServer {
    RawServer::start(move |_, stream: &mut TcpStream| {
        if read_head(stream).is_empty() || stream.write_all(start).is_err() {
            return;
        }
        while stream.write_all(&piece).is_ok() {}
    })
}

#[test]
fn heads_without_an_end_come_to_one() {
    let line = format!("X-A: {}\r\n", "a".repeat(4000)).into_bytes();
    for (start, piece) in [
        (&b"HTTP/1.1 200 OK\r\n"[..], line),
        (b"HTTP/1.1 200 OK\r\nX-A: ", vec![b'a'; 1 << 16]),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000)),
        (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".repeat(1000)),
        (b"HTTP/1.1 200 ", vec![b'O'; 1 << 16]),
    ] {
        ask(&endless(start, piece), "1s");
    }
}

#[test]
fn bodies_framed_by_nonsense_are_refused() {
    // At once: what is cut off is tried again a little later.
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let extended = format!("{chunked}1;{}\r\nx\r\n0\r\n\r\n", "e=1;".repeat(1 << 18));
    let huge = format!("{chunked}ffffffffffffffff\r\nx");
    let overflowing = format!("{chunked}fffffffffffffffff\r\nx");
    let trailed = format!("{chunked}1\r\nx\r\n0\r\n{}", "X-A: b\r\n".repeat(1 << 18));
    let answers = [
        extended.as_str(),
        &huge,
        &overflowing,
        &trailed,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, identity\r\nContent-Length: 3\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\nx",
        "HTTP/1.1 999 \r\n\r\n",
        "HTTP/1.1 000 OK\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "\0\0\0\0",
        "",
    ];
    std::thread::scope(|scope| {
        for answer in answers {
            scope.spawn(move || ask(&RawServer::saying(answer), "1s"));
        }
    });
}

#[test]
fn a_document_that_drips_is_given_up() {
    let server = RawServer::start(|_, stream| {
        read_head(stream);
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\nContent-Length: 99999\r\n\r\n";
        let _ = stream.write_all(head.as_bytes());
        while stream.write_all(b" ").is_ok() {
            sleep(Duration::from_millis(50));
        }
    });
    let run = ask(&server, "3s");
    assert!(first_line(&run).contains(" bytes of the answer came in 3 s"), "{run}");
}

#[test]
fn a_header_longer_than_any_server_s_is_refused_and_named() {
    let long = format!("/v2/{}", "x".repeat(70_000));
    for (path, status, name, value) in [
        ("/manifests/", 302, "location", long.clone()),
        ("/manifests/", 302, "location", format!("https://other.test{long}")),
        (
            "/manifests/",
            401,
            "www-authenticate",
            format!("Bearer realm=\"https://{HOST}{long}\""),
        ),
        (
            "/manifests/",
            401,
            "www-authenticate",
            "Basic realm=\"a\", ".repeat(1000),
        ),
        ("/manifests/", 200, "content-type", "a".repeat(20_000)),
        ("/manifests/", 200, "docker-content-digest", "a".repeat(20_000)),
        ("/manifests/", 429, "retry-after", "9".repeat(20_000)),
    ] {
        let world = World::with_password();
        world.front.on_path("GET", path).answer(status, &[(name, &value)], "");
        world.front.on_path("HEAD", path).answer(status, &[(name, &value)], "");
        let run = world.pull().fails(1);
        let message = format!(
            "{HOST} sends a {name} of {} bytes, more than 16384: refused",
            value.trim().len()
        );
        assert!(first_line(&run).ends_with(&message), "{run}");
        world.assert_others_know_nothing();
    }
}

#[test]
fn an_upload_is_led_to_no_url_longer_than_any_server_s() {
    for answer in ["POST", "PATCH"] {
        let line =
            Line::new(&crate::support::image::Image::new().layer(crate::support::layer::Layer::files(4, 700_000)));
        line.recorder.on_path("HEAD", "/blobs/").answer(404, &[], "");
        let long = format!("/v2/team/copy/blobs/uploads/{}", "x".repeat(70_000));
        line.recorder
            .on_path(answer, "/blobs/uploads/")
            .answer(202, &[("Location", &long)], "");
        let run = line.push().fails(1);
        assert!(
            first_line(&run).ends_with("sends a location of 70028 bytes, more than 16384: refused"),
            "{run}"
        );
    }
}

#[test]
fn no_cookie_comes_back() {
    let line = Line::small();
    let cookies = [("Set-Cookie", "a=b; Path=/"), ("Set-Cookie", "c=d")];
    line.recorder.on_path("HEAD", "/manifests/").answer(404, &cookies, "");
    line.recorder
        .on_path("GET", "/v2/")
        .answer(429, &[cookies[0], ("Retry-After", "0")], "");
    line.pull();
    let requests = line.recorder.requests();
    assert!(requests.len() > 1 && requests.iter().all(|request| request.header("cookie").is_none()));
}

#[test]
fn redirects_without_an_end_come_to_one() {
    for to in [
        "https://reg.example.test/v2/team/app/manifests/latest",
        "https://other.test/a",
    ] {
        let world = World::with_password();
        world.front.on_path("GET", "/manifests/").redirect(302, to);
        world.front.on_path("HEAD", "/manifests/").redirect(302, to);
        world.other.on(|_| true).redirect(302, "https://other.test/a");
        let run = world.pull().fails(1);
        assert!(first_line(&run).ends_with("stopped after 10 redirects"), "{run}");
        assert!(world.front.requests().len() + world.other.requests().len() < 30);
        world.assert_others_know_nothing();
    }
}

#[test]
fn realms_of_other_kinds_are_refused() {
    for (realm, why) in [
        ("file:///etc/passwd", "an unsafe realm"),
        ("ftp://reg.example.test/x", "an unsafe realm"),
        ("javascript:alert(1)", "an unsafe realm"),
        ("https://u:p4ss@reg.example.test/token", "a realm with a login in it"),
        (
            "https://:p4ss@auth.reg.example.test/token",
            "a realm with a login in it",
        ),
        ("https://[fd00:ec2::254]/token", "an address inside the network"),
        (
            "https://[64:ff9b::169.254.169.254]/token",
            "an address inside the network",
        ),
        ("https://[::ffff:a9fe:a9fe]/token", "an address inside the network"),
        ("https://100.100.100.200/token", "an address inside the network"),
        ("https://127.0.0.1/token", "an address inside the network"),
        ("https://[/token", "an unreadable realm"),
    ] {
        let world = World::new();
        log_in(&world.sandbox, HOST);
        ask_for_token(&world.front, realm);
        let run = world.pull().fails(1);
        assert!(first_line(&run).contains(why), "{realm}: {run}");
        assert!(!run.stderr.contains("p4ss"), "{run}");
        assert_discreet(&run);
        world.assert_others_know_nothing();
    }
}

#[test]
fn token_answers_of_every_shape_end_well() {
    let big = format!("{{\"token\":\"{}\"}}", "a".repeat(100 << 20));
    let deep = format!("{{\"token\":{}", "[".repeat(100_000));
    for (answer, code) in [
        (
            json!({"token": null, "access_token": "good", "expires_in": null}).to_string(),
            0,
        ),
        (json!({"token": "good", "expires_in": -1}).to_string(), 0),
        (json!({"token": "good", "expires_in": "300"}).to_string(), 0),
        (json!({"token": "good", "expires_in": "soon"}).to_string(), 0),
        (json!({"token": "good", "expires_in": {"a": 1}}).to_string(), 0),
        (r#"{"token": "good", "expires_in": 1e300}"#.to_owned(), 0),
        (r#"{"token": "good", "expires_in": 18446744073709551615}"#.to_owned(), 0),
        (json!({"token": null}).to_string(), 1),
        (json!({"token": "a\nb"}).to_string(), 1),
        ("null".to_owned(), 1),
        ("[]".to_owned(), 1),
        (big, 1),
        (deep, 1),
    ] {
        let (line, tokens) = (Line::small(), Recorder::alone());
        ask_for_token(&line.recorder, &format!("{}/token", tokens.url()));
        let shown = answer.len().min(60);
        let said = answer.clone();
        tokens
            .on(|_| true)
            .respond(move |_| Some(Reply::new(200, said.as_str())));
        let run = line.pull();
        assert_eq!(run.code, code, "{}: {run}", &answer[..shown]);
        assert!(!run.stderr.contains("panicked") && run.stderr.len() < 500, "{run}");
    }
}

#[test]
fn waits_of_years_are_not_begun() {
    for wait in ["315360000", "18446744073709551615", "Fri, 31 Dec 2038 23:59:59 GMT"] {
        for status in [429, 503] {
            let line = Line::small();
            let headers = [("Retry-After", wait)];
            line.recorder.on_path("GET", "/manifests/").answer(status, &headers, "");
            line.pull().fails(1);
            assert_eq!(line.recorder.count(|r| r.is("GET", "/manifests/")), 1, "{wait}");
        }
    }
}

#[test]
fn a_host_with_an_authority_of_its_own_is_asked_over_verified_tls_only() {
    for flags in [&[][..], &["--insecure"]] {
        let line = Line::small();
        let authority = crate::support::authority::Authority::new();
        let file = format!("certs.d/{}/ca.crt", line.recorder.host());
        write_docker_file(&line.sandbox, &file, authority.pem());
        log_in(&line.sandbox, &line.recorder.host());
        let name = line.name();
        let run = line.sandbox.rdock(&[&["pull"], flags, &[&name]].concat()).fails(1);
        assert!(
            first_line(&run).ends_with("http: server gave HTTP response to HTTPS client"),
            "{run}"
        );
        assert_eq!(line.recorder.requests().len(), 0);
        let tls = Recorder::front_tls(&line.registry.host(), &authority);
        let file = format!("certs.d/{}/ca.crt", tls.host());
        write_docker_file(&line.sandbox, &file, authority.pem());
        line.sandbox.rdock(&["pull", &format!("{}/team/app", tls.host())]).ok();
        let stranger = Recorder::front_tls(&line.registry.host(), &crate::support::authority::Authority::new());
        let file = format!("certs.d/{}/ca.crt", stranger.host());
        write_docker_file(&line.sandbox, &file, authority.pem());
        let name = format!("{}/team/app", stranger.host());
        let run = line.sandbox.rdock(&[&["pull"], flags, &[&name]].concat()).fails(1);
        assert!(
            run.stderr.contains("x509: certificate signed by unknown authority"),
            "{run}"
        );
        assert_eq!(stranger.requests().len(), 0);
    }
}

#[test]
fn what_a_server_repeats_of_a_login_is_not_shown() {
    for status in [400, 401, 403, 404] {
        let world = World::with_password();
        world
            .front
            .on(|request| request.header("authorization").is_some())
            .respond(move |request| {
                let shown = request.header("authorization").unwrap_or_default();
                let words = format!("no access for {shown} alias {}", super::PASSWORD);
                Some(Reply::json(
                    status,
                    &json!({"errors": [{"code": "DENIED", "message": words}]}),
                ))
            });
        let run = world.pull().fails(1);
        assert!(run.stderr.contains("***"), "{run}");
        assert_discreet(&run);
        world.front.on(|_| true).answer(400, &[], "");
        let plain = Line::small();
        log_in(&plain.sandbox, &plain.recorder.host());
        ask_for_token(&plain.recorder, &format!("{}/token", plain.recorder.url()));
        plain.recorder.on_path("GET", "/token").respond(|request| {
            let words = request.header("authorization").unwrap_or_default();
            Some(Reply::json(
                401,
                &json!({"errors": [{"code": "UNAUTHORIZED", "message": words}]}),
            ))
        });
        assert_discreet(&plain.pull().fails(1));
    }
}

#[test]
fn a_layer_that_lies_elsewhere_is_not_fetched_from_there() {
    let (line, elsewhere) = (Line::small(), Recorder::alone());
    log_in(&line.sandbox, &line.recorder.host());
    let blob = |digit: &str, urls: &[String]| {
        json!({"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            "digest": format!("sha256:{}", digit.repeat(64)), "size": 10, "urls": urls})
    };
    let media_type = "application/vnd.docker.distribution.manifest.v2+json";
    let urls = [format!("{}/layer", elsewhere.url()), "file:///etc/passwd".to_owned()];
    let manifest =
        json!({"schemaVersion": 2, "mediaType": media_type, "config": blob("a", &[]), "layers": [blob("b", &urls)]});
    line.recorder
        .on_path("GET", "/manifests/")
        .answer(200, &[("Content-Type", media_type)], manifest.to_string());
    line.pull().fails(1);
    assert_eq!(elsewhere.requests().len(), 0);
}
