//! Registries as they are in the world: rdock's own behind a front that has the habits of another one.
//!
//! Each is a row of what is known of real registries' habits; an issue number stands where a habit is odd.

mod logins;
mod reads;
mod uploads;

use std::collections::HashSet;
use std::fs;
use std::sync::{Arc, Mutex};

use super::authority::Authority;
use super::image::Built;
use super::recorder::{Recorded, Recorder};
use super::sandbox::Sandbox;
use super::serve::Serve;

/// User and password of every registry that wants them.
pub(crate) const LOGIN: (&str, &str) = ("alice", "s3cret-pw");

/// A registry with habits.
pub(crate) struct Personality {
    backend: Serve,
    front: Recorder,
    /// Another origin, where blobs may be redirected to.
    storage: Recorder,
    authority: Option<Authority>,
    is_locked: bool,
    /// `(repository, digest)` of the blobs that clients brought: real registries keep them for each repository.
    shelves: Shelves,
}

type Shelves = Arc<Mutex<HashSet<(String, String)>>>;

impl Personality {
    /// Without any habit but blobs of its own for each repository.
    pub(crate) fn plain() -> Self {
        Self::before(Serve::open(), None)
    }

    fn before(backend: Serve, authority: Option<Authority>) -> Self {
        let front = match &authority {
            Some(authority) => Recorder::front_tls(&backend.host(), authority),
            None => Recorder::front(&backend.host()),
        };
        let storage = Recorder::front(&backend.host());
        Self {
            backend,
            front,
            storage,
            authority,
            is_locked: false,
            shelves: Shelves::default(),
        }
    }

    pub(crate) fn docker_hub() -> Self {
        Self::plain()
            .bearer("/token", "registry.docker.io", None)
            .refuses("GET", "/v2/_catalog", 401, "UNAUTHORIZED")
            .refuses("DELETE", "/manifests/", 405, "UNSUPPORTED")
            .without_referrers()
            .redirecting_blobs(307)
            .own_shelves()
            .saying("ratelimit-remaining", "76;w=21600")
    }

    pub(crate) fn distribution_2() -> Self {
        Self::plain()
            .refuses_tag_deletes()
            .without_referrers()
            .own_shelves()
            .ignoring_content_range()
            .binding_locations()
            .ignoring_queries_of("/manifests/")
            .ignoring_queries_of("/tags/list")
    }

    pub(crate) fn distribution_3() -> Self {
        Self::plain().without_referrers().own_shelves()
    }

    pub(crate) fn harbor() -> Self {
        Self::plain()
            .bearer("/service/token", "harbor-registry", None)
            .refusing_cookies()
            .own_shelves()
            .ignoring_content_range()
            .binding_locations()
            .hiding("HEAD", "/manifests/", "content-length")
    }

    pub(crate) fn nexus() -> Self {
        Self::before(Serve::open(), Some(Authority::new()))
            .basic("BASIC realm=\"Sonatype Nexus Repository Manager\"")
            .with_odd_tags(&["null"])
            .without_referrers()
            .without_mounts()
            .own_shelves()
            .locating_by("http")
    }

    pub(crate) fn artifactory() -> Self {
        Self::plain()
            .bearer(
                "/artifactory/api/docker/team/v2/token",
                "artifactory.example",
                Some(401),
            )
            .refuses("DELETE", "/blobs/", 405, "UNSUPPORTED")
            .with_odd_tags(&["\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\""])
            .without_referrers()
            .own_shelves()
            .failing_first("PATCH", "/uploads/", 404)
    }

    pub(crate) fn gitlab() -> Self {
        Self::plain()
            .bearer_for_the_last_scope("/jwt/auth", "container_registry")
            .refuses("GET", "/v2/_catalog", 401, "UNAUTHORIZED")
            .without_referrers()
            .redirecting_blobs(307)
            .own_shelves()
    }

    pub(crate) fn ghcr() -> Self {
        Self::plain()
            .bearer("/token", "ghcr.io", None)
            .refuses("GET", "/v2/_catalog", 404, "NAME_UNKNOWN")
            .refuses("DELETE", "/manifests/", 405, "UNSUPPORTED")
            .without_referrers()
            .without_mounts()
            .redirecting_blobs(307)
            .own_shelves()
            .refusing_chunks_above(4 << 20)
    }

    pub(crate) fn ecr() -> Self {
        Self::plain()
            .basic("Basic realm=\"https://ecr.example/\",service=\"ecr.amazonaws.com\"")
            .refuses("GET", "/uploads/", 404, "BLOB_UPLOAD_UNKNOWN")
            .limiting_pages_to(1000)
            .redirecting_blobs(307)
            .own_shelves()
            .counting_the_first_chunk_alone()
            .answering("PATCH", "/uploads/", 201)
    }

    pub(crate) fn google() -> Self {
        Self::plain()
            .bearer("/v2/token", "gcr.io", Some(404))
            .without_referrers()
            .redirecting_blobs(302)
            .own_shelves()
            .refusing_chunks_above(0)
            .binding_locations()
            .answering("PATCH", "/uploads/", 204)
    }

    pub(crate) fn azure() -> Self {
        Self::plain()
            .bearer("/oauth2/token", "azurecr.example", Some(400))
            .redirecting_blobs(307)
            .own_shelves()
            .failing_first("PUT", "/manifests/", 429)
    }

    pub(crate) fn quay() -> Self {
        Self::plain()
            .refusing_to_grant("delete", "/v2/auth")
            .bearer("/v2/auth", "quay.example", None)
            .without_referrers()
            .redirecting_blobs(302)
            .failing_first("HEAD", "/blobs/", 429)
            .own_shelves()
    }

    pub(crate) fn zot() -> Self {
        Self::plain()
            .basic("Basic realm=\"Authorization Required\"")
            .refusing_docker_s_types()
            .own_shelves()
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        self.front.host()
    }

    /// The recorder in front of it, for its record and for more faults.
    pub(crate) fn front(&self) -> &Recorder {
        &self.front
    }

    /// What stands behind the front, without any habit.
    pub(crate) fn backend(&self) -> &Serve {
        &self.backend
    }

    /// Puts an image there past all habits.
    pub(crate) fn seed(&self, repository: &str, tag: &str, image: &Built) {
        self.backend.push(repository, tag, image);
    }

    /// Makes a sandbox one that trusts this registry and has logged in, as far as that is needed.
    #[track_caller]
    pub(crate) fn introduce(&self, sandbox: &Sandbox) {
        if let Some(authority) = &self.authority {
            let folder = sandbox.home().join(".config/docker/certs.d").join(self.host());
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("ca.crt"), authority.pem()).unwrap();
        }
        if self.is_locked {
            let arguments = ["login", "-u", LOGIN.0, "--password-stdin", &self.host()];
            sandbox.rdock_stdin(&arguments, LOGIN.1).ok();
        }
    }

    /// The base URL as clients see it.
    fn url(&self) -> String {
        self.front.url()
    }
}

/// The repository in a path below `/v2/`, and what comes after its noun.
fn split<'a>(request: &'a Recorded, noun: &str) -> Option<(&'a str, &'a str)> {
    let path = request.path.split('?').next()?.strip_prefix("/v2/")?;
    path.split_once(noun)
}
