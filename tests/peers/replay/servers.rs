//! The servers of the recording, at the recorded addresses and with the recorded images.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::transcript::Transcript;
use super::{images, made};
use crate::support::authority::Authority;
use crate::support::fault::Reply;
use crate::support::hub::Hub;
use crate::support::recorder::Recorder;
use crate::support::registry::Registry;
use crate::support::search;

const ALICE: (&str, &str) = ("alice", "s3cret-pw");
const BOB: (&str, &str) = ("bob", "hunter2:with:colons");

/// Everything that runs until the replay ends.
pub(crate) struct Servers {
    open: Registry,
    closed: Registry,
    hub: Hub,
    /// Registries that only one replay needs.
    more: Vec<Registry>,
    fronts: Vec<Recorder>,
    /// The authority that rdock trusts, and the one it does not.
    pub(crate) trusted: PathBuf,
    pub(crate) untrusted: PathBuf,
}

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

impl Servers {
    /// Starts them all; `folder` is for certificates.
    pub(crate) fn start(folder: &Path) -> Self {
        let (trusted, other) = (Authority::new(), Authority::new());
        let hub_addresses = ["10.99.0.1:443", "10.99.0.2:443", "10.99.0.3:443", "127.0.0.1:0"];
        let mut servers = Self {
            open: Registry::on(5101, &[]),
            closed: Registry::on(5102, &[ALICE, BOB]),
            hub: Hub::at(&trusted, hub_addresses.map(at), found()),
            more: Vec::new(),
            fronts: Vec::new(),
            trusted: folder.join("trusted.crt"),
            untrusted: folder.join("untrusted.crt"),
        };
        fs::write(&servers.trusted, trusted.pem()).unwrap();
        fs::write(&servers.untrusted, other.pem()).unwrap();
        trusted.client("client").write(folder, "client");
        servers.open_fronts(&trusted, &other);
        servers.imitate_the_recorded_hub();
        servers.fill();
        servers
    }

    fn open_fronts(&mut self, trusted: &Authority, other: &Authority) {
        let (open, closed) = (self.open.host(), self.closed.host());
        let good = trusted.issue(&["registry.example.com"]);
        let bad = other.issue(&["selfsigned.example.com", "127.0.0.1", "localhost"]);
        let front = |address: &str, upstream: &str, identity| Recorder::start_at(at(address), Some(upstream), identity);
        let search = Recorder::start_at(at("127.0.0.1:5106"), None, None);
        search::serve(&search, found());
        let faults = front("127.0.0.1:5104", &open, None);
        misbehave(&faults);
        self.fronts = vec![
            front("127.0.0.1:5103", &open, Some(&bad)),
            faults,
            front("127.0.0.1:5105", &open, None),
            search,
            // The registry that stands for `docker load`'s archives.
            front("127.0.0.1:5109", &self.hub.backend().host(), None),
            front("10.99.0.4:443", &closed, Some(&good)),
            front("10.99.0.5:443", &open, Some(&bad)),
            front("10.99.0.5:5443", &open, Some(&bad)),
            front("10.99.0.6:5000", &open, None),
            front("10.99.0.6:5001", &open, None),
        ];
    }

    /// The recorded token server knew no OAuth, and let anybody ask for what might be in `library/`.
    fn imitate_the_recorded_hub(&self) {
        self.hub.refuse_oauth(404, "not supported");
        let library = self.hub.storage().join("docker/registry/v2/repositories/library");
        for name in ["nosuch", "sha256", "a", "b"] {
            fs::create_dir_all(library.join(name)).unwrap();
        }
    }

    fn fill(&self) {
        let hub = self.hub.storage();
        for (name, image) in [
            ("library/nginx:latest", "nginx"),
            ("library/nginx:1.15", "nginx"),
            ("library/nginx:1.14", "nginx2"),
            ("library/hello-world:latest", "hello"),
            ("alice/secret:latest", "hello"),
            ("seed/nginx:latest", "nginx"),
            ("seed/nginx2:latest", "nginx2"),
            ("seed/hello:latest", "hello"),
        ] {
            images::put(&hub, name, image);
        }
        let open = self.open.storage();
        for (name, image) in [
            ("team/nginx:latest", "nginx"),
            ("team/nginx:1.15", "nginx"),
            ("team/nginx:1.14", "nginx2"),
            ("team/oci:latest", "oci"),
            ("team/multi:latest", "multi"),
            ("team/multi:arm", "arm"),
            ("team/multi:amd", "nginx"),
            ("team/multi:win", "win"),
            ("team/armonly:latest", "armonly"),
        ] {
            images::put(&open, name, image);
        }
    }

    /// Puts one more image into the open registry.
    pub(crate) fn put(&self, name: &str, image: &str) {
        images::put(&self.open.storage(), name, image);
    }

    /// Puts one more image into the registry with a password.
    pub(crate) fn put_closed(&self, name: &str, image: &str) {
        images::put(&self.closed.storage(), name, image);
    }

    /// Opens an empty registry at one more address.
    pub(crate) fn open_empty(&mut self, address: &str) {
        let registry = Registry::open();
        self.fronts
            .push(Recorder::start_at(at(address), Some(&registry.host()), None));
        self.more.push(registry);
    }

    /// Puts the images of all ages where `ld` finds them; each one's ID here, and the recorded one.
    pub(crate) fn put_made(&self, scratch: &Path, transcript: &Transcript) -> Vec<(String, String)> {
        made::put_all(&self.hub.storage(), scratch, transcript)
    }

    /// Puts the image of six layers, 21 MB in all, into the open registry.
    pub(crate) fn put_big(&self) -> images::Big {
        let big = images::Big::make();
        self.open.push("team/big", "latest", &big.built);
        big
    }
}

fn found() -> Vec<Value> {
    let path = Path::new(super::DATA).join("search.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The faults that the recorded proxy injected by the name of the repository. Where it let clients wait before they
/// try again, or choose how long, they need not wait here.
fn misbehave(faults: &Recorder) {
    let error = |code: &str, message: &str| serde_json::json!({"errors": [{"code": code, "message": message}]});
    let limit = "You have reached your pull rate limit. You may increase the limit by authenticating and upgrading: \
                 https://www.docker.com/increase-rate-limit";
    let denied = "requested access to the resource is denied";
    let mut unknown = error("NAME_UNKNOWN", "repository name not known to registry");
    unknown["errors"][0]["detail"] = serde_json::json!({"name": "nameunknown/x"});
    let challenge = Reply::json(401, &error("UNAUTHORIZED", "authentication required"));
    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    let signed = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    let artifact = "application/vnd.oci.artifact.manifest.v1+json";
    let zeros = format!("sha256:{}", "0".repeat(64));
    let old = r#"{"schemaVersion": 1, "name": "schema1/x", "tag": "latest", "architecture": "amd64", "fsLayers": [], "history": []}"#;
    let other = format!(r#"{{"schemaVersion":2,"mediaType":"{artifact}"}}"#);
    let typed = |body: &str, media_type: &str| Reply::new(200, body).header("Content-Type", media_type);
    for (part, reply) in [
        (
            "/v2/ratelimited/",
            Reply::json(429, &error("TOOMANYREQUESTS", limit)).header("Retry-After", "0"),
        ),
        (
            "/v2/err500/",
            Reply::new(500, "internal server error")
                .header("Content-Type", "text/plain")
                .header("Retry-After", "0"),
        ),
        (
            "/v2/err503/",
            Reply::json(503, &error("UNAVAILABLE", "service unavailable")).header("Retry-After", "0"),
        ),
        ("/v2/denied/", Reply::json(403, &error("DENIED", denied))),
        ("/v2/unauth/", challenge.header("WWW-Authenticate", "Basic realm=\"x\"")),
        ("/v2/nameunknown/", Reply::json(404, &unknown)),
        (
            "/v2/html404/",
            Reply::new(404, "<html>not here</html>").header("Content-Type", "text/html"),
        ),
        (
            "/v2/badmanifest/x/manifests/",
            typed("{not json", docker).header("Docker-Content-Digest", &zeros),
        ),
        ("/v2/schema1/x/manifests/", typed(old, signed)),
        ("/v2/unsupported/x/manifests/", typed(&other, artifact)),
    ] {
        faults
            .on(move |request| request.path.starts_with(part))
            .respond(move |_| Some(reply.clone()));
    }
    // The recorded proxy spoilt the first layer too; which of two is told of depends on the moment.
    faults
        .on_path("GET", "/v2/corrupt/x/blobs/sha256:04def153")
        .corrupt_at(1000);
}
