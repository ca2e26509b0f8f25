//! The one loop that moves blobs: in parallel up to a limit, each tried again while trying helps.

use std::cell::{Cell, RefCell};
use std::num::NonZeroU64;
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::Plan;
use super::meter::{Meter, Totals};
use super::ranges;
use super::slots::{Slot, Slots};
use super::streams::Streams;
use super::throttle::Throttle;
use super::width::{Moment, Width};
use crate::backoff::Backoff;
use crate::content::{BlobReader, Opener, Opening, Outcome, Sink, Source, Span};
use crate::error::{Error, Kind, Result};
use crate::image::{Descriptor, Manifest};
use crate::progress::{Event, Progress};

/// How hard the line may be used.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// Connections at once, instead of as many as help.
    pub streams: Option<usize>,
    pub bytes_per_second: Option<NonZeroU64>,
}

impl Limits {
    /// Limits to so many connections, or files, at once.
    pub fn at_once(streams: usize) -> Self {
        Self {
            streams: Some(streams),
            bytes_per_second: None,
        }
    }
}

/// Moves all of `plan` from `source` to `sink`. The first failure ends the work; what has arrived stays for the next
/// try.
pub async fn run(
    plan: &Plan,
    source: &impl Source,
    sink: &impl Sink,
    limits: Limits,
    progress: &Arc<dyn Progress>,
) -> Result<()> {
    let job = Job {
        plan,
        source,
        sink,
        progress,
        control: Control::new(limits),
        totals: Arc::default(),
        is_told: Cell::default(),
    };
    if plan.blobs.is_empty() {
        job.tell_plan();
    }
    let mut under_way = stream::iter(&plan.blobs)
        .map(|blob| job.run(blob))
        .buffer_unordered(WAITING);
    while let Some(moved) = under_way.next().await {
        moved?;
    }
    let at_once = limits.streams.map_or(MANIFESTS, |streams| streams.min(MANIFESTS));
    let put = async |manifest: &Manifest| job.put(manifest).await;
    plan.children.put_each(source, put, at_once).await
}

/// Has an image named whose content is at the sink. What that turns out to lack, though it was said to be there, is moved,
/// and the image is named again, once: a Nexus group says so of what is in other members than the one that is written to
/// (nexus-public#869).
pub async fn name(
    image: &Manifest,
    source: &impl Source,
    sink: &impl Sink,
    limits: Limits,
    progress: &Arc<dyn Progress>,
    name: impl AsyncFn() -> Result<()>,
) -> Result<()> {
    let Err(failure) = name().await else {
        return Ok(());
    };
    let Some(plan) = Plan::for_lacking(image, &failure) else {
        return Err(failure);
    };
    run(&plan, source, sink, limits, progress).await?;
    name().await
}

/// What the blobs of one run share.
struct Job<'a, From, To> {
    plan: &'a Plan,
    source: &'a From,
    sink: &'a To,
    progress: &'a Arc<dyn Progress>,
    control: Control,
    totals: Arc<Totals>,
    /// Whether the watcher knows the plan.
    is_told: Cell<bool>,
}

/// How many blobs and streams at once, and how fast.
struct Control {
    slots: Slots,
    /// How many blobs may be looked for beside those that move; where the user set a limit, none.
    lookers: Option<Semaphore>,
    width: RefCell<Width>,
    throttle: Option<Throttle>,
}

impl Control {
    fn new(limits: Limits) -> Self {
        Self {
            slots: Slots::new(limits.streams),
            lookers: limits.streams.is_none().then(|| Semaphore::new(LOOKERS)),
            width: RefCell::new(Width::new(limits.streams)),
            throttle: limits.bytes_per_second.map(Throttle::new),
        }
    }
}

impl<From: Source, To: Sink> Job<'_, From, To> {
    async fn run(&self, blob: &Descriptor) -> Result<()> {
        let mut slot = None;
        let looking = if let Some(lookers) = &self.control.lookers {
            Some(lookers.acquire().await)
        } else {
            slot = Some(self.slot(blob).await);
            None
        };
        let looked = self.watched(self.sink.look_for(blob)).await;
        drop(looking);
        // docker lists the layers once the other side has answered at all.
        if !matches!(&looked, Err(e) if matches!(e.kind(), Kind::Unavailable | Kind::Unsupported)) {
            self.tell_plan();
        }
        let spared = looked?;
        let outcome = if let Some(outcome) = spared {
            outcome
        } else {
            if slot.is_none() {
                slot = Some(self.slot(blob).await);
            }
            self.move_blob(blob).await?
        };
        drop(slot);
        self.progress.on(Event::Finished {
            blob: &blob.digest,
            outcome: &outcome,
        });
        Ok(())
    }

    fn tell_plan(&self) {
        if !self.is_told.replace(true) {
            self.progress.on(Event::Planned(&self.plan.layers));
        }
    }

    /// What the other side answers. While it takes its time, more blobs may move at once.
    async fn watched<T>(&self, answer: impl Future<Output = T>) -> T {
        let mut answer = pin!(answer);
        if let Ok(answer) = timeout(SOON, answer.as_mut()).await {
            return answer;
        }
        self.control.slots.widen();
        answer.await
    }

    async fn slot(&self, blob: &Descriptor) -> Slot<'_> {
        if let Some(slot) = self.control.slots.try_take(blob.size) {
            return slot;
        }
        if self.is_told.get() {
            self.progress.on(Event::Waiting { blob: &blob.digest });
        }
        self.control.slots.take(blob.size).await
    }

    /// Puts a manifest, and again once when the sink lacks some of its blobs after all.
    async fn put(&self, manifest: &Manifest) -> Result<()> {
        let Err(failure) = self.sink.put_manifest(manifest).await else {
            return Ok(());
        };
        let Some(plan) = Plan::for_lacking(manifest, &failure).filter(|plan| plan.children.is_empty()) else {
            return Err(failure);
        };
        for blob in &plan.blobs {
            self.move_blob(blob).await?;
        }
        self.sink.put_manifest(manifest).await
    }

    /// Moves one blob. A failure that may pass is followed by another try, from where the sink has got to.
    async fn move_blob(&self, blob: &Descriptor) -> Result<Outcome> {
        let meter = Meter::new(blob, self.progress, self.control.throttle.as_ref(), &self.totals);
        let left = Cell::new(blob.size);
        let opener = self.opener(&meter, &left);
        let mut backoff = Backoff::default();
        let mut is_second_chance = false;
        loop {
            let began = Instant::now();
            let failure = match self.sink.receive(blob, &opener).await {
                Ok(outcome) => return Ok(outcome),
                Err(failure) => failure,
            };
            let advance = meter.advance();
            let has_moved_on = advance >= REAL_PROGRESS || (advance > 0 && began.elapsed() >= LONG_TRY);
            if has_moved_on {
                backoff.reset();
            }
            let wait = if failure.kind() == Kind::Corrupt && !is_second_chance {
                // Once: a mirror may have lied, or bytes may have been hurt on the way.
                is_second_chance = true;
                continue;
            } else if failure.is_final() {
                // Whoever asked has tried it often enough.
                None
            } else if failure.kind() == Kind::RateLimited {
                self.control.slots.narrow();
                backoff.after_failure(failure.retry_after())
            } else if failure.kind() != Kind::Unavailable {
                None
            } else if has_moved_on && failure.retry_after().is_none() && self.source.has_spans() {
                // The line breaks, but it carries: what is left comes over the next connection. How much of an upload
                // the other side has is not known, so that one waits.
                Some(Duration::ZERO)
            } else {
                backoff.after_failure(failure.retry_after())
            };
            let Some(wait) = wait else {
                return Err(failure);
            };
            if !wait.is_zero() {
                self.retry(blob, wait, &failure).await;
            }
        }
    }

    async fn retry(&self, blob: &Descriptor, wait: Duration, why: &Error) {
        let blob = &blob.digest;
        self.progress.on(Event::Retrying { blob, wait, why });
        tokio::time::sleep(wait).await;
    }

    async fn open_span(&self, meter: &Meter<'_>, bytes: Range<u64>, left: u64) -> Result<Span> {
        let span = self.watched(meter.open_span(self.source, bytes, left)).await;
        if matches!(&span, Err(e) if matches!(e.kind(), Kind::RateLimited | Kind::Unavailable)) {
            self.control.width.borrow_mut().narrow(Instant::now());
        }
        span
    }

    fn opener<'b>(&'b self, meter: &'b Meter<'b>, left: &'b Cell<u64>) -> Opener<'b> {
        let open = move |from| -> Opening<'b, BlobReader> { Box::pin(self.watched(meter.open(self.source, from))) };
        Opener::new(open).filling(move |wanted| {
            let mut streams = Streams::new(open);
            if self.source.has_spans() {
                streams = streams.with_spans(
                    move |bytes| Box::pin(self.open_span(meter, bytes, left.get())),
                    move |bytes_left| self.advise(left, bytes_left),
                );
            }
            ranges::fill(wanted, streams, self.control.slots.shares())
        })
    }

    /// How many streams a blob should have now.
    fn advise(&self, left: &Cell<u64>, bytes_left: u64) -> usize {
        left.set(bytes_left);
        self.control.width.borrow_mut().advise(Moment {
            now: Instant::now(),
            passed: self.totals.passed(),
            streams: self.totals.streams(),
            blobs: self.control.slots.taken(),
            left: bytes_left,
        })
    }
}

/// Blobs that move or wait for it: each costs some memory.
const WAITING: usize = 1000;
/// Manifests that are put at once.
const MANIFESTS: usize = 20;
/// Blobs that are looked for at once: each costs a round trip and no bytes.
const LOOKERS: usize = 20;
/// An answer that takes longer comes over a line that is long, or from somebody busy.
const SOON: Duration = Duration::from_millis(10);
/// A try that came this many bytes further than any before, or a little further in a long time, makes the failures
/// before it forgotten (podman's rule, which lets a long download over a bad line end well).
const REAL_PROGRESS: u64 = 1 << 20;
const LONG_TRY: Duration = Duration::from_mins(1);
