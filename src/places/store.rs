//! The user's own store as a place, and what it has in common with a layout in a folder, which is one like it.

use super::ends::{Answer, Destination, Incoming, Means, Origin, Receiver};
use super::place::Place;
use crate::content::{BlobReader, Opener, Outcome, Sink, Source};
use crate::error::Result;
use crate::image::{Body, Descriptor, Digest, Manifest, Reference, Referral, graph};
use crate::store::{Store, StoreWriter};

/// One repository of the store.
pub(super) struct InStore {
    store: Store,
    name: Reference,
}

impl InStore {
    fn at(place: &Place, means: &Means<'_>) -> Result<Self> {
        let (store, name) = (means.store.clone(), place.name()?);
        Ok(Self { store, name })
    }

    pub(super) fn origin<'a>(place: &'a Place, means: &'a Means<'a>) -> Answer<'a, Box<dyn Origin>> {
        Box::pin(async { Ok(Box::new(Self::at(place, means)?) as Box<dyn Origin>) })
    }

    pub(super) fn destination(place: &Place, means: &Means<'_>) -> Result<Box<dyn Destination>> {
        Ok(Box::new(Self::at(place, means)?))
    }
}

impl Source for InStore {
    async fn manifest(&self, digest: &Digest) -> Result<Manifest> {
        self.store.manifest(digest).await
    }

    async fn open(&self, blob: &Descriptor, from: u64) -> Result<BlobReader> {
        self.store.open(blob, from).await
    }
}

impl Origin for InStore {
    fn resolve<'a>(&'a self, name: &'a Place) -> Answer<'a, Manifest> {
        Box::pin(async move {
            let name = name.name()?;
            match self.store.names().target(&name)? {
                Some(image) => self.store.images().manifest(&image.digest),
                // Who looks for it says what is near.
                None => self
                    .store
                    .images()
                    .manifest(&self.store.images().find(name.familiar())?.root.digest),
            }
        })
    }

    fn tags(&self) -> Answer<'_, Vec<String>> {
        Box::pin(async {
            let tags = self.store.names().tags(&self.name)?;
            Ok(tags.iter().filter_map(|name| name.tag().map(str::to_owned)).collect())
        })
    }

    fn referrers<'a>(&'a self, subject: &'a Digest) -> Answer<'a, Vec<Descriptor>> {
        Box::pin(async { referrers(&self.store, subject) })
    }
}

impl Destination for InStore {
    fn standing<'a>(&'a self, name: &'a Place) -> Answer<'a, Option<Digest>> {
        Box::pin(async { Ok(self.store.names().target(&name.name()?)?.map(|image| image.digest)) })
    }

    fn has_manifest<'a>(&'a self, digest: &'a Digest) -> Answer<'a, bool> {
        Box::pin(async { Ok(has_image(&self.store, digest)) })
    }

    fn has_blob<'a>(&'a self, blob: &'a Descriptor) -> Answer<'a, bool> {
        Box::pin(async { Ok(self.store.blobs().has_whole(blob)) })
    }

    fn referrers<'a>(&'a self, subject: &'a Digest) -> Answer<'a, Vec<Descriptor>> {
        Box::pin(async { referrers(&self.store, subject) })
    }

    fn begin<'a>(&'a self, _: Incoming<'a>) -> Answer<'a, Box<dyn Receiver>> {
        Box::pin(async { Ok(Box::new(IntoStore(Content::begin(&self.store)?)) as Box<dyn Receiver>) })
    }
}

/// Whether an image is there with all its layers: a store may hold a manifest without them, and to look costs nothing.
pub(super) fn has_image(store: &Store, digest: &Digest) -> bool {
    let is_there = |blob: &Descriptor| blob.is_foreign() || store.blobs().has_whole(blob);
    let manifest = store.images().manifest(digest);
    manifest.is_ok_and(|manifest| matches!(manifest.body, Body::Image(_)) && graph::blobs(&manifest).all(is_there))
}

/// A store has no list of referrers: those that it lists itself are looked through.
pub(super) fn referrers(store: &Store, subject: &Digest) -> Result<Vec<Descriptor>> {
    let listed = store.names().labels()?.into_iter().map(|(_, listed)| listed.digest);
    Ok(referrers_among(listed, subject, |digest| {
        store.images().manifest(digest)
    }))
}

/// The manifests that speak of this one.
pub(super) fn referrers_among(
    listed: impl Iterator<Item = Digest>,
    subject: &Digest,
    read: impl Fn(&Digest) -> Result<Manifest>,
) -> Vec<Descriptor> {
    let manifests = listed.filter_map(|digest| read(&digest).ok());
    let referrals = manifests.filter_map(|manifest| Referral::of(&manifest));
    let wanted = referrals.filter(|referral| referral.subject == *subject);
    let mut found: Vec<Descriptor> = wanted.map(|referral| referral.referrer).collect();
    found.dedup_by(|a, b| a.digest == b.digest);
    found
}

/// What comes into a store.
pub(super) struct Content {
    pub(super) store: Store,
    writer: StoreWriter,
}

impl Content {
    pub(super) fn begin(store: &Store) -> Result<Self> {
        let (store, writer) = (store.clone(), store.begin()?);
        Ok(Self { store, writer })
    }
}

impl Sink for Content {
    async fn receive(&self, blob: &Descriptor, open: &Opener<'_>) -> Result<Outcome> {
        if blob.is_foreign() {
            return Ok(Outcome::Skipped);
        }
        if self.store.blobs().has_whole(blob) {
            return Ok(Outcome::AlreadyPresent);
        }
        self.writer.receive(blob, open).await
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<()> {
        self.writer.put_manifest(manifest).await
    }
}

struct IntoStore(Content);

impl Sink for IntoStore {
    async fn receive(&self, blob: &Descriptor, open: &Opener<'_>) -> Result<Outcome> {
        self.0.receive(blob, open).await
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<()> {
        self.0.put_manifest(manifest).await
    }
}

impl Receiver for IntoStore {
    fn name<'a>(self: Box<Self>, manifest: &'a Manifest, name: &'a Place) -> Answer<'a, ()> {
        Box::pin(async move {
            self.put_manifest(manifest).await?;
            let (store, name) = (&self.0.store, name.name()?);
            let image = described(store, manifest)?;
            let mut names = vec![(name.at_digest(manifest.digest()), image.clone())];
            if name.digest().is_none() {
                names.push((name, image));
            }
            store.names().list(&names, &[]).map(drop)
        })
    }

    /// Without a name it is listed by its digest.
    fn attach<'a>(&'a self, manifest: &'a Manifest) -> Answer<'a, ()> {
        Box::pin(async move {
            self.put_manifest(manifest).await?;
            self.0
                .store
                .names()
                .list(&[], std::slice::from_ref(&manifest.descriptor))
                .map(drop)
        })
    }
}

/// What a name of the store is to mean: a manifest that is there, with the platform that it is for.
pub fn described(store: &Store, manifest: &Manifest) -> Result<Descriptor> {
    let mut descriptor = manifest.descriptor.clone();
    if let Body::Image(image) = &manifest.body {
        let platform = store.images().config(image)?.platform;
        descriptor.platform = (!platform.os.is_empty()).then(|| platform.into());
    }
    Ok(descriptor)
}
