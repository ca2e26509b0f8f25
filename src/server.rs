//! A registry over a [`Store`]: the OCI distribution spec 1.1, docker's catalog and its old search.
//!
//! Connections come in by [`http`]; [`auth`] says who may do what; a request becomes a route and goes to the file of its
//! noun in [`api`]; and what is kept is kept by a [`backing`], the local store.
//!
//! Every repository path is a name of the store: `/v2/nginx` and `/v2/library/nginx` are `docker.io/library/nginx`,
//! `/v2/quay.io/a/b` is `quay.io/a/b`. Blobs belong to the store as a whole: one that is here for any name need not be
//! sent again for another.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md>

mod api;
mod auth;
mod backing;
mod http;

use std::rc::Rc;
use std::time::Duration;

use tokio::task::{LocalSet, spawn_local};
use tokio::time::sleep;

use crate::error::Result;
use crate::registry::Registry;
use crate::store::Store;

use api::Api;
use api::repository_names::RepositoryNames;
use api::state::State;
use api::upload_sessions::UploadSessions;
use api::upstream::Upstream;
use auth::access::Access;
use backing::OffThread;
use backing::local::Local;
use http::connection::Connections;

pub use auth::Users;
pub use http::{Identity, Listener, Log, SelfSigned, Timeouts, bind, raise_open_files, self_signed};

/// How the registry behaves.
#[derive(Default)]
pub struct Options {
    /// Nothing can be pushed or deleted.
    pub is_read_only: bool,
    /// Who may come in, and to what.
    pub users: Users,
    /// Where images come from that are not here.
    pub upstream: Option<Registry>,
    /// Whether `/metrics` is there.
    pub has_metrics: bool,
    /// How long what nothing names is kept.
    pub kept_for: Option<Duration>,
    /// How long a client may take.
    pub timeouts: Timeouts,
    /// Takes the lines of the access log and what went wrong.
    pub log: Option<Log>,
}

/// How long a blob may wait for its manifest, and an upload for its next piece.
const KEPT_FOR: Duration = Duration::from_hours(1);

/// One registry over the local store. It answers on the thread it was made on.
pub struct Server {
    api: Api<Local>,
    timeouts: Timeouts,
}

impl Server {
    /// The registry over this store, which is made if need be, unless nothing is to be written.
    pub fn new(store: Store, options: Options) -> Result<Rc<Self>> {
        let local = if options.is_read_only {
            Local::read_only(store)?
        } else {
            Local::writable(store)?
        };
        let store = OffThread::new(local);
        let kept_for = options.kept_for.unwrap_or(KEPT_FOR);
        let log = options.log.unwrap_or_else(|| Rc::new(|_| {}));
        let access = Access::new(options.users, &log)?;
        let names = options
            .upstream
            .as_ref()
            .map_or_else(RepositoryNames::of_hub, |registry| {
                RepositoryNames::of(registry.domain())
            });
        let is_writable = !options.is_read_only && options.upstream.is_none();
        let upstream = options.upstream;
        let upstream = upstream.map(|registry| Upstream::new(registry, store.clone(), Rc::clone(&log)));
        let state = State {
            upstream,
            is_writable,
            is_divided: access.is_divided(),
            ..State::new(store.clone(), names, kept_for)
        };
        Ok(Rc::new(Self {
            api: Api {
                state,
                sessions: UploadSessions::new(store, kept_for, options.timeouts.body),
                access,
                metrics: Rc::default(),
                has_metrics: options.has_metrics,
                silence: options.timeouts.body,
                log,
            },
            timeouts: options.timeouts,
        }))
    }

    /// Serves until `stop` is ready, then lets answers that are under way finish for some seconds.
    pub async fn serve(self: Rc<Self>, listener: Listener, identity: Option<Identity>, stop: impl Future<Output = ()>) {
        let answering = Rc::clone(&self);
        let is_loopback = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
        let connections = Rc::new(Connections {
            answer: async move |request| answering.api.answer(request, is_loopback).await,
            timeouts: self.timeouts,
            log: Rc::clone(&self.api.log),
            metrics: Rc::clone(&self.api.metrics),
        });
        let serving = async {
            let housekeeping = spawn_local(self.keep_house());
            connections.serve(listener, identity, stop).await;
            housekeeping.abort();
        };
        LocalSet::new().run_until(serving).await;
    }

    /// Frees what nobody names, from time to time.
    async fn keep_house(self: Rc<Self>) {
        let Api { state, sessions, .. } = &self.api;
        let retention = &state.retention;
        if !state.is_writable && state.upstream.is_none() {
            return;
        }
        loop {
            sleep(retention.pace()).await;
            sessions.expire();
            if sessions.has_writer() {
                retention.keep();
            }
            retention.let_go();
            match retention.collect().await {
                Ok(freed) => self.api.metrics.freed(freed.unwrap_or_default()),
                Err(e) => (self.api.log)(&format!("error: freeing blobs: {e}")),
            }
        }
    }
}
