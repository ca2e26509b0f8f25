//! How much the registry takes, and how it says that it takes no more.

use std::sync::mpsc::channel;
use std::thread;

use super::*;

#[test]
fn an_index_that_lies_too_deep_is_refused() {
    let rules = Rules::new();
    let mut top = rules.image("app", "layer");
    rules.put("app", "bottom", &top).is(201);
    for level in 1.. {
        top = index(&[&top]);
        let answer = rules.put("app", of(&top).as_str(), &top);
        if answer.status != 201 {
            answer.refuses(400, "MANIFEST_INVALID");
            assert!(level > 8, "{level} levels are few");
            return;
        }
    }
}

#[test]
fn a_child_that_is_listed_many_times_is_looked_through_once() {
    let rules = Rules::new();
    let mut top = rules.image("app", "layer");
    rules.put("app", of(&top).as_str(), &top).is(201);
    for _ in 0..5 {
        top = index(&[&top; 60]);
        rules.put("app", of(&top).as_str(), &top).is(201);
    }
    let unknown = format!("GET /v2/app/manifests/{}", Digest::of(b"unknown"));
    rules.ask(&unknown).refuses(404, "MANIFEST_UNKNOWN");
}

#[test]
fn a_manifest_of_more_than_4_mib_is_refused() {
    let rules = Rules::new();
    let media_type = format!("Content-Type: {IMAGE}");
    let long = vec![b'x'; (4 << 20) + 1];
    let answer = rules.send("PUT /v2/app/manifests/1", &[&media_type], &long);
    answer.refuses(413, "MANIFEST_INVALID");
}

#[test]
fn a_tag_has_at_most_128_characters() {
    let rules = Rules::new();
    let image = rules.image("app", "layer");
    rules.put("app", &"t".repeat(128), &image).is(201);
    rules
        .put("app", &"t".repeat(129), &image)
        .refuses(400, "MANIFEST_INVALID");
    let path = format!("GET /v2/app/manifests/{}", "t".repeat(129));
    rules.ask(&path).refuses(404, "MANIFEST_UNKNOWN");
    let tags = (0..101).map(|n| format!("tag=t{n}")).collect::<Vec<_>>().join("&");
    let many = format!("{}?{tags}", of(&image));
    rules.put("app", &many, &image).is(414);
}

#[test]
fn who_needs_no_content_does_not_wait_for_who_does() {
    let rules = Rules::new();
    let blob = rules.put_blob("app", b"blob");
    let (memory, (blocked, is_blocked), (release, is_released)) = (rules.memory.clone(), channel(), channel::<()>());
    let blocking = thread::spawn(move || {
        let _guard = memory.block();
        blocked.send(()).unwrap();
        let _ = is_released.recv();
    });
    is_blocked.recv().unwrap();
    let (slow, quick) = (format!("GET /v2/app/blobs/{blob}"), "GET /v2/");
    let (slow, quick) = (request(&slow, &[], 0, b""), request(quick, &[], 0, b""));
    let (slow, quick) = rules.run(async {
        let quick = async {
            let answer = rules.exchange(&quick).await;
            drop(release);
            answer
        };
        tokio::join!(rules.exchange(&slow), quick)
    });
    Answer::read(&quick).is(200);
    assert_eq!(Answer::read(&slow).is(200).body, b"blob");
    blocking.join().unwrap();
}

#[test]
fn one_peer_begins_so_many_uploads_and_no_more() {
    let rules = Rules::new();
    let peer = crate::server::http::connection::Peer([10, 0, 0, 1].into());
    let name = super::super::route::Name {
        path: "app".to_owned(),
        listed: "app".to_owned(),
        repository: rules.api.state.names.repository("app").unwrap(),
    };
    let algorithm = crate::image::digest::Algorithm::Sha256;
    let begin = |peer| {
        rules
            .runtime
            .block_on(rules.api.sessions.begin(&name, algorithm, Some(peer)))
    };
    let count = (0..600).filter(|_| begin(peer).is_ok()).count();
    assert_eq!(count, 500);
    let other = crate::server::http::connection::Peer([10, 0, 0, 2].into());
    assert!(begin(other).is_ok());
}
