//! What rdock says on the wire, and what it makes of what it hears there, however odd or hostile.

mod attacks;
mod certificates;
mod costs;
mod debugging;
mod endless_answers;
mod false_answers;
mod lists;
mod login_walls;
mod logins;
mod mirrors;
mod odd_answers;
mod odd_servers;
mod proxies;
mod realms;
mod redirects;
mod refused_manifests;
mod reports;
mod retries;
mod searches;
mod tokens;
mod trust;

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::authority::Authority;
use crate::support::image::{Built, Image};
use crate::support::internet::Internet;
use crate::support::line::Line;
use crate::support::process::Run;
use crate::support::recorder::{Recorded, Recorder};
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;

const PASSWORD: &str = "s3cret-pw";

/// The name that the registry of a [`World`] answers to.
const HOST: &str = "reg.example.test";

/// A fake internet with a registry at [`HOST`], and other hosts that serve the same but must not learn its secrets.
struct World {
    sandbox: Sandbox,
    image: Built,
    /// `https://reg.example.test`.
    front: Recorder,
    /// Port 8443 of the same name, a sub-domain, its token server `auth.…`, and `other.test`, all https.
    other: Recorder,
    /// Plain HTTP on port 80 of the same names.
    plain: Recorder,
    internet: Internet,
    _registry: Registry,
}

impl World {
    fn new() -> Self {
        let (mut sandbox, authority, registry) = (Sandbox::new(), Authority::new(), Registry::open());
        let image = Image::small().write(&sandbox.root().join("image"));
        registry.push("team/app", "latest", &image);
        let upstream = registry.host();
        let names = [HOST, "cdn.reg.example.test", "auth.reg.example.test", "other.test"];
        let identity = authority.issue(&names);
        let front = Recorder::start(Some(&upstream), Some(&identity));
        let other = Recorder::start(Some(&upstream), Some(&identity));
        let plain = Recorder::front(&upstream);
        let mut internet = Internet::new(&authority)
            .host("reg.example.test:443", &front.host())
            .host("reg.example.test:8443", &other.host());
        for name in &names[1..] {
            internet = internet.host(&format!("{name}:443"), &other.host());
        }
        for name in names {
            internet = internet.host(&format!("{name}:80"), &plain.host());
        }
        internet.apply(&mut sandbox);
        Self {
            sandbox,
            image,
            front,
            other,
            plain,
            internet,
            _registry: registry,
        }
    }

    /// The same with a stored login, without which the front lets nobody in.
    fn with_password() -> Self {
        let world = Self::new();
        log_in(&world.sandbox, HOST);
        ask_for_password(&world.front);
        world
    }

    #[track_caller]
    fn pull(&self) -> Run {
        self.sandbox.rdock(&["pull", &format!("{HOST}/team/app")])
    }

    /// Nothing that proves who the user is went anywhere but to the front.
    #[track_caller]
    fn assert_others_know_nothing(&self) {
        for request in self.other.requests().iter().chain(&self.plain.requests()) {
            for header in ["authorization", "cookie", "proxy-authorization"] {
                assert_eq!(request.header(header), None, "{request:?}");
            }
            let body = String::from_utf8_lossy(&request.body).into_owned();
            assert!(
                !body.contains("secret") && !request.path.contains("secret"),
                "{request:?}"
            );
        }
    }
}

/// What alice shows with her password.
fn basic_of_alice() -> String {
    format!("Basic {}", STANDARD.encode(format!("alice:{PASSWORD}")))
}

/// Stores alice's login for a host, as `docker login` would.
fn log_in(sandbox: &Sandbox, host: &str) {
    let auth = STANDARD.encode(format!("alice:{PASSWORD}"));
    configure(sandbox, &json!({"auths": {host: {"auth": auth}}}));
}

/// Stores an identity token for a host.
fn log_in_by_token(sandbox: &Sandbox, host: &str) {
    let auth = STANDARD.encode("<token>:");
    let entry = json!({"auth": auth, "identitytoken": "secret-identity"});
    configure(sandbox, &json!({"auths": {host: entry}}));
}

fn configure(sandbox: &Sandbox, config: &serde_json::Value) {
    fs::create_dir_all(sandbox.config_path().parent().unwrap()).unwrap();
    fs::write(sandbox.config_path(), config.to_string()).unwrap();
}

/// Lets nobody pass who shows no password.
fn ask_for_password(recorder: &Recorder) {
    recorder.on(|request| request.header("authorization").is_none()).answer(
        401,
        &[("WWW-Authenticate", "Basic realm=\"test\"")],
        "",
    );
}

/// Lets nobody pass who has not the token `good`; others are sent to this realm.
fn ask_for_token(recorder: &Recorder, realm: &str) {
    let challenge = format!("Bearer realm=\"{realm}\",service=\"test\",scope=\"repository:team/app:pull\"");
    recorder
        .on(|request| request.header("authorization") != Some("Bearer good"))
        .answer(401, &[("WWW-Authenticate", &challenge)], "");
}

/// No secret of these tests is in what the program says.
#[track_caller]
fn assert_discreet(run: &Run) {
    let said = run.to_string();
    let encoded = STANDARD.encode(format!("alice:{PASSWORD}"));
    for secret in [
        PASSWORD,
        &encoded,
        "secret-identity",
        "opaque-",
        "refresh-",
        "s1gn3d",
        "Bearer good",
    ] {
        assert!(!said.contains(secret), "{secret} in {said}");
    }
}

/// The first line on standard error.
fn first_line(run: &Run) -> &str {
    run.stderr.lines().next().unwrap_or_default()
}

/// Writes a file into the user's docker folder.
fn write_docker_file(sandbox: &Sandbox, path: &str, text: &str) {
    let path = sandbox.home().join(".config/docker").join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Whether it is a request for something below this name and of this kind.
fn reads(request: &Recorded, part: &str) -> bool {
    matches!(request.method.as_str(), "GET" | "HEAD") && request.path.contains(part)
}
