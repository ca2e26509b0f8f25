//! Keeps what clients have sent or asked about until its manifest comes, and frees what nothing names.
//!
//! While pushes are under way the store's lock is held shared, so that no other process frees a blob that a client was
//! told is here. The registry itself spares what was touched lately.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use tokio::sync::{RwLock, RwLockReadGuard};
use tokio::task::spawn_blocking;

use crate::error::{Error, Kind, Result};
use crate::store::{Store, StoreWriter};

/// The most and the least time between two collections.
const RAREST: Duration = Duration::from_mins(10);
const OFTENEST: Duration = Duration::from_millis(250);
/// How long the store stays locked after a client has last relied on a blob. For longer its age speaks for it; other
/// processes can free what only they know of.
const LOCKED_FOR: Duration = Duration::from_mins(1);

pub(super) struct Retention {
    store: Store,
    kept_for: Duration,
    /// Held shared by those who rely on a blob, exclusively while blobs are freed.
    gate: RwLock<()>,
    session: RefCell<Option<StoreWriter>>,
    used: Cell<Instant>,
    collected: Cell<Instant>,
    /// Whether anything has changed since the last collection.
    is_due: Cell<bool>,
}

impl Retention {
    pub(super) fn new(store: Store, kept_for: Duration) -> Self {
        Self {
            store,
            kept_for,
            gate: RwLock::default(),
            session: RefCell::default(),
            used: Cell::new(Instant::now()),
            collected: Cell::new(Instant::now()),
            is_due: Cell::new(true),
        }
    }

    /// Says that a client is still at it.
    pub(super) fn keep(&self) {
        self.used.set(Instant::now());
    }

    /// Until the guard is dropped, which must be soon, nothing is freed; and from now on for the time that things are
    /// kept, nothing that is touched.
    pub(super) async fn hold(&self) -> Result<RwLockReadGuard<'_, ()>> {
        let guard = self.gate.read().await;
        self.used.set(Instant::now());
        self.is_due.set(true);
        if self.session.borrow().is_none() {
            let session = self.begin().await?;
            self.session.replace(Some(session));
        }
        Ok(guard)
    }

    /// Runs work that frees something, while nothing relies on blobs that no name leads to.
    pub(super) async fn alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let _guard = self.gate.write().await;
        let was_held = self.session.take().is_some();
        let store = self.store.clone();
        let done = off_thread(move || work(&store)).await;
        if was_held && self.used.get().elapsed() < LOCKED_FOR.min(self.kept_for) {
            let session = self.begin().await?;
            self.session.replace(Some(session));
        }
        done
    }

    /// Says that names have gone.
    pub(super) fn names_have_gone(&self) {
        self.is_due.set(true);
    }

    /// Frees what nothing names and nobody has touched for the time that things are kept. How many bytes that were;
    /// `None` where there was nothing to do, or another process may need them.
    pub(super) async fn collect(&self) -> Result<Option<u64>> {
        if !self.is_due.get() || self.collected.get().elapsed() < (self.kept_for / 4).min(RAREST) {
            return Ok(None);
        }
        self.collected.set(Instant::now());
        let age = self.kept_for;
        // Another store on the same root: what it reads to see what is needed is forgotten at once.
        let freed = self
            .alone(move |store| Store::at(store.root().to_owned()).sweep().old(age))
            .await?;
        if freed.is_some() && self.session.borrow().is_none() {
            self.is_due.set(self.used.get().elapsed() < self.kept_for * 2);
        }
        Ok(freed)
    }

    /// How often to look whether something is to be done.
    pub(super) fn pace(&self) -> Duration {
        (self.kept_for / 4).clamp(OFTENEST, LOCKED_FOR)
    }

    /// Unlocks the store if nobody has relied on its blobs lately.
    pub(super) fn unlock(&self) {
        if self.used.get().elapsed() >= LOCKED_FOR.min(self.kept_for) {
            self.session.take();
        }
    }

    async fn begin(&self) -> Result<StoreWriter> {
        let store = self.store.clone();
        off_thread(move || store.begin()).await
    }
}

/// Runs work on the disk that may take its time off the thread that serves.
pub(super) async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    spawn_blocking(work)
        .await
        .map_err(|e| Error::new(Kind::Io, "the thread that works on the store was lost").caused_by(e))?
}
