//! The one point at which an image gets its name. Every way in ends here; what is to be checked before anything is
//! named is checked in [`check`].

use crate::error::{Error, Kind, Result};
use crate::image::{Descriptor, Digest, Manifest, Reference};
use crate::places::{Place, Receiver};
use crate::store::Store;

/// An image whose content is all there.
pub struct Arrival {
    /// What it is to be called; an image without a name is kept by its digest.
    names: Vec<Reference>,
    /// What came: an image, or the index that it is a part of.
    root: Digest,
    /// What the names are to mean: the root, or the image that was chosen from it.
    image: Descriptor,
}

impl Arrival {
    pub(super) fn new(names: Vec<Reference>, root: &Digest, image: Descriptor) -> Self {
        let root = root.clone();
        Self { names, root, image }
    }
}

/// Names images in the store, all in one step or none. Whether any name came to mean something new.
pub fn to_store(store: &Store, arrivals: Vec<Arrival>) -> Result<bool> {
    let (mut names, mut nameless) = (Vec::new(), Vec::new());
    for arrival in arrivals {
        check(&arrival.names, &arrival.root)?;
        if arrival.names.is_empty() {
            nameless.push(arrival.image.clone());
        }
        names.extend(arrival.names.into_iter().map(|name| (name, arrival.image.clone())));
    }
    store.names().list(&names, &nameless)
}

/// Names a manifest wherever `name` does it, in one step with taking it in: what a registry that is a cache has fetched
/// gets its names so.
pub fn by<T>(names: &[Reference], root: &Digest, name: impl FnOnce() -> Result<T>) -> Result<T> {
    check(names, root)?;
    name()
}

/// Names an image at a place, by what it received there.
pub(super) async fn to_place(receiver: Box<dyn Receiver>, root: &Manifest, place: &Place) -> Result<()> {
    check(place.reference(), root.digest())?;
    receiver.name(root, place).await
}

/// What may not be named is refused here, whichever way it came: a name with a digest means that digest.
fn check<'a>(names: impl IntoIterator<Item = &'a Reference>, root: &Digest) -> Result<()> {
    let is_wrong = |name: &&Reference| name.digest().is_some_and(|wanted| wanted != root);
    match names.into_iter().find(is_wrong) {
        None => Ok(()),
        Some(name) => {
            let message = format!("{} cannot name the manifest {root}", name.familiar());
            Err(Error::new(Kind::Conflict, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_digest_names_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join("store"));
        let raw = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
        let root = Manifest::parse(raw.to_vec().into(), None, None).unwrap();
        let other = Reference::parse(&format!("app@sha256:{}", "0".repeat(64))).unwrap();
        let names = [Reference::parse("app:1").unwrap(), other];
        let arrival = Arrival::new(names.to_vec(), root.digest(), root.descriptor.clone());
        let refused = to_store(&store, vec![arrival]).unwrap_err();
        assert_eq!(refused.kind(), Kind::Conflict);
        let by = |names: &[Reference]| by(names, root.digest(), || Ok(()));
        assert_eq!(by(&names).unwrap_err().kind(), Kind::Conflict);
        by(&names[..1]).unwrap();
        assert_eq!(store.images().all().unwrap().len(), 0);
    }
}
