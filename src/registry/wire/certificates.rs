//! What docker's `certs.d` holds for a host: authorities and client certificates.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::{During, Error, Kind, Result};

/// The certificates meant for one host.
#[derive(Debug, Default)]
pub(super) struct Certificates {
    /// Every `*.crt`: trusted beside the system's roots.
    pub(super) authorities: Vec<CertificateDer<'static>>,
    /// Every `NAME.cert` with its `NAME.key`.
    pub(super) clients: Vec<ClientCertificate>,
}

/// A client certificate and its key.
#[derive(Debug)]
pub(super) struct ClientCertificate {
    pub(super) name: String,
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Certificates {
    /// Reads the folder of this host, spelled exactly as in references, in each of the folders given.
    pub(super) fn read(folders: &[PathBuf], domain: &str) -> Result<Self> {
        let mut found = Self::default();
        if domain.contains('/') || domain.starts_with('.') {
            return Ok(found);
        }
        for folder in folders {
            found.add_folder(&folder.join(domain))?;
        }
        Ok(found)
    }

    fn add_folder(&mut self, folder: &Path) -> Result<()> {
        let names = file_names(folder).during(format_args!("cannot read {}", folder.display()))?;
        for name in &names {
            if name.strip_suffix(".crt").is_some() {
                // A file without a certificate in it is passed over, as docker does: the connection will tell.
                let path = folder.join(name);
                let text = match fs::read(&path) {
                    // A link to nothing; whoever made the settings is told of it there.
                    Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                    text => text.during(format_args!("cannot read {}", path.display()))?,
                };
                self.authorities
                    .extend(CertificateDer::pem_slice_iter(&text).filter_map(Result::ok));
            } else if let Some(stem) = name.strip_suffix(".cert") {
                let key = format!("{stem}.key");
                if !names.contains(&key) {
                    return Err(Error::new(
                        Kind::Usage,
                        format!(
                            "missing key {key} for client certificate {name}. \
                             Note that CA certificates should use the extension .crt"
                        ),
                    ));
                }
                self.clients.push(ClientCertificate::read(folder, stem)?);
            } else if let Some(stem) = name.strip_suffix(".key") {
                let certificate = format!("{stem}.cert");
                if !names.contains(&certificate) {
                    return Err(Error::new(
                        Kind::Usage,
                        format!("Missing client certificate {certificate} for key {name}"),
                    ));
                }
            }
        }
        Ok(())
    }
}

impl ClientCertificate {
    fn read(folder: &Path, name: &str) -> Result<Self> {
        let path = |extension: &str| folder.join(format!("{name}.{extension}"));
        let unusable = |path: &Path, e: rustls::pki_types::pem::Error| {
            Error::new(Kind::Usage, format!("cannot use {}: {e}", path.display()))
        };
        let certificate = path("cert");
        let chain: Vec<_> = CertificateDer::pem_file_iter(&certificate)
            .and_then(Iterator::collect)
            .map_err(|e| unusable(&certificate, e))?;
        let key = PrivateKeyDer::from_pem_file(path("key")).map_err(|e| unusable(&path("key"), e))?;
        Ok(Self {
            name: name.to_owned(),
            chain,
            key,
        })
    }
}

/// The names in a folder in order; none when the folder is not there or not for us.
fn file_names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {
            return Ok(Vec::new());
        }
        Err(e) => return Err(e),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("h:5000");
        fs::create_dir(&own).unwrap();
        for (name, text) in files {
            fs::write(own.join(name), text).unwrap();
        }
        folder
    }

    fn read(folder: &tempfile::TempDir, domain: &str) -> Result<Certificates> {
        Certificates::read(&[folder.path().to_owned()], domain)
    }

    #[test]
    fn a_certificate_without_its_key_is_named_in_docker_s_words() {
        let lonely = read(&folder(&[("client.cert", "")]), "h:5000").unwrap_err();
        assert_eq!(
            lonely.to_string(),
            "missing key client.key for client certificate client.cert. \
             Note that CA certificates should use the extension .crt"
        );
        let lonely = read(&folder(&[("client.key", "")]), "h:5000").unwrap_err();
        assert_eq!(
            lonely.to_string(),
            "Missing client certificate client.cert for key client.key"
        );
    }

    #[test]
    fn authorities_and_pairs_are_read_and_the_rest_is_passed_over() {
        let made = rcgen::generate_simple_self_signed(vec!["h".into()]).unwrap();
        let (pem, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let both = format!("{pem}{pem}");
        let files = [
            ("ca.crt", both.as_str()),
            ("bad.crt", "garbage"),
            ("ca.pem", pem.as_str()),
            ("me.cert", pem.as_str()),
            ("me.key", key.as_str()),
        ];
        let folder = folder(&files);
        let found = read(&folder, "h:5000").unwrap();
        assert_eq!((found.authorities.len(), found.clients.len()), (2, 1));
        for elsewhere in ["h", "h:5001", "..", "../h:5000", ""] {
            let none = read(&folder, elsewhere).unwrap();
            assert!(none.authorities.is_empty() && none.clients.is_empty(), "{elsewhere}");
        }
    }
}
