//! Who gets in, and through which access: passwords, tokens, TLS, read-only.

use std::fs;

use serde_json::json;

use crate::support::image::Image;
use crate::support::layout::{Access, push_raw};
use crate::support::process::finish;
use crate::support::registry::users_file;
use crate::support::sandbox::Sandbox;
use crate::support::serve::Serve;

/// A file with `alice` and her password.
fn htpasswd(sandbox: &Sandbox) -> String {
    let path = users_file(sandbox.root(), &[("alice", "s3cret-pw")]);
    path.to_str().unwrap().to_owned()
}

fn login(sandbox: &Sandbox, host: &str, password: &str) -> i32 {
    let arguments = ["login", "-u", "alice", "--password-stdin", host];
    sandbox.rdock_stdin(&arguments, password).code
}

#[test]
fn only_users_in_the_file_get_in() {
    let sandbox = Sandbox::new();
    let serve = Serve::with(&["--htpasswd", &htpasswd(&sandbox), "--metrics"]);
    for path in ["/v2/", "/v2/_catalog", "/metrics", "/v1/search?q=a", "/nothing"] {
        let refused = serve.get(path).refuses(401, "UNAUTHORIZED");
        assert_eq!(
            refused.header("www-authenticate"),
            Some("Basic realm=\"rdock\""),
            "{path}"
        );
    }
    for proof in ["Basic YWxpY2U6d3Jvbmc=", "Basic !", "Bearer x", "Basic", "Digest x"] {
        serve.ask("GET", "/v2/", &[&format!("Authorization: {proof}")]).is(401);
    }
    serve.get("/healthz").is(200);
    // An answer comes although the body was sent on without waiting for it.
    let body = vec![0; 3_000_000];
    serve
        .send("PATCH", "/v2/a/blobs/uploads/x", &body, &[])
        .refuses(401, "UNAUTHORIZED");
    let image = Image::small().write(&sandbox.root().join("image"));
    let name = format!("{}/app:1", serve.host());
    let access = Access::default().user("alice", "s3cret-pw");
    push_raw(&access, &serve.host(), "app", "1", &image);
    sandbox.rdock(&["pull", &name]).fails(1);
    assert_ne!(login(&sandbox, &serve.host(), "wrong"), 0);
    assert_eq!(login(&sandbox, &serve.host(), "s3cret-pw"), 0);
    sandbox.rdock(&["pull", &name]).ok();
    let log = serve.log();
    assert!(log.contains("127.0.0.1 - alice ["), "{log}");
    assert!(!log.contains("s3cret"), "{log}");
}

#[test]
fn tokens_carry_a_push_and_allow_no_more_than_asked_for() {
    let sandbox = Sandbox::new();
    let users = htpasswd(&sandbox);
    let mut serve = Serve::with(&["--htpasswd", &users]);
    let realm = format!("http://{}/token", serve.host());
    serve.kill();
    serve.start(&["--htpasswd", &users, "--token-realm", &realm]);
    let refused = serve.get("/v2/team/app/tags/list").refuses(401, "UNAUTHORIZED");
    let challenge = format!("Bearer realm=\"{realm}\",service=\"rdock\",scope=\"repository:team/app:pull\"");
    assert_eq!(refused.header("www-authenticate"), Some(challenge.as_str()));
    serve
        .get("/token?scope=repository:team/app:pull")
        .refuses(401, "UNAUTHORIZED");
    let basic = "Authorization: Basic YWxpY2U6czNjcmV0LXB3";
    let given = serve
        .ask("GET", "/token?scope=repository:team/app:pull", &[basic])
        .is(200)
        .json();
    let bearer = format!("Authorization: Bearer {}", given["token"].as_str().unwrap());
    serve
        .ask("GET", "/v2/team/app/tags/list", &[&bearer])
        .refuses(404, "NAME_UNKNOWN");
    let refused = serve.ask("GET", "/v2/team/other/tags/list", &[&bearer]).is(401);
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(challenge.ends_with(",error=\"insufficient_scope\""), "{challenge}");
    let detail = json!([{"Type": "repository", "Class": "", "Name": "team/other", "Action": "pull"}]);
    assert_eq!(refused.json()["errors"][0]["detail"], detail);
    // Nor does it show the names of what it is not for.
    serve.ask("GET", "/v1/search?q=team", &[&bearer]).is(401);
    serve.ask("POST", "/v2/team/app/blobs/uploads/", &[&bearer]).is(401);
    let form = "grant_type=password&username=alice&password=s3cret-pw&service=rdock&scope=repository:a:pull,push";
    let given = serve.send("POST", "/token", form.as_bytes(), &[]).is(200).json();
    assert!(given["access_token"].is_string());

    assert_eq!(login(&sandbox, &serve.host(), "s3cret-pw"), 0);
    let (far, image) = (Serve::open(), Image::small().write(&sandbox.root().join("image")));
    far.push("team/app", "1", &image);
    let (from, name) = (
        format!("{}/team/app:1", far.host()),
        format!("{}/team/app:1", serve.host()),
    );
    sandbox.rdock(&["pull", &from]).ok();
    sandbox.rdock(&["tag", &from, &name]).ok();
    sandbox.rdock(&["push", &name]).ok();
    sandbox.rdock(&["rmi", &name]).ok();
    sandbox.rdock(&["pull", &name]).ok();
    let refused = sandbox.rdock(&["serve", "--token-realm", &realm, "127.0.0.1:0"]);
    assert_ne!(refused.code, 0, "tokens without users: {refused}");
}

#[test]
fn a_made_certificate_is_said_with_the_way_to_trust_it_and_stays() {
    let mut serve = Serve::with(&["--tls", "self-signed"]);
    let log = serve.log();
    let authority = serve.root().join("tls/ca.crt");
    assert!(log.contains(authority.to_str().unwrap()), "{log}");
    assert!(log.contains(&format!("certs.d/{}", serve.host())), "{log}");
    let status = |authority: &std::path::Path, host: &str| {
        let mut curl = Access::default().authority(authority).curl();
        curl.args(["-w", "%{http_code}", "-o", "/dev/null", &format!("https://{host}/v2/")]);
        finish(curl, b"")
    };
    assert_eq!(status(&authority, &serve.host()).stdout, "200");
    let port = serve.host().split(':').nth(1).unwrap().to_owned();
    assert_eq!(status(&authority, &format!("localhost:{port}")).stdout, "200");
    let key = fs::metadata(serve.root().join("tls/server.key")).unwrap();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&key.permissions()) & 0o777,
        0o600
    );
    // rdock trusts what stands where the line says.
    let sandbox = Sandbox::new();
    let folder = sandbox.home().join(".config/docker/certs.d").join(serve.host());
    fs::create_dir_all(&folder).unwrap();
    fs::copy(&authority, folder.join("ca.crt")).unwrap();
    let image = Image::small().write(&sandbox.root().join("image"));
    let access = Access::default().authority(&authority);
    push_raw(&access, &serve.host(), "app", "1", &image);
    sandbox.rdock(&["pull", &format!("{}/app:1", serve.host())]).ok();
    let before = fs::read(&authority).unwrap();
    serve.kill();
    serve.start(&["--tls", "self-signed"]);
    assert_eq!(
        fs::read(&authority).unwrap(),
        before,
        "clients that trust it need no new one"
    );
    let bad = sandbox.rdock(&["serve", "--tls", "one-file", "127.0.0.1:0"]);
    assert!(bad.stderr.contains("give CERT.pem,KEY.pem or self-signed"), "{bad}");
    let none = sandbox.rdock(&["serve", "--tls", "/none,/none", "127.0.0.1:0"]);
    assert!(none.stderr.contains("reading /none"), "{none}");
}

#[test]
fn a_read_only_registry_takes_nothing() {
    let mut serve = Serve::open();
    let sandbox = Sandbox::new();
    let image = Image::small().write(&sandbox.root().join("image"));
    serve.push("app", "1", &image);
    serve.kill();
    serve.start(&["--read-only"]);
    for (method, path) in [
        ("POST", "/v2/app/blobs/uploads/"),
        ("PUT", "/v2/app/manifests/2"),
        ("DELETE", "/v2/app/manifests/1"),
        ("DELETE", &format!("/v2/app/blobs/{}", image.config_digest)),
    ] {
        let refused = serve.ask(method, path, &[]).refuses(405, "UNSUPPORTED");
        assert!(refused.text().contains("read-only"), "{}", refused.text());
    }
    sandbox.rdock(&["pull", &format!("{}/app:1", serve.host())]).ok();
    assert_eq!(serve.get("/v2/app/tags/list").json()["tags"], json!(["1"]));
}

#[test]
fn a_public_address_is_warned_about_as_far_as_it_is_open() {
    let sandbox = Sandbox::new();
    let users = htpasswd(&sandbox);
    let warned = |flags: &[&str]| {
        let serve = Serve::listening(flags, "0.0.0.0:0");
        serve
            .log()
            .lines()
            .filter(|line| line.starts_with("WARNING! "))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let open = warned(&[]);
    assert!(
        open.contains("may push to, delete from and pull from this registry"),
        "{open}"
    );
    let read_only = warned(&["--read-only"]);
    assert!(read_only.contains("may pull from this registry"), "{read_only}");
    let clear = warned(&["--htpasswd", &users]);
    assert!(clear.contains("clear text"), "{clear}");
    assert_eq!(warned(&["--htpasswd", &users, "--tls", "self-signed"]), "");
    assert!(!Serve::open().log().contains("WARNING!"));
}

#[test]
fn a_page_of_another_site_reaches_no_registry_without_a_password() {
    let sandbox = Sandbox::new();
    let serve = Serve::open();
    let port = serve.host().rsplit_once(':').unwrap().1.to_owned();
    let with_host = |serve: &Serve, host: &str| {
        let mut stream = std::net::TcpStream::connect(serve.host()).unwrap();
        let request = format!("GET /v2/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
        answer[9..12].to_owned()
    };
    assert_eq!(with_host(&serve, &format!("rebound.example:{port}")), "421");
    assert_eq!(with_host(&serve, &format!("localhost:{port}")), "200");
    for header in [
        "Origin: http://evil.example",
        "Origin: null",
        "Sec-Fetch-Site: cross-site",
    ] {
        serve
            .ask("POST", "/v2/a/blobs/uploads/", &[header])
            .refuses(403, "DENIED");
    }
    // Behind a proxy the names are the proxy's; a page that knows no password gets nothing.
    let serve = Serve::with(&["--htpasswd", &htpasswd(&sandbox)]);
    assert_eq!(with_host(&serve, "registry.example"), "401");
}

#[test]
fn who_speaks_http_to_https_is_told_so() {
    let serve = Serve::with(&["--tls", "self-signed"]);
    let answer = serve.get("/v2/").is(400);
    assert_eq!(answer.text(), "Client sent an HTTP request to an HTTPS server.\n");
}

#[test]
fn localhost_is_served_at_both_of_its_addresses() {
    let serve = Serve::listening(&[], "localhost:0");
    let port = serve.host().rsplit_once(':').unwrap().1.to_owned();
    for address in ["127.0.0.1", "[::1]"] {
        crate::support::http::ask(&format!("{address}:{port}"), "GET", "/healthz", &[], b"").is(200);
    }
}

#[test]
fn the_own_images_are_served_to_be_read_unless_told_otherwise() {
    let sandbox = Sandbox::new();
    let users = htpasswd(&sandbox);
    for (flags, status, said) in [
        (&[][..], 405, "can pull your images; --writable"),
        (&["--writable"], 202, "can pull, push and delete your images"),
        (&["--htpasswd", &users], 401, ""),
    ] {
        let log = sandbox.root().join("log");
        let (home, mut arguments) = (sandbox.home().to_str().unwrap().to_owned(), vec!["serve"]);
        arguments.extend(flags);
        arguments.push("127.0.0.1:0");
        let program = env!("CARGO_BIN_EXE_rdock");
        let environment = [format!("HOME={home}"), format!("RDOCK_HOME={home}/own")];
        let line: Vec<&str> = environment
            .iter()
            .map(String::as_str)
            .chain([program])
            .chain(arguments)
            .collect();
        let daemon = crate::support::process::Daemon::start("env", &line, &log);
        let host = crate::support::runtime::wait_for("rdock serve", || {
            let log = daemon.log();
            let line = log.lines().find(|line| line.starts_with("Serving "))?;
            Some(line.rsplit_once("://")?.1.to_owned())
        });
        crate::support::http::ask(&host, "POST", "/v2/a/blobs/uploads/", &[], b"").is(status);
        assert!(daemon.log().contains(said), "{flags:?}: {}", daemon.log());
    }
}
