//! `rdock load`: read, judge, publish, name. Until all of the archive has turned out right the store is as it was.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::{Context, Status, platform};
use crate::archive::{self, Folder, Listed};
use crate::content::Sink;
use crate::error::{Error, Kind, Result};
use crate::image::{Body, Descriptor, Digest, Manifest, Platform, Reference};
use crate::places::{check_missing, read};
use crate::progress::Direction;
use crate::progress::{Layer, Progress};
use crate::store::{Store, StoreWriter};
use crate::transfer::{self, Limits, Plan};

/// Load an image from a tar archive or STDIN
#[derive(Debug, Args)]
pub struct LoadArgs {
    /// Read from tar archive file or OCI layout folder, instead of STDIN
    #[arg(short, long, value_name = "string")]
    input: Option<PathBuf>,
    /// Suppress the load output
    #[arg(short, long)]
    quiet: bool,
    /// Load only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")
    #[arg(long, value_name = "string")]
    platform: Option<String>,
    /// Load nothing, but print the digests of all that is here, for "save --have"
    #[arg(long)]
    have: bool,
}

/// Blobs of a layout that are copied at once.
const AT_ONCE: usize = 2;

pub async fn run(args: LoadArgs, context: &Context) -> Result<Status> {
    if args.have {
        return print_held(context);
    }
    let platform = platform::given(args.platform.as_deref()).map_err(platform::invalid)?;
    let input = Input::open(args.input.as_deref())?;
    let store = context.store();
    let load = Load {
        context,
        writer: store.begin_afresh()?,
        store,
        platform,
        progress: context.screen.progress(Direction::Load, args.quiet),
    };
    match input {
        Input::Folder(folder) => load.folder(&folder).await,
        Input::Stream(stream) => load.stream(stream).await,
    }
}

/// One digest a line: what a delta archive for this store may leave out.
fn print_held(context: &Context) -> Result<Status> {
    let held: BTreeSet<Digest> = context.store().images().held()?.into_iter().collect();
    for digest in &held {
        context.screen.line(digest.as_str());
    }
    Ok(Status::Done)
}

enum Input {
    Folder(Folder),
    Stream(Box<dyn Read + Send>),
}

impl Input {
    fn open(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else {
            let stdin = io::stdin();
            if stdin.is_terminal() {
                return Err(Error::new(Kind::Usage, "requested load from stdin, but stdin is empty"));
            }
            return Ok(Input::Stream(Box::new(stdin)));
        };
        let failed = |e: &io::Error| super::cannot_open(path, e);
        let file = File::open(path).map_err(|e| failed(&e))?;
        if file.metadata().map_err(|e| failed(&e))?.is_dir() {
            return Ok(Input::Folder(Folder::at(path)));
        }
        Ok(Input::Stream(Box::new(file)))
    }
}

struct Load<'a> {
    context: &'a Context,
    store: Store,
    writer: StoreWriter,
    platform: Option<Platform>,
    progress: Arc<dyn Progress>,
}

impl Load<'_> {
    async fn stream(&self, stream: Box<dyn Read + Send>) -> Result<Status> {
        let scratch = self.writer.scratch()?;
        let read = {
            let (scratch, store) = (Arc::clone(&scratch), self.store.clone());
            let (platform, progress) = (self.platform.clone(), Arc::clone(&self.progress));
            tokio::task::spawn_blocking(move || read(stream, &scratch, &store, platform.as_ref(), &*progress))
        };
        let lost = |e| Error::new(Kind::Io, "the thread that reads the archive was lost").caused_by(e);
        let (contents, mut images) = read.await.map_err(lost)??;
        for image in &mut images {
            self.prefer_known(image)?;
        }
        check_missing(&images)?;
        for image in &images {
            let manifests = image.children.iter().chain([&image.root]);
            let digests = image.blobs.iter().map(|blob| &blob.digest);
            for kept in digests
                .chain(manifests.clone().map(Manifest::digest))
                .filter_map(|it| contents.kept(it))
            {
                self.writer.publish(kept)?;
            }
            for manifest in manifests {
                self.writer.put_manifest(manifest).await?;
            }
        }
        self.name(&images)
    }

    async fn folder(&self, folder: &Folder) -> Result<Status> {
        let has = |blob: &Descriptor| self.store.blobs().has_whole(blob);
        let images = archive::images_in(folder, &has, self.platform.as_ref())?;
        check_missing(&images)?;
        for image in &images {
            let lacking: Vec<Descriptor> = image.blobs.iter().filter(|blob| !has(blob)).cloned().collect();
            let layer = |blob: &Descriptor| Layer {
                digest: blob.digest.clone(),
                size: blob.size,
                diff_id: None,
                present: false,
            };
            let layers = lacking
                .iter()
                .filter(|blob| blob.digest != image.id)
                .map(layer)
                .collect();
            let plan = Plan::for_blobs(layers, lacking);
            transfer::run(&plan, folder, &self.writer, Limits::at_once(AT_ONCE), &self.progress).await?;
            for manifest in image.children.iter().chain([&image.root]) {
                self.writer.put_manifest(manifest).await?;
            }
        }
        self.name(&images)
    }

    /// Where the store has the very image already, its manifest is the better one: the one that a registry knows.
    fn prefer_known(&self, image: &mut Listed) -> Result<()> {
        if image.is_original {
            return Ok(());
        }
        let Ok(known) = self.store.images().find(image.id.as_str()) else {
            return Ok(());
        };
        let manifest = known.image.manifest;
        if known.image.fault.is_none() && self.store.images().is_whole(&manifest) {
            image.root = self.store.images().manifest(&manifest.digest)?;
            image.blobs.clear();
            image.missing.clear();
        }
        Ok(())
    }

    /// The commit, and docker's lines about it.
    fn name(&self, images: &[Listed]) -> Result<Status> {
        let mut lines = Vec::new();
        let mut names: Vec<(Reference, Descriptor)> = Vec::new();
        let mut nameless = Vec::new();
        for image in images {
            let descriptor = self.descriptor(image)?;
            for name in &image.names {
                lines.extend(self.displaced(name, &image.id));
                lines.push(format!("Loaded image: {}", name.familiar()));
                names.push((name.clone(), descriptor.clone()));
            }
            if image.names.is_empty() {
                lines.push(format!("Loaded image ID: {}", image.id));
                nameless.push(descriptor);
            }
        }
        self.store.names().list(&names, &nameless)?;
        self.context.screen.settle();
        for line in lines {
            self.context.screen.line(&line);
        }
        Ok(Status::Done)
    }

    fn descriptor(&self, image: &Listed) -> Result<Descriptor> {
        let mut descriptor = image.root.descriptor.clone();
        if let Body::Image(body) = &image.root.body {
            let platform = self.store.images().config(body)?.platform;
            descriptor.platform = (!platform.os.is_empty()).then(|| platform.into());
        }
        Ok(descriptor)
    }

    /// Docker's words for a name that was another image's before.
    fn displaced(&self, name: &Reference, id: &Digest) -> Option<String> {
        let old = self.store.images().find(&name.to_string()).ok()?;
        (old.name.as_ref() == Some(name) && old.image.id != *id).then(|| {
            format!(
                "The image {} already exists, renaming the old one with ID {} to empty string",
                name.familiar(),
                old.image.id
            )
        })
    }
}
