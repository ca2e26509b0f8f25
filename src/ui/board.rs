//! What every layer is doing, in docker's words: what plain lines and live bars both show.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::content::Outcome;
use crate::image::Digest;
use crate::progress::{Event, Layer};

use super::speed::Speed;
use crate::progress::Direction;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Status {
    PullingFsLayer,
    AlreadyExists,
    Preparing,
    Waiting,
    Downloading,
    Pushing,
    Retrying { until: Instant },
    VerifyingChecksum,
    DownloadComplete,
    PullComplete,
    Pushed,
    LayerAlreadyExists,
    MountedFrom(String),
    SkippedForeignLayer,
    Loading,
    Loaded,
}

impl Status {
    /// Docker's words for it.
    pub(super) fn words(&self, now: Instant) -> String {
        match self {
            Status::PullingFsLayer => "Pulling fs layer",
            Status::AlreadyExists => "Already exists",
            Status::Preparing => "Preparing",
            Status::Waiting => "Waiting",
            Status::Downloading => "Downloading",
            Status::Pushing => "Pushing",
            Status::Retrying { until } => return retrying(until.saturating_duration_since(now)),
            Status::VerifyingChecksum => "Verifying Checksum",
            Status::DownloadComplete => "Download complete",
            Status::PullComplete => "Pull complete",
            Status::Pushed => "Pushed",
            Status::LayerAlreadyExists => "Layer already exists",
            Status::MountedFrom(repository) => return format!("Mounted from {repository}"),
            Status::SkippedForeignLayer => "Skipped foreign layer",
            Status::Loading | Status::Loaded => "Loading layer",
        }
        .to_owned()
    }

    /// Whether bytes are moving, so that numbers belong to it.
    pub(super) fn is_moving(&self) -> bool {
        matches!(self, Status::Downloading | Status::Pushing | Status::Loading)
    }

    /// Whether the layer need not move.
    fn is_spared(&self) -> bool {
        matches!(
            self,
            Status::AlreadyExists | Status::LayerAlreadyExists | Status::MountedFrom(_) | Status::SkippedForeignLayer
        )
    }

    /// Whether nothing more will happen to the layer.
    pub(super) fn is_final(&self) -> bool {
        matches!(
            self,
            Status::AlreadyExists
                | Status::PullComplete
                | Status::Pushed
                | Status::LayerAlreadyExists
                | Status::MountedFrom(_)
                | Status::SkippedForeignLayer
                | Status::Loaded
        )
    }
}

fn retrying(wait: Duration) -> String {
    match wait.as_millis().div_ceil(1000).max(1) {
        1 => "Retrying in 1 second".to_owned(),
        seconds => format!("Retrying in {seconds} seconds"),
    }
}

/// One layer's line.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) id: String,
    pub(super) status: Status,
    /// Bytes at the sink so far, and all of them.
    pub(super) done: u64,
    pub(super) size: u64,
    pub(super) speed: Speed,
}

/// All layers together.
#[derive(Debug)]
pub(super) struct Total<'a> {
    /// Bytes that were moved, and all that are to move.
    pub(super) done: u64,
    pub(super) size: u64,
    pub(super) layers_done: usize,
    pub(super) layers: usize,
    /// None before anything moves.
    pub(super) speed: Option<&'a Speed>,
}

/// The lines of the images that move now, in the order docker lists them.
#[derive(Debug)]
pub(super) struct Board {
    direction: Direction,
    lines: Vec<Line>,
    by_digest: HashMap<Digest, usize>,
    /// Each image's lines that are not complete yet, base first: a pull completes strictly in this order.
    chains: Vec<VecDeque<usize>>,
    /// The speed of all layers together, once one moves.
    speed: Option<Speed>,
}

/// A line and what it now says.
pub(super) type Change = (usize, Status);

impl Board {
    pub(super) fn new(direction: Direction) -> Self {
        Self {
            direction,
            lines: Vec::new(),
            by_digest: HashMap::new(),
            chains: Vec::new(),
            speed: None,
        }
    }

    pub(super) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Layers that were at their place before count as done, and their bytes not at all.
    pub(super) fn total(&self) -> Total<'_> {
        let mut total = Total {
            done: 0,
            size: 0,
            layers_done: 0,
            layers: self.lines.len(),
            speed: self.speed.as_ref(),
        };
        for line in &self.lines {
            let is_done = line.status.is_final() || line.status == Status::DownloadComplete;
            total.layers_done += usize::from(is_done);
            if line.status.is_spared() {
                continue;
            }
            let done = if is_done { line.size } else { line.done.min(line.size) };
            total.done = total.done.saturating_add(done);
            total.size = total.size.saturating_add(line.size);
        }
        total
    }

    pub(super) fn line_of(&self, blob: &Digest) -> Option<&Line> {
        self.by_digest.get(blob).map(|&at| &self.lines[at])
    }

    /// Whether nothing more will happen to any layer.
    pub(super) fn is_settled(&self) -> bool {
        self.lines.iter().all(|line| line.status.is_final())
    }

    /// Takes in an event and lists what changed, in order. Events of blobs that are no layers change nothing.
    pub(super) fn apply(&mut self, event: &Event<'_>, now: Instant) -> Vec<Change> {
        match *event {
            Event::Planned(layers) => self.plan(layers, now),
            Event::Waiting { blob } => self.set(blob, Status::Waiting),
            Event::Started { blob, offset } => {
                self.speed.get_or_insert_with(|| Speed::from(now));
                self.start(blob, offset, now)
            }
            Event::Advanced { blob, bytes } => {
                if self.by_digest.contains_key(blob) {
                    self.speed.get_or_insert_with(|| Speed::from(now)).add(bytes, now);
                }
                if let Some(line) = self.open_line(blob) {
                    line.done += bytes;
                    line.speed.add(bytes, now);
                }
                Vec::new()
            }
            Event::Verifying { blob } => match self.direction {
                Direction::Pull => self.set(blob, Status::VerifyingChecksum),
                Direction::Push | Direction::Load => Vec::new(),
            },
            Event::Retrying { blob, wait, .. } => self.set(blob, Status::Retrying { until: now + wait }),
            Event::Finished { blob, outcome } => self.finish(blob, outcome),
        }
    }

    /// A layer listed twice, in one image or in several that move together, has one line.
    fn plan(&mut self, layers: &[Layer], now: Instant) -> Vec<Change> {
        if self.is_settled() {
            *self = Self::new(self.direction);
        }
        let mut changes = Vec::new();
        let mut chain = VecDeque::new();
        let in_order: Box<dyn Iterator<Item = &Layer>> = match self.direction {
            Direction::Pull | Direction::Load => Box::new(layers.iter()),
            Direction::Push => Box::new(layers.iter().rev()),
        };
        for layer in in_order {
            let at = self.by_digest.get(&layer.digest).copied().unwrap_or_else(|| {
                let line = self.first_line(layer, now);
                changes.push((self.lines.len(), line.status.clone()));
                self.by_digest.insert(layer.digest.clone(), self.lines.len());
                self.lines.push(line);
                self.lines.len() - 1
            });
            chain.push_back(at);
        }
        if self.direction == Direction::Pull {
            self.chains.push(chain);
            changes.extend(self.complete_in_order());
        }
        changes
    }

    /// Docker names a layer by its blob in a pull and by its uncompressed content in a push.
    fn first_line(&self, layer: &Layer, now: Instant) -> Line {
        let (named_by, status) = match self.direction {
            Direction::Pull if layer.present => (&layer.digest, Status::AlreadyExists),
            Direction::Pull => (&layer.digest, Status::PullingFsLayer),
            Direction::Push => (layer.diff_id.as_ref().unwrap_or(&layer.digest), Status::Preparing),
            Direction::Load => (&layer.digest, Status::Loading),
        };
        Line {
            id: named_by.short().to_owned(),
            status,
            done: 0,
            size: layer.size,
            speed: Speed::from(now),
        }
    }

    fn start(&mut self, blob: &Digest, offset: u64, now: Instant) -> Vec<Change> {
        let moving = match self.direction {
            Direction::Pull => Status::Downloading,
            Direction::Push => Status::Pushing,
            Direction::Load => Status::Loading,
        };
        if let Some(line) = self.open_line(blob) {
            line.done = offset;
            line.speed = Speed::from(now);
        }
        self.set(blob, moving)
    }

    fn finish(&mut self, blob: &Digest, outcome: &Outcome) -> Vec<Change> {
        let status = match (self.direction, outcome) {
            (_, Outcome::Skipped) => Status::SkippedForeignLayer,
            (Direction::Pull, _) => Status::DownloadComplete,
            (Direction::Load, _) => Status::Loaded,
            (Direction::Push, Outcome::Copied) => Status::Pushed,
            (Direction::Push, Outcome::AlreadyPresent) => Status::LayerAlreadyExists,
            (Direction::Push, Outcome::Mounted { from }) => Status::MountedFrom(from.clone()),
        };
        let mut changes = self.set(blob, status);
        changes.extend(self.complete_in_order());
        changes
    }

    fn set(&mut self, blob: &Digest, status: Status) -> Vec<Change> {
        let at = self.by_digest.get(blob).copied();
        match (at, self.open_line(blob)) {
            (Some(at), Some(line)) if line.status != status => {
                line.status = status.clone();
                vec![(at, status)]
            }
            _ => Vec::new(),
        }
    }

    /// The blob's line, unless it is no layer or all of it is there.
    fn open_line(&mut self, blob: &Digest) -> Option<&mut Line> {
        let &at = self.by_digest.get(blob)?;
        let line = &mut self.lines[at];
        let open = !line.status.is_final() && line.status != Status::DownloadComplete;
        open.then_some(line)
    }

    fn complete_in_order(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        for chain in &mut self.chains {
            while let Some(&at) = chain.front() {
                let line = &mut self.lines[at];
                if line.status == Status::DownloadComplete {
                    line.status = Status::PullComplete;
                    changes.push((at, Status::PullComplete));
                } else if !line.status.is_final() {
                    break;
                }
                chain.pop_front();
            }
        }
        changes
    }
}
