//! What a copy would move, added up: the answer of `--dry-run`.

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::image::{Descriptor, Digest};
use crate::ui::Table;
use crate::ui::human;

/// What would become of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    Copied,
    /// Linked from this repository of the same registry, where the registry does that.
    Mounted(String),
    Present,
    /// A foreign layer, which must not be pushed.
    Skipped,
}

/// Each blob and each manifest once, whatever number of images need it.
#[derive(Debug, Default)]
pub(super) struct Outlook {
    seen: HashMap<Digest, Fate>,
    /// What would be written, in order.
    moving: Vec<(Digest, u64, Fate)>,
    manifests: HashSet<Digest>,
    bytes_of_manifests: u64,
    /// Blobs that are there, and their bytes.
    present: (usize, u64),
}

impl Outlook {
    pub(super) fn blob(&mut self, blob: &Descriptor, fate: Fate) {
        if self.seen.insert(blob.digest.clone(), fate.clone()).is_some() {
            return;
        }
        match fate {
            Fate::Present => {
                self.present.0 += 1;
                self.present.1 = self.present.1.saturating_add(blob.size);
            }
            Fate::Skipped => {}
            Fate::Copied | Fate::Mounted(_) => self.moving.push((blob.digest.clone(), blob.size, fate)),
        }
    }

    pub(super) fn manifest(&mut self, digest: &Digest, size: u64) {
        if self.manifests.insert(digest.clone()) {
            self.bytes_of_manifests = self.bytes_of_manifests.saturating_add(size);
        }
    }

    fn sum(&self, is_it: impl Fn(&Fate) -> bool) -> (usize, u64) {
        let chosen = self.moving.iter().filter(|(_, _, fate)| is_it(fate));
        chosen.fold((0, 0), |(count, bytes), (_, size, _)| {
            (count + 1, bytes.saturating_add(*size))
        })
    }
}

/// A table of what would move, and the sums below it.
impl fmt::Display for Outlook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.moving.is_empty() {
            let mut table = Table::new(&["BLOB", "SIZE", "ACTION"]);
            for (digest, size, fate) in &self.moving {
                let action = match fate {
                    Fate::Mounted(from) => format!("mount from {from}"),
                    _ => "copy".to_owned(),
                };
                table.row(&[digest.short(), &human::size(*size), &action]);
            }
            f.write_str(&table.aligned())?;
        }
        let line = |(count, bytes): (usize, u64)| {
            let blobs = if count == 1 { "blob" } else { "blobs" };
            format!("{count} {blobs}, {} ({bytes} bytes)", human::size(bytes))
        };
        writeln!(f, "To copy:       {}", line(self.sum(|fate| *fate == Fate::Copied)))?;
        let mounted = self.sum(|fate| matches!(fate, Fate::Mounted(_)));
        if mounted.0 > 0 {
            writeln!(f, "To mount:      {}", line(mounted))?;
        }
        if self.present.0 > 0 {
            writeln!(f, "Already there: {}", line(self.present))?;
        }
        let count = self.manifests.len();
        let manifests = if count == 1 { "manifest" } else { "manifests" };
        let bytes = self.bytes_of_manifests;
        writeln!(
            f,
            "To write:      {count} {manifests}, {} ({bytes} bytes)",
            human::size(bytes)
        )
    }
}
