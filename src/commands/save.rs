//! `rdock save`: one tar for every tool, of the exact bytes of the store.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;

use super::{Context, Status, platform};
use crate::archive::{self, Saved, Writer};
use crate::content::{Sink as _, Source};
use crate::error::{During, Error, Kind, Result};
use crate::image::{Body, Descriptor, Digest, Manifest, Platform, Reference};
use crate::places::{ArchiveTarget, seen_by_docker};
use crate::progress::Direction;
use crate::store::Store;
use crate::transfer::{self, Limits, Plan};
use crate::ui::human;

/// Save one or more images to a tar archive (streamed to STDOUT by default)
#[derive(Debug, Args)]
pub struct SaveArgs {
    /// Write to a file, instead of STDOUT
    #[arg(short, long, value_name = "string")]
    output: Option<PathBuf>,
    /// Save only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")
    #[arg(long, value_name = "string")]
    platform: Option<String>,
    /// Leave out the layers of this older archive, which the far side has loaded
    #[arg(long, value_name = "archive")]
    since: Vec<PathBuf>,
    /// Leave out the layers that the far side has: a file with what "load --have" or "images --digests --no-trunc" printed there
    #[arg(long, value_name = "file")]
    have: Vec<PathBuf>,
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,
}

/// A list of digests longer than this is none.
const MAX_LIST: u64 = 64 << 20;

/// What a shell says of a program that wrote to a pipe nobody reads, as docker's then does.
const PIPE_CLOSED: u8 = 141;

pub async fn run(args: SaveArgs, context: &Context) -> Result<Status> {
    let target = ArchiveTarget::open(args.output.as_deref())?;
    match save(&args, &target, context).await {
        Err(_) if target.has_no_reader() => Ok(Status::Exit(PIPE_CLOSED)),
        saved => saved.and_then(|()| target.commit()).map(|()| Status::Done),
    }
}

async fn save(args: &SaveArgs, target: &ArchiveTarget, context: &Context) -> Result<()> {
    let platform = platform::given(args.platform.as_deref()).map_err(platform::invalid)?;
    let store = context.store();
    // While it is saved nobody may free it; a store that may only be read needs no such care.
    let _session = store.begin();
    let mut chosen: Vec<Chosen> = Vec::new();
    for text in &args.images {
        for (name, root) in meant(&store, text)? {
            let root = store.manifest(&root.digest).await?;
            let (root, mut plan) = planned(&store, root, platform.as_ref(), text).await?;
            let name = match name.as_ref().and_then(Reference::digest) {
                Some(digest) if digest != root.digest() => {
                    // The name is true where the index that it means goes along.
                    let whole = store.manifest(digest).await.ok().filter(|whole| is_child(&root, whole));
                    whole.and_then(|whole| {
                        plan.children.push_parent(whole);
                        name
                    })
                }
                _ => name,
            };
            match chosen.iter_mut().find(|it| it.root.digest() == root.digest()) {
                Some(known) if name.as_ref().is_some_and(|name| known.names.contains(name)) => {}
                Some(known) => known.names.extend(name),
                None => chosen.push(Chosen {
                    names: name.into_iter().collect(),
                    root,
                    plan,
                }),
            }
        }
    }
    let left_out = left_out(args, &store, &chosen, context)?;
    let mut saved = Vec::new();
    for image in &chosen {
        saved.push(Saved {
            names: image.names.clone(),
            root: image.root.descriptor.clone(),
            image: seen_by_docker(&store, &image.root).await,
        });
    }
    let writer = Writer::begin(target.stream()?, &saved, left_out)?;
    let progress = context.screen.progress(Direction::Load, true);
    for image in &chosen {
        // Manifests first, so that a reader of the stream knows what the layers are.
        writer.put_manifest(&image.root).await?;
        image.plan.children.put(&store, &writer, 1).await?;
    }
    for image in &chosen {
        transfer::run(&image.plan, &store, &writer, Limits::at_once(1), &progress).await?;
    }
    drop(writer.finish()?);
    Ok(())
}

fn is_child(image: &Manifest, index: &Manifest) -> bool {
    match &index.body {
        Body::Index(index) => index.manifests.iter().any(|child| child.digest == *image.digest()),
        Body::Image(_) => false,
    }
}

struct Chosen {
    names: Vec<Reference>,
    root: Manifest,
    plan: Plan,
}

/// What docker takes the argument for: an ID, a tag, or all tags of a repository.
fn meant(store: &Store, text: &str) -> Result<Vec<(Option<Reference>, Descriptor)>> {
    let by_id = || {
        let found = store.images().find(text);
        found.map(|found| vec![(None, found.root)])
    };
    let no_such_image = |e: Error| match e.kind() {
        Kind::NotFound => like(Some(&e), format!("No such image: {text}")),
        _ => e,
    };
    let name = match Reference::parse(text) {
        Ok(name) if name.familiar_name() != "sha256" => name,
        _ => return by_id().map_err(no_such_image),
    };
    if !name.is_name_only() {
        let Some(root) = store.names().target(&name)? else {
            return Err(like(
                store.images().find(text).err().as_ref(),
                "reference does not exist".to_owned(),
            ));
        };
        return Ok(vec![(Some(name), root)]);
    }
    let mut found = Vec::new();
    for tag in store.names().tags(&name)? {
        if let Some(root) = store.names().target(&tag)? {
            found.push((Some(tag), root));
        }
    }
    if !found.is_empty() {
        return Ok(found);
    }
    let images = store.images().all()?;
    let is_there = |digest: &Reference| digest.name() == name.name();
    found.extend(
        images
            .into_iter()
            .filter(|it| it.digests.iter().any(is_there))
            .map(|it| (None, it.manifest)),
    );
    if !found.is_empty() {
        return Ok(found);
    }
    by_id().map_err(no_such_image)
}

/// Docker's words for it here, with the advice that the store has.
fn like(found: Option<&Error>, message: String) -> Error {
    let clue = found.and_then(Error::clue).cloned();
    let error = Error::new(Kind::NotFound, message);
    match clue {
        Some(clue) => error.with_clue(clue),
        None => error,
    }
}

/// What to save of an index: all of it if all of it is here, else the image for this machine; the platform asked for.
async fn planned(store: &Store, root: Manifest, platform: Option<&Platform>, text: &str) -> Result<(Manifest, Plan)> {
    let plan = async |manifest: &Manifest| {
        Plan::for_tree(store, manifest, |image| store.images().config(image), |_| false).await
    };
    let absent = |wanted: &Platform| {
        Error::new(
            Kind::NotFound,
            format!("image with reference {text} was found but does not provide the specified platform ({wanted})"),
        )
    };
    let index = match (&root.body, platform) {
        (Body::Image(image), Some(wanted)) => {
            if store.images().config(image)?.platform.distance_to(wanted).is_none() {
                return Err(absent(wanted));
            }
            let plan = plan(&root).await?;
            return Ok((root, plan));
        }
        (Body::Image(_), None) => {
            let plan = plan(&root).await?;
            return Ok((root, plan));
        }
        (Body::Index(index), _) => index,
    };
    if platform.is_none()
        && let Ok(plan) = plan(&root).await
        && plan.blobs.iter().all(|blob| store.blobs().has_whole(blob))
    {
        return Ok((root, plan));
    }
    let wanted = platform.cloned().unwrap_or_else(Platform::host);
    let child = match (index.choose(&wanted), platform) {
        (Ok(child), _) if store.blobs().has(&child.digest) => child,
        (_, Some(wanted)) => return Err(absent(wanted)),
        (chosen, None) => {
            let there = index
                .manifests
                .iter()
                .find(|it| !it.is_attestation() && store.blobs().has(&it.digest));
            there.map_or(chosen, Ok)?
        }
    };
    let child = store.manifest(&child.digest).await?;
    let plan = plan(&child).await?;
    Ok((child, plan))
}

/// The layers that the far side has, as the flags say; configs and manifests always go along.
fn left_out(args: &SaveArgs, store: &Store, chosen: &[Chosen], context: &Context) -> Result<HashSet<Digest>> {
    let mut held = HashSet::new();
    for path in &args.since {
        let doing = || format!("reading {}", path.display());
        let file = File::open(path).during(doing())?;
        held.extend(archive::held_by_archive(file).map_err(|e| e.during(doing()))?);
    }
    for path in &args.have {
        let mut text = Vec::new();
        let file = File::open(path).during(format!("reading {}", path.display()))?;
        file.take(MAX_LIST)
            .read_to_end(&mut text)
            .during(format!("reading {}", path.display()))?;
        let listed = archive::held_by_list(&String::from_utf8_lossy(&text));
        if listed.is_empty() {
            let (path, program) = (path.display(), context.settings.program.name());
            return Err(Error::new(
                Kind::Usage,
                format!("{path} lists no digests: let the far side write it with \"{program} load --have\""),
            ));
        }
        held.extend(with_layers(store, listed)?);
    }
    if args.since.is_empty() && args.have.is_empty() {
        return Ok(held);
    }
    let mut left_out = HashSet::new();
    let mut bytes = 0;
    for layer in chosen
        .iter()
        .flat_map(|it| &it.plan.layers)
        .filter(|it| held.contains(&it.digest))
    {
        if left_out.insert(layer.digest.clone()) {
            bytes = layer.size.saturating_add(bytes);
        }
    }
    let layers = if left_out.len() == 1 { "layer" } else { "layers" };
    context.screen.note(&format!(
        "Left out {} {layers} ({}) that the far side has",
        left_out.len(),
        human::size(bytes)
    ));
    Ok(left_out)
}

/// Who has an image has its layers. Lists name images by their ID, their manifest, or the index that it came from.
fn with_layers(store: &Store, mut held: HashSet<Digest>) -> Result<HashSet<Digest>> {
    for image in store.images().all()? {
        let from = image.digests.iter().filter_map(Reference::digest);
        let mut names = from.chain([&image.id, &image.manifest.digest]);
        if names.any(|digest| held.contains(digest))
            && let Ok(manifest) = store.images().manifest(&image.manifest.digest)
            && let Body::Image(body) = manifest.body
        {
            held.extend(body.layers.into_iter().map(|layer| layer.digest));
        }
    }
    Ok(held)
}
