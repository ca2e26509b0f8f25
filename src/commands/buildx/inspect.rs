//! `buildx imagetools inspect`: what a name stands for on its registry
//! (<https://github.com/docker/buildx/blob/v0.24.0/util/imagetools/printers.go>).

use std::fmt::Write as _;

use clap::Args;
use serde_json::{Map, Value, json};

use crate::commands::{Context, RegistryArgs, Status};
use crate::content::Source as _;
use crate::error::{Error, Kind, Result};
use crate::image::manifest_list::os_features;
use crate::image::{Body, Descriptor, ImageManifest, Index, Manifest, Reference};
use crate::registry::Repository;
use crate::transfer;
use crate::ui::one_line;
use crate::ui::template::{Data, Template};

/// Show details of an image in the registry
#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// Format the output using the given Go template
    #[arg(long, value_name = "string")]
    format: Option<String>,
    /// Show original, unformatted JSON manifest
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    registry: RegistryArgs,
    #[arg(value_name = "NAME")]
    name: String,
}

pub(super) async fn run(args: InspectArgs, context: &Context) -> Result<Status> {
    let format = args.format.as_deref().filter(|format| !format.is_empty());
    if format.is_some() && args.raw {
        return Err(Error::new(Kind::Usage, "format and raw cannot be used together"));
    }
    let name = Reference::parse(&args.name)?.or_latest();
    let repository = context.registry(name.domain(), &args.registry)?.repository(&name);
    let manifest = repository.resolve(name.version()).await.map_err(|e| match e.kind() {
        Kind::NotFound => Error::new(Kind::NotFound, format!("{name}: not found")),
        _ => e,
    })?;
    let text = match format {
        // No line end, so that the bytes keep their digest.
        _ if args.raw => String::from_utf8_lossy(&manifest.raw).into_owned(),
        None => table(&name, &manifest),
        Some(format) if format.replace(' ', "") == "{{.Manifest}}" => table(&name, &manifest),
        Some(format) => {
            let template = Template::named("", format)?;
            let data = data(&args.name, &manifest, &repository).await?;
            template.render(&data)? + "\n"
        }
    };
    context.screen.print(&text);
    Ok(Status::Done)
}

fn table(name: &Reference, manifest: &Manifest) -> String {
    let Descriptor { media_type, digest, .. } = &manifest.descriptor;
    let rows = [
        ("Name:", name.to_string()),
        ("MediaType:", media_type.clone()),
        ("Digest:", digest.to_string()),
    ];
    let mut text = aligned(&rows);
    if let Body::Index(index) = &manifest.body {
        text += &aligned(&[("", String::new()), ("Manifests:", String::new())]);
        text += &members(name, index);
    }
    text
}

/// The members of an index, each in a block of its own.
fn members(name: &Reference, index: &Index) -> String {
    let mut text = String::new();
    let mut rows: Vec<(&str, String)> = Vec::new();
    for (place, member) in index.manifests.iter().enumerate() {
        if place > 0 {
            rows.push(("", String::new()));
        }
        rows.push(("  Name:", name.with_digest(&member.digest).to_string()));
        rows.push(("  MediaType:", member.media_type.clone()));
        let Some(platform) = &member.platform else { continue };
        rows.push(("  Platform:", platform.to_string()));
        if !platform.os_version.is_empty() {
            rows.push(("  OSVersion:", platform.os_version.clone()));
        }
        let features = os_features(platform);
        if !features.is_empty() {
            rows.push(("  OSFeatures:", features.join(", ")));
        }
        if !member.urls.is_empty() {
            rows.push(("  URLs:", member.urls.join(", ")));
        }
        if !member.annotations.is_empty() {
            rows.push(("  Annotations:", String::new()));
            text += &aligned(&std::mem::take(&mut rows));
            let said = member.annotations.iter();
            let said: Vec<_> = said
                .map(|(key, text)| (format!("    {key}:"), text.to_owned()))
                .collect();
            text += &aligned(&said);
        }
    }
    text + &aligned(&rows)
}

/// Lines of two cells, as Go's tabwriter puts them with one blank between.
fn aligned<S: AsRef<str>>(rows: &[(S, String)]) -> String {
    let width = rows.iter().map(|(title, _)| title.as_ref().chars().count()).max();
    let width = width.unwrap_or_default() + 1;
    let mut text = String::new();
    for (title, cell) in rows {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{:width$}{}", one_line(title.as_ref()), one_line(cell));
    }
    text
}

/// What templates are filled with: `.Name`, `.Manifest` and `.Image`, the configs by platform where there are several.
async fn data(name: &str, manifest: &Manifest, repository: &Repository) -> Result<Data> {
    let mut images = Vec::new();
    match &manifest.body {
        Body::Image(image) => images.push((String::new(), config(image, repository).await?)),
        Body::Index(index) => {
            for child in index.manifests.iter().filter(|child| !child.is_attestation()) {
                let platform = child.platform.as_ref().map(ToString::to_string).unwrap_or_default();
                if let Body::Image(image) = repository.manifest(&child.digest).await?.body {
                    images.push((platform, config(&image, repository).await?));
                }
            }
        }
    }
    let shown = |make: &dyn Fn(&Value) -> Value| {
        if let [(_, only)] = images.as_slice() {
            return make(only);
        }
        let members = images.iter().map(|(platform, image)| (platform.clone(), make(image)));
        Value::Object(members.collect())
    };
    let (image_json, image_fields) = (shown(&Value::clone), shown(&go_image));
    let manifest_json = manifest_json(manifest)?;
    let whole = json!({"name": name, "manifest": manifest_json, "image": image_json});
    let fields = json!({"Name": name, "Manifest": go_names(&manifest_json), "Image": image_fields});
    let mut data = Data::document(&fields)
        .with_json(&[], &whole)
        .with_json(&["Manifest"], &manifest_json)
        .with_json(&["Manifest", "Manifests"], &manifest_json["manifests"])
        .with_json(&["Image"], &image_json);
    for (platform, image) in &images {
        data = data.with_json(&["Image", platform], image);
    }
    Ok(data.indented("  "))
}

/// A descriptor, or an index with its digest and size.
fn manifest_json(manifest: &Manifest) -> Result<Value> {
    let Descriptor {
        media_type,
        digest,
        size,
        ..
    } = &manifest.descriptor;
    if let Body::Image(_) = &manifest.body {
        return Ok(json!({"mediaType": media_type, "digest": digest, "size": size}));
    }
    let index: Map<String, Value> = serde_json::from_slice(&manifest.raw)
        .map_err(|e| Error::new(Kind::Corrupt, "the index is not valid JSON").caused_by(e))?;
    let mut shown = json!({
        "schemaVersion": 2, "mediaType": media_type, "digest": digest, "size": size, "manifests": index.get("manifests"),
    });
    if let Some(annotations) = index.get("annotations") {
        shown["annotations"] = annotations.clone();
    }
    Ok(shown)
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

/// The members that say something.
fn picked(json: &Value, names: &[&str]) -> Map<String, Value> {
    let said = |name: &&str| {
        let value = json.get(*name)?;
        let is_empty = matches!(value, Value::Null | Value::Bool(false)) || *value == json!("") || *value == json!([]);
        (!is_empty).then(|| ((*name).to_owned(), value.clone()))
    };
    names.iter().filter_map(said).collect()
}

/// The members by the names of Go's fields.
fn go_image(config: &Value) -> Value {
    let mut image = go_names(config);
    if let (Some(image), Some(config)) = (image.as_object_mut(), config.get("config")) {
        // Its members have Go's names already, and labels have their own.
        image.insert("Config".to_owned(), config.clone());
    }
    image
}

/// The same with the first letter of each member's name large, as Go has it; what people name stays.
fn go_names(json: &Value) -> Value {
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
