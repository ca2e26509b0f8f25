//! Who vouches for a host: the system, `SSL_CERT_FILE`, or the host's folder in `certs.d`.

use std::fs;
use std::future::ready;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::FutureExt;
use http_body_util::{BodyExt, Full};
use hyper::Response;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::{HOST, first_line};
use crate::support::authority::{Authority, Identity};
use crate::support::image::Image;
use crate::support::internet::Internet;
use crate::support::listener::Listener;
use crate::support::process::Run;
use crate::support::recorder::Recorder;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;

/// A registry at [`HOST`] port 5000 that shows this certificate, or one of its own; nobody is told whom to trust.
struct Vouched {
    sandbox: Sandbox,
    _servers: (Registry, Recorder, Internet),
}

const DOMAIN: &str = "reg.example.test:5000";

impl Vouched {
    fn new(identity: &Identity) -> Self {
        let registry = Registry::open();
        let recorder = Recorder::start(Some(&registry.host()), Some(identity));
        let mut sandbox = Sandbox::new();
        let image = Image::small().write(&sandbox.root().join("image"));
        registry.push("team/app", "latest", &image);
        let internet = Internet::new(&Authority::new()).host(DOMAIN, &recorder.host());
        internet.apply(&mut sandbox);
        let servers = (registry, recorder, internet);
        Self {
            sandbox,
            _servers: servers,
        }
    }

    /// The host's folder in the user's `certs.d`.
    fn folder(&self) -> PathBuf {
        let folder = self.sandbox.home().join(".config/docker/certs.d").join(DOMAIN);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[track_caller]
    fn pull(&self) -> Run {
        self.sandbox.rdock(&["pull", &format!("{DOMAIN}/team/app")])
    }
}

#[test]
fn an_unknown_authority_is_told_with_a_way_out() {
    let authority = Authority::new();
    let vouched = Vouched::new(&authority.issue(&[HOST]));
    let pulled = vouched.pull().fails(1);
    let folder = vouched.sandbox.home().join(".config/docker/certs.d");
    assert_eq!(
        pulled.stderr,
        format!(
            "Get \"https://{DOMAIN}/v2/\": tls: failed to verify certificate: x509: certificate signed by unknown authority\n\
             hint: the certificate of {DOMAIN} is signed by an authority that is not trusted here: put the authority's \
             certificate into /etc/docker/certs.d/{DOMAIN}/ca.crt or {}/{DOMAIN}/ca.crt\n",
            folder.display()
        )
    );
    authority.pem_file(&vouched.folder());
    vouched.pull().ok();
}

#[test]
fn a_certificate_authority_counts_for_its_own_host_and_port_only() {
    let authority = Authority::new();
    let vouched = Vouched::new(&authority.issue(&[HOST]));
    let folder = vouched.sandbox.home().join(".config/docker/certs.d");
    for other in [HOST, "reg.example.test:5001", "other.test:5000"] {
        fs::create_dir_all(folder.join(other)).unwrap();
        authority.pem_file(&folder.join(other));
    }
    let pulled = vouched.pull().fails(1);
    assert!(
        pulled.stderr.contains("x509: certificate signed by unknown authority"),
        "{pulled}"
    );
}

#[test]
fn ssl_cert_file_names_authorities() {
    let authority = Authority::new();
    let mut vouched = Vouched::new(&authority.issue(&[HOST]));
    let file = authority.pem_file(vouched.sandbox.root());
    vouched.sandbox.set_env("SSL_CERT_FILE", file);
    vouched.pull().ok();
}

#[test]
fn a_self_signed_certificate_may_stand_as_its_own_authority() {
    let identity = Identity::self_signed(&[HOST]);
    let vouched = Vouched::new(&identity);
    vouched.pull().fails(1);
    fs::write(vouched.folder().join("ca.crt"), &identity.cert).unwrap();
    vouched.pull().ok();
}

#[test]
fn a_self_signed_certificate_stands_for_its_own_names_only() {
    let identity = Identity::self_signed(&["other.test"]);
    let vouched = Vouched::new(&identity);
    fs::write(vouched.folder().join("ca.crt"), &identity.cert).unwrap();
    let pulled = vouched.pull().fails(1);
    assert!(
        first_line(&pulled).ends_with("x509: certificate is valid for other.test, not reg.example.test"),
        "{pulled}"
    );
}

#[test]
fn an_expired_certificate_is_refused_with_its_dates() {
    let authority = Authority::new();
    let vouched = Vouched::new(&authority.issue_expired(&[HOST]));
    authority.pem_file(&vouched.folder());
    let pulled = vouched.pull().fails(1);
    let line = first_line(&pulled);
    assert!(
        line.contains("x509: certificate has expired or is not yet valid: current time "),
        "{pulled}"
    );
    assert!(line.ends_with(" is after 2020-01-01T00:00:00Z"), "{pulled}");
}

/// A server that talks only to clients with a certificate of this authority, about one tag.
fn exclusive(authority: &Authority) -> Listener {
    let identity = authority.issue(&[HOST]);
    let certificates = |pem: &str| {
        CertificateDer::pem_slice_iter(pem.as_bytes())
            .map(Result::unwrap)
            .collect()
    };
    let (own, chain): (Vec<_>, Vec<_>) = (certificates(authority.pem()), certificates(&identity.cert));
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(own);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients.build().unwrap())
        .with_single_cert(chain, PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap())
        .unwrap();
    let answer = || {
        Response::new(
            Full::from(r#"{"tags":["inside"]}"#)
                .map_err(|never| match never {})
                .boxed_unsync(),
        )
    };
    Listener::start(
        Some(Arc::new(config)),
        Arc::new(move |_, _| ready(Ok(answer())).boxed()),
    )
}

#[test]
fn a_client_certificate_opens_a_registry_that_wants_one() {
    let authority = Authority::new();
    let server = exclusive(&authority);
    let mut sandbox = Sandbox::new();
    let internet = Internet::new(&authority).host(DOMAIN, &server.address().to_string());
    internet.apply(&mut sandbox);
    let refused = sandbox.rdock(&["tags", &format!("{DOMAIN}/x")]).fails(1);
    assert!(
        first_line(&refused).ends_with("remote error: tls: certificate required"),
        "{refused}"
    );
    let folder = sandbox.home().join(".config/docker/certs.d").join(DOMAIN);
    fs::create_dir_all(&folder).unwrap();
    authority.client("alice").write(&folder, "client");
    let opened = sandbox.rdock(&["tags", "-q", &format!("{DOMAIN}/x")]).ok();
    assert_eq!(opened.stdout, "inside\n");
    // Docker never shows it to a host that is marked insecure.
    sandbox.rdock(&["tags", "--insecure", &format!("{DOMAIN}/x")]).fails(1);
}

#[test]
fn half_a_client_certificate_is_told_in_docker_s_words() {
    let authority = Authority::new();
    let vouched = Vouched::new(&authority.issue(&[HOST]));
    let folder = vouched.folder();
    authority.pem_file(&folder);
    let (cert, key) = authority.client("alice").write(&folder, "client");
    vouched.pull().ok();
    let key_text = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    let pulled = vouched.pull().fails(1);
    assert_eq!(
        first_line(&pulled),
        "missing key client.key for client certificate client.cert. Note that CA certificates should use the \
         extension .crt"
    );
    fs::write(&key, key_text).unwrap();
    fs::remove_file(&cert).unwrap();
    let pulled = vouched.pull().fails(1);
    assert_eq!(
        first_line(&pulled),
        "Missing client certificate client.cert for key client.key"
    );
    fs::write(&cert, "nonsense").unwrap();
    let pulled = vouched.pull().fails(1);
    assert!(first_line(&pulled).contains("client.cert"), "{pulled}");
}
