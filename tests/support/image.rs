//! Images, described first and then written as OCI layouts.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::layer::{Layer, Packed, Packing};
use super::layout::Layout;

/// Docker's or OCI's media types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Docker,
    Oci,
}

/// An image to be made; the same description makes the same bytes.
#[derive(Clone)]
pub(crate) struct Image {
    layers: Vec<Layer>,
    packing: Packing,
    dialect: Dialect,
    pub(crate) platform: [String; 3],
    config: Value,
    created: String,
    annotations: Value,
}

/// A blob in a layout.
#[derive(Clone, Debug)]
pub(crate) struct Blob {
    pub(crate) digest: String,
    pub(crate) size: u64,
    pub(crate) media_type: String,
}

/// An image or an index that was written to a layout.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    /// The folder of the layout.
    pub(crate) folder: PathBuf,
    /// The digest of the manifest or index.
    pub(crate) digest: String,
    pub(crate) media_type: String,
    /// The manifest or index, byte for byte.
    pub(crate) manifest: Vec<u8>,
    /// The digest of the config, which is Docker's image ID; empty for an index.
    pub(crate) config_digest: String,
    pub(crate) diff_ids: Vec<String>,
    pub(crate) layers: Vec<Blob>,
    /// The manifests an index lists, in its order.
    pub(crate) children: Vec<Built>,
}

impl Image {
    /// A linux/amd64 image without layers, OCI-typed, its layers gzipped.
    pub(crate) fn new() -> Self {
        Self {
            layers: Vec::new(),
            packing: Packing::Gzip,
            dialect: Dialect::Oci,
            platform: ["linux", "amd64", ""].map(str::to_owned),
            config: json!({}),
            created: "2019-03-26T23:14:53Z".to_owned(),
            annotations: Value::Null,
        }
    }

    /// A small image with three layers.
    pub(crate) fn small() -> Self {
        Self::new()
            .layer(Layer::files(6, 3000))
            .layer(Layer::text("etc/motd", "welcome\n"))
            .layer(Layer::whiteout("etc/motd"))
    }

    /// One more layer on top.
    pub(crate) fn layer(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }

    /// Packs the layers that do not say otherwise with zstd.
    pub(crate) fn zstd(mut self) -> Self {
        self.packing = Packing::Zstd;
        self
    }

    /// Leaves the layers that do not say otherwise uncompressed.
    pub(crate) fn uncompressed(mut self) -> Self {
        self.packing = Packing::Plain;
        self
    }

    /// Uses Docker's media types.
    pub(crate) fn docker(mut self) -> Self {
        self.dialect = Dialect::Docker;
        self
    }

    /// The platform as `os/architecture` or `os/architecture/variant`.
    pub(crate) fn platform(mut self, text: &str) -> Self {
        let mut parts = text.split('/').map(str::to_owned);
        self.platform = std::array::from_fn(|_| parts.next().unwrap_or_default());
        self
    }

    /// Members of the config's `config` object, for example `{"Cmd": ["sh"]}`.
    pub(crate) fn config(mut self, config: Value) -> Self {
        self.config = config;
        self
    }

    /// When the image says it was made, as RFC 3339 has it.
    pub(crate) fn created(mut self, time: &str) -> Self {
        time.clone_into(&mut self.created);
        self
    }

    /// The manifest's annotations, an object of strings.
    pub(crate) fn annotations(mut self, annotations: Value) -> Self {
        self.annotations = annotations;
        self
    }

    /// Writes the image into a layout, made if need be, and lists it in `index.json` as `latest`.
    pub(crate) fn write(&self, folder: &Path) -> Built {
        let layout = Layout::open(folder);
        let built = self.store(&layout);
        layout.list(&built, "latest");
        built
    }

    /// Writes the image's blobs into a layout without listing it.
    pub(crate) fn store(&self, layout: &Layout) -> Built {
        let packed: Vec<Packed> = self.layers.iter().map(|layer| layer.pack(self.packing)).collect();
        let diff_ids: Vec<String> = packed.iter().map(|layer| layer.diff_id.clone()).collect();
        let layers: Vec<Blob> = packed.into_iter().map(|layer| self.put_layer(layout, layer)).collect();
        let config = layout.put(
            &serde_json::to_vec(&self.image_config(&diff_ids)).unwrap(),
            match self.dialect {
                Dialect::Docker => "application/vnd.docker.container.image.v1+json",
                Dialect::Oci => "application/vnd.oci.image.config.v1+json",
            },
        );
        let media_type = match self.dialect {
            Dialect::Docker => "application/vnd.docker.distribution.manifest.v2+json",
            Dialect::Oci => "application/vnd.oci.image.manifest.v1+json",
        };
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": config.descriptor(),
            "layers": layers.iter().map(Blob::descriptor).collect::<Vec<_>>(),
        });
        if !self.annotations.is_null() {
            manifest["annotations"] = self.annotations.clone();
        }
        Built {
            config_digest: config.digest,
            diff_ids,
            layers,
            ..Built::of(layout, &manifest, media_type, Vec::new())
        }
    }

    fn put_layer(&self, layout: &Layout, layer: Packed) -> Blob {
        let media_type = match (self.dialect, layer.packing) {
            (Dialect::Docker, Packing::Gzip) => "application/vnd.docker.image.rootfs.diff.tar.gzip",
            (Dialect::Docker, Packing::Zstd) => "application/vnd.docker.image.rootfs.diff.tar.zstd",
            (Dialect::Docker, Packing::Plain) => "application/vnd.docker.image.rootfs.diff.tar",
            (Dialect::Oci, Packing::Gzip) => "application/vnd.oci.image.layer.v1.tar+gzip",
            (Dialect::Oci, Packing::Zstd) => "application/vnd.oci.image.layer.v1.tar+zstd",
            (Dialect::Oci, Packing::Plain) => "application/vnd.oci.image.layer.v1.tar",
        };
        layout.put_layer(layer, media_type)
    }

    fn image_config(&self, diff_ids: &[String]) -> Value {
        let created = &self.created;
        let history: Vec<Value> = (0..diff_ids.len())
            .map(|number| json!({"created": created, "created_by": format!("layer {number}")}))
            .collect();
        let [os, architecture, variant] = &self.platform;
        let mut config = json!({
            "created": created,
            "architecture": architecture,
            "os": os,
            "config": self.config,
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": history,
        });
        if !variant.is_empty() {
            config["variant"] = json!(variant);
        }
        config
    }
}

impl Blob {
    pub(crate) fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest, "size": self.size})
    }
}

impl Built {
    /// Stores a manifest document of any kind, however odd, and describes it.
    pub(crate) fn of(layout: &Layout, manifest: &Value, media_type: &str, children: Vec<Built>) -> Self {
        // Docker and buildx indent their manifests; so exact bytes matter.
        let manifest = serde_json::to_vec_pretty(manifest).unwrap();
        let blob = layout.put(&manifest, media_type);
        Self {
            folder: layout.folder().to_owned(),
            digest: blob.digest,
            media_type: blob.media_type,
            manifest,
            config_digest: String::new(),
            diff_ids: Vec::new(),
            layers: Vec::new(),
            children,
        }
    }

    /// The descriptor of the manifest or index.
    pub(crate) fn descriptor(&self) -> Value {
        json!({
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": self.manifest.len(),
        })
    }

    /// The path of a blob in the layout.
    pub(crate) fn blob(&self, digest: &str) -> PathBuf {
        Layout::open(&self.folder).path(digest)
    }
}
