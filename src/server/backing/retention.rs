//! Keeps what clients have sent or asked about until its manifest comes, and frees what nothing names.
//!
//! While pushes are under way the content is held, so that no other process frees a blob that a client was told is here.
//! The registry itself spares what was touched lately.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use tokio::sync::{RwLock, RwLockReadGuard};

use super::port::{Backing, OffThread};
use crate::error::Result;

/// The most and the least time between two collections. What another process removes while clients are at it is left to
/// the next one.
const RAREST: Duration = Duration::from_mins(1);
const OFTENEST: Duration = Duration::from_millis(250);
/// How long the content stays held after a client has last relied on a blob. For longer its age speaks for it; other
/// processes can free what only they know of.
const HELD_FOR: Duration = Duration::from_secs(10);

pub(in crate::server) struct Retention<B: Backing> {
    store: OffThread<B>,
    kept_for: Duration,
    /// Held shared by those who rely on a blob, exclusively while blobs are freed.
    lock: RwLock<()>,
    held: RefCell<Option<B::Hold>>,
    used: Cell<Instant>,
    collected: Cell<Instant>,
    /// Whether anything has changed since the last collection.
    is_due: Cell<bool>,
}

impl<B: Backing> Retention<B> {
    pub(in crate::server) fn new(store: OffThread<B>, kept_for: Duration) -> Self {
        Self {
            store,
            kept_for,
            lock: RwLock::default(),
            held: RefCell::default(),
            used: Cell::new(Instant::now()),
            collected: Cell::new(Instant::now()),
            is_due: Cell::new(true),
        }
    }

    /// Says that a client is still at it.
    pub(in crate::server) fn keep(&self) {
        self.used.set(Instant::now());
    }

    /// Lets nothing be freed until the guard is dropped, which must be soon; and from now on for the time that things
    /// are kept, nothing that is touched.
    pub(in crate::server) async fn hold(&self) -> Result<RwLockReadGuard<'_, ()>> {
        let guard = self.lock.read().await;
        self.used.set(Instant::now());
        self.is_due.set(true);
        if self.held.borrow().is_none() {
            let held = self.store.change(B::hold).await?;
            self.held.replace(Some(held));
        }
        Ok(guard)
    }

    /// Runs work that frees something, while nothing relies on blobs that no name leads to.
    pub(in crate::server) async fn alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&B) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let _guard = self.lock.write().await;
        let was_held = self.held.take().is_some();
        let done = self.store.change(work).await;
        if was_held && self.used.get().elapsed() < HELD_FOR.min(self.kept_for) {
            let held = self.store.change(B::hold).await?;
            self.held.replace(Some(held));
        }
        done
    }

    /// Says that names have gone.
    pub(in crate::server) fn names_have_gone(&self) {
        self.is_due.set(true);
    }

    /// Frees what nothing names and nobody has touched for the time that things are kept. How many bytes that were;
    /// `None` where there was nothing to do, or another process may need them.
    pub(in crate::server) async fn collect(&self) -> Result<Option<u64>> {
        if !self.is_due.get() || self.collected.get().elapsed() < (self.kept_for / 4).min(RAREST) {
            return Ok(None);
        }
        self.collected.set(Instant::now());
        let age = self.kept_for;
        // What is too young now may have come of age when the sweep has ended, which takes what it takes.
        let has_young = self.used.get().elapsed() < age * 2;
        let freed = self.alone(move |store| store.sweep(age)).await?;
        if freed.is_some() && self.held.borrow().is_none() {
            self.is_due.set(has_young);
        }
        Ok(freed)
    }

    /// How often to look whether something is to be done.
    pub(in crate::server) fn pace(&self) -> Duration {
        (self.kept_for / 4).clamp(OFTENEST, HELD_FOR)
    }

    /// Lets go of the content if nobody has relied on its blobs lately.
    pub(in crate::server) fn let_go(&self) {
        if self.used.get().elapsed() >= HELD_FOR.min(self.kept_for) {
            self.held.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::Memory;
    use tokio::time::sleep;

    use super::*;
    use crate::image::Digest;
    use crate::image::digest::Algorithm;
    use crate::server::backing::Upload as _;

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(test);
    }

    /// Content with one blob that no name leads to.
    fn content() -> (Memory, Digest) {
        let (memory, digest) = (Memory::default(), Digest::of(b""));
        let upload = memory.begin_upload("a", Algorithm::Sha256).unwrap();
        upload.finish(&digest).unwrap();
        (memory, digest)
    }

    #[test]
    fn content_is_held_for_those_who_rely_on_it_and_let_go_for_other_processes() {
        run(async {
            let (memory, digest) = content();
            let retention = Retention::new(OffThread::new(memory.clone()), Duration::from_hours(1));
            drop(retention.hold().await.unwrap());
            retention.let_go();
            // As another process would.
            assert_eq!(memory.sweep(Duration::ZERO).unwrap(), None);
            assert!(!memory.free(&digest).unwrap());
            let hasty = Retention::new(OffThread::new(memory.clone()), Duration::ZERO);
            drop((retention, hasty.hold().await.unwrap()));
            assert_eq!(memory.sweep(Duration::ZERO).unwrap(), None);
            hasty.let_go();
            assert_eq!(memory.sweep(Duration::ZERO).unwrap(), Some(0));
            assert_eq!(memory.size(&digest), None);
        });
    }

    #[test]
    fn what_was_too_young_for_a_long_sweep_is_left_to_the_next_one() {
        run(async {
            let (memory, digest) = content();
            let age = Duration::from_millis(100);
            let retention = Retention::new(OffThread::new(memory.clone()), age);
            sleep(age / 2).await;
            let blocked = memory.block();
            let release = async {
                sleep(age * 3).await;
                drop(blocked);
            };
            let (first, ()) = tokio::join!(retention.collect(), release);
            first.unwrap();
            for _ in 0..3 {
                sleep(age).await;
                retention.collect().await.unwrap();
            }
            assert_eq!(memory.size(&digest), None);
        });
    }

    #[test]
    fn what_was_touched_lately_is_not_collected_and_the_rest_is() {
        run(async {
            let (memory, digest) = content();
            let store = OffThread::new(memory.clone());
            let patient = Retention::new(store.clone(), Duration::from_hours(1));
            assert_eq!(
                patient
                    .alone(|store| store.sweep(Duration::from_hours(1)))
                    .await
                    .unwrap(),
                Some(0)
            );
            assert!(memory.size(&digest).is_some());
            let hasty = Retention::new(store, Duration::ZERO);
            assert_eq!(hasty.collect().await.unwrap(), Some(0));
            assert!(memory.size(&digest).is_none());
        });
    }
}
