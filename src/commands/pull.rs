//! `rdock pull`: resolve, plan, move, name.

use clap::Args;

use super::{Context, RegistryArgs, Status, TransferArgs};
use crate::content::{Sink, Source};
use crate::error::{Clue, Error, Kind, Result};
use crate::image::nearest::nearest;
use crate::image::{Body, Descriptor, Digest, ImageConfig, ImageManifest, Manifest, Platform, Reference, Version};
use crate::registry::Repository;
use crate::store::{Session, Store};
use crate::transfer::{self, Plan};
use crate::ui::Direction;

/// Download an image from a registry
#[derive(Debug, Args)]
pub struct PullArgs {
    /// Download all tagged images in the repository
    #[arg(short = 'a', long)]
    all_tags: bool,
    /// Suppress verbose output
    #[arg(short, long)]
    quiet: bool,
    /// Set platform if the registry offers several
    #[arg(long, value_name = "string")]
    platform: Option<String>,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    pub(crate) transfer: TransferArgs,
    #[arg(value_name = "NAME[:TAG|@DIGEST]")]
    name: String,
}

pub async fn run(args: PullArgs, context: &Context) -> Result<Status> {
    args.transfer.in_time(Box::pin(pull(&args, context))).await
}

async fn pull(args: &PullArgs, context: &Context) -> Result<Status> {
    let typed = Reference::parse(&args.name)?;
    if args.all_tags && !typed.is_name_only() {
        return Err(Error::new(Kind::Usage, "tag can't be used with --all-tags/-a"));
    }
    if typed.is_name_only() && !args.all_tags && !args.quiet {
        context.screen.line("Using default tag: latest");
    }
    if typed.is_hub() && typed.familiar_name() == "scratch" {
        return Err(Error::new(Kind::Usage, "'scratch' is a reserved name"));
    }
    let platform = args.platform.as_ref().or(context.settings.default_platform.as_ref());
    let platform = platform.map(|text| Platform::parse(text)).transpose()?;
    let repository = context
        .registry_for(typed.domain(), &args.registry, &args.transfer)?
        .repository(&typed);
    let pull = Pull {
        context,
        args,
        store: context.store(),
        repository,
        platform,
    };
    let (names, shown) = if args.all_tags {
        let tags = pull.repository.tags().await?;
        let names = tags.iter().map(|tag| typed.at_tag(tag)).collect::<Result<Vec<_>>>()?;
        (names, typed.clone())
    } else {
        let name = typed.clone().or_latest();
        (vec![name.clone()], name)
    };
    let mut is_new = false;
    let mut mismatches = Vec::new();
    for name in &names {
        let pulled = pull.one(name).await?;
        is_new |= pulled.is_new;
        mismatches.extend(pulled.mismatch);
    }
    if args.quiet {
        context.screen.line(&shown.to_string());
        return Ok(Status::Done);
    }
    let status = if is_new {
        "Downloaded newer image for"
    } else {
        "Image is up to date for"
    };
    // Where there is a digest docker leaves the tag out, except in the last line.
    let without_tag = shown.digest().map(|digest| shown.at_digest(digest));
    let subject = without_tag.as_ref().unwrap_or(&shown).familiar();
    context.screen.line(&format!("Status: {status} {subject}"));
    for mismatch in &mismatches {
        context.screen.line(mismatch);
    }
    context.screen.line(&shown.to_string());
    Ok(Status::Done)
}

struct Pull<'a> {
    context: &'a Context,
    args: &'a PullArgs,
    store: Store,
    repository: Repository,
    platform: Option<Platform>,
}

struct Pulled {
    /// Whether the name or the digest came to mean something new here.
    is_new: bool,
    /// Docker's warning when the image is for another platform than the one asked for.
    mismatch: Option<String>,
}

impl Pull<'_> {
    async fn one(&self, name: &Reference) -> Result<Pulled> {
        let up_to_date = match self.up_to_date(name).await {
            Ok(up_to_date) => up_to_date,
            Err(e) => return Err(self.with_nearest_tags(e, name).await),
        };
        if let Some(digest) = up_to_date {
            self.announce(name);
            self.say(&format!("Digest: {digest}"));
            return Ok(Pulled {
                is_new: false,
                mismatch: None,
            });
        }
        let root = match self.repository.resolve(name.version()).await {
            Ok(root) => root,
            Err(e) => return Err(self.with_nearest_tags(e, name).await),
        };
        self.announce(name);
        let session = self.store.begin()?;
        let image = self.choose(&root, &session).await?;
        let Body::Image(body) = &image.body else {
            return Err(Error::new(Kind::Corrupt, format!("{name} is an index of indexes")));
        };
        let config = self.transfer(body, &session).await?;
        session.put_manifest(&image).await?;
        let descriptor = Descriptor {
            platform: Some(config.platform.clone()),
            ..image.descriptor.clone()
        };
        let is_new = self.name(name, &root, &descriptor)?;
        let blobs: Vec<Digest> = body
            .layers
            .iter()
            .chain([&body.config])
            .map(|blob| blob.digest.clone())
            .collect();
        self.store.remember_location(name.domain(), name.path(), &blobs)?;
        self.say(&format!("Digest: {}", root.digest()));
        Ok(Pulled {
            is_new,
            mismatch: self.mismatch(name, &config.platform),
        })
    }

    /// The digest the registry has for this name, if this store has just that, whole: it costs one HEAD.
    async fn up_to_date(&self, name: &Reference) -> Result<Option<Digest>> {
        let Some(local) = self.store.named(name)? else {
            return Ok(None);
        };
        if !self.store.is_whole(&local) {
            return Ok(None);
        }
        let Some(remote) = self.repository.head(name.version()).await? else {
            return Ok(None);
        };
        let by_digest = self.store.named(&name.at_digest(&remote))?;
        let is_known = by_digest.is_some_and(|it| it.digest == local.digest);
        let is_current = is_known && self.is_wanted(&local, &remote).await;
        Ok(is_current.then_some(remote))
    }

    /// Whether the local image is what the registry's manifest, which is known here, means for the platform.
    async fn is_wanted(&self, local: &Descriptor, remote: &Digest) -> bool {
        if local.digest == *remote {
            let fits = |want: &Platform| local.platform.as_ref().and_then(|have| have.distance_to(want));
            return self.platform.as_ref().is_none_or(|want| fits(want).is_some());
        }
        let Ok(root) = self.store.manifest(remote).await else {
            return false;
        };
        let Body::Index(index) = &root.body else {
            return false;
        };
        index
            .choose(&self.wanted())
            .is_ok_and(|child| child.digest == local.digest)
    }

    fn wanted(&self) -> Platform {
        self.platform.clone().unwrap_or_else(Platform::host)
    }

    /// The image manifest itself, or the child of the index that serves the platform.
    async fn choose(&self, root: &Manifest, session: &Session) -> Result<Manifest> {
        let Body::Index(index) = &root.body else {
            return Ok(root.clone());
        };
        let child = index.choose(&self.wanted())?;
        session.put_manifest(root).await?;
        match self.store.manifest(&child.digest).await {
            Ok(known) => Ok(known),
            Err(_) => self.repository.resolve(Version::Digest(&child.digest)).await,
        }
    }

    async fn transfer(&self, image: &ImageManifest, session: &Session) -> Result<ImageConfig> {
        let has = |blob: &Descriptor| self.store.has_whole(blob);
        let plan = Plan::for_image(image, None, has);
        if !plan.blobs.is_empty() {
            let transfer = &self.args.transfer;
            let progress = self.context.screen.progress(Direction::Pull, self.args.quiet);
            transfer::run(&plan, &self.repository, session, transfer.limits(), &progress).await?;
        }
        self.store.config(image)
    }

    /// Names the image, in one step, by what was asked for and by digest. Whether either is news here.
    fn name(&self, name: &Reference, root: &Manifest, image: &Descriptor) -> Result<bool> {
        let mut names = vec![name.at_digest(root.digest())];
        if name.digest().is_none() {
            names.push(name.clone());
        }
        let mut is_new = false;
        for name in &names {
            is_new |= self.store.named(name)?.is_none_or(|old| old.digest != image.digest);
        }
        let entries: Vec<_> = names.into_iter().map(|name| (name, image.clone())).collect();
        self.store.name_all(&entries)?;
        Ok(is_new)
    }

    fn mismatch(&self, name: &Reference, actual: &Platform) -> Option<String> {
        let wanted = self.platform.as_ref()?;
        if actual.distance_to(wanted).is_some() {
            return None;
        }
        Some(format!(
            "WARNING: image with reference {} was found but does not match the specified platform: wanted {wanted}, actual: {actual}",
            name.familiar_name()
        ))
    }

    fn announce(&self, name: &Reference) {
        let what = match name.version() {
            Version::Tag(tag) => tag.to_owned(),
            Version::Digest(digest) => name.at_digest(digest).to_string(),
        };
        self.say(&format!("{what}: Pulling from {}", name.path()));
    }

    fn say(&self, line: &str) {
        if !self.args.quiet {
            self.context.screen.line(line);
        }
    }

    /// Adds the tags that look most like the missing one, when the registry lists any.
    async fn with_nearest_tags(&self, error: Error, name: &Reference) -> Error {
        let Some(tag) = name
            .tag()
            .filter(|_| error.kind() == Kind::NotFound && error.clue().is_none())
        else {
            return error;
        };
        match self.repository.tags().await {
            Ok(tags) if !tags.is_empty() => error.with_clue(Clue::NearestTags(nearest(tag, &tags, 5))),
            _ => error,
        }
    }
}
