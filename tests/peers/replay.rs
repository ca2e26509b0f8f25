//! Sessions recorded with real docker, replayed with rdock: every byte of stdout and stderr and every exit code is
//! compared. Wanted differences stand, each with its reason, in `tests/data/transcripts/differences.json`, and nowhere
//! else; one that has gone fails the test as a new one does.
//!
//! The client was docker 28.2.2, the engine 20.10.24, the registry Debian's docker-registry. `before` in a transcript is
//! what the recorder did between the steps, unrecorded. A failure prints an ENTRY, which goes into the list once there
//! is a reason for it.

mod canon;
mod help;
mod images;
mod made;
mod namespace;
mod servers;
mod session;
mod settle;
mod surroundings;
mod transcript;

use canon::Canon;
use servers::Servers;
use session::Session;
use transcript::Transcript;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/transcripts");

/// Replays a transcript in a namespace of its own. `test` is the calling test's name; `fill` adds to the servers.
fn replay(test: &str, name: &str, fill: impl Fn(&mut Servers, &mut Canon)) {
    if !namespace::is_inside() {
        return namespace::run_inside(&format!("replay::{test}"));
    }
    let root = namespace::folder();
    namespace::start_name_server();
    let mut servers = Servers::start(&root);
    let mut session = Session::open(name, &root, &servers.trusted);
    fill(&mut servers, &mut session.canon);
    session.play();
}

#[test]
fn the_story_replays() {
    replay("the_story_replays", "01-seed-story", |servers, _| {
        // Any image will do: it is only listed.
        servers.put("team/big:latest", "hello");
    });
}

#[test]
fn pulling_replays() {
    replay("pulling_replays", "02-pull", |servers, _| {
        servers.put("corrupt/x:latest", "nginx");
    });
}

#[test]
fn tagging_and_pushing_replay() {
    replay("tagging_and_pushing_replay", "03-tag-push", |_, _| ());
}

#[test]
fn logging_in_and_out_replays() {
    replay("logging_in_and_out_replays", "04-login-logout", |_, _| ());
}

#[test]
fn searching_replays() {
    replay("searching_replays", "05-search", |_, _| ());
}

#[test]
fn listing_replays() {
    replay("listing_replays", "06-images", |servers, canon| {
        add_made(servers, canon, "06-images");
    });
}

#[test]
fn removing_replays() {
    replay("removing_replays", "07-rmi", |servers, canon| {
        add_made(servers, canon, "07-rmi");
    });
}

/// Adds the images that were made for this session alone.
fn add_made(servers: &Servers, canon: &mut Canon, name: &str) {
    for (here, recorded) in servers.put_made(&namespace::folder().join("made"), &Transcript::read(name)) {
        canon.know_id(&here, &recorded);
    }
}

#[test]
fn saving_and_loading_replay() {
    replay("saving_and_loading_replay", "09-save-load", |_, _| ());
}

#[test]
fn inspecting_replays() {
    replay("inspecting_replays", "10-inspect-history", |_, _| ());
}

#[test]
fn manifests_help_and_mistakes_replay() {
    replay(
        "manifests_help_and_mistakes_replay",
        "11-manifest-version-info-misc",
        |_, _| (),
    );
}

#[test]
fn references_replay() {
    replay("references_replay", "15-reference-vectors", |_, _| ());
}

#[test]
fn bars_replay() {
    replay("bars_replay", "12-progress-tty", |servers, canon| {
        servers.open_empty("127.0.0.1:5112");
        servers.open_empty("127.0.0.1:5113");
        canon.know(&servers.put_big());
    });
}

#[test]
fn a_corrupt_blob_replays() {
    replay("a_corrupt_blob_replays", "13-corrupt-blob", |servers, _| {
        servers.put("corrupt/x:latest", "nginx");
    });
}

#[test]
fn credential_helpers_replay() {
    replay("credential_helpers_replay", "14-config-credhelpers", |servers, _| {
        servers.put_closed("x/nginx:v1", "nginx");
    });
}

#[test]
fn daemon_json_and_certs_d_replay() {
    replay(
        "daemon_json_and_certs_d_replay",
        "16-daemon-registry-config",
        |servers, canon| {
            servers.put("x/hello:1", "hello");
            servers.put("library/mirrored:1", "hello");
            canon.know(&servers.put_big());
        },
    );
}
