//! A registry behind it: fetched once, looked up cheaply, served when that one is away.

use std::thread;

use serde_json::json;

use crate::support::image::Image;
use crate::support::index::Index;
use crate::support::layer::{Layer, digest};
use crate::support::recorder::Recorder;
use crate::support::sandbox::Sandbox;
use crate::support::serve::Serve;

/// A registry, the recorder in front of it, and a cache that knows the recorder.
fn scene() -> (Serve, Recorder, Serve) {
    let far = Serve::open();
    let line = Recorder::front(&far.host());
    let cache = Serve::with(&["--upstream", &line.host(), "--quiet"]);
    (far, line, cache)
}

#[test]
fn what_came_through_comes_again_when_the_registry_behind_is_away() {
    let (far, line, cache) = scene();
    let sandbox = Sandbox::new();
    let index = Index::multi_platform().write(&sandbox.root().join("index"));
    far.push("team/multi", "1", &index);
    let name = format!("{}/team/multi:1", cache.host());
    let pull = sandbox.rdock(&["pull", &name]).ok();
    assert!(pull.stdout.contains(&format!("Digest: {}", index.digest)), "{pull}");
    assert_eq!(
        cache.get("/v2/_catalog").json(),
        json!({"repositories": ["team/multi"]})
    );
    assert_eq!(cache.get("/v2/team/multi/tags/list").json()["tags"], json!(["1"]));
    let copy = |to: &str| {
        let target = format!("oci:{}", sandbox.root().join(to).display());
        sandbox.rdock(&["copy", &name, &target]).ok();
    };
    copy("all");
    line.clear();
    copy("again");
    let asked: Vec<String> = line
        .requests()
        .iter()
        .map(|it| format!("{} {}", it.method, it.path))
        .collect();
    assert!(asked.is_empty(), "fresh: nothing is asked: {asked:?}");
    // Even a cache that has just been started, and has to look, serves what it has.
    line.on(|_| true).answer(
        429,
        &[("Retry-After", "3600")],
        r#"{"errors":[{"code":"TOOMANYREQUESTS"}]}"#,
    );
    let mut cache = cache;
    cache.kill();
    cache.start(&["--upstream", &line.host()]);
    copy("limited");
    assert!(cache.log().contains("stale: serving"), "{}", cache.log());
    cache
        .get("/v2/team/multi/manifests/none")
        .refuses(429, "TOOMANYREQUESTS");
    drop(line);
    cache.kill();
    cache.start(&["--upstream", "127.0.0.1:1"]);
    cache.get("/v2/team/multi/manifests/1").refuses(502, "UNKNOWN");
}

#[test]
fn a_tag_that_moved_is_seen_and_one_that_went_is_gone() {
    let (far, line, mut cache) = scene();
    let sandbox = Sandbox::new();
    let image = |text: &str| {
        Image::new()
            .layer(Layer::text("a", text))
            .write(&sandbox.root().join(text))
    };
    let (old, new) = (image("old"), image("new"));
    far.push("app", "1", &old);
    assert_eq!(cache.get("/v2/app/manifests/1").is(200).body, old.manifest);
    far.push("app", "1", &new);
    let mut restart = || {
        cache.kill();
        cache.start(&["--upstream", &line.host()]);
        line.clear();
        cache.get("/v2/app/manifests/1")
    };
    assert_eq!(restart().is(200).body, new.manifest);
    assert_eq!(restart().is(200).body, new.manifest);
    assert_eq!(line.count(|request| request.method == "HEAD"), 1);
    assert_eq!(
        line.count(|request| request.method == "GET"),
        0,
        "a look alone is no pull"
    );
    far.ask("DELETE", "/v2/app/manifests/1", &[]).is(202);
    restart().refuses(404, "MANIFEST_UNKNOWN");
    cache
        .ask("POST", "/v2/app/blobs/uploads/", &[])
        .refuses(405, "UNSUPPORTED");
    cache.get(&format!("/v2/app/referrers/{}", new.digest)).is(404);
    cache
        .get(&format!("/v2/app/blobs/{}", digest(b"unheard of")))
        .refuses(404, "BLOB_UNKNOWN");
}

#[test]
fn many_who_want_one_blob_cause_one_fetch_that_survives_cuts() {
    let (far, line, cache) = scene();
    let sandbox = Sandbox::new();
    let image = Image::new()
        .layer(Layer::seeded(4, 3, 900_000))
        .write(&sandbox.root().join("image"));
    far.push("app", "1", &image);
    let layer = &image.layers[0];
    let bytes = std::fs::read(image.blob(&layer.digest)).unwrap();
    cache.get("/v2/app/manifests/1").is(200);
    let part = layer.size / 3;
    line.on_path("GET", "/blobs/").times(2).cut_after(part);
    let path = format!("/v2/app/blobs/{}", layer.digest);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(cache.get(&path).is(200).body == bytes));
        }
    });
    let sent: u64 = line
        .requests()
        .iter()
        .filter(|it| it.path.contains("/blobs/"))
        .map(|it| it.sent)
        .sum();
    assert!(sent <= layer.size + (64 << 10), "{sent} of {} bytes", layer.size);
    assert_eq!(cache.get(&path).is(200).body.len(), bytes.len());
    // A lie is neither kept nor served again.
    let config = format!("/v2/app/blobs/{}", image.config_digest);
    line.on_path("GET", "/blobs/").times(1).corrupt_at(3);
    assert_ne!(
        cache.get(&config).body,
        std::fs::read(image.blob(&image.config_digest)).unwrap()
    );
    assert_eq!(
        cache.get(&config).is(200).body,
        std::fs::read(image.blob(&image.config_digest)).unwrap()
    );
}
