//! `buildx imagetools create`: an index of images that are on registries, under as many tags as are given.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;

use serde_json::json;

use super::annotation;
use crate::commands::{Context, RegistryArgs, Status, cannot_open, platform, switch};
use crate::error::{During, Error, Kind, Result};
use crate::image::combined::Combined;
use crate::image::{Descriptor, Digest, Manifest, Reference, go_json};
use crate::jobs::combine::{Combination, Found, Ingredient, Single, combine, narrowed};
use crate::jobs::{News, Reporter};
use crate::progress::Direction;

/// Create a new image based on source images
#[derive(Debug, Args)]
#[command(override_usage = "rdock buildx imagetools create [OPTIONS] [SOURCE...]")]
#[command(mut_arg("prefer_index", switch::on))]
pub(super) struct CreateArgs {
    /// Add annotation to the image: index:KEY=VALUE or manifest-descriptor:KEY=VALUE
    #[arg(long, value_name = "stringArray")]
    annotation: Vec<String>,
    /// Append to existing manifest
    #[arg(long)]
    append: bool,
    /// Show final image instead of pushing
    #[arg(long)]
    dry_run: bool,
    /// Read source descriptor from file
    #[arg(short, long, value_name = "stringArray")]
    file: Vec<PathBuf>,
    /// Write what was made to this file, as JSON
    #[arg(long, value_name = "string")]
    metadata_file: Option<PathBuf>,
    /// Keep the images for these platforms only
    #[arg(short, long, value_name = "stringArray", value_delimiter = ',')]
    platform: Vec<String>,
    /// Make an index of a single source too, instead of a carbon copy
    #[arg(long, value_name = "bool")]
    prefer_index: bool,
    /// How to show progress: auto, plain, tty, rawjson, quiet or none
    #[arg(long, value_name = "string", default_value = "auto", hide_default_value = true)]
    progress: String,
    #[command(flatten)]
    registry: RegistryArgs,
    /// Set reference for new image
    #[arg(short, long, value_name = "stringArray")]
    tag: Vec<String>,
    #[arg(value_name = "SOURCE")]
    sources: Vec<String>,
}

pub(super) async fn run(args: CreateArgs, context: &Context) -> Result<Status> {
    let usage = |words: &str| Err(Error::new(Kind::Usage, words));
    if args.sources.is_empty() && args.file.is_empty() {
        return usage("no sources specified");
    }
    if !args.dry_run && args.tag.is_empty() {
        return usage("can't push with no tags specified, please set --tag or --dry-run");
    }
    let tags = args
        .tag
        .iter()
        .map(|tag| Reference::parse(tag))
        .collect::<Result<Vec<_>>>()?;
    let ingredients = ingredients(&args, &tags)?;
    let begun = Cell::new((0, Instant::now()));
    let combination = Combination {
        registries: context.registries(&args.registry, None)?,
        store: context.store(),
        reporter: Reporter::new(
            |news| tell(&news, &args, &tags, begun.get(), context),
            || context.screen.progress(Direction::Push, true),
        ),
    };
    let found: Vec<Found> = combination.find(&ingredients).await?;
    let made = make(&args, &found)?;
    if made.leaves_annotations_out {
        context
            .screen
            .note("WARNING: annotations are left out: a manifest list of docker's sort has none");
    }
    if args.dry_run {
        context
            .screen
            .print(&format!("{}\n", String::from_utf8_lossy(&made.index.raw)));
        return Ok(Status::Done);
    }
    for (place, tag) in tags.iter().enumerate() {
        begun.set((place, Instant::now()));
        let number = place + 1;
        let gap = if place > 0 { "\n" } else { "" };
        say(&format!("{gap}#{number} [internal] pushing {tag}"), &args, context);
        combination.push(&made.index, &found, tag).await?;
        let seconds = begun.get().1.elapsed().as_secs_f64();
        say(&format!("#{number} DONE {seconds:.1}s"), &args, context);
    }
    match &args.metadata_file {
        Some(path) => write_metadata(path, &made.index, &tags).map(|()| Status::Done),
        None => Ok(Status::Done),
    }
}

/// What comes of the sources that were found.
fn make(args: &CreateArgs, found: &[Found]) -> Result<Combined> {
    let mut annotations = Vec::new();
    for text in &args.annotation {
        annotations.extend(annotation::parse(text)?);
    }
    let platforms = platform::given_each(&args.platform).map_err(platform::invalid)?;
    let single = if args.prefer_index {
        Single::Listed
    } else {
        Single::AsItIs
    };
    let mut made = combine(found, &annotations, single)?;
    if !platforms.is_empty() {
        made.index = narrowed(&made.index, found, &platforms)?;
    }
    Ok(made)
}

/// What was made, where another step of a pipeline looks for it.
fn write_metadata(path: &Path, made: &Manifest, tags: &[Reference]) -> Result<()> {
    let Descriptor {
        media_type,
        digest,
        size,
        ..
    } = &made.descriptor;
    let mut names: Vec<String> = tags.iter().map(|tag| tag.without_version().to_string()).collect();
    names.sort();
    names.dedup();
    let metadata = json!({
        "containerimage.descriptor": {"mediaType": media_type, "digest": digest, "size": size},
        "image.name": names.join(","),
    });
    let text = go_json::indented(&metadata.to_string(), "  ");
    fs::write(path, text).during(format!("writing {}", path.display()))
}

/// The sources in their order: what is appended to, what files name, what the command line names. One without a
/// repository is in the only one that is named.
fn ingredients(args: &CreateArgs, tags: &[Reference]) -> Result<Vec<Ingredient>> {
    let mut texts = Vec::new();
    if args.append {
        texts.extend(args.tag.first().cloned());
    }
    for path in &args.file {
        let text = fs::read_to_string(path).map_err(|e| cannot_open(path, &e))?;
        texts.push(text.trim().to_owned());
    }
    texts.extend(args.sources.iter().cloned());
    let sources = texts.iter().map(|text| parse(text)).collect::<Result<Vec<_>>>()?;
    let named = sources.iter().filter_map(|source| match source {
        Source::Named(name) => Some(name),
        _ => None,
    });
    let mut repositories: Vec<Reference> = tags.iter().chain(named).map(Reference::without_version).collect();
    repositories.sort();
    repositories.dedup();
    let repository = |text: &str| match repositories.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(Error::new(
            Kind::Usage,
            "no repositories specified, please set a reference in tag or source",
        )),
        _ => Err(Error::new(
            Kind::Usage,
            format!("multiple repositories specified, cannot infer repository for {text:?}"),
        )),
    };
    let ingredient = |(source, text): (Source, &String)| {
        Ok(match source {
            Source::Named(name) => Ingredient::Named(name),
            Source::Digest(digest) => Ingredient::Manifest(repository(text)?, digest),
            Source::Descriptor(it) => Ingredient::Described(repository(text)?, it),
        })
    };
    sources.into_iter().zip(&texts).map(ingredient).collect()
}

/// A source as it is typed.
enum Source {
    Named(Reference),
    Digest(Digest),
    Descriptor(Box<Descriptor>),
}

fn parse(text: &str) -> Result<Source> {
    let wrong = |why: &dyn std::fmt::Display| {
        let words = "valid sources are digests, references and descriptors";
        Error::new(Kind::Usage, format!("failed to parse source {text:?}, {words}: {why}"))
    };
    match Digest::parse(text) {
        Ok(digest) => return Ok(Source::Digest(digest)),
        Err(e) if text.starts_with("sha256") => return Err(wrong(&e)),
        Err(_) => {}
    }
    if text.starts_with('{') {
        let descriptor = serde_json::from_str(text).map_err(|e| wrong(&e))?;
        return Ok(Source::Descriptor(descriptor));
    }
    Reference::parse(text).map(Source::Named).map_err(|e| wrong(&e))
}

/// The lines of buildx's plain progress.
fn tell(news: &News<'_>, args: &CreateArgs, tags: &[Reference], begun: (usize, Instant), context: &Context) {
    let (place, since) = begun;
    let line = match news {
        News::Bringing { part, from } => {
            format!("copying {part} from {from} to {}", tags[place])
        }
        News::Naming(made) => format!("pushing {} to {}", made.digest(), tags[place]),
        _ => return,
    };
    let seconds = since.elapsed().as_secs_f64();
    say(&format!("#{} {seconds:.3} {line}", place + 1), args, context);
}

fn say(line: &str, args: &CreateArgs, context: &Context) {
    if !matches!(args.progress.as_str(), "quiet" | "none") {
        context.screen.note(line);
    }
}
