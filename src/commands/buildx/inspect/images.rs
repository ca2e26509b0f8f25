//! The configs of an image or of an index, as buildx shows them.

use serde_json::{Map, Value, json};

use crate::content::Source as _;
use crate::error::Result;
use crate::image::combined::as_listed;
use crate::image::{Body, Digest, ImageManifest, Manifest, Platform};
use crate::registry::Repository;
use crate::transfer;

/// One image.
pub(super) struct Image {
    /// Empty where it tells none.
    pub(super) platform: String,
    pub(super) digest: Digest,
    /// By the names of the image spec.
    pub(super) config: Value,
}

/// The image, or all images of an index.
pub(super) async fn of(manifest: &Manifest, repository: &Repository) -> Result<Vec<Image>> {
    let mut images = Vec::new();
    match &manifest.body {
        Body::Image(image) => images.push(one(manifest.digest(), None, image, repository).await?),
        Body::Index(index) => {
            for child in index.manifests.iter().filter(|child| !child.is_attestation()) {
                if let Body::Image(image) = repository.manifest(&child.digest).await?.body {
                    let platform = child.platform.as_deref();
                    images.push(one(&child.digest, platform, &image, repository).await?);
                }
            }
        }
    }
    Ok(images)
}

/// With the platform that the index tells, or else its config.
async fn one(
    digest: &Digest,
    platform: Option<&Platform>,
    image: &ImageManifest,
    repository: &Repository,
) -> Result<Image> {
    let config = config(image, repository).await?;
    let told = || serde_json::from_value::<Platform>(config.clone()).ok();
    let platform = platform.cloned().or_else(told).unwrap_or_default();
    Ok(Image {
        platform: as_listed(platform).to_string(),
        digest: digest.clone(),
        config,
    })
}

async fn config(image: &ImageManifest, repository: &Repository) -> Result<Value> {
    let config = transfer::read(repository, &image.config).await?;
    // An artifact's own sort of config may be anything.
    let config: Value = serde_json::from_slice(&config).unwrap_or_default();
    let mut image = picked(&config, &IMAGE);
    image.insert("config".to_owned(), Value::Object(picked(&config["config"], &CONFIG)));
    image.insert(
        "rootfs".to_owned(),
        Value::Object(picked(&config["rootfs"], &["type", "diff_ids"])),
    );
    if let Some(history) = config["history"].as_array() {
        let steps = history.iter().map(|step| Value::Object(picked(step, &STEP)));
        image.insert("history".to_owned(), steps.collect());
    }
    Ok(Value::Object(image))
}

/// The members of `ocispec.Image` in their order, without those that are objects.
const IMAGE: [&str; 7] = [
    "created",
    "author",
    "architecture",
    "os",
    "os.version",
    "os.features",
    "variant",
];
const CONFIG: [&str; 10] = [
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Labels",
    "StopSignal",
    "ArgsEscaped",
];
const STEP: [&str; 5] = ["created", "created_by", "author", "comment", "empty_layer"];

/// Those of the members that say something.
fn picked(json: &Value, names: &[&str]) -> Map<String, Value> {
    let said = |name: &&str| {
        let value = json.get(*name)?;
        let is_empty = matches!(value, Value::Null | Value::Bool(false)) || *value == json!("") || *value == json!([]);
        (!is_empty).then(|| ((*name).to_owned(), value.clone()))
    };
    names.iter().filter_map(said).collect()
}

/// By the names of Go's fields.
pub(super) fn go_image(config: &Value) -> Value {
    let mut image = go_names(config);
    if let (Some(image), Some(config)) = (image.as_object_mut(), config.get("config")) {
        // Its members have Go's names already, and labels have their own.
        image.insert("Config".to_owned(), config.clone());
    }
    image
}

/// The same with the first letter of each member's name large, as Go has it; what people name stays.
pub(super) fn go_names(json: &Value) -> Value {
    match json {
        Value::Array(items) => items.iter().map(go_names).collect(),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                let value = if name == "annotations" {
                    value.clone()
                } else {
                    go_names(value)
                };
                (go_name(name), value)
            };
            Value::Object(members.iter().map(member).collect())
        }
        other => other.clone(),
    }
}

fn go_name(name: &str) -> String {
    match name {
        "os" => "OS".to_owned(),
        "urls" => "URLs".to_owned(),
        "rootfs" => "RootFS".to_owned(),
        "diff_ids" => "DiffIDs".to_owned(),
        "os.version" => "OSVersion".to_owned(),
        "os.features" => "OSFeatures".to_owned(),
        name => name.split('_').map(with_large_letter).collect(),
    }
}

fn with_large_letter(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
