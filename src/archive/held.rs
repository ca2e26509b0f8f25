//! What the far side of a delta archive holds already, from an archive it was given or from a list it wrote.

use std::collections::HashSet;
use std::io::Read;

use super::entries::{Entries, Sort, broken};
use super::files::{MAX_DOCUMENT, digest_in};
use crate::error::Result;
use crate::image::digest::Algorithm;
use crate::image::{Body, Descriptor, Digest, Digester, Manifest};
use crate::tarball::unpacked;

/// What the store holds, so that an archive may leave it out.
pub struct Held<'a> {
    /// Whether this blob is there.
    pub has: &'a dyn Fn(&Descriptor) -> bool,
    /// The layer there that unpacks to this diff ID.
    pub layer: &'a dyn Fn(&Digest) -> Result<Option<Descriptor>>,
}

/// Every blob that whoever has loaded this archive has: those in it, and those that a delta archive left out.
pub fn held_by_archive(stream: impl Read + Send) -> Result<HashSet<Digest>> {
    let (_, stream) = unpacked(stream).map_err(broken)?;
    let mut entries = Entries::new(stream);
    let mut held = HashSet::new();
    while let Some(entry) = entries.next()? {
        if entry.sort != Sort::File {
            continue;
        }
        let named = digest_in(&entry.path)?;
        if entry.size <= MAX_DOCUMENT {
            let mut raw = Vec::new();
            entries.data().read_to_end(&mut raw).map_err(broken)?;
            held.insert(Digest::of(&raw));
            if let Ok(manifest) = Manifest::parse(raw.into(), None, None)
                && let Body::Image(image) = manifest.body
            {
                held.extend(image.layers.into_iter().map(|layer| layer.digest));
            }
        } else if named.is_none() {
            held.insert(hashed(entries.data())?);
        }
        held.extend(named);
    }
    Ok(held)
}

/// The layers of an old archive are named by other things than their digests.
fn hashed(mut data: impl Read) -> Result<Digest> {
    let mut digester = Digester::new(Algorithm::Sha256);
    let mut buffer = vec![0; 256 << 10];
    loop {
        match data.read(&mut buffer).map_err(broken)? {
            0 => return Ok(digester.finish()),
            n => digester.update(&buffer[..n]),
        }
    }
}

/// Every digest in a text, such as what `rdock images --digests --no-trunc` or `rdock load --have` prints.
pub fn held_by_list(text: &str) -> HashSet<Digest> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == ':'));
    words
        .filter_map(|word| {
            // `NAME@sha256:HEX` has been split at the `@` already.
            let from = word.find("sha")?;
            Digest::parse(&word[from..]).ok()
        })
        .collect()
}
