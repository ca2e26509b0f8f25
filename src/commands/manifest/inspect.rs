//! `rdock manifest inspect`: the manifest or list behind a name, from a local list or from the registry.

use std::collections::HashMap;

use clap::Args;
use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::members::{complete, fetch, lists, member_of};
use crate::commands::{Context, RegistryArgs, Status};
use crate::error::{Error, Kind, Result};
use crate::image::{Body, Descriptor, Digest, Manifest, Reference, Version, go_json, manifest_list};
use crate::manifest_lists::Member;
use crate::registry::Repository;

/// How many images of an index are looked at, at once.
const AT_ONCE: usize = 8;

/// Display an image manifest, or manifest list
#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
pub struct InspectArgs {
    /// Output additional info including layers and platform
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    registry: RegistryArgs,
    #[arg(value_name = "MANIFEST_LIST")]
    list: Option<String>,
    #[arg(value_name = "MANIFEST")]
    manifest: String,
}

/// What there is to show.
enum Shown {
    Image(Box<Member>),
    List(Vec<Member>),
}

pub(super) async fn run(args: InspectArgs, context: &Context) -> Result<Status> {
    let name = Reference::parse(&args.manifest)?.or_latest();
    let lists = lists(context);
    if let Some(list) = &args.list {
        let list = Reference::parse(list)?.or_latest();
        let missing = || Error::new(Kind::NotFound, format!("No such manifest: {name}"));
        let member = lists.image(&list, &name)?.ok_or_else(missing)?;
        let member = complete(member, &args.registry, context).await?;
        show(&Shown::Image(Box::new(member)), &args, context);
        return Ok(Status::Done);
    }
    match lists.list(&name) {
        Ok(list) => {
            let complete = list.into_iter().map(|member| complete(member, &args.registry, context));
            let list = try_join_all(complete).await?;
            show(&Shown::List(list), &args, context);
        }
        Err(e) if e.kind() == Kind::NotFound => {
            let repository = context.registry(name.domain(), &args.registry)?.repository(&name);
            let manifest = fetch(&repository, &name).await?;
            show_remote(&repository, &name, &manifest, &args, context).await?;
        }
        Err(e) => return Err(e),
    }
    Ok(Status::Done)
}

async fn show_remote(
    repository: &Repository,
    name: &Reference,
    manifest: &Manifest,
    args: &InspectArgs,
    context: &Context,
) -> Result<()> {
    match &manifest.body {
        Body::Image(_) if !args.verbose => {
            let text = String::from_utf8_lossy(&manifest.raw);
            context.screen.line(&go_json::indented(&text, "\t"));
        }
        Body::Image(_) => {
            let member = member_of(repository, name, manifest).await?;
            show(&Shown::Image(Box::new(member)), args, context);
        }
        Body::Index(index) if !args.verbose => {
            context.screen.line(&manifest_list::list(&index.manifests).1);
        }
        Body::Index(index) => {
            let members = members(repository, name, &index.manifests).await?;
            show(&Shown::List(members), args, context);
        }
    }
    Ok(())
}

/// The images of an index, with the platforms that it gives them.
async fn members(repository: &Repository, name: &Reference, members: &[Descriptor]) -> Result<Vec<Member>> {
    let mut digests: Vec<&Digest> = members.iter().map(|member| &member.digest).collect();
    digests.sort();
    digests.dedup();
    let fetched = stream::iter(digests).map(async |digest| {
        let manifest = repository.document(Version::Digest(digest)).await?;
        Ok::<_, Error>((digest.clone(), manifest))
    });
    let manifests: HashMap<Digest, Manifest> = fetched.buffer_unordered(AT_ONCE).try_collect().await?;
    let member = |member: &Descriptor| {
        let manifest = manifests.get(&member.digest)?;
        Some(Member {
            name: name.clone().with_digest(&member.digest),
            descriptor: Descriptor {
                platform: Some(member.platform.clone().unwrap_or_default()),
                ..manifest.descriptor.clone()
            },
            raw: manifest.raw.clone(),
        })
    };
    Ok(members.iter().filter_map(member).collect())
}

fn show(shown: &Shown, args: &InspectArgs, context: &Context) {
    let text = match shown {
        Shown::Image(member) if args.verbose => go_json::indented(&member.to_json(), "\t"),
        Shown::Image(member) => go_json::indented(&String::from_utf8_lossy(&member.raw), "\t"),
        Shown::List(members) if args.verbose => {
            let members: Vec<String> = members.iter().map(Member::to_json).collect();
            go_json::indented(&format!("[{}]", members.join(",")), "\t")
        }
        Shown::List(members) => {
            let members: Vec<Descriptor> = members.iter().map(|member| member.descriptor.clone()).collect();
            manifest_list::list(&members).1
        }
    };
    context.screen.line(&text);
}
