//! Mirrors of the Hub are asked first; when they fail nobody notices.

use super::{Line, assert_discreet, log_in, write_docker_file};
use crate::support::hub::Hub;
use crate::support::image::Image;
use crate::support::recorder::Recorder;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;

const HUB_KEY: &str = "https://index.docker.io/v1/";

/// The Hub with `library/nginx`, and a sandbox that is logged in there and knows this mirror.
struct Mirrored {
    sandbox: Sandbox,
    hub: Hub,
}

impl Mirrored {
    fn by(mirrors: &[&str]) -> Self {
        let hub = Hub::new();
        let mut sandbox = Sandbox::new();
        hub.internet().apply(&mut sandbox);
        log_in(&sandbox, HUB_KEY);
        let image = Image::small().write(&sandbox.root().join("image"));
        hub.seed("library/nginx", "latest", &image);
        let text = serde_json::json!({"registry-mirrors": mirrors}).to_string();
        write_docker_file(&sandbox, "daemon.json", &text);
        Self { sandbox, hub }
    }

    /// Pulls from the Hub because the mirror is of no use, and nothing tells of the mirror.
    #[track_caller]
    fn pulls_from_the_hub(&self) {
        let pulled = self.sandbox.rdock(&["pull", "nginx"]).ok();
        assert_eq!(pulled.stderr, "");
        assert!(
            pulled.stdout.ends_with("\ndocker.io/library/nginx:latest\n"),
            "{pulled}"
        );
        assert!(self.hub.registry().count(|request| request.is("GET", "/blobs/")) > 0);
    }
}

#[test]
fn a_mirror_serves_what_it_has_and_the_hub_is_left_alone() {
    let registry = Registry::open();
    let mirror = Recorder::front(&registry.host());
    let mirrored = Mirrored::by(&[&mirror.url()]);
    let image = Image::small().write(&mirrored.sandbox.root().join("copy"));
    registry.push("library/nginx", "latest", &image);
    let pulled = mirrored.sandbox.rdock(&["pull", "nginx"]).ok();
    assert!(
        pulled.stdout.ends_with("\ndocker.io/library/nginx:latest\n"),
        "{pulled}"
    );
    assert_eq!(mirrored.hub.registry().requests().len(), 0);
    assert!(
        mirror
            .requests()
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
    // Pushes go to the Hub alone.
    mirror.clear();
    mirrored.sandbox.rdock(&["tag", "nginx", "alice/nginx"]).ok();
    mirrored.sandbox.rdock(&["push", "alice/nginx"]).ok();
    assert_eq!(mirror.requests().len(), 0);
}

#[test]
fn a_dead_mirror_is_passed_over() {
    Mirrored::by(&["http://127.0.0.1:1"]).pulls_from_the_hub();
}

#[test]
fn a_mirror_that_lacks_the_image_is_passed_over() {
    let mirror = Recorder::front(&Registry::open().host());
    let empty = Recorder::alone();
    Mirrored::by(&[&empty.url(), &mirror.url()]).pulls_from_the_hub();
    assert!(
        empty
            .requests()
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
}

#[test]
fn a_broken_mirror_is_passed_over() {
    for status in [403, 429, 503] {
        let mirror = Recorder::alone();
        mirror.on(|_| true).answer(status, &[], "<html>broken</html>");
        Mirrored::by(&[&mirror.url()]).pulls_from_the_hub();
        assert!(!mirror.requests().is_empty());
    }
}

#[test]
fn a_mirror_that_asks_for_a_password_gets_none() {
    let (mirror, tokens) = (Recorder::alone(), Recorder::alone());
    let challenge = format!("Bearer realm=\"{}/token\",service=\"x\"", tokens.url());
    let headers = [
        ("WWW-Authenticate", "Basic realm=\"x\""),
        ("WWW-Authenticate", challenge.as_str()),
    ];
    mirror.on(|_| true).answer(401, &headers, "");
    tokens.on(|_| true).answer(401, &[], "");
    Mirrored::by(&[&mirror.url()]).pulls_from_the_hub();
    for request in mirror.requests().iter().chain(&tokens.requests()) {
        assert_eq!(request.header("authorization"), None, "{request:?}");
        assert!(!request.path.contains("alice"), "{request:?}");
    }
}

#[test]
fn a_mirror_whose_blobs_break_off_or_lie_is_passed_over() {
    for is_cut in [true, false] {
        let registry = Registry::open();
        let mirror = Recorder::front(&registry.host());
        let mirrored = Mirrored::by(&[&mirror.url()]);
        let image = Image::small().write(&mirrored.sandbox.root().join("copy"));
        registry.push("library/nginx", "latest", &image);
        let blobs = mirror.on_path("GET", "/blobs/");
        if is_cut {
            blobs.cut_after(100);
        } else {
            blobs.corrupt_at(50);
        }
        let pulled = mirrored.sandbox.rdock(&["pull", "nginx"]).ok();
        assert_discreet(&pulled);
        assert!(mirrored.hub.registry().count(|request| request.is("GET", "/blobs/")) > 0);
    }
}

#[test]
fn mirrors_are_of_the_hub_alone() {
    let (line, mirror) = (Line::small(), Recorder::alone());
    let text = format!(r#"{{"registry-mirrors": ["{}"]}}"#, mirror.url());
    write_docker_file(&line.sandbox, "daemon.json", &text);
    line.pull().ok();
    assert_eq!(mirror.requests().len(), 0);
}

#[test]
fn a_mirror_below_a_path_is_asked_there() {
    let mirror = Recorder::alone();
    mirror.on(|_| true).answer(404, &[], "");
    for url in [
        format!("{}/docker_hub", mirror.url()),
        format!("{}/docker_hub/", mirror.url()),
    ] {
        mirror.clear();
        Mirrored::by(&[&url]).pulls_from_the_hub();
        let requests = mirror.requests();
        let is_below = |path: &str| path.starts_with("/docker_hub/v2/library/nginx/");
        assert!(!requests.is_empty() && requests.iter().all(|request| is_below(&request.path)));
    }
}

#[test]
fn a_mirror_that_cannot_be_one_is_named_with_its_file_and_passed_over() {
    for bad in ["ftp://x", "no url", "http://u:p@h", "http://h/?q"] {
        let mirrored = Mirrored::by(&[bad]);
        let pulled = mirrored.sandbox.rdock(&["pull", "nginx"]).ok();
        let said = "daemon.json is passed over: invalid mirror: ";
        assert!(
            pulled.stderr.starts_with("WARNING: an entry of /") && pulled.stderr.contains(said),
            "{pulled}"
        );
        assert_eq!(pulled.stderr.lines().count(), 1, "{pulled}");
    }
}
