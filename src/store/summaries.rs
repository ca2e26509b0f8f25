//! What `images` and `rmi` ask of each image, remembered beside the blobs so that they need not read thousands of
//! manifests and configs.
//!
//! A line of the file is `CHECKSUM TYPE STAMP CONFIG STAMP CREATED LAYERS DIFFIDS DIGEST`, the latter being the
//! manifest's; see [`ledger`](super::ledger) for what becomes of a torn one. It holds as long as manifest and config
//! are the files they were: a blob that is gone or was written to is read again, and a damaged one told. Lost, the file
//! is made anew. Layers are `DIGEST=SIZE` with commas between.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use flate2::Crc;
use jiff::Timestamp;

use super::layout::Layout;
use super::{blobs, ledger};
use crate::error::Result;
use crate::image::{Descriptor, Digest, ImageConfig, ImageManifest};

/// Lines of images that are no more may be so many more than those that are in use.
const SPARE_LINES: usize = 1000;

/// One image manifest and its config. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Summary {
    /// The line from TYPE to DIFFIDS.
    fact: Arc<str>,
}

impl Summary {
    fn new(layout: &Layout, manifest: &Descriptor, image: &ImageManifest, config: &ImageConfig) -> Self {
        let layers: Vec<String> = image
            .layers
            .iter()
            .map(|it| format!("{}={}", it.digest, it.size))
            .collect();
        let diff_ids: Vec<&str> = config.diff_ids.iter().map(Digest::as_str).collect();
        let created = config
            .created
            .map_or("-".to_owned(), |created| created.as_nanosecond().to_string());
        let fact = format!(
            "{} {} {} {} {created} {} {}",
            manifest.media_type,
            stamp(layout, &manifest.digest),
            image.config.digest,
            stamp(layout, &image.config.digest),
            list(&layers),
            list(&diff_ids),
        );
        Self { fact: fact.into() }
    }

    fn field(&self, place: usize) -> &str {
        self.fact.split(' ').nth(place).unwrap_or_default()
    }

    fn holds(&self, layout: &Layout, manifest: &Digest) -> bool {
        // A blob that was not there has no stamp, which matches nothing.
        let is_as_it_was =
            |digest: &Digest, place| self.field(place) != NONE && stamp(layout, digest) == self.field(place);
        is_as_it_was(manifest, 1) && self.config().is_some_and(|config| is_as_it_was(&config, 3))
    }

    pub(super) fn media_type(&self) -> &str {
        self.field(0)
    }

    /// The manifest's own size in bytes.
    pub(super) fn size(&self) -> u64 {
        let stamp = self.field(1);
        stamp
            .split('.')
            .next()
            .and_then(|size| size.parse().ok())
            .unwrap_or_default()
    }

    /// The config's digest.
    pub(super) fn config(&self) -> Option<Digest> {
        Digest::parse(self.field(2)).ok()
    }

    pub(super) fn created(&self) -> Option<Timestamp> {
        Timestamp::from_nanosecond(self.field(4).parse().ok()?).ok()
    }

    /// Digest and size of each layer, base first.
    pub(super) fn layers(&self) -> impl Iterator<Item = (&str, u64)> {
        let layers = self.field(5).split(',').filter_map(|layer| layer.split_once('='));
        layers.filter_map(|(digest, size)| Some((digest, size.parse().ok()?)))
    }

    /// Base first.
    pub(super) fn diff_ids(&self) -> impl Iterator<Item = &str> {
        self.field(6).split(',').filter(|digest| *digest != NONE)
    }
}

const NONE: &str = "-";

/// What changes when a blob's file does: its size in bytes and its time of writing.
fn stamp(layout: &Layout, digest: &Digest) -> String {
    let Some((size, written)) = blobs::stamp(layout, digest) else {
        return NONE.to_owned();
    };
    format!("{size}.{written}")
}

fn list(members: &[impl AsRef<str>]) -> String {
    if members.is_empty() {
        return NONE.to_owned();
    }
    members.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(",")
}

/// The file's summaries and those made since, by manifest.
#[derive(Debug, Default)]
pub(super) struct Summaries {
    noted: OnceLock<HashMap<Digest, Noted>>,
    made: Mutex<HashMap<Digest, Summary>>,
    /// Not in the file yet.
    new: Mutex<Vec<Digest>>,
}

/// A summary of the file, and whether it still holds, once that was looked at.
#[derive(Debug)]
struct Noted {
    summary: Summary,
    holds: OnceLock<bool>,
}

impl Noted {
    fn holds(&self, layout: &Layout, manifest: &Digest) -> bool {
        *self.holds.get_or_init(|| self.summary.holds(layout, manifest))
    }
}

impl Summaries {
    /// What is known of this manifest, if manifest and config are as they were. They are looked at once a process.
    pub(super) fn of(&self, layout: &Layout, manifest: &Digest) -> Option<Summary> {
        let noted = self.noted.get_or_init(|| read(layout));
        let noted = noted.get(manifest).filter(|noted| noted.holds(layout, manifest));
        if let Some(noted) = noted {
            return Some(noted.summary.clone());
        }
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.get(manifest).cloned()
    }

    /// Reads the file and looks at all that it speaks of.
    pub(super) fn look_over(&self, layout: &Layout) {
        for (manifest, noted) in self.noted.get_or_init(|| read(layout)) {
            noted.holds(layout, manifest);
        }
    }

    /// Sums up an image that was just read.
    pub(super) fn add(
        &self,
        layout: &Layout,
        manifest: &Descriptor,
        image: &ImageManifest,
        config: &ImageConfig,
    ) -> Summary {
        let summary = Summary::new(layout, manifest, image, config);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.insert(manifest.digest.clone(), summary.clone());
        let mut new = self.new.lock().unwrap_or_else(PoisonError::into_inner);
        new.push(manifest.digest.clone());
        summary
    }

    /// Notes for other processes what this one has summed up. A store that cannot be written to forgets.
    pub(super) fn keep(&self, layout: &Layout) {
        let new = std::mem::take(&mut *self.new.lock().unwrap_or_else(PoisonError::into_inner));
        if new.is_empty() {
            return;
        }
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let facts = new
            .iter()
            .filter_map(|digest| Some((line(made.get(digest)?, digest), digest)));
        let _ = ledger::append(&layout.summaries(), facts);
    }

    /// Writes the file anew without those that are not among `live`, once they are many.
    pub(super) fn shrink(layout: &Layout, live: impl Fn(&Digest) -> bool) -> Result<()> {
        let facts = ledger::read(&layout.summaries());
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
        layout.replace(&layout.summaries(), lines.concat().as_bytes())
    }
}

fn read(layout: &Layout) -> HashMap<Digest, Noted> {
    ledger::facts(&ledger::text(&layout.summaries()))
        .filter_map(|(line, digest)| {
            let (sum, fact) = line.split_once(' ')?;
            let is_right = sum == checksum(fact, &digest) && fact.split(' ').count() == FIELDS;
            let summary = Summary { fact: fact.into() };
            let holds = OnceLock::new();
            is_right.then_some((digest, Noted { summary, holds }))
        })
        .collect()
}

/// How many fields a fact has.
const FIELDS: usize = 7;

fn line(summary: &Summary, manifest: &Digest) -> String {
    format!("{} {}", checksum(&summary.fact, manifest), summary.fact)
}

/// Over all that follows: blobs are freed on the word of these lines.
fn checksum(fact: &str, manifest: &Digest) -> String {
    let mut crc = Crc::new();
    crc.update(fact.as_bytes());
    crc.update(manifest.as_str().as_bytes());
    format!("{:08x}", crc.sum())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn summed(layout: &Layout, text: &str) -> (Digest, Summary) {
        let put = |bytes: &[u8]| {
            let blob = Descriptor::new("a/b", Digest::of(bytes), bytes.len() as u64);
            layout.replace(&layout.blob(&blob.digest), bytes).unwrap();
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
        let summary = summaries.add(layout, &manifest, &image, &config);
        summaries.keep(layout);
        (manifest.digest, summary)
    }

    fn known(layout: &Layout, manifest: &Digest) -> Option<Summary> {
        Summaries::default().of(layout, manifest)
    }

    #[test]
    fn another_process_reads_what_one_has_summed_up() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().join("store"));
        layout.create().unwrap();
        let (manifest, summary) = summed(&layout, "x");
        let read = known(&layout, &manifest).unwrap();
        assert_eq!(read.fact, summary.fact);
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
        let layout = Layout::new(folder.path().join("store"));
        layout.create().unwrap();
        for blob in ["manifest x", "config x"] {
            let (manifest, _) = summed(&layout, "x");
            assert!(known(&layout, &manifest).is_some());
            let path = layout.blob(&Digest::of(blob.as_bytes()));
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
        let layout = Layout::new(folder.path().join("store"));
        layout.create().unwrap();
        let (manifest, _) = summed(&layout, "x");
        let whole = fs::read(layout.summaries()).unwrap();
        for place in 0..whole.len() - 1 {
            let mut changed = whole.clone();
            changed[place] = if changed[place] == b'0' { b'1' } else { b'0' };
            fs::write(layout.summaries(), &changed).unwrap();
            assert!(known(&layout, &manifest).is_none(), "byte {place}");
            fs::write(layout.summaries(), &whole[..place]).unwrap();
            assert!(known(&layout, &manifest).is_none(), "cut at {place}");
        }
    }

    #[test]
    fn the_file_does_not_grow_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().join("store"));
        layout.create().unwrap();
        let (dead, _) = summed(&layout, "dead");
        let (live, _) = summed(&layout, "live");
        let text = fs::read_to_string(layout.summaries()).unwrap();
        let is_live = |manifest: &Digest| *manifest == live;
        Summaries::shrink(&layout, is_live).unwrap();
        assert_eq!(fs::read_to_string(layout.summaries()).unwrap(), text);
        fs::write(layout.summaries(), text.repeat(SPARE_LINES)).unwrap();
        Summaries::shrink(&layout, is_live).unwrap();
        assert_eq!(fs::read_to_string(layout.summaries()).unwrap().lines().count(), 1);
        assert!(known(&layout, &live).is_some() && known(&layout, &dead).is_none());
    }
}
