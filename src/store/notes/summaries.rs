//! What `images` and `rmi` ask of each image, remembered beside the blobs so that they need not read thousands of
//! manifests and configs.
//!
//! A line of the file is `CHECKSUM TYPE STAMP CONFIG STAMP CREATED LAYERS DIFFIDS DIGEST`, the latter being the
//! manifest's; see [`append_log`](crate::store::append_log) for what becomes of a torn one. It holds as long as manifest and config
//! are the files they were: a blob that is gone or was written to is read again, and a damaged one told. Lost, the file
//! is made anew. Layers are `DIGEST=SIZE` with commas between.

use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use flate2::Crc;
use jiff::Timestamp;

use crate::error::Result;
use crate::image::{Descriptor, Digest, ImageConfig, ImageManifest};
use crate::store::append_log;
use crate::store::blobs::{self, Blobs};
use crate::store::bounded_cache::BoundedCache;
use crate::store::layout::Layout;

/// Lines of images that are no more may be so many more than those that are in use.
const SPARE_LINES: usize = 1000;

/// What is made and not read from the file takes no more memory, in bytes.
const MOST_MADE: usize = 16 << 20;
/// The most summaries that wait to be noted; the others are made again.
const MOST_NEW: usize = 10_000;

/// How many fields a fact has.
const FIELDS: usize = 7;

/// One image manifest and its config. Cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::store) struct Summary {
    /// Holds the line from TYPE to DIFFIDS: all lines of a file are in one text.
    text: Arc<String>,
    /// The offset of each field, and of the end of the last.
    bounds: [usize; FIELDS + 1],
}

impl Summary {
    fn new(blobs: &Blobs, manifest: &Descriptor, image: &ImageManifest, config: &ImageConfig) -> Self {
        let folder = blobs.folder().ok();
        let stamp = |digest| folder.as_ref().and_then(|folder| blobs::stamp(folder, digest));
        let stamp = |digest| stamp(digest).map_or(NONE.to_owned(), |(size, written)| format!("{size}.{written}"));
        let layers: Vec<String> = image
            .layers
            .iter()
            .map(|it| format!("{}={}", it.digest, it.size))
            .collect();
        let diff_ids: Vec<&str> = config.diff_ids.iter().map(Digest::as_str).collect();
        let fields: [String; FIELDS] = [
            manifest.media_type.clone(),
            stamp(&manifest.digest),
            image.config.digest.to_string(),
            stamp(&image.config.digest),
            config
                .created
                .map_or(NONE.to_owned(), |created| created.as_nanosecond().to_string()),
            list(&layers),
            list(&diff_ids),
        ];
        let lengths = fields.each_ref().map(String::len);
        Self::of(&Arc::new(fields.join(" ")), 0, lengths)
    }

    /// The fact that stands in a text, if it has all its fields.
    fn read(text: &Arc<String>, fact: Range<usize>) -> Option<Self> {
        let mut fields = text[fact.clone()].split(' ').map(str::len);
        let mut lengths = [0; FIELDS];
        for length in &mut lengths {
            *length = fields.next()?;
        }
        fields.next().is_none().then(|| Self::of(text, fact.start, lengths))
    }

    fn of(text: &Arc<String>, start: usize, lengths: [usize; FIELDS]) -> Self {
        let mut bounds = [start; FIELDS + 1];
        for (place, length) in lengths.iter().enumerate() {
            bounds[place + 1] = bounds[place] + length + 1;
        }
        Self {
            text: Arc::clone(text),
            bounds,
        }
    }

    fn fact(&self) -> &str {
        &self.text[self.bounds[0]..self.bounds[FIELDS] - 1]
    }

    fn field(&self, place: usize) -> &str {
        &self.text[self.bounds[place]..self.bounds[place + 1] - 1]
    }

    /// A blob's size and time of writing, when it was summed up.
    fn stamp(&self, place: usize) -> Option<(u64, i128)> {
        let (size, written) = self.field(place).split_once('.')?;
        Some((size.parse().ok()?, written.parse().ok()?))
    }

    fn holds(&self, blobs: &File, manifest: &Digest) -> bool {
        // A blob that was not there has no stamp, which matches nothing.
        let is_as_it_was = |digest: &Digest, place| {
            self.stamp(place)
                .is_some_and(|then| blobs::stamp(blobs, digest) == Some(then))
        };
        is_as_it_was(manifest, 1) && self.config().is_some_and(|config| is_as_it_was(&config, 3))
    }

    pub(in crate::store) fn media_type(&self) -> &str {
        self.field(0)
    }

    /// The manifest's own size in bytes.
    pub(in crate::store) fn size(&self) -> u64 {
        self.stamp(1).map_or(0, |(size, _)| size)
    }

    /// The config's digest.
    pub(in crate::store) fn config(&self) -> Option<Digest> {
        Digest::parse(self.field(2)).ok()
    }

    pub(in crate::store) fn created(&self) -> Option<Timestamp> {
        Timestamp::from_nanosecond(self.field(4).parse().ok()?).ok()
    }

    /// Digest and size of each layer, base first.
    pub(in crate::store) fn layers(&self) -> impl Iterator<Item = (&str, u64)> {
        let layers = self.field(5).split(',').filter_map(|layer| layer.split_once('='));
        layers.filter_map(|(digest, size)| Some((digest, size.parse().ok()?)))
    }

    /// Base first.
    pub(in crate::store) fn diff_ids(&self) -> impl Iterator<Item = &str> {
        self.field(6).split(',').filter(|digest| *digest != NONE)
    }
}

const NONE: &str = "-";

fn list(members: &[impl AsRef<str>]) -> String {
    if members.is_empty() {
        return NONE.to_owned();
    }
    members.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(",")
}

/// The file's summaries and those made since, by manifest.
#[derive(Debug)]
pub(in crate::store) struct Summaries {
    noted: OnceLock<Noted>,
    made: BoundedCache<Summary>,
    /// Not in the file yet, as far as there is room.
    new: Mutex<Vec<Digest>>,
}

/// The summaries of the file, and of each whether it still holds, once that was looked at.
#[derive(Debug)]
struct Noted {
    lines: HashMap<Digest, (Summary, OnceLock<bool>)>,
    /// The blobs' folder; without it, none holds.
    blobs: Option<File>,
}

impl Noted {
    fn read(blobs: &Blobs) -> Self {
        let text = Arc::new(append_log::text(&blobs.layout().paths().summaries()));
        let lines = append_log::facts(&text).filter_map(|(line, digest)| {
            let (sum, fact) = text[line.clone()].split_once(' ')?;
            let is_right = u32::from_str_radix(sum, 16) == Ok(checksum(fact, &digest));
            let summary = Summary::read(&text, line.end - fact.len()..line.end)?;
            is_right.then_some((digest, (summary, OnceLock::new())))
        });
        Self {
            lines: lines.collect(),
            blobs: blobs.folder().ok(),
        }
    }

    fn of(&self, manifest: &Digest) -> Option<&Summary> {
        let (summary, holds) = self.lines.get(manifest)?;
        let blobs = self.blobs.as_ref()?;
        holds.get_or_init(|| summary.holds(blobs, manifest)).then_some(summary)
    }
}

impl Default for Summaries {
    fn default() -> Self {
        Self {
            noted: OnceLock::new(),
            made: BoundedCache::new(MOST_MADE),
            new: Mutex::default(),
        }
    }
}

impl Summaries {
    /// What is known of this manifest, if manifest and config are as they were. They are looked at once a process.
    pub(in crate::store) fn of(&self, blobs: &Blobs, manifest: &Digest) -> Option<Summary> {
        let noted = self.noted.get_or_init(|| Noted::read(blobs));
        if let Some(summary) = noted.of(manifest) {
            return Some(summary.clone());
        }
        self.made.get(manifest)
    }

    /// Reads the file and looks at all that it speaks of.
    pub(in crate::store) fn look_over(&self, blobs: &Blobs) {
        let noted = self.noted.get_or_init(|| Noted::read(blobs));
        for manifest in noted.lines.keys() {
            noted.of(manifest);
        }
    }

    /// Sums up an image that was just read.
    pub(in crate::store) fn add(
        &self,
        blobs: &Blobs,
        manifest: &Descriptor,
        image: &ImageManifest,
        config: &ImageConfig,
    ) -> Summary {
        let summary = Summary::new(blobs, manifest, image, config);
        let weight = summary.fact().len() + size_of::<Summary>();
        self.made.put(&manifest.digest, summary.clone(), weight);
        let mut new = self.new.lock().unwrap_or_else(PoisonError::into_inner);
        if new.len() < MOST_NEW {
            new.push(manifest.digest.clone());
        }
        summary
    }

    /// Notes for other processes what this one has summed up. A store that cannot be written to forgets.
    pub(in crate::store) fn keep(&self, layout: &Layout) {
        let new = std::mem::take(&mut *self.new.lock().unwrap_or_else(PoisonError::into_inner));
        if new.is_empty() {
            return;
        }
        let facts = new
            .iter()
            .filter_map(|digest| Some((line(&self.made.get(digest)?, digest), digest)));
        let _ = append_log::append(&layout.paths().summaries(), facts);
    }

    /// Writes the file anew without those that are not among `live`, once they are many.
    pub(in crate::store) fn shrink(layout: &Layout, live: impl Fn(&Digest) -> bool) -> Result<()> {
        let facts = append_log::read(&layout.paths().summaries());
        let count = facts.len();
        // The last line of each counts.
        let last: HashMap<Digest, String> = facts
            .into_iter()
            .filter(|(_, digest)| live(digest))
            .map(|(fact, digest)| (digest, fact))
            .collect();
        if count < 2 * last.len() + SPARE_LINES {
            return Ok(());
        }
        let lines: Vec<String> = last.iter().map(|(digest, fact)| format!("{fact} {digest}\n")).collect();
        layout.replace(&layout.paths().summaries(), lines.concat().as_bytes())
    }
}

fn line(summary: &Summary, manifest: &Digest) -> String {
    let fact = summary.fact();
    format!("{:08x} {fact}", checksum(fact, manifest))
}

/// The checksum of all that follows: blobs are freed on the word of these lines.
fn checksum(fact: &str, manifest: &Digest) -> u32 {
    let mut crc = Crc::new();
    crc.update(fact.as_bytes());
    crc.update(manifest.as_str().as_bytes());
    crc.sum()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn summed(layout: &Arc<Layout>, text: &str) -> (Digest, Summary) {
        let put = |bytes: &[u8]| {
            let blob = Descriptor::new("a/b", Digest::of(bytes), bytes.len() as u64);
            layout.replace(&layout.paths().blob(&blob.digest), bytes).unwrap();
            blob
        };
        let image = ImageManifest {
            config: put(format!("config {text}").as_bytes()),
            layers: [text, "base"].map(|layer| put(layer.as_bytes())).to_vec(),
        };
        let config = ImageConfig {
            created: Some("2019-03-26T23:14:53.5Z".parse().unwrap()),
            diff_ids: image.layers.iter().map(|layer| layer.digest.clone()).collect(),
            ..ImageConfig::default()
        };
        let manifest = put(format!("manifest {text}").as_bytes());
        let summaries = Summaries::default();
        let summary = summaries.add(&blobs(layout), &manifest, &image, &config);
        summaries.keep(layout);
        (manifest.digest, summary)
    }

    fn blobs(layout: &Arc<Layout>) -> Blobs {
        Blobs::new(Arc::clone(layout))
    }

    fn known(layout: &Arc<Layout>, manifest: &Digest) -> Option<Summary> {
        Summaries::default().of(&blobs(layout), manifest)
    }

    #[test]
    fn another_process_reads_what_one_has_summed_up() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Arc::new(Layout::new(folder.path().join("store")));
        layout.create().unwrap();
        let (manifest, summary) = summed(&layout, "x");
        let read = known(&layout, &manifest).unwrap();
        assert_eq!(read.fact(), summary.fact());
        assert_eq!((read.media_type(), read.size()), ("a/b", 10));
        assert_eq!(read.config(), Some(Digest::of(b"config x")));
        assert_eq!(read.created().unwrap().to_string(), "2019-03-26T23:14:53.5Z");
        let layers = [Digest::of(b"x"), Digest::of(b"base")];
        let told: Vec<_> = read.layers().collect();
        assert_eq!(told, [(layers[0].as_str(), 1), (layers[1].as_str(), 4)]);
        assert!(read.diff_ids().eq(layers.iter().map(Digest::as_str)));
    }

    #[test]
    fn a_blob_that_is_gone_or_written_to_is_not_taken_on_trust() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Arc::new(Layout::new(folder.path().join("store")));
        layout.create().unwrap();
        for blob in ["manifest x", "config x"] {
            let (manifest, _) = summed(&layout, "x");
            assert!(known(&layout, &manifest).is_some());
            let path = layout.paths().blob(&Digest::of(blob.as_bytes()));
            let written = fs::metadata(&path).unwrap().modified().unwrap();
            let later = written + std::time::Duration::from_nanos(1);
            fs::File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .set_modified(later)
                .unwrap();
            assert!(known(&layout, &manifest).is_none(), "{blob} was written to");
            fs::remove_file(&path).unwrap();
            assert!(known(&layout, &manifest).is_none(), "{blob} is gone");
        }
    }

    #[test]
    fn a_line_with_any_byte_changed_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Arc::new(Layout::new(folder.path().join("store")));
        layout.create().unwrap();
        let (manifest, _) = summed(&layout, "x");
        let whole = fs::read(layout.paths().summaries()).unwrap();
        for place in 0..whole.len() - 1 {
            let mut changed = whole.clone();
            changed[place] = if changed[place] == b'0' { b'1' } else { b'0' };
            fs::write(layout.paths().summaries(), &changed).unwrap();
            assert!(known(&layout, &manifest).is_none(), "byte {place}");
            fs::write(layout.paths().summaries(), &whole[..place]).unwrap();
            assert!(known(&layout, &manifest).is_none(), "cut at {place}");
        }
    }

    #[test]
    fn the_file_does_not_grow_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Arc::new(Layout::new(folder.path().join("store")));
        layout.create().unwrap();
        let (dead, _) = summed(&layout, "dead");
        let (live, _) = summed(&layout, "live");
        let text = fs::read_to_string(layout.paths().summaries()).unwrap();
        let is_live = |manifest: &Digest| *manifest == live;
        Summaries::shrink(&layout, is_live).unwrap();
        assert_eq!(fs::read_to_string(layout.paths().summaries()).unwrap(), text);
        fs::write(layout.paths().summaries(), text.repeat(SPARE_LINES)).unwrap();
        Summaries::shrink(&layout, is_live).unwrap();
        assert_eq!(
            fs::read_to_string(layout.paths().summaries()).unwrap().lines().count(),
            1
        );
        assert!(known(&layout, &live).is_some() && known(&layout, &dead).is_none());
    }
}
