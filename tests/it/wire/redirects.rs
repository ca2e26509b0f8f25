//! A password goes to the origin that asked for it, wherever that origin points.

use std::collections::HashSet;
use std::sync::Mutex;

use super::{HOST, World, assert_discreet, first_line, reads};
use crate::support::fault::Reply;
use crate::support::recorder::Recorded;

/// Every way to be another origin without being plainly someone else, and someone else.
const ORIGINS: [&str; 3] = [
    "https://reg.example.test:8443",
    "https://cdn.reg.example.test",
    "https://other.test",
];

#[test]
fn a_password_does_not_follow_a_redirect_to_another_origin() {
    for origin in ORIGINS {
        let world = World::with_password();
        for part in ["/manifests/", "/blobs/"] {
            world
                .front
                .on(move |request| reads(request, part))
                .redirect_to_host(307, origin);
        }
        world.pull().ok();
        // The second pull looks with HEAD.
        let again = world.pull().ok();
        assert!(again.stdout.contains("Image is up to date"), "{again}");
        let served = |method: &str, part: &str| world.other.count(|request| request.is(method, part));
        assert_eq!(served("GET", "/manifests/"), 1, "{origin}");
        assert_eq!(served("HEAD", "/manifests/"), 1, "{origin}");
        assert_eq!(served("GET", "/blobs/"), world.image.layers.len() + 1, "{origin}");
        world.assert_others_know_nothing();
        assert_discreet(&again);
    }
}

#[test]
fn a_redirect_to_plain_http_is_refused() {
    for part in ["/manifests/", "/blobs/"] {
        let world = World::with_password();
        world
            .front
            .on(move |request| reads(request, part))
            .redirect_to_host(302, "http://reg.example.test");
        let pulled = world.pull().fails(1);
        assert!(
            first_line(&pulled).ends_with("reg.example.test points to reg.example.test, without encryption: refused"),
            "{pulled}"
        );
        assert_eq!(world.plain.requests().len(), 0);
        assert_discreet(&pulled);
    }
}

#[test]
fn a_redirect_into_the_inner_network_is_refused() {
    for target in [
        "https://169.254.169.254",
        "https://127.0.0.1:1",
        "https://localhost:1",
        "https://[::1]:1",
    ] {
        let world = World::with_password();
        world.front.on_path("GET", "/blobs/").redirect_to_host(307, target);
        let pulled = world.pull().fails(1);
        assert!(
            first_line(&pulled).ends_with("an address inside the network: refused"),
            "{pulled}"
        );
        let asked = world.internet.connections();
        assert!(asked.iter().all(|name| name == "reg.example.test:443"), "{asked:?}");
    }
}

#[test]
fn redirects_in_a_circle_come_to_an_end() {
    let world = World::new();
    world
        .front
        .on_path("GET", "/blobs/")
        .redirect_to_host(307, "https://reg.example.test");
    let pulled = world.pull().fails(1);
    assert!(first_line(&pulled).ends_with("stopped after 10 redirects"), "{pulled}");
}

/// Sends the readers of blobs on to a storage by signed URLs; the storage refuses some of them.
fn sign_blobs(world: &World, refused: impl Fn(&Recorded) -> bool + Send + 'static, status: u16) {
    let words = "<Error><Code>AccessDenied</Code><Signature>s1gn3d</Signature></Error>";
    world.front.on_path("GET", "/blobs/").respond(|request| {
        let url = format!("https://cdn.reg.example.test{}?X-Amz-Signature=s1gn3d", request.path);
        Some(Reply::new(307, "").header("Location", &url))
    });
    let refusals = world.other.on(refused);
    refusals.answer(status, &[("Content-Type", "application/xml")], words);
}

#[test]
fn a_signed_url_that_has_ended_is_asked_for_anew() {
    let world = World::with_password();
    let asked = Mutex::new(HashSet::new());
    // The first time for each blob: only of a layer is it told.
    sign_blobs(
        &world,
        move |request| asked.lock().unwrap().insert(request.path.clone()),
        403,
    );
    let pulled = world.pull().ok();
    assert!(pulled.stdout.contains("Retrying in "), "{pulled}");
    assert_discreet(&pulled);
    world.assert_others_know_nothing();
}

#[test]
fn a_signed_url_is_not_shown_when_it_leads_nowhere() {
    let world = World::with_password();
    sign_blobs(&world, |_| true, 404);
    assert_discreet(&world.pull().fails(1));
}

/// A push of an image whose blobs the front does not own up to, with this answer to the opening of an upload.
fn push_to(world: &World, location: &str) -> crate::support::process::Run {
    let name = format!("{HOST}/team/app");
    world.pull().ok();
    world.front.on_path("HEAD", "/blobs/").answer(404, &[], "");
    world
        .front
        .on_path("POST", "/blobs/uploads/")
        .answer(202, &[("Location", location)], "");
    world.other.clear();
    world.sandbox.rdock(&["push", &name])
}

#[test]
fn a_password_does_not_follow_an_upload_to_another_origin() {
    for origin in ORIGINS {
        let world = World::with_password();
        world.other.on_path("PUT", "/upload/1").answer(201, &[], "");
        let pushed = push_to(&world, &format!("{origin}/upload/1?sig=s1gn3d")).ok();
        let blobs = world.image.layers.len() + 1;
        let sent = |r: &Recorded| r.is("PUT", "/upload/1?sig=s1gn3d&digest=sha256");
        assert_eq!(world.other.count(sent), blobs);
        world.assert_others_know_nothing();
        assert_discreet(&pushed);
    }
}

#[test]
fn an_upload_is_not_sent_without_encryption_nor_into_the_inner_network() {
    for (location, why) in [
        ("http://other.test/upload/1", "without encryption: refused"),
        (
            "https://169.254.169.254/upload/1",
            "an address inside the network: refused",
        ),
        ("https://10.0.0.1/upload/1", "an address inside the network: refused"),
        ("file:///etc/passwd", "the registry's answer has a forbidden Location"),
    ] {
        let world = World::with_password();
        let pushed = push_to(&world, location).fails(1);
        assert!(first_line(&pushed).ends_with(why), "{location}: {pushed}");
        assert_eq!(world.other.requests().len() + world.plain.requests().len(), 0);
    }
}
