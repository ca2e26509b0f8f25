//! A registry's refusals in docker's words: the Hub's, and those of servers with other manners.

use serde_json::{Value, json};

use crate::support::fault::Reply;
use crate::support::hub::Hub;
use crate::support::image::Image;
use crate::support::recorder::Recorder;
use crate::support::sandbox::Sandbox;

const DEFAULT: &str = "Using default tag: latest\n";

#[test]
fn the_hub_tells_missing_from_private_by_nothing() {
    let (hub, mut sandbox) = (Hub::new(), Sandbox::new());
    hub.internet().apply(&mut sandbox);
    let image = Image::small().write(&sandbox.root().join("image"));
    hub.seed("library/nginx", "1.14", &image);
    hub.seed("alice/secret", "latest", &image);
    for name in ["doesnotexist", "doesnotexist/foo", "alice/secret"] {
        let run = sandbox.rdock(&["pull", name]).fails(1);
        let words = format!(
            "pull access denied for {name}, repository does not exist or may require 'docker login': denied: \
             requested access to the resource is denied"
        );
        assert_eq!(run.stdout, DEFAULT, "{run}");
        assert_eq!(run.stderr.lines().next(), Some(words.as_str()), "{run}");
    }
    let run = sandbox.rdock(&["pull", "nginx:1.41"]).fails(1);
    let words = "manifest for nginx:1.41 not found: manifest unknown: manifest unknown\nhint: existing tags: 1.14\n";
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", words), "{run}");

    let all = sandbox.rdock(&["pull", "-a", "nginx"]).ok();
    let last = "Status: Downloaded newer image for nginx\ndocker.io/library/nginx\n";
    assert!(all.stdout.ends_with(last), "{all}");
    assert_eq!(
        sandbox
            .rdock(&["pull", "-q", "docker.io/library/nginx:1.14"])
            .ok()
            .stdout,
        "docker.io/library/nginx:1.14\n"
    );
    let at = format!("nginx:wrongtag@{}", image.digest);
    let run = sandbox.rdock(&["pull", &at]).ok();
    let expected = format!(
        "docker.io/library/nginx@{0}: Pulling from library/nginx\nDigest: {0}\nStatus: Image is up to date for \
         nginx@{0}\ndocker.io/library/nginx:wrongtag@{0}\n",
        image.digest
    );
    assert_eq!(run.stdout, expected);

    let run = sandbox.rdock(&["push", "nginx:1.14"]).fails(1);
    assert!(
        run.stdout
            .starts_with("The push refers to repository [docker.io/library/nginx]\n"),
        "{run}"
    );
    let words = "errors:\ndenied: requested access to the resource is denied\nunauthorized";
    assert!(run.stderr.starts_with(words), "{run}");
    assert_eq!(hub.internet().refused(), Vec::<String>::new());
}

#[test]
fn odd_servers_are_quoted_as_docker_quotes_them() {
    let (sandbox, server) = (Sandbox::new(), Recorder::alone());
    let errors = |status: u16, code: &str, message: &str, detail: Value| {
        let mut error = json!({"code": code, "message": message});
        if !detail.is_null() {
            error["detail"] = detail;
        }
        Reply::json(status, &json!({"errors": [error]}))
    };
    let limit = "You have reached your pull rate limit. You may increase the limit by authenticating and upgrading: \
                 https://www.docker.com/increase-rate-limit";
    let denied = "requested access to the resource is denied";
    let unknown = "repository name not known to registry";
    let host = server.host();
    let cases = [
        (
            "ratelimited",
            errors(429, "TOOMANYREQUESTS", limit, Value::Null).header("ratelimit-remaining", "0;w=21600"),
            format!("toomanyrequests: {limit}"),
        ),
        (
            "denied",
            errors(403, "DENIED", denied, Value::Null),
            "denied".to_owned(),
        ),
        (
            "detailed",
            errors(403, "DENIED", denied, json!([])),
            format!(
                "pull access denied for {host}/detailed/x, repository does not exist or may require 'docker login': \
                 denied: {denied}"
            ),
        ),
        (
            "nameunknown",
            errors(404, "NAME_UNKNOWN", unknown, json!({"name": "x"})),
            format!("repository {host}/nameunknown/x not found: name unknown: {unknown}"),
        ),
        (
            "html404",
            Reply::new(404, "<html>not here</html>").header("Content-Type", "text/html"),
            "error parsing HTTP 404 response body: invalid character '<' looking for beginning of value: \
             \"<html>not here</html>\""
                .to_owned(),
        ),
    ];
    server.on(|r| r.path == "/v2/").answer(200, &[], "{}");
    for (path, reply, words) in cases {
        server
            .on(move |r| r.path.starts_with(&format!("/v2/{path}/")))
            .respond(move |_| Some(reply.clone()));
        let run = sandbox.rdock(&["pull", &format!("{host}/{path}/x")]).fails(1);
        assert_eq!(run.stdout, DEFAULT, "{run}");
        assert_eq!(run.stderr.lines().next(), Some(words.as_str()), "{run}");
        let rest: Vec<&str> = run.stderr.lines().skip(1).collect();
        assert!(
            rest.len() <= 1 && rest.iter().all(|line| line.starts_with("hint: ")),
            "{run}"
        );
    }
}
