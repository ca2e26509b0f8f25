//! Multi-platform indexes, with or without an attestation.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::image::{Blob, Built, Dialect, Image};
use super::layer::{Layer, digest};
use super::layout::Layout;

/// An index of several images to be made.
#[derive(Clone)]
pub(crate) struct Index {
    images: Vec<Image>,
    dialect: Dialect,
    attested: Attestation,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Attestation {
    Present,
    WithSboms,
    Absent,
}

impl Index {
    /// An empty OCI index.
    pub(crate) fn new() -> Self {
        Self {
            images: Vec::new(),
            dialect: Dialect::Oci,
            attested: Attestation::Absent,
        }
    }

    /// What buildx makes: linux/amd64, linux/arm64/v8, linux/arm/v7 and an attestation.
    pub(crate) fn multi_platform() -> Self {
        let image = |platform: &str, seed| Image::new().layer(Layer::seeded(seed, 4, 2000)).platform(platform);
        Self::new()
            .image(image("linux/amd64", 11))
            .image(image("linux/arm64/v8", 12))
            .image(image("linux/arm/v7", 13))
            .attestation()
    }

    /// One more image.
    pub(crate) fn image(mut self, image: Image) -> Self {
        self.images.push(image);
        self
    }

    /// A Docker manifest list of Docker-typed images, without an attestation.
    pub(crate) fn docker(mut self) -> Self {
        self.dialect = Dialect::Docker;
        self.attested = Attestation::Absent;
        self.images = self.images.into_iter().map(Image::docker).collect();
        self
    }

    /// An attestation manifest for the first image, as the last child.
    pub(crate) fn attestation(mut self) -> Self {
        self.attested = Attestation::Present;
        self
    }

    /// The same with two SBOMs, the second one signed.
    pub(crate) fn sboms(mut self) -> Self {
        self.attested = Attestation::WithSboms;
        self
    }

    /// Writes the index and all it lists into a layout and lists it in `index.json` as `latest`.
    pub(crate) fn write(&self, folder: &Path) -> Built {
        let layout = Layout::open(folder);
        let mut children = Vec::new();
        let mut descriptors = Vec::new();
        for image in &self.images {
            let child = image.store(&layout);
            let mut descriptor = child.descriptor();
            let [os, architecture, variant] = &image.platform;
            descriptor["platform"] = json!({"architecture": architecture, "os": os});
            if !variant.is_empty() {
                descriptor["platform"]["variant"] = json!(variant);
            }
            descriptors.push(descriptor);
            children.push(child);
        }
        if self.attested != Attestation::Absent {
            let sboms: &[bool] = match self.attested {
                Attestation::WithSboms => &[false, true],
                _ => &[],
            };
            let child = attestation(&layout, &children[0].digest, sboms);
            let mut descriptor = child.descriptor();
            descriptor["annotations"] = json!({
                "vnd.docker.reference.digest": children[0].digest,
                "vnd.docker.reference.type": "attestation-manifest",
            });
            descriptor["platform"] = json!({"architecture": "unknown", "os": "unknown"});
            descriptors.push(descriptor);
            children.push(child);
        }
        let media_type = match self.dialect {
            Dialect::Docker => "application/vnd.docker.distribution.manifest.list.v2+json",
            Dialect::Oci => "application/vnd.oci.image.index.v1+json",
        };
        let manifest = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": descriptors});
        let built = Built::of(&layout, &manifest, media_type, children);
        layout.list(&built, "latest");
        built
    }
}

/// The type of an SBOM's statement.
const SPDX: &str = "https://spdx.dev/Document";

/// What buildx adds: an in-toto statement as the only layer of an image for no platform.
/// Each SBOM is one more, in a signed envelope or not.
fn attestation(layout: &Layout, subject: &str, sboms: &[bool]) -> Built {
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": "https://slsa.dev/provenance/v0.2",
        "subject": [{"name": "image", "digest": {"sha256": subject.trim_start_matches("sha256:")}}],
        "predicate": {"builder": {"id": "a&b"}, "buildType": "here"},
    });
    let statement = serde_json::to_vec(&statement).unwrap();
    let diff_id = digest(&statement);
    let mut layer = layout.put(&statement, "application/vnd.in-toto+json").descriptor();
    layer["annotations"] = json!({"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"});
    let mut layers = vec![layer];
    let mut blobs = vec![Blob {
        digest: diff_id.clone(),
        size: statement.len() as u64,
        media_type: "application/vnd.in-toto+json".to_owned(),
    }];
    for (number, is_signed) in sboms.iter().enumerate() {
        let predicate = json!({"spdxVersion": "SPDX-2.3", "name": number, "SPDXID": "SPDXRef-DOCUMENT"});
        let mut statement = json!({"predicateType": SPDX, "predicate": predicate}).to_string();
        let mut media_type = "application/vnd.in-toto+json";
        if *is_signed {
            statement = json!({"payload": STANDARD.encode(statement), "signatures": []}).to_string();
            media_type = "application/vnd.in-toto.spdx+dsse";
        }
        let blob = layout.put(statement.as_bytes(), media_type);
        let mut layer = blob.descriptor();
        blobs.push(blob);
        layer["annotations"] = json!({"in-toto.io/predicate-type": SPDX});
        layers.push(layer);
    }
    let config = json!({
        "architecture": "unknown",
        "os": "unknown",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
    });
    let config = layout.put(
        &serde_json::to_vec(&config).unwrap(),
        "application/vnd.oci.image.config.v1+json",
    );
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": config.descriptor(),
        "layers": layers,
    });
    Built {
        config_digest: config.digest,
        diff_ids: vec![diff_id],
        layers: blobs,
        ..Built::of(layout, &manifest, media_type, Vec::new())
    }
}
