//! OCI image layouts on disk, and their upload byte for byte.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::image::{Blob, Built};
use super::layer::{Bytes, Packed, digest};
use super::process::{PATH, finish};

/// A folder that follows the OCI image layout specification.
pub(crate) struct Layout {
    folder: PathBuf,
}

impl Layout {
    /// Opens a layout; makes an empty one if there is none.
    pub(crate) fn open(folder: &Path) -> Self {
        let layout = Self {
            folder: folder.to_owned(),
        };
        if !folder.join("oci-layout").exists() {
            fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
            fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
            layout.write_index(&json!({"schemaVersion": 2, "manifests": []}));
        }
        layout
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path at which the blob of this digest is or would be.
    pub(crate) fn path(&self, digest: &str) -> PathBuf {
        self.folder.join("blobs").join(digest.replace(':', "/"))
    }

    /// Stores bytes as a blob.
    pub(crate) fn put(&self, bytes: &[u8], media_type: &str) -> Blob {
        let digest = digest(bytes);
        fs::write(self.path(&digest), bytes).unwrap();
        Blob {
            digest,
            size: bytes.len() as u64,
            media_type: media_type.to_owned(),
        }
    }

    /// Stores a packed layer as a blob.
    pub(crate) fn put_layer(&self, layer: Packed, media_type: &str) -> Blob {
        let path = self.path(&layer.digest);
        match layer.bytes {
            Bytes::Memory(bytes) => fs::write(path, bytes).unwrap(),
            Bytes::File(file) if path.exists() => drop(file),
            Bytes::File(file) => {
                // A hard link where the file system allows it.
                if fs::hard_link(&file, &path).is_err() {
                    fs::copy(&file, &path).unwrap();
                }
            }
        }
        Blob {
            digest: layer.digest,
            size: layer.size,
            media_type: media_type.to_owned(),
        }
    }

    /// Lists a manifest in `index.json` under a name, in place of what had the name before.
    pub(crate) fn list(&self, built: &Built, name: &str) {
        let text = fs::read_to_string(self.folder.join("index.json")).unwrap();
        let mut index: Value = serde_json::from_str(&text).unwrap();
        let key = "org.opencontainers.image.ref.name";
        let mut descriptor = built.descriptor();
        descriptor["annotations"] = json!({key: name});
        let entries = index["manifests"].as_array_mut().unwrap();
        entries.retain(|entry| entry["annotations"][key] != name);
        entries.push(descriptor);
        self.write_index(&index);
    }

    fn write_index(&self, index: &Value) {
        let path = self.folder.join("index.json");
        fs::write(path, serde_json::to_vec(index).unwrap()).unwrap();
    }
}

/// How to get into a registry: scheme, certificates and password as arguments of curl.
#[derive(Clone, Default)]
pub(crate) struct Access {
    arguments: Vec<String>,
    scheme: Scheme,
}

#[derive(Clone, Copy, Default)]
enum Scheme {
    #[default]
    Http,
    Https,
}

impl Access {
    /// HTTPS with this authority trusted.
    pub(crate) fn authority(mut self, certificate: &Path) -> Self {
        self.scheme = Scheme::Https;
        self.with(["--cacert", certificate.to_str().unwrap()])
    }

    /// A copy with a password.
    pub(crate) fn user(self, user: &str, password: &str) -> Self {
        self.with(["--user", &format!("{user}:{password}")])
    }

    /// A copy with a client's certificate and key.
    pub(crate) fn client(self, (cert, key): &(PathBuf, PathBuf)) -> Self {
        self.with(["--cert", cert.to_str().unwrap()])
            .with(["--key", key.to_str().unwrap()])
    }

    fn with(mut self, arguments: [&str; 2]) -> Self {
        self.arguments.extend(arguments.map(str::to_owned));
        self
    }

    /// The base URL of a host behind this access.
    pub(crate) fn url(&self, host: &str) -> String {
        match self.scheme {
            Scheme::Http => format!("http://{host}"),
            Scheme::Https => format!("https://{host}"),
        }
    }

    /// A `Location` that may go without a host.
    fn resolve(&self, host: &str, location: &str) -> String {
        match location.strip_prefix('/') {
            Some(path) => format!("{}/{path}", self.url(host)),
            None => location.to_owned(),
        }
    }

    /// A silent curl in an empty environment.
    pub(crate) fn curl(&self) -> Command {
        let mut command = Command::new("curl");
        command.arg("-sS").args(&self.arguments).env_clear().env("PATH", PATH);
        command
    }

    fn ask(&self, arguments: &[&str]) -> String {
        let mut command = self.curl();
        command.args(["--fail-with-body", "-D", "-"]).args(arguments);
        finish(command, b"").ok().stdout
    }
}

/// Uploads an image or index with all it refers to, byte for byte, and names it `tag` (or nothing
/// but its digest when `tag` is empty).
pub(crate) fn push_raw(access: &Access, host: &str, repository: &str, tag: &str, built: &Built) {
    for child in &built.children {
        push_raw(access, host, repository, "", child);
    }
    let base = format!("{}/v2/{repository}", access.url(host));
    let blobs = built.layers.iter().map(|layer| layer.digest.as_str());
    let config = Some(built.config_digest.as_str()).filter(|digest| !digest.is_empty());
    for digest in blobs.chain(config) {
        let path = built.blob(digest);
        let started = access.ask(&["-X", "POST", &format!("{base}/blobs/uploads/")]);
        let location = access.resolve(host, header(&started, "location").unwrap());
        let joint = if location.contains('?') { '&' } else { '?' };
        let target = format!("{location}{joint}digest={digest}");
        access.ask(&["-T", path.to_str().unwrap(), &target]);
    }
    let reference = if tag.is_empty() { &built.digest } else { tag };
    let manifest = built.blob(&built.digest);
    access.ask(&[
        "-H",
        &format!("Content-Type: {}", built.media_type),
        "-T",
        manifest.to_str().unwrap(),
        &format!("{base}/manifests/{reference}"),
    ]);
}

/// The value of a header in the answer that `curl -i` or `curl -D -` printed.
pub(crate) fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let headers = answer.lines().filter_map(|line| line.split_once(':'));
    let mut found = headers.filter(|(key, _)| key.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value.trim())
}
