//! The registries, the recorder and the fake internet.

use super::{curl, run, status};
use crate::support::authority::{Authority, Identity};
use crate::support::image::Image;
use crate::support::layer::{BIG, Layer};
use crate::support::layout::{Access, header, push_raw};
use crate::support::recorder::Recorder;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[test]
fn registries_open_their_doors_only_to_whom_they_should() {
    let authority = Authority::new();
    let plain = || Access::default().curl();
    let open = Registry::open();
    assert_eq!(status(plain(), &format!("{}/v2/", open.url())), "200");
    assert!(open.storage().is_dir());
    assert!(open.log().contains("GET"), "{}", open.log());
    let locked = Registry::htpasswd("alice", "s3cret-pw");
    assert_eq!(status(plain(), &format!("{}/v2/", locked.url())), "401");
    assert_eq!(status(locked.curl(), &format!("{}/v2/", locked.url())), "200");
    let tls = Registry::tls(&authority);
    assert_eq!(run(plain(), &[&tls.url()]).code, 60, "curl trusts it not");
    assert_eq!(status(tls.curl(), &format!("{}/v2/", tls.url())), "200");
    let both = Registry::tls_htpasswd(&authority, "alice", "s3cret-pw");
    assert_eq!(status(tls.curl(), &format!("{}/v2/", both.url())), "401");
    let mutual = Registry::mutual_tls(&authority);
    assert_ne!(run(tls.curl(), &[&mutual.url()]).code, 0);
    let folder = tempfile::tempdir().unwrap();
    let image = Image::new().layer(Layer::text("a", "b")).write(folder.path());
    for registry in [&both, &mutual] {
        registry.push("team/app", "1", &image);
        let url = format!("{}/v2/team/app/tags/list", registry.url());
        let tags: Value = serde_json::from_str(&run(registry.curl(), &[&url]).ok().stdout).unwrap();
        assert_eq!(tags["tags"], json!(["1"]));
    }
}

#[test]
fn certificates_can_be_bad_in_several_ways() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let ca = authority.pem_file(folder.path());
    let own = Identity::self_signed(&["127.0.0.1"]);
    let (own_file, _) = own.write(folder.path(), "own");
    let ask = |identity: &Identity, trusted: &std::path::Path| {
        let server = Recorder::start(None, Some(identity));
        server.on(|_| true).answer(200, &[], "hello");
        let trusted = trusted.to_str().unwrap();
        curl(&["--cacert", trusted, &server.url()]).code
    };
    assert_eq!(ask(&authority.issue(&["127.0.0.1"]), &ca), 0);
    assert_eq!(ask(&authority.issue(&["example.com"]), &ca), 60);
    assert_eq!(ask(&authority.issue_expired(&["127.0.0.1"]), &ca), 60);
    assert_eq!(ask(&own, &ca), 60);
    assert_eq!(ask(&own, &own_file), 0);
    assert!(authority.pem().contains("BEGIN CERTIFICATE"));
}

#[test]
fn a_recorder_counts_what_passes_and_keeps_uploads_working() {
    let authority = Authority::new();
    let registry = Registry::open();
    let folder = tempfile::tempdir().unwrap();
    let image = Image::small().write(folder.path());
    let ca = authority.pem_file(folder.path());
    for (recorder, access) in [
        (Recorder::front(&registry.host()), Access::default()),
        (
            Recorder::front_tls(&registry.host(), &authority),
            Access::default().authority(&ca),
        ),
    ] {
        push_raw(&access, &recorder.host(), "via/proxy", "1", &image);
        assert_eq!(recorder.count(|request| request.is("POST", "/uploads/")), 4);
        let put = recorder.wait_for(|request| request.is("PUT", "/manifests/1"));
        assert_eq!(put.status, 201);
        assert_eq!(put.body, image.manifest);
        assert_eq!(put.header("content-type"), Some(image.media_type.as_str()));
        assert_eq!(
            put.response_header("docker-content-digest"),
            Some(image.digest.as_str())
        );
        assert!(recorder.body_bytes_up() > image.manifest.len() as u64);
        recorder.clear();
        let url = format!("{}/v2/via/proxy/manifests/1", recorder.url());
        let accept = format!("Accept: {}", image.media_type);
        assert_eq!(run(access.curl(), &["-H", &accept, &url]).ok().bytes, image.manifest);
        assert_eq!(recorder.body_bytes_down(), image.manifest.len() as u64);
        assert!(recorder.requests()[0].complete);
        assert_eq!(recorder.most_at_once(|_| true), 1);
    }
}

#[test]
fn a_recorder_misbehaves_as_told() {
    let registry = Registry::open();
    let folder = tempfile::tempdir().unwrap();
    let image = Image::new().layer(Layer::files(4, 5000)).write(folder.path());
    registry.push("f/f", "1", &image);
    let blob = std::fs::read(image.blob(&image.layers[0].digest)).unwrap();
    let recorder = Recorder::front(&registry.host());
    let url = format!("{}/v2/f/f/blobs/{}", recorder.url(), image.layers[0].digest);
    let get = |extra: &[&str]| run(Access::default().curl(), &[extra, &[&url]].concat());
    let once = || recorder.on_path("GET", "/blobs/").times(1);

    once().cut_after(1000);
    let cut = get(&[]).fails(18);
    assert_eq!(cut.bytes, &blob[..1000]);
    assert_eq!(get(&[]).ok().bytes, blob, "only once");
    once().after(1).cut_after(0);
    assert_eq!(get(&[]).ok().bytes, blob, "the first may pass");
    get(&[]).fails(18);
    once().stall_after(2000);
    assert_eq!(get(&["-m", "0.3"]).fails(28).bytes, &blob[..2000]);
    once().corrupt_at(17);
    let corrupt = get(&[]).ok().bytes;
    assert_eq!(corrupt[17], !blob[17]);
    assert_eq!(corrupt[18..], blob[18..]);
    assert_eq!(get(&["-r", "100-"]).ok().bytes, &blob[100..]);
    once().ignore_range();
    assert_eq!(get(&["-r", "100-"]).ok().bytes, blob);
    once().answer(503, &[("Retry-After", "1")], "busy");
    assert!(get(&["-i"]).stdout.contains("retry-after: 1"));
    once().set_header("X-Odd", "1");
    assert!(get(&["-I", "-X", "GET"]).stdout.contains("x-odd: 1"));
    once().remove_header("Docker-Content-Digest");
    assert!(
        !get(&["-I", "-X", "GET"])
            .stdout
            .to_lowercase()
            .contains("content-digest")
    );
    once().delay(Duration::from_millis(150));
    let start = Instant::now();
    get(&[]).ok();
    assert!(start.elapsed() >= Duration::from_millis(150));
    let other = Recorder::alone();
    other.on(|_| true).answer(200, &[], "elsewhere");
    once().redirect_to_host(307, &other.url());
    assert_eq!(get(&["-L"]).ok().stdout, "elsewhere");
    assert!(other.requests()[0].path.starts_with("/v2/f/f/blobs/"));
    once().redirect(302, &format!("{}/x", other.url()));
    assert_eq!(get(&["-L"]).ok().stdout, "elsewhere");
    recorder.throttle(Some(50_000));
    let start = Instant::now();
    assert_eq!(get(&[]).ok().bytes, blob);
    assert!(start.elapsed() > Duration::from_millis(250), "{:?}", start.elapsed());
    recorder.throttle(None);
    assert_eq!(recorder.count(|request| request.status == 503), 1);
}

#[test]
fn a_reset_upload_leaves_the_registry_with_a_part() {
    let registry = Registry::open();
    let recorder = Recorder::front(&registry.host());
    recorder
        .on_path("PATCH", "/uploads/")
        .times(1)
        .reset_upload_after(100_000);
    let folder = tempfile::tempdir().unwrap();
    let image = Image::new().layer(Layer::big()).write(folder.path());
    assert!(image.layers[0].size > BIG as u64);
    let start = curl(&["-i", "-X", "POST", &format!("{}/v2/r/r/blobs/uploads/", recorder.url())]);
    let location = start.ok().stdout;
    let blob = image.blob(&image.layers[0].digest);
    let location = header(&location, "location").unwrap();
    assert!(location.starts_with(&recorder.url()), "the client's host: {location}");
    let patch = curl(&["-X", "PATCH", "-T", blob.to_str().unwrap(), location]);
    assert!([52, 55, 56].contains(&patch.code), "{patch}");
    let patch = recorder.wait_for(|request| request.method == "PATCH");
    assert_eq!(patch.body_bytes, 100_000);
}

#[test]
fn a_big_layer_streams_through() {
    let registry = Registry::open();
    let recorder = Recorder::front(&registry.host());
    let folder = tempfile::tempdir().unwrap();
    let image = Image::new().layer(Layer::big()).write(folder.path());
    registry.push("big/big", "1", &image);
    let blob = &image.layers[0];
    let url = format!("{}/v2/big/big/blobs/{}", recorder.url(), blob.digest);
    curl(&["-o", "/dev/null", &url]).ok();
    assert_eq!(recorder.body_bytes_down(), blob.size);
}

#[test]
fn the_internet_knows_its_hosts_and_no_others() {
    let authority = Authority::new();
    let site = Recorder::start(None, Some(&authority.issue(&["quay.example"])));
    site.on(|_| true).answer(200, &[], "secure");
    let plain = Recorder::alone();
    plain.on(|_| true).answer(200, &[], "plain");
    let internet = crate::support::internet::Internet::new(&authority)
        .host("quay.example:443", &site.host())
        .host("plain.example:80", &plain.host())
        .host("down.example:443", "127.0.0.1:1");
    let mut sandbox = Sandbox::new();
    internet.apply(&mut sandbox);
    let proxy = internet.proxy();
    let ask = |url: &str| sandbox.run("curl", &["-sS", "--proxy", &proxy, url]);
    assert_eq!(ask("https://quay.example/v2/").ok().stdout, "secure");
    assert_eq!(ask("http://plain.example/v2/").ok().stdout, "plain");
    ask("https://nowhere.example/").fails(56);
    ask("https://down.example/").fails(56);
    assert!(ask("http://nowhere.example/").stdout.contains("no such host"));
    assert_eq!(internet.connections()[0], "quay.example:443");
    assert_eq!(internet.refused(), ["nowhere.example:443", "nowhere.example:80"]);
    assert_eq!(site.requests()[0].header("host"), Some("quay.example"));
}
