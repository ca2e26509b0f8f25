//! The certificate of the registry: the operator's own, or one that is made once and kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::{During as _, Error, Kind, Result};

/// What a server shows to its clients.
pub struct Identity {
    pub(in crate::server) config: Arc<ServerConfig>,
}

impl Identity {
    /// Reads a file with the certificate and those that sign it, and a file with its key; both PEM.
    pub fn read(certificates: &Path, key: &Path) -> Result<Self> {
        let wrong = |path: &Path, what: &str| {
            Error::new(Kind::Usage, format!("{} holds no {what} in PEM form", path.display()))
        };
        let pem = |path: &Path| fs::read(path).during(format!("reading {}", path.display()));
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem(certificates)?)
            .collect::<Result<_, _>>()
            .map_err(|e| wrong(certificates, "certificate").caused_by(e))?;
        if chain.is_empty() {
            return Err(wrong(certificates, "certificate"));
        }
        let secret = PrivateKeyDer::from_pem_slice(&pem(key)?).map_err(|_| wrong(key, "private key"))?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, secret))
            .map_err(|e| {
                let files = format!("{} and {}", certificates.display(), key.display());
                Error::new(Kind::Usage, format!("{files} cannot be used for TLS")).caused_by(e)
            })?;
        Ok(Self {
            config: Arc::new(config),
        })
    }
}

/// Files of a self-signed identity.
pub struct SelfSigned {
    /// What clients must trust.
    pub authority: PathBuf,
    pub identity: Identity,
}

/// The identity in this folder for these hosts; made, with an authority of its own, where it is not there yet or is for
/// other hosts.
pub fn self_signed(folder: &Path, hosts: &[String]) -> Result<SelfSigned> {
    let file = |name: &str| folder.join(name);
    let (authority, certificate, key) = (file("ca.crt"), file("server.crt"), file("server.key"));
    let made_for = file("hosts");
    let wanted = hosts.join("\n");
    if fs::read_to_string(&made_for).ok().as_ref() != Some(&wanted) || !key.exists() {
        let doing = || format!("making a certificate in {}", folder.display());
        let made = make(hosts)
            .map_err(|e| Error::new(Kind::Io, e.to_string()))
            .during(doing())?;
        write(folder, &authority, &made.authority).during(doing())?;
        write(folder, &certificate, &made.certificate).during(doing())?;
        write(folder, &key, &made.key).during(doing())?;
        write(folder, &made_for, &wanted).during(doing())?;
    }
    Ok(SelfSigned {
        authority,
        identity: Identity::read(&certificate, &key)?,
    })
}

/// PEM texts.
struct Made {
    authority: String,
    certificate: String,
    key: String,
}

fn make(hosts: &[String]) -> Result<Made, rcgen::Error> {
    let authority_key = KeyPair::generate()?;
    let mut authority = CertificateParams::default();
    authority
        .distinguished_name
        .push(DnType::CommonName, "rdock serve, self-signed");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_certificate = authority.self_signed(&authority_key)?;
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate()?;
    let mut server = CertificateParams::new(hosts)?;
    let name = hosts.first().map_or("rdock", String::as_str);
    server.distinguished_name.push(DnType::CommonName, name);
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    let certificate = server.signed_by(&key, &issuer)?;
    Ok(Made {
        authority: authority_certificate.pem(),
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    })
}

/// Puts the text there in one step, for its owner's eyes alone; certificates are no secret, but nobody else needs them
/// here.
fn write(folder: &Path, path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}
