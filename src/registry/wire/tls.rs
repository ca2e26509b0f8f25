//! How the other side of a TLS connection is verified, and what it is shown of ours.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::bounded_map::BoundedMap;
use super::certificates::Certificates;
use crate::error::{Error, Kind, Result};

/// The certificates that the system trusts. Reading them takes milliseconds, so one set serves the process.
#[derive(Debug)]
pub(super) struct Roots {
    anchors: RootCertStore,
    certificates: Vec<CertificateDer<'static>>,
}

impl Roots {
    /// The system's roots, or those of `SSL_CERT_FILE`; Mozilla's where there are none, as in a bare container.
    pub(super) fn load() -> Self {
        let certificates = rustls_native_certs::load_native_certs().certs;
        let mut anchors = RootCertStore::empty();
        anchors.add_parsable_certificates(certificates.iter().cloned());
        if anchors.is_empty() {
            anchors.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        Self { anchors, certificates }
    }
}

/// A set-up, and the versions that it led to.
#[derive(Debug)]
pub(super) struct Tls {
    pub(super) config: ClientConfig,
    pub(super) versions: Versions,
}

/// The version of TLS that each host was met with last. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Versions(Arc<Mutex<Met>>);

#[derive(Debug)]
struct Met {
    /// Whose certificate was looked at last: its signature is, next, in the same step of the handshake.
    host: String,
    versions: BoundedMap<String, &'static str>,
}

impl Default for Versions {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Met {
            host: String::new(),
            versions: BoundedMap::new(MAX_HOSTS),
        })))
    }
}

impl Versions {
    /// Certificates for a host as it stands in a URL.
    pub(super) fn of(&self, host: &str) -> Option<&'static str> {
        self.lock().versions.get(host.trim_matches(['[', ']'])).copied()
    }

    fn meet(&self, host: &ServerName<'_>) {
        self.lock().host = host.to_str().into_owned();
    }

    fn speak(&self, version: &'static str) {
        let mut met = self.lock();
        let host = met.host.clone();
        met.versions.insert(host, version);
    }

    fn lock(&self) -> MutexGuard<'_, Met> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many hosts are remembered with their version.
const MAX_HOSTS: usize = 128;
const TLS12: &str = "TLS 1.2";
const TLS13: &str = "TLS 1.3";

/// A set-up that verifies hosts by the system's roots and the host's own folder.
pub(super) fn verified(roots: &Roots, own: Certificates) -> Result<Tls> {
    let mut anchors = roots.anchors.clone();
    anchors.add_parsable_certificates(own.authorities.iter().cloned());
    let mut trusted = roots.certificates.clone();
    trusted.extend(own.authorities);
    let by_chain = WebPkiServerVerifier::builder_with_provider(Arc::new(anchors), provider())
        .build()
        .map_err(|e| Error::new(Kind::Unsupported, "cannot set up TLS").caused_by(e))?;
    let clients = own
        .clients
        .into_iter()
        .map(|identity| {
            let name = identity.name;
            CertifiedKey::from_der(identity.chain, identity.key, &provider())
                .map(Arc::new)
                .map_err(|e| {
                    let message = format!("cannot use client certificate {name}.cert with {name}.key");
                    Error::new(Kind::Usage, message).caused_by(e)
                })
        })
        .collect::<Result<Vec<_>>>()?;
    let versions = Versions::default();
    let verifier = Verifier {
        by_chain,
        trusted,
        versions: versions.clone(),
    };
    let config = set_up(Arc::new(verifier), ClientCertificates(clients))?;
    Ok(Tls { config, versions })
}

/// A set-up that takes any certificate, for hosts marked insecure. It shows no certificate of ours.
pub(super) fn unverified() -> Result<Tls> {
    let versions = Versions::default();
    let config = set_up(Arc::new(AcceptAny(versions.clone())), ClientCertificates(Vec::new()))?;
    Ok(Tls { config, versions })
}

fn set_up(verifier: Arc<dyn ServerCertVerifier>, clients: ClientCertificates) -> Result<ClientConfig> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::new(Kind::Unsupported, "cannot set up TLS").caused_by(e))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(Arc::new(clients));
    // A set-up of our own gets no protocol list from the HTTP client.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Verifies by chain, and takes a trusted certificate for what it is: `openssl req -x509` marks the certificates it
/// makes as authorities, which docker accepts as a server's own when they lie in `certs.d` and webpki never does.
#[derive(Debug)]
struct Verifier {
    by_chain: Arc<WebPkiServerVerifier>,
    trusted: Vec<CertificateDer<'static>>,
    versions: Versions,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.versions.meet(server_name);
        let verdict = self
            .by_chain
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verdict {
            // webpki looks at the dates before it looks at this, and at the name after it.
            Err(e) if is_authority_as_server(&e) => {
                if !self.trusted.iter().any(|known| known == end_entity) {
                    return Err(CertificateError::UnknownIssuer.into());
                }
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.versions.speak(TLS12);
        self.by_chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.versions.speak(TLS13);
        self.by_chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.by_chain.supported_verify_schemes()
    }
}

/// rustls hands webpki's error on without a name of its own for it.
fn is_authority_as_server(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::InvalidCertificate(CertificateError::Other(other))
        if format!("{other:?}").contains("CaUsedAsEndEntity"))
}

/// Believes every certificate, even those of the first X.509 version, which webpki cannot read.
#[derive(Debug)]
struct AcceptAny(Versions);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.0.meet(server_name);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.speak(TLS12);
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.speak(TLS13);
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

/// Our client certificates: the first one that the server can use is shown.
#[derive(Debug)]
struct ClientCertificates(Vec<Arc<CertifiedKey>>);

impl ResolvesClientCert for ClientCertificates {
    fn resolve(&self, root_hint_subjects: &[&[u8]], sigschemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        // An issuer stands in a certificate as the very bytes the server names it by.
        let is_from = |certificate: &CertificateDer<'_>, issuer: &[u8]| {
            !issuer.is_empty() && certificate.windows(issuer.len()).any(|part| part == issuer)
        };
        let fits = |identity: &&Arc<CertifiedKey>| {
            identity.key.choose_scheme(sigschemes).is_some()
                && (root_hint_subjects.is_empty()
                    || root_hint_subjects
                        .iter()
                        .any(|issuer| identity.cert.iter().any(|certificate| is_from(certificate, issuer))))
        };
        self.0.iter().find(fits).cloned()
    }

    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}
