//! What buildx attached to images: SBOMs and provenance, as in-toto statements in manifests beside them
//! (<https://docs.docker.com/build/metadata/attestations/attestation-storage/>).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::images::Image;
use crate::content::Source as _;
use crate::error::{Error, Kind, Result};
use crate::image::narrowed::SPEAKS_OF;
use crate::image::{Body, Descriptor, Digest, Manifest};
use crate::registry::Repository;
use crate::transfer;

/// The older name of [`SPEAKS_OF`].
const SPOKE_OF: &str = "com.docker.reference.digest";
const PREDICATE_TYPE: &str = "in-toto.io/predicate-type";
const SPDX: &str = "https://spdx.dev/Document";
const SLSA: &str = "https://slsa.dev/provenance/";

/// What is attached to the images that are shown.
#[derive(Default)]
pub(super) struct Attestations {
    pub(super) sbom: Attached,
    pub(super) provenance: Attached,
}

/// One sort of it, by platform.
#[derive(Default)]
pub(super) struct Attached(Map<String, Value>);

impl Attached {
    /// As `json` prints it: of a single image alone, by platform of several.
    pub(super) fn json(&self, is_single: bool) -> Value {
        if !is_single {
            return Value::Object(self.0.clone());
        }
        self.0.values().next().cloned().unwrap_or_else(|| json!({}))
    }

    /// The same with what templates may ask for though it is not there.
    pub(super) fn fields(&self, is_single: bool) -> Value {
        let mut fields = self.json(is_single);
        if is_single && self.0.is_empty() {
            fields = json!({"SPDX": null, "SLSA": null});
        }
        fields
    }
}

/// What is attached to these images of the manifest or index.
pub(super) async fn of(manifest: &Manifest, images: &[Image], repository: &Repository) -> Result<Attestations> {
    let mut found = Attestations::default();
    let Body::Index(index) = &manifest.body else {
        return Ok(found);
    };
    for image in images {
        for child in index.manifests.iter().filter(|child| speaks_of(child, &image.digest)) {
            let Body::Image(attestation) = repository.manifest(&child.digest).await?.body else {
                continue;
            };
            for layer in &attestation.layers {
                let sort = layer.annotations.get(PREDICATE_TYPE).unwrap_or_default();
                if !is_statement(layer) || !(sort == SPDX || sort.starts_with(SLSA)) {
                    continue;
                }
                let predicate = predicate(layer, repository).await?;
                if sort == SPDX {
                    found.sbom.add_sbom(&image.platform, predicate);
                } else {
                    let provenance = json!({"SLSA": predicate});
                    found.provenance.0.insert(image.platform.clone(), provenance);
                }
            }
        }
    }
    Ok(found)
}

impl Attached {
    /// The first one is the image's, others are of stages of its build.
    fn add_sbom(&mut self, platform: &str, predicate: Value) {
        match self.0.get_mut(platform) {
            None => drop(self.0.insert(platform.to_owned(), json!({"SPDX": predicate}))),
            Some(known) => match known.get_mut("AdditionalSPDXs").and_then(Value::as_array_mut) {
                Some(more) => more.push(predicate),
                None => known["AdditionalSPDXs"] = json!([predicate]),
            },
        }
    }
}

fn speaks_of(child: &Descriptor, image: &Digest) -> bool {
    let subject = [SPOKE_OF, SPEAKS_OF].iter().find_map(|key| child.annotations.get(key));
    subject == Some(image.as_str())
}

fn is_statement(layer: &Descriptor) -> bool {
    layer.media_type == "application/vnd.in-toto+json" || is_signed(layer)
}

/// Whether it is a statement in a signed envelope.
fn is_signed(layer: &Descriptor) -> bool {
    layer.media_type.starts_with("application/vnd.in-toto.") && layer.media_type.ends_with("+dsse")
}

/// What a statement says, with its members in the order in which Go writes a map.
async fn predicate(layer: &Descriptor, repository: &Repository) -> Result<Value> {
    #[derive(Deserialize)]
    struct Envelope {
        payload: String,
    }
    #[derive(Deserialize)]
    struct Statement {
        #[serde(default)]
        predicate: Value,
    }
    let broken = || {
        Error::new(
            Kind::Corrupt,
            format!("the attestation {} cannot be read", layer.digest),
        )
    };
    let mut text = transfer::read(repository, layer).await?.to_vec();
    if is_signed(layer) {
        let envelope: Envelope = serde_json::from_slice(&text).map_err(|e| broken().caused_by(e))?;
        text = STANDARD.decode(envelope.payload).map_err(|e| broken().caused_by(e))?;
    }
    let statement: Statement = serde_json::from_slice(&text).map_err(|e| broken().caused_by(e))?;
    let mut predicate = statement.predicate;
    predicate.sort_all_objects();
    Ok(predicate)
}
