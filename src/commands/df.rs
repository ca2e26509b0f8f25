//! `rdock system df`: how much of the disk images take. Docker counts what layers unpack to, because that is what it
//! keeps; rdock keeps them as they came, and tells that.

use std::collections::HashMap;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Context, Status};
use crate::error::Result;
use crate::image::size::total;
use crate::image::{Body, Digest, Reference};
use crate::store::{Image, Store};
use crate::ui::template::{Data, Row, Template, parsing_error};
use crate::ui::{Columns, Format, human};

/// Show how much of the disk images take
#[derive(Debug, Args)]
pub struct DfArgs {
    /// Print with a custom template: 'table', 'table TEMPLATE', 'json', 'raw', or a Go template
    #[arg(long, value_name = "string")]
    format: Option<String>,
    /// Show what each image takes
    #[arg(short, long)]
    verbose: bool,
}

const SUMMARY: Columns = Columns {
    go_type: "*formatter.diskUsageImagesContext",
    headers: &[
        ("Type", "TYPE"),
        ("TotalCount", "TOTAL"),
        ("Active", "ACTIVE"),
        ("Size", "SIZE"),
        ("Reclaimable", "RECLAIMABLE"),
    ],
};
const SUMMARY_TABLE: &str = "table {{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}";

const SUMMARY_RAW: &str = "type: {{.Type}}\ntotal: {{.TotalCount}}\nactive: {{.Active}}\nsize: {{.Size}}\n\
                           reclaimable: {{.Reclaimable}}\n";

const IMAGES: Columns = Columns {
    go_type: "*formatter.imageContext",
    headers: &[
        ("Repository", "REPOSITORY"),
        ("Tag", "TAG"),
        ("Digest", "DIGEST"),
        ("ID", "IMAGE ID"),
        ("CreatedAt", "CREATED AT"),
        ("CreatedSince", "CREATED"),
        ("Size", "SIZE"),
        ("VirtualSize", "SIZE"),
        ("SharedSize", "SHARED SIZE"),
        ("UniqueSize", "UNIQUE SIZE"),
        ("Containers", "CONTAINERS"),
    ],
};
const IMAGES_TABLE: &str = "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t\
                            {{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}";
const IMAGES_RAW: &str = "type: Image\nrepository: {{.Repository}}\ntag: {{.Tag}}\ndigest: {{.Digest}}\n\
                          image_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n";

pub fn run(args: &DfArgs, context: &Context) -> Result<Status> {
    let store = context.store();
    let images = store.images().all()?;
    let images: Vec<Weighed<'_>> = images.iter().map(|image| Weighed::new(image, &store)).collect();
    let layers = Layers::of(&images);
    let format = args.format.as_deref().unwrap_or_default();
    let text = match (args.verbose, format) {
        (false, "raw") => Format::parse(SUMMARY_RAW, "")?.render(SUMMARY, summary(&images, &layers))?,
        (true, "raw") => Format::parse(IMAGES_RAW, "")?.render(IMAGES, details(&images, &layers, Digest::as_str))?,
        (false, format) => Format::parse(format, SUMMARY_TABLE)?.render(SUMMARY, summary(&images, &layers))?,
        (true, "" | "table") => {
            let table = Format::parse("", IMAGES_TABLE)?.render(IMAGES, details(&images, &layers, Digest::short))?;
            // Docker goes on with containers, volumes and caches, which rdock has none of.
            format!("Images space usage:\n\n{table}")
        }
        (true, format) => {
            let template = if format == "json" { "{{json .}}" } else { format };
            let template = Template::parse(template).map_err(|e| parsing_error(&e))?;
            let document = document(&details(&images, &layers, Digest::as_str));
            template
                .render(&Data::document(&document))
                .map_err(|e| parsing_error(&e))?
        }
    };
    context.screen.print(&text);
    Ok(Status::Done)
}

/// Docker's lines; but for the first there is nothing.
fn summary(images: &[Weighed<'_>], layers: &Layers<'_>) -> Vec<Row> {
    let bytes = layers.total();
    let row = |kind: &str, count: usize, size: String, reclaimable: String| {
        Row::new([
            ("Type", kind.to_owned()),
            ("TotalCount", count.to_string()),
            ("Active", "0".to_owned()),
            ("Size", size),
            ("Reclaimable", reclaimable),
        ])
    };
    let size = human::precise_size(bytes);
    // Without containers, each image could go.
    let reclaimable = if bytes == 0 {
        size.clone()
    } else {
        format!("{size} (100%)")
    };
    let mut rows = vec![row("Images", images.len(), size, reclaimable)];
    let others = ["Containers", "Local Volumes", "Build Cache"];
    rows.extend(others.map(|kind| row(kind, 0, "0B".to_owned(), "0B".to_owned())));
    rows
}

/// A row for each image, by its first tag.
fn details(images: &[Weighed<'_>], layers: &Layers<'_>, id: fn(&Digest) -> &str) -> Vec<Row> {
    let now = Timestamp::now();
    let row = |weighed: &Weighed<'_>| {
        let image = weighed.image;
        let tag = image.tags.first();
        let (size, shared): (u64, u64) = (total(weighed.layers.values().copied()), layers.shared(weighed));
        Row::new([
            ("Repository", tag.map_or("<none>", Reference::familiar_name).to_owned()),
            ("Tag", tag.and_then(Reference::tag).unwrap_or("<none>").to_owned()),
            ("ID", id(&image.id).to_owned()),
            ("Digest", String::new()),
            ("CreatedSince", human::age(image.created, now)),
            ("CreatedAt", human::local_time(image.created)),
            ("Size", human::size(size)),
            ("VirtualSize", human::precise_size(size)),
            ("SharedSize", human::precise_size(shared)),
            ("UniqueSize", human::precise_size(size.saturating_sub(shared))),
            ("Containers", "0".to_owned()),
        ])
    };
    images.iter().map(row).collect()
}

fn document(images: &[Row]) -> Value {
    let images: Vec<Value> = images.iter().map(Row::to_value).collect();
    json!({"Images": images, "Containers": [], "Volumes": [], "BuildCache": []})
}

/// An image and its layers, each with its bytes: one that is there twice takes its room once.
struct Weighed<'a> {
    image: &'a Image,
    layers: HashMap<Digest, u64>,
}

impl<'a> Weighed<'a> {
    /// An image that cannot be read weighs nothing.
    fn new(image: &'a Image, store: &Store) -> Self {
        let layers = match store
            .images()
            .manifest(&image.manifest.digest)
            .map(|manifest| manifest.body)
        {
            Ok(Body::Image(manifest)) => manifest.layers,
            _ => Vec::new(),
        };
        Self {
            image,
            layers: layers.into_iter().map(|layer| (layer.digest, layer.size)).collect(),
        }
    }
}

/// The layers of all images, each with its bytes and how many images have it.
struct Layers<'a> {
    uses: HashMap<&'a Digest, (u64, usize)>,
}

impl<'a> Layers<'a> {
    fn of(images: &'a [Weighed<'a>]) -> Self {
        let mut uses = HashMap::new();
        for (digest, size) in images.iter().flat_map(|image| &image.layers) {
            uses.entry(digest).or_insert((*size, 0)).1 += 1;
        }
        Self { uses }
    }

    fn total(&self) -> u64 {
        total(self.uses.values().map(|(size, _)| *size))
    }

    fn shared(&self, image: &Weighed<'_>) -> u64 {
        let is_shared = |digest: &Digest| self.uses.get(digest).is_some_and(|(_, uses)| *uses > 1);
        let shared = image.layers.iter().filter(|(digest, _)| is_shared(digest));
        total(shared.map(|(_, size)| *size))
    }
}
