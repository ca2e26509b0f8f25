//! rdock pulls from and pushes to every registry there is, with its habits, and through every fault.

use crate::support::image::{Built, Image};
use crate::support::layer::Layer;
use crate::support::personality::Personality;
use crate::support::recorder::{Recorded, Recorder};
use crate::support::sandbox::Sandbox;
use crate::support::serve::Serve;

/// What some take at once is less than this.
const WIDE: usize = 4_500_000;

/// One layer of about this many bytes, and a few small ones.
fn image(sandbox: &Sandbox, seed: u64, size: usize) -> Built {
    Image::new()
        .layer(Layer::seeded(seed, 1, size))
        .layer(Layer::text("etc/seed", &seed.to_string()))
        .layer(Layer::files(3, 3000))
        .write(&sandbox.root().join(format!("image{seed}")))
}

/// A sandbox that the registry lets in, with an image that the registry does not have, by this name.
fn ready(registry: &Personality, name: &str) -> (Sandbox, Built) {
    let (sandbox, far) = (Sandbox::new(), Serve::open());
    let built = image(&sandbox, 2, WIDE);
    far.push("app", "1", &built);
    let from = format!("{}/app:1", far.host());
    sandbox.rdock(&["pull", "-q", &from]).ok();
    sandbox.rdock(&["tag", &from, name]).ok();
    registry.introduce(&sandbox);
    (sandbox, built)
}

/// What the registry really holds.
#[track_caller]
fn assert_holds(registry: &Personality, repository: &str, built: &Built) {
    let backend = registry.backend();
    assert_eq!(
        backend.get(&format!("/v2/{repository}/manifests/1")).is(200).body,
        built.manifest
    );
    for digest in built
        .layers
        .iter()
        .map(|layer| &layer.digest)
        .chain([&built.config_digest])
    {
        let bytes = std::fs::read(built.blob(digest)).unwrap();
        assert!(
            backend.get(&format!("/v2/{repository}/blobs/{digest}")).is(200).body == bytes,
            "{digest}"
        );
    }
}

/// Pulls, pushes, pushes again and to another name; `shows` says whether the habit was met on the way.
#[track_caller]
fn lives_with(registry: &Personality, shows: impl Fn(&Recorded) -> bool) {
    let host = registry.host();
    let (new, other, old) = (
        format!("{host}/alice/new:1"),
        format!("{host}/alice/other:1"),
        format!("{host}/alice/old:1"),
    );
    let (sandbox, built) = ready(registry, &new);
    let seeded = image(&sandbox, 1, 50_000);
    registry.seed("alice/old", "1", &seeded);
    let pull = sandbox.rdock(&["pull", &old]).ok();
    assert!(pull.stdout.contains(&format!("Digest: {}", seeded.digest)), "{pull}");
    let push = sandbox.rdock(&["push", &new]).ok();
    assert!(
        push.stdout.contains(&format!("1: digest: {} size: ", built.digest)),
        "{push}"
    );
    assert_holds(registry, "alice/new", &built);
    let tags = sandbox.rdock(&["tags", &format!("{host}/alice/new")]).ok();
    assert_eq!(tags.stdout.lines().last(), Some("1"), "{tags}");

    let seen = registry.front().requests();
    registry.front().clear();
    let again = sandbox.rdock(&["push", &new]).ok();
    assert!(again.stdout.contains("Layer already exists"), "{again}");
    assert_eq!(registry.front().count(|request| request.is("POST", "/uploads/")), 0);
    sandbox.rdock(&["tag", &new, &other]).ok();
    sandbox.rdock(&["push", &other]).ok();
    assert_holds(registry, "alice/other", &built);
    for name in [&new, &other] {
        sandbox.rdock(&["rmi", name]).ok();
    }
    sandbox.rdock(&["pull", &other]).ok();
    let seen = seen.into_iter().chain(registry.front().requests());
    assert!(seen.into_iter().any(|request| shows(&request)), "the habit was not met");
}

macro_rules! personalities {
    ($($test:ident: $personality:ident, $shows:expr;)*) => {
        $(#[test]
        fn $test() {
            lives_with(&Personality::$personality(), $shows);
        })*
    };
}

personalities! {
    docker_hub_pulls_and_pushes: docker_hub, |it| it.is("GET", "/blobs/") && it.status == 307;
    distribution_2_8_pulls_and_pushes: distribution_2, |it| it.is("PUT", "_state=") && it.status == 201;
    distribution_3_pulls_and_pushes: distribution_3, |it| it.is("POST", "mount=") && it.status == 201;
    harbor_pulls_and_pushes: harbor, |it| it.path.starts_with("/service/token") && it.status == 200;
    nexus_pulls_and_pushes: nexus, |it| it.response_header("location").is_some_and(|it| it.starts_with("http://"));
    artifactory_pulls_and_pushes: artifactory, |it| it.method == "PATCH" && it.status == 404;
    gitlab_pulls_and_pushes: gitlab, |it| it.path.starts_with("/jwt/auth") && it.status == 200;
    ghcr_pulls_and_pushes: ghcr, |it| it.is("POST", "mount=") && it.status == 202;
    ecr_pulls_and_pushes: ecr, |it| it.method == "PATCH" && it.status == 201;
    google_pulls_and_pushes: google, |it| it.is("PATCH", "_state=") && it.status == 204;
    azure_pulls_and_pushes: azure, |it| it.is("PUT", "/manifests/") && it.status == 429;
    quay_pulls_and_pushes: quay, |it| it.is("HEAD", "/blobs/") && it.status == 429;
    zot_pulls_and_pushes: zot, |it| it.response_header("www-authenticate").is_some();
}

/// Whether it brings the one layer that is not small: which one comes first is chance.
fn is_large(request: &Recorded) -> bool {
    let length = request.header("content-length").and_then(|it| it.parse::<u64>().ok());
    request.method == "PATCH" && length.unwrap_or_default() > 1 << 20
}

/// What goes wrong once or twice, and whether it shows in a request.
type Fault = (&'static str, fn(&Recorder), fn(&Recorded) -> bool);

const PASSING: [Fault; 10] = [
    (
        "a body is cut",
        |it| it.on_path("GET", "/blobs/").times(2).cut_after(200),
        |it| it.is("GET", "/blobs/") && !it.complete,
    ),
    (
        "a body is longer than it says",
        |it| it.on_path("GET", "/blobs/").times(1).set_header("content-length", "7"),
        |it| it.response_header("content-length") == Some("7"),
    ),
    (
        "a body is damaged",
        |it| it.on_path("GET", "/blobs/").times(1).corrupt_at(11),
        |it| it.is("GET", "/blobs/"),
    ),
    (
        "an upload is reset",
        |it| it.on(is_large).times(1).reset_upload_after(900_000),
        |it| it.method == "PATCH" && it.body_bytes == 900_000,
    ),
    (
        "a server fails",
        |it| it.on(|it| it.path != "/v2/").times(2).answer(500, &[], "oh"),
        |it| it.status == 500,
    ),
    (
        "a gateway fails",
        |it| it.on_path("PUT", "").times(2).answer(502, &[], "<html>"),
        |it| it.status == 502,
    ),
    (
        "too many requests",
        |it| it.on(|_| true).times(2).answer(429, &[("Retry-After", "0")], "{}"),
        |it| it.status == 429,
    ),
    (
        "bodies above a size are refused",
        |it| {
            it.on(is_large)
                .answer(413, &[("Connection", "close")], "<html>413</html>");
        },
        |it| it.status == 413,
    ),
    (
        "a range is ignored",
        |it| {
            // Two, since one of the layers is shorter than that.
            it.on_path("GET", "/blobs/").times(2).cut_after(200);
            it.on_path("GET", "/blobs/").after(1).ignore_range();
        },
        |it| it.header("range").is_some() && it.status == 200,
    ),
    (
        "an answer comes late",
        |it| {
            it.on_path("POST", "")
                .times(1)
                .delay(std::time::Duration::from_millis(300));
        },
        |it| it.method == "POST",
    ),
];

/// Takes some seconds, which are the waits between the tries.
#[test]
fn faults_that_pass_are_lived_through() {
    let (sandbox, far) = (Sandbox::new(), Serve::open());
    let built = image(&sandbox, 2, 2_000_000);
    far.push("app", "1", &built);
    for (fault, begin, shows) in PASSING {
        let registry = Personality::plain();
        registry.seed("alice/old", "1", &image(&sandbox, 1, 50_000));
        let sandbox = Sandbox::new();
        let (old, new) = (
            format!("{}/alice/old:1", registry.host()),
            format!("{}/alice/new:1", registry.host()),
        );
        let from = format!("{}/app:1", far.host());
        sandbox.rdock(&["pull", "-q", &from]).ok();
        sandbox.rdock(&["tag", &from, &new]).ok();
        // What the backend shares among all names must be sent all the same.
        registry.front().on_path("HEAD", "/blobs/").answer(404, &[], "");
        begin(registry.front());
        let pull = sandbox.rdock(&["pull", "-q", &old]);
        assert_eq!(pull.code, 0, "{fault}: {pull}");
        let push = sandbox.rdock(&["push", "-q", &new]);
        assert_eq!(push.code, 0, "{fault}: {push}");
        assert_holds(&registry, "alice/new", &built);
        assert!(registry.front().count(shows) > 0, "{fault}: it did not happen");
    }
}

#[test]
fn a_proof_that_expires_in_the_middle_of_a_push_is_renewed() {
    let registry = Personality::gitlab();
    let (sandbox, built) = ready(&registry, &format!("{}/alice/new:1", registry.host()));
    let challenge = format!(
        "Bearer realm=\"http://{}/jwt/auth\",service=\"container_registry\",scope=\"repository:alice/new:pull,push\",error=\"invalid_token\"",
        registry.host()
    );
    let front = registry.front();
    front
        .on_path("PATCH", "/uploads/")
        .times(1)
        .answer(401, &[("WWW-Authenticate", &challenge)], "{}");
    front
        .on_path("PUT", "/manifests/")
        .times(1)
        .answer(401, &[("WWW-Authenticate", &challenge)], "{}");
    sandbox
        .rdock(&["push", "-q", &format!("{}/alice/new:1", registry.host())])
        .ok();
    assert_holds(&registry, "alice/new", &built);
    assert_eq!(
        front.count(|it| it.status == 401 && it.header("authorization").is_some()),
        2
    );
}
