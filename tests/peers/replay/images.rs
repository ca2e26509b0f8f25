//! The images of the recording. The small ones stand byte for byte in a layout beside the transcripts; the big one is
//! made here, of the same sizes, and its digests are translated.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::image::{Blob, Built};
use crate::support::layer::{Layer, Packing, noise};
use crate::support::layout::Layout;

/// Puts an image of the layout into the storage of a docker-registry under `repository:tag`, as it would itself.
pub(crate) fn put(storage: &Path, name: &str, image: &str) {
    let (repository, tag) = name.rsplit_once(':').unwrap();
    let layout = Path::new(super::DATA).join("images");
    let index: Value = serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
    let listed = index["manifests"].as_array().unwrap();
    let found = listed
        .iter()
        .find(|entry| entry["annotations"]["org.opencontainers.image.ref.name"] == image);
    let manifest = found.unwrap()["digest"].as_str().unwrap();
    RepositoryFiles::new(&layout, storage, repository).put(manifest, tag);
}

/// Where blobs come from and go to.
pub(crate) struct RepositoryFiles {
    blobs: PathBuf,
    root: PathBuf,
    repository: PathBuf,
}

impl RepositoryFiles {
    /// From an OCI layout into a repository of a docker-registry's storage.
    pub(crate) fn new(layout: &Path, storage: &Path, repository: &str) -> Self {
        let root = storage.join("docker/registry/v2");
        Self {
            blobs: layout.join("blobs/sha256"),
            repository: root.join("repositories").join(repository),
            root,
        }
    }

    /// Puts an image or an index there, with all it refers to.
    pub(crate) fn put(&self, manifest: &str, tag: &str) {
        self.put_manifest(manifest);
        let tags = self.repository.join("_manifests/tags").join(tag);
        link(&tags.join("current"), manifest);
        link(&tags.join("index/sha256").join(hex(manifest)), manifest);
    }

    fn put_manifest(&self, digest: &str) {
        let bytes = self.put_blob(digest);
        link(
            &self.repository.join("_manifests/revisions/sha256").join(hex(digest)),
            digest,
        );
        let manifest: Value = serde_json::from_slice(&bytes).unwrap();
        for child in manifest["manifests"].as_array().into_iter().flatten() {
            self.put_manifest(child["digest"].as_str().unwrap());
        }
        let layers = manifest["layers"].as_array().into_iter().flatten();
        for blob in layers.chain(manifest.get("config")) {
            let digest = blob["digest"].as_str().unwrap();
            self.put_blob(digest);
            link(&self.repository.join("_layers/sha256").join(hex(digest)), digest);
        }
    }

    fn put_blob(&self, digest: &str) -> Vec<u8> {
        let hex = hex(digest);
        let bytes = fs::read(self.blobs.join(hex)).unwrap();
        let folder = self.root.join("blobs/sha256").join(&hex[..2]).join(hex);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("data"), &bytes).unwrap();
        bytes
    }
}

fn hex(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap()
}

fn link(folder: &Path, digest: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("link"), digest).unwrap();
}

/// The image of six layers, as it is here.
pub(crate) struct Big {
    pub(crate) built: Built,
    _folder: tempfile::TempDir,
}

impl Big {
    /// The same every time.
    pub(crate) fn make() -> Self {
        let folder = tempfile::Builder::new().prefix("rdbig").tempdir().unwrap();
        let layout = Layout::open(folder.path());
        let media_type = "application/vnd.docker.image.rootfs.diff.tar.gzip";
        let mut layers = Vec::new();
        let mut diff_ids = Vec::new();
        for (number, size) in [200, 6_000_000, 12_000_000, 3_000_000, 500_000, 40_000]
            .into_iter()
            .enumerate()
        {
            let packed =
                Layer::tar(tar(&format!("big{number}.bin"), &noise(10 + number as u64, size))).pack(Packing::Gzip);
            diff_ids.push(packed.diff_id.clone());
            layers.push(layout.put_layer(packed, media_type));
        }
        let created = "2020-02-29T00:00:00Z";
        let config = json!({
            "architecture": "amd64", "os": "linux", "created": created, "config": {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": (0..6).map(|number| json!({"created": created, "created_by": format!("layer {number}")})).collect::<Vec<_>>(),
        });
        let config = layout.put(
            config.to_string().as_bytes(),
            "application/vnd.docker.container.image.v1+json",
        );
        let media_type = "application/vnd.docker.distribution.manifest.v2+json";
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media_type,
            "config": config.descriptor(),
            "layers": layers.iter().map(Blob::descriptor).collect::<Vec<_>>(),
        });
        let built = Built {
            config_digest: config.digest,
            diff_ids,
            layers,
            ..Built::of(&layout, &manifest, media_type, Vec::new())
        };
        Self { built, _folder: folder }
    }
}

/// One file in a tar archive padded to 10240 bytes, as Python's `tarfile` makes it.
pub(crate) fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name).unwrap();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1_553_642_092);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    let sum = format!("{:06o}\0 ", header.cksum().unwrap());
    header.as_mut_bytes()[148..156].copy_from_slice(sum.as_bytes());
    let mut tar = tar::Builder::new(Vec::new());
    tar.append(&header, content).unwrap();
    let mut tar = tar.into_inner().unwrap();
    tar.resize(tar.len().next_multiple_of(10240), 0);
    tar
}
