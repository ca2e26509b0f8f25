//! Progress for programs: one JSON object a line on standard error. The names are a promise to those who read them.
//!
//! ```json
//! {"event":"planned","layers":[{"digest":"sha256:..","size":3002000,"diffId":"sha256:..","present":false}]}
//! {"event":"waiting","digest":"sha256:.."}
//! {"event":"started","digest":"sha256:..","offset":0}
//! {"event":"advanced","digest":"sha256:..","bytes":131072}
//! {"event":"verifying","digest":"sha256:.."}
//! {"event":"retrying","digest":"sha256:..","waitMs":5000,"why":"connection reset by peer"}
//! {"event":"finished","digest":"sha256:..","outcome":"copied"}
//! {"event":"finished","digest":"sha256:..","outcome":"mounted","from":"library/nginx"}
//! ```
//!
//! `layers` are base first; `diffId` is null where it is not known. `bytes` is all that is there, with those of
//! earlier tries; `advanced` comes at most five times a second for a blob, and always with the last count.
//! `outcome` is one of `copied`, `alreadyPresent`, `mounted` and `skipped`. Blobs that are no layers, such as an
//! image's config, have events too. Other events and members may be added.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::content::Outcome;
use crate::image::Digest;
use crate::progress::{Event, Layer, Progress};

use super::output::{Output, lock};

const PAUSE: Duration = Duration::from_millis(200);

pub(super) struct JsonLines {
    output: Arc<Output>,
    counts: Mutex<Counts>,
}

impl JsonLines {
    pub(super) fn new(output: Arc<Output>) -> Self {
        Self {
            output,
            counts: Mutex::default(),
        }
    }
}

impl Progress for JsonLines {
    fn on(&self, event: Event<'_>) {
        let mut counts = lock(&self.counts);
        let objects = counts.objects(&event, Instant::now());
        let text: String = objects
            .iter()
            .flat_map(|object| [object.to_string(), "\n".to_owned()])
            .collect();
        if !text.is_empty() {
            self.output.err(&text);
        }
    }
}

/// The bytes of each blob that moves.
#[derive(Default)]
struct Counts(HashMap<Digest, Count>);

struct Count {
    bytes: u64,
    told: u64,
    told_at: Instant,
}

impl Counts {
    fn objects(&mut self, event: &Event<'_>, now: Instant) -> Vec<Value> {
        match *event {
            Event::Planned(layers) => {
                let layers: Vec<Value> = layers.iter().map(layer).collect();
                vec![json!({"event": "planned", "layers": layers})]
            }
            Event::Waiting { blob } => vec![json!({"event": "waiting", "digest": blob})],
            Event::Started { blob, offset } => {
                let count = Count {
                    bytes: offset,
                    told: offset,
                    told_at: now,
                };
                self.0.insert(blob.clone(), count);
                vec![json!({"event": "started", "digest": blob, "offset": offset})]
            }
            Event::Advanced { blob, bytes } => {
                let Some(count) = self.0.get_mut(blob) else {
                    return Vec::new();
                };
                count.bytes += bytes;
                let due = now - count.told_at >= PAUSE;
                due.then(|| count.tell(blob, now)).into_iter().collect()
            }
            Event::Verifying { blob } => self.after_the_count(blob, now, json!({"event": "verifying", "digest": blob})),
            Event::Retrying { blob, wait, why } => {
                let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                let object = json!({"event": "retrying", "digest": blob, "waitMs": wait, "why": why.to_string()});
                self.after_the_count(blob, now, object)
            }
            Event::Finished { blob, outcome } => {
                let objects = self.after_the_count(blob, now, finished(blob, outcome));
                self.0.remove(blob);
                objects
            }
        }
    }

    fn after_the_count(&mut self, blob: &Digest, now: Instant, object: Value) -> Vec<Value> {
        let untold = self.0.get_mut(blob).filter(|count| count.told != count.bytes);
        let told = untold.map(|count| count.tell(blob, now));
        told.into_iter().chain([object]).collect()
    }
}

impl Count {
    fn tell(&mut self, blob: &Digest, now: Instant) -> Value {
        self.told = self.bytes;
        self.told_at = now;
        json!({"event": "advanced", "digest": blob, "bytes": self.bytes})
    }
}

fn layer(layer: &Layer) -> Value {
    json!({"digest": layer.digest, "size": layer.size, "diffId": layer.diff_id, "present": layer.present})
}

fn finished(blob: &Digest, outcome: &Outcome) -> Value {
    let outcome_name = match outcome {
        Outcome::Copied => "copied",
        Outcome::AlreadyPresent => "alreadyPresent",
        Outcome::Mounted { .. } => "mounted",
        Outcome::Skipped => "skipped",
    };
    let mut object = json!({"event": "finished", "digest": blob, "outcome": outcome_name});
    if let Outcome::Mounted { from } = outcome {
        object["from"] = json!(from);
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Kind};

    #[test]
    fn every_event_is_an_object_with_stable_names() {
        let (blob, diff_id) = (Digest::of(b"blob"), Digest::of(b"content"));
        let layers = [Layer {
            digest: blob.clone(),
            size: 7,
            diff_id: Some(diff_id.clone()),
            present: false,
        }];
        let why = Error::new(Kind::Unavailable, "reset");
        let mounted = Outcome::Mounted { from: "a/b".into() };
        let events = [
            Event::Planned(&layers),
            Event::Waiting { blob: &blob },
            Event::Started { blob: &blob, offset: 2 },
            Event::Advanced { blob: &blob, bytes: 5 },
            Event::Retrying {
                blob: &blob,
                wait: Duration::from_millis(1500),
                why: &why,
            },
            Event::Verifying { blob: &blob },
            Event::Finished {
                blob: &blob,
                outcome: &mounted,
            },
        ];
        let now = Instant::now();
        let mut counts = Counts::default();
        let lines: Vec<String> = events
            .iter()
            .flat_map(|event| counts.objects(event, now))
            .map(|object| {
                object
                    .to_string()
                    .replace(blob.as_str(), "B")
                    .replace(diff_id.as_str(), "D")
            })
            .collect();
        assert_eq!(
            lines,
            [
                r#"{"event":"planned","layers":[{"digest":"B","size":7,"diffId":"D","present":false}]}"#,
                r#"{"event":"waiting","digest":"B"}"#,
                r#"{"event":"started","digest":"B","offset":2}"#,
                r#"{"event":"advanced","digest":"B","bytes":7}"#,
                r#"{"event":"retrying","digest":"B","waitMs":1500,"why":"reset"}"#,
                r#"{"event":"verifying","digest":"B"}"#,
                r#"{"event":"finished","digest":"B","outcome":"mounted","from":"a/b"}"#,
            ]
        );
        assert!(counts.0.is_empty());
    }

    #[test]
    fn bytes_are_told_five_times_a_second_at_most() {
        let blob = Digest::of(b"blob");
        let start = Instant::now();
        let mut counts = Counts::default();
        counts.objects(&Event::Started { blob: &blob, offset: 0 }, start);
        let told: usize = (1..=1000)
            .map(|ms| {
                let event = Event::Advanced { blob: &blob, bytes: 1 };
                counts.objects(&event, start + Duration::from_millis(ms)).len()
            })
            .sum();
        assert_eq!(told, 5);
    }
}
