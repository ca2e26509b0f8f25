//! Images that the recorder made anew for each session, of all ages: their IDs change with the clock and are
//! translated.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::images::{self, RepositoryFiles};
use super::transcript::Transcript;
use crate::support::image::Blob;
use crate::support::layer::{Layer, Packing, digest};
use crate::support::layout::Layout;

/// An image with one file of x.
struct Made {
    /// The recorded name, and the one that it is pulled by.
    name: [&'static str; 2],
    seed: &'static str,
    created: Created,
    size: usize,
    /// The config's labels, if any.
    labels: &'static str,
}

enum Created {
    /// So many seconds ago, and what the ID begins with: some steps ask for it, or show no more.
    Ago(i64, &'static str),
    At(&'static str),
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

const fn aged(tag: &'static str, seed: &'static str, age: i64, size: usize, first: &'static str) -> Made {
    Made {
        name: ["age", tag],
        seed,
        created: Created::Ago(age, first),
        size,
        labels: r#"{"age": "1"}"#,
    }
}

const fn fixed(repository: &'static str, seed: &'static str, created: Created) -> Made {
    Made {
        name: [repository, "latest"],
        seed,
        created,
        size: 10,
        labels: "",
    }
}

/// Ages are far enough from the next word for a session that takes its time.
const ALL: [Made; 22] = [
    aged("s0", "age-s0", 0, 1, "a"),
    aged("s30", "age-s30", 30, 999, "b"),
    aged("s59", "age-s59", 58, 1000, "7"),
    aged("m1", "age-m1", 61, 1001, "f"),
    aged("m2", "age-m2", 125, 1499, "2"),
    aged("m59", "age-m59", 50 * MINUTE, 9995, "4"),
    aged("h1", "age-h1", HOUR + 5, 9994, "2"),
    aged("h1b", "age-h1b", 75 * MINUTE, 99_949, "7"),
    aged("h2", "age-h2", 91 * MINUTE, 99_950, "7"),
    aged("h47", "age-h47", 47 * HOUR, 999_400, "7"),
    aged("d2", "age-d2", 48 * HOUR, 999_500, "7"),
    aged("d13", "age-d13", 13 * DAY, 1_000_000, "7"),
    aged("w2", "age-w2", 14 * DAY, 1_261_234, "7"),
    aged("w8", "age-w8", 59 * DAY, 2_500_000, "7"),
    aged("mo2", "age-mo2", 60 * DAY, 3_333_333, "7"),
    aged("mo23", "age-mo23", 729 * DAY, 10, "7"),
    aged("y2", "age-y2", 731 * DAY, 0, "7"),
    aged("y10", "age-y10", 3660 * DAY, 100, "7"),
    fixed("zerotime", "zero", Created::At("0001-01-01T00:00:00Z")),
    fixed("epoch", "epoch", Created::At("1970-01-01T00:00:00Z")),
    fixed("future", "future", Created::Ago(-3 * DAY, "7")),
    // What `docker import` made of an archive, without a name.
    Made {
        name: ["<none>", "<none>"],
        seed: "dangling",
        created: Created::Ago(8, "abc1"),
        size: 10_766,
        labels: r#"{"dangle": "1"}"#,
    },
];

/// Puts them all into a registry's storage as `seed/NAME`, and tells for each the ID here and the recorded one, if the
/// session shows it.
pub(crate) fn put_all(storage: &Path, scratch: &Path, transcript: &Transcript) -> Vec<(String, String)> {
    let layout = Layout::open(scratch);
    let now = Timestamp::now();
    let mut ids = Vec::new();
    for made in &ALL {
        let (manifest, id) = made.write(&layout, now);
        RepositoryFiles::new(scratch, storage, &format!("seed/{}", made.seed)).put(&manifest, "latest");
        ids.extend(recorded_id(transcript, made.name).map(|recorded| (id, recorded)));
    }
    ids
}

impl Made {
    /// The digest of the manifest and the ID.
    fn write(&self, layout: &Layout, now: Timestamp) -> (String, String) {
        let packed = Layer::tar(images::tar("f", &vec![b'x'; self.size])).pack(Packing::Gzip);
        let diff_id = packed.diff_id.clone();
        let layer = layout.put_layer(packed, "application/vnd.docker.image.rootfs.diff.tar.gzip");
        let config = self.config(&diff_id, now);
        let config = layout.put(config.as_bytes(), "application/vnd.docker.container.image.v1+json");
        let media_type = "application/vnd.docker.distribution.manifest.v2+json";
        let layers: Vec<_> = [&layer].into_iter().map(Blob::descriptor).collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media_type, "config": config.descriptor(), "layers": layers,
        });
        let manifest = layout.put(manifest.to_string().as_bytes(), media_type);
        (manifest.digest, config.digest)
    }

    fn config(&self, diff_id: &str, now: Timestamp) -> String {
        let (age, first) = match self.created {
            Created::At(time) => return self.config_of(time, diff_id),
            Created::Ago(age, first) => (age, first),
        };
        let then = now - SignedDuration::from_secs(age);
        let times = (0..).map(|nanoseconds| then + SignedDuration::from_nanos(nanoseconds));
        let mut configs = times.map(|time| self.config_of(&time.to_string(), diff_id));
        let fits = |config: &String| digest(config.as_bytes())[7..].starts_with(first);
        configs.find(fits).unwrap()
    }

    /// Spaced as Python's `json` does, so that an image of a fixed time has the recorded ID.
    fn config_of(&self, created: &str, diff_id: &str) -> String {
        let labels = match self.labels {
            "" => String::new(),
            labels => format!(r#""Labels": {labels}"#),
        };
        format!(
            r#"{{"architecture": "amd64", "os": "linux", "created": "{created}", "config": {{{labels}}}, "rootfs": {{"type": "layers", "diff_ids": ["{diff_id}"]}}, "history": [{{"created": "{created}", "created_by": "layer 0"}}]}}"#
        )
    }
}

/// The ID that the session shows for an image: in a listing, or as `rmi` removes it. Whole, where it shows it so.
fn recorded_id(transcript: &Transcript, [repository, tag]: [&str; 2]) -> Option<String> {
    let lines = || transcript.steps.iter().flat_map(|step| step.stdout.lines());
    let listed = lines().find_map(|line| {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let id = *cells.get(2)?;
        (cells[..2] == [repository, tag] && id.len() == 12).then_some(id)
    });
    let untagged = format!("Untagged: {repository}:{tag}");
    let removed = lines()
        .skip_while(|line| *line != untagged)
        .find_map(|line| line.strip_prefix("Deleted: sha256:"));
    let id = removed.or(listed)?;
    let whole = lines().flat_map(|line| line.split(|letter: char| !letter.is_ascii_hexdigit()));
    let whole = whole.filter(|word| word.len() == 64).find(|word| word.starts_with(id));
    Some(whole.unwrap_or(id).to_owned())
}
