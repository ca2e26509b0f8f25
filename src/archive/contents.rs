//! What a tar archive turned out to hold: read once, as a stream, its members kept aside until they are judged.

use std::collections::HashMap;
use std::fs;
use std::io::Read;

use bytes::Bytes;

use super::entries::{Entries, Entry, Sort, broken};
use super::errors::bad;
use super::files::{Files, MAX_DOCUMENT, digest_in, path_of};
use crate::content::{Kept, Outcome};
use crate::error::{During, Result};
use crate::image::Digest;
use crate::image::digest::Algorithm;
use crate::image::layout::{INDEX, MARKER};
use crate::progress::{Event, Layer, Progress};
use crate::tarball::unpacked;

/// The longest chain of links that is followed.
const MAX_LINKS: usize = 8;
/// Members below this many bytes are read before anyone could see it.
const SHOWN: u64 = 128 << 10;
/// The files that say what the others are.
const DOCUMENTS: [&str; 4] = [INDEX, "manifest.json", "repositories", MARKER];

/// The members of one archive by their path in it.
#[derive(Debug, Default)]
pub struct Contents {
    members: HashMap<String, Member>,
    by_digest: HashMap<Digest, Kept>,
    /// Paths in small letters, as a file system sees them that does not tell `A` from `a`.
    spellings: HashMap<String, String>,
}

#[derive(Debug)]
enum Member {
    File(Kept),
    /// A blob that is there already, and so was passed over.
    Known,
    Folder,
    Link(String),
}

/// Takes bytes in: the stream, how many bytes it will have at least, and what to hash them with.
pub type KeepBytes<'a> = dyn Fn(&mut dyn Read, u64, Algorithm) -> Result<Kept> + 'a;

/// What reading an archive needs from outside.
pub struct Reading<'a> {
    pub keep: &'a KeepBytes<'a>,
    /// Whether a blob of this size is there already, so that it need not be read.
    pub has: &'a (dyn Fn(&Digest, u64) -> bool + 'a),
    pub progress: &'a dyn Progress,
}

impl Contents {
    /// Reads the whole stream, packed or not. An error means that nothing of it can be trusted.
    pub fn read(stream: impl Read + Send, reading: &Reading<'_>) -> Result<Self> {
        let (_, stream) = unpacked(stream).map_err(broken)?;
        let mut entries = Entries::new(stream);
        let mut contents = Self::default();
        while let Some(entry) = entries.next()? {
            contents.check_spelling(&entry.path)?;
            let member = match entry.sort {
                Sort::Folder => Member::Folder,
                Sort::Link(ref to) => Member::Link(to.clone()),
                Sort::File => contents.take(&entry, &mut entries, reading)?,
            };
            contents.add(entry.path, member)?;
        }
        entries.finish()?;
        Ok(contents)
    }

    fn take<R: Read>(&self, entry: &Entry, entries: &mut Entries<R>, reading: &Reading<'_>) -> Result<Member> {
        let Entry { path, size, .. } = entry;
        if DOCUMENTS.contains(&path.as_str()) && *size > MAX_DOCUMENT {
            return Err(bad(format!("the archive's {path} has {size} bytes: too many")));
        }
        let named = digest_in(path)?;
        if let Some(digest) = &named
            // Before the index is known, the file may be a layer of an older archive, whose bytes have to be seen.
            && self.members.contains_key(INDEX)
            && *size > MAX_DOCUMENT
            && (reading.has)(digest, *size)
        {
            return Ok(Member::Known);
        }
        let algorithm = named.as_ref().map_or(Algorithm::Sha256, Digest::algorithm);
        let kept = {
            let mut data = Watched::new(entries.data(), shown(path, named.as_ref(), *size), reading.progress);
            (reading.keep)(&mut data, *size, algorithm)
        };
        let kept = kept.map_err(|e| entries.failure().unwrap_or(e))?;
        match named {
            Some(named) if named != kept.digest => Err(bad(format!(
                "the archive's entry {path} is not what its name says: its bytes hash to {}",
                kept.digest
            ))),
            _ => Ok(Member::File(kept)),
        }
    }

    fn check_spelling(&mut self, path: &str) -> Result<()> {
        let known = self
            .spellings
            .entry(path.to_lowercase())
            .or_insert_with(|| path.to_owned());
        if known == path {
            return Ok(());
        }
        Err(bad(format!(
            "the archive has both {known:?} and {path:?}, which differ in the case of letters only"
        )))
    }

    /// The same file twice is one file.
    fn add(&mut self, path: String, member: Member) -> Result<()> {
        let is_same = match (self.members.get(&path), &member) {
            (None, _) | (Some(Member::Folder), Member::Folder) => true,
            (Some(Member::File(old)), Member::File(new)) => old.digest == new.digest,
            (Some(Member::Link(old)), Member::Link(new)) => old == new,
            _ => false,
        };
        if !is_same {
            return Err(bad(format!("the archive has two different entries named {path:?}")));
        }
        if let Member::File(kept) = &member {
            self.by_digest.insert(kept.digest.clone(), kept.clone());
        }
        self.members.insert(path, member);
        Ok(())
    }

    /// What lies at this path, or where the links at it lead.
    pub(super) fn file(&self, path: &str) -> Result<Option<&Kept>> {
        let mut path = path.to_owned();
        for _ in 0..MAX_LINKS {
            match self.members.get(&path) {
                Some(Member::File(kept)) => return Ok(Some(kept)),
                Some(Member::Link(to)) => path.clone_from(to),
                _ => return Ok(None),
            }
        }
        Err(bad(format!("the archive's link {path:?} leads nowhere")))
    }

    /// What was kept of this blob.
    pub fn kept(&self, digest: &Digest) -> Option<&Kept> {
        self.by_digest.get(digest)
    }
}

impl Files for Contents {
    fn document(&self, path: &str) -> Result<Option<Bytes>> {
        let Some(kept) = self.file(path)? else {
            return Ok(None);
        };
        if kept.size > MAX_DOCUMENT {
            return Err(bad(format!("the archive's {path} has {} bytes: too many", kept.size)));
        }
        let raw =
            fs::read(&kept.path).during(format!("reading a part of the archive again, {}", kept.path.display()))?;
        Ok(Some(raw.into()))
    }

    fn blob(&self, digest: &Digest) -> Result<Option<Bytes>> {
        self.document(&path_of(digest))
    }

    fn size_of(&self, digest: &Digest) -> Option<u64> {
        self.by_digest.get(digest).map(|kept| kept.size)
    }
}

/// The layer as the screen is to show it. A file that is named after no digest lends its name to one.
fn shown(path: &str, named: Option<&Digest>, size: u64) -> Layer {
    let first = path.split(['/', '.']).next().unwrap_or_default();
    let digest = named
        .cloned()
        .or_else(|| Digest::parse(&format!("sha256:{first}")).ok());
    Layer {
        digest: digest.unwrap_or_else(|| Digest::of(path.as_bytes())),
        size,
        diff_id: None,
        present: false,
    }
}

/// A member's data, told of as it passes.
struct Watched<'a, R> {
    data: R,
    layer: Layer,
    progress: Option<&'a dyn Progress>,
}

impl<'a, R> Watched<'a, R> {
    fn new(data: R, layer: Layer, progress: &'a dyn Progress) -> Self {
        let progress = (layer.size >= SHOWN).then_some(progress);
        if let Some(progress) = progress {
            progress.on(Event::Planned(std::slice::from_ref(&layer)));
            let blob = &layer.digest;
            progress.on(Event::Started { blob, offset: 0 });
        }
        Self { data, layer, progress }
    }
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let n = self.data.read(room)?;
        if let Some(progress) = self.progress {
            let blob = &self.layer.digest;
            match n as u64 {
                0 => progress.on(Event::Finished {
                    blob,
                    outcome: &Outcome::Copied,
                }),
                bytes => progress.on(Event::Advanced { blob, bytes }),
            }
        }
        Ok(n)
    }
}
