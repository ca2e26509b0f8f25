//! `buildx imagetools inspect`: what a name stands for on its registry
//! (<https://github.com/docker/buildx/blob/v0.24.0/util/imagetools/printers.go>).

mod attestations;
mod images;

use std::fmt::Write as _;

use clap::Args;
use serde_json::{Map, Value, json};

use crate::commands::{Context, RegistryArgs, Status};
use crate::error::{Error, Kind, Result};
use crate::image::manifest_list::os_features;
use crate::image::{Body, Descriptor, Index, Manifest, Reference};
use crate::ui::one_line;
use crate::ui::template::{Data, Template};

use attestations::Attestations;
use images::{Image, go_image, go_names};

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
            let images = images::of(&manifest, &repository).await?;
            let attached = if ["SBOM", "Provenance"].iter().any(|field| format.contains(field)) {
                Some(attestations::of(&manifest, &images, &repository).await?)
            } else {
                None
            };
            // No line end, as buildx writes none.
            template.render(&data(&args.name, &manifest, &images, attached)?)?
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

/// What templates are filled with: `.Name`, `.Manifest`, `.Image`, `.SBOM` and `.Provenance`, the last three by platform
/// where there are several.
fn data(name: &str, manifest: &Manifest, images: &[Image], attached: Option<Attestations>) -> Result<Data> {
    let shown = |make: &dyn Fn(&Value) -> Value| {
        if let [only] = images {
            return make(&only.config);
        }
        let members = images.iter().map(|image| (image.platform.clone(), make(&image.config)));
        Value::Object(members.collect())
    };
    let (image_json, image_fields) = (shown(&Value::clone), shown(&go_image));
    let manifest_json = manifest_json(manifest)?;
    let whole = json!({"name": name, "manifest": manifest_json, "image": image_json});
    let mut fields = json!({"Name": name, "Manifest": go_names(&manifest_json), "Image": image_fields});
    let attached = attached.unwrap_or_default();
    fields["SBOM"] = attached.sbom.fields(images.len() == 1);
    fields["Provenance"] = attached.provenance.fields(images.len() == 1);
    let mut data = Data::document(&fields)
        .with_json(&[], &whole)
        .with_json(&["Manifest"], &manifest_json)
        .with_json(&["Manifest", "Manifests"], &manifest_json["manifests"])
        .with_json(&["Image"], &image_json)
        .with_json(&["SBOM"], &attached.sbom.json(images.len() == 1))
        .with_json(&["Provenance"], &attached.provenance.json(images.len() == 1));
    for image in images {
        data = data.with_json(&["Image", &image.platform], &image.config);
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
