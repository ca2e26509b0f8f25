//! `rdock rmi --remote`: takes a tag away from its registry, and no other tag with it unless that is forced.

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::commands::{Context, RegistryArgs};
use crate::error::{Clue, During as _, Error, Kind, Result};
use crate::image::referral::fallback_tag;
use crate::image::{Body, Digest, Reference, Referral, Version};
use crate::places::with_nearest_tags;
use crate::registry::Repository;
use crate::store::Force;

/// How many tags are looked at, at once.
const AT_ONCE: usize = 8;

/// The answer is what could not be removed.
pub(super) async fn remove(
    images: &[String],
    force: Force,
    args: &RegistryArgs,
    context: &Context,
) -> Result<Vec<Error>> {
    let names = images
        .iter()
        .map(|text| Reference::parse(text).map(Reference::or_latest));
    let names = names.collect::<Result<Vec<_>>>()?;
    let mut failures = Vec::new();
    for name in &names {
        let repository = context.registry(name.domain(), args)?.repository(name);
        match one(&repository, name, force).await {
            Ok(lines) => lines.iter().for_each(|line| context.screen.line(line)),
            Err(e) => failures.push(e),
        }
    }
    Ok(failures)
}

/// Removes one name; the answer is what is gone, in docker's words.
async fn one(repository: &Repository, name: &Reference, force: Force) -> Result<Vec<String>> {
    if name.is_hub() {
        let message = "Docker Hub lets images be deleted on its web pages only: https://hub.docker.com/repositories";
        return Err(Error::new(Kind::Unsupported, message));
    }
    let digest = match repository.digest(name.version()).await {
        Ok(digest) => digest,
        Err(e) => return Err(with_nearest_tags(e, repository, name).await),
    };
    if let Version::Tag(tag) = name.version()
        && repository.remove_tag(tag).await?
    {
        return Ok(vec![format!("Untagged: {}", name.familiar())]);
    }
    let referral = referral(repository, &digest).await?;
    let affected = Affected::by_removal(repository, name, &digest, referral.as_ref()).await?;
    if force == Force::No && !affected.is_empty() {
        return Err(affected.refusal(name, &digest));
    }
    affected.remove(repository, &digest).await?;
    if let Some(referral) = referral {
        let list = fallback_tag(&referral.subject);
        let doing = format!("{digest} is removed; taking it from the list {list}");
        repository.unlist_referrer(&referral).await.during(doing)?;
    }
    let own = name.tag().filter(|_| name.digest().is_none());
    let untagged = own.into_iter().chain(affected.same.iter().map(String::as_str));
    let untagged = untagged.map(|tag| format!("Untagged: {}:{tag}", name.familiar_name()));
    let deleted = format!("Deleted: {}", name.at_digest(&digest).familiar());
    Ok(untagged.chain([deleted]).collect())
}

/// What the manifest speaks of, if anything.
async fn referral(repository: &Repository, digest: &Digest) -> Result<Option<Referral>> {
    match repository.resolve(Version::Digest(digest)).await {
        Ok(manifest) => Ok(Referral::of(&manifest)),
        // Of an old kind, which knows no subjects.
        Err(e) if e.kind() == Kind::Unsupported => Ok(None),
        Err(e) => Err(e),
    }
}

/// The other tags that a removal of the digest concerns.
#[derive(Default)]
struct Affected {
    /// Tags that stand for the digest: they would go.
    same: Vec<String>,
    /// Tags of an index that holds it: they would stay, with a hole.
    holders: Vec<String>,
}

impl Affected {
    /// The list of referrers that holds it is not damaged: it is mended.
    async fn by_removal(
        repository: &Repository,
        name: &Reference,
        digest: &Digest,
        referral: Option<&Referral>,
    ) -> Result<Self> {
        let own = name.tag().filter(|_| name.digest().is_none());
        let list = referral.map(|it| fallback_tag(&it.subject));
        let tags = repository.tags().await?;
        let others = tags
            .iter()
            .filter(|tag| Some(tag.as_str()) != own && Some(*tag) != list.as_ref());
        let read = async |tag: &String| match repository.resolve(Version::Tag(tag)).await {
            Ok(manifest) => Ok(Some((tag.clone(), manifest))),
            // Gone meanwhile.
            Err(e) if e.kind() == Kind::NotFound => Ok(None),
            // An image of an old kind, which is no index, or a registry in trouble, which might hide one.
            Err(e) if e.kind() == Kind::Unsupported => match repository.standing(Version::Tag(tag)).await? {
                Some(other) if other != *digest => Ok(None),
                _ => Err(e),
            },
            Err(e) => Err(e),
        };
        let found: Vec<_> = stream::iter(others).map(read).buffered(AT_ONCE).try_collect().await?;
        let mut affected = Self::default();
        for (tag, manifest) in found.into_iter().flatten() {
            match &manifest.body {
                _ if manifest.digest() == digest => affected.same.push(tag),
                Body::Index(index) if index.manifests.iter().any(|child| child.digest == *digest) => {
                    affected.holders.push(tag);
                }
                Body::Index(_) | Body::Image(_) => {}
            }
        }
        Ok(affected)
    }

    /// Removes the digest: at once, or after its tags where the registry wants them gone before (reg#136 and fluxcd/pkg#328
    /// at GCR and GAR).
    async fn remove(&self, repository: &Repository, digest: &Digest) -> Result<()> {
        let Err(refusal) = repository.remove_manifest(digest).await else {
            return Ok(());
        };
        let is_offered = !matches!(refusal.clue(), Some(Clue::NoDeletion { .. } | Clue::NoRegistry { .. }));
        let may_want_tags = is_offered && matches!(refusal.kind(), Kind::Unsupported | Kind::Conflict);
        if self.same.is_empty() || !may_want_tags {
            return Err(refusal);
        }
        for (gone, tag) in self.same.iter().enumerate() {
            let failure = match repository.remove_tag(tag).await {
                Ok(true) => continue,
                Ok(false) => refusal,
                Err(e) => e,
            };
            return Err(after_untagging(&self.same[..gone], failure));
        }
        let removed = repository.remove_manifest(digest).await;
        removed.map_err(|e| after_untagging(&self.same, e))
    }

    fn is_empty(&self) -> bool {
        self.same.is_empty() && self.holders.is_empty()
    }

    fn refusal(self, name: &Reference, digest: &Digest) -> Error {
        let mut shares = Vec::new();
        if !self.same.is_empty() {
            shares.push(format!("is also {}", self.same.join(", ")));
        }
        if !self.holders.is_empty() {
            shares.push(format!("is part of {}", self.holders.join(", ")));
        }
        let message = format!(
            "unable to remove {} alone: {} deletes whole digests only, and {digest} {}",
            name.familiar(),
            name.domain(),
            shares.join(" and ")
        );
        let names = self.same.into_iter().chain(self.holders).collect();
        Error::new(Kind::Conflict, message).with_clue(Clue::Siblings(names))
    }
}

/// A failure that does not undo what was done before it.
fn after_untagging(tags: &[String], failure: Error) -> Error {
    match tags {
        [] => failure,
        tags => failure.during(format!("after untagging {}", tags.join(", "))),
    }
}
