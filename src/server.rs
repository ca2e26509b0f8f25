//! A registry over a [`Store`]: the OCI distribution spec 1.1, docker's catalog and its old search.
//!
//! A request becomes a [`Route`] and goes to the file of its noun; what comes back is a [`Reply`] or a [`Refusal`].
//! Every repository path is a name of the store: `/v2/nginx` and `/v2/library/nginx` are `docker.io/library/nginx`,
//! `/v2/quay.io/a/b` is `quay.io/a/b`. Blobs belong to the store as a whole: one that is here for any name need not be
//! sent again for another.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md>

mod api;
mod auth;
mod http;
mod retention;

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::sleep;

use crate::error::Result;
use crate::registry::Registry;
use crate::store::Store;

use api::links::Links;
use api::referrers::Subjects;
use api::repository_names::RepositoryNames;
use api::route::Route;
use api::search;
use api::upload_sessions::UploadSessions;
use api::upstream::Upstream;
use auth::access::{Access, Need};
use http::body::{self, Body};
use http::connection::Connections;
use http::metrics::Metrics;
use http::own_names;
use http::refusal::{Code, Refusal};
use http::reply::{Answer, Reply, json, text};
use retention::Retention;

pub use http::{Identity, Listener, Log, SelfSigned, Timeouts, bind, raise_open_files, self_signed};

/// How the registry behaves.
#[derive(Default)]
pub struct Options {
    /// Nothing can be pushed or deleted.
    pub is_read_only: bool,
    /// Who may come in; everybody without it.
    pub htpasswd: Option<PathBuf>,
    /// Where clients get tokens: the URL of this registry's own `/token` as they reach it.
    pub token_realm: Option<String>,
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

/// One registry. It answers on the thread it was made on.
pub struct Server {
    store: Store,
    names: RepositoryNames,
    is_read_only: bool,
    access: Access,
    retention: Rc<Retention>,
    sessions: UploadSessions,
    subjects: Subjects,
    links: Links,
    /// Blobs of which clients were told that they are here.
    asked: Links,
    /// Repositories that have lost their last manifest here: they are empty, not unknown.
    emptied: RefCell<HashSet<String>>,
    upstream: Option<Upstream>,
    metrics: Rc<Metrics>,
    has_metrics: bool,
    timeouts: Timeouts,
    log: Log,
}

impl Server {
    /// The registry over this store, which is made if need be, unless nothing is to be written.
    pub fn new(store: Store, options: Options) -> Result<Rc<Self>> {
        if options.is_read_only {
            store.names().repositories()?;
        } else {
            drop(store.begin()?);
        }
        let kept_for = options.kept_for.unwrap_or(KEPT_FOR);
        let retention = Rc::new(Retention::new(store.clone(), kept_for));
        let log = options.log.unwrap_or_else(|| Rc::new(|_| {}));
        Ok(Rc::new(Self {
            names: options
                .upstream
                .as_ref()
                .map_or_else(RepositoryNames::of_hub, |registry| {
                    RepositoryNames::of(registry.domain())
                }),
            access: Access::new(options.htpasswd, options.token_realm, &log)?,
            sessions: UploadSessions::new(store.clone(), kept_for, options.timeouts.body),
            upstream: options
                .upstream
                .map(|registry| Upstream::new(registry, store.clone(), Rc::clone(&log))),
            subjects: Subjects::default(),
            links: Links::default(),
            asked: Links::default(),
            emptied: RefCell::default(),
            is_read_only: options.is_read_only,
            has_metrics: options.has_metrics,
            timeouts: options.timeouts,
            metrics: Rc::default(),
            retention,
            store,
            log,
        }))
    }

    /// Serves until `stop` is ready, then lets answers that are under way finish for some seconds.
    pub async fn serve(self: Rc<Self>, listener: Listener, identity: Option<Identity>, stop: impl Future<Output = ()>) {
        let answering = Rc::clone(&self);
        let is_loopback = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
        let connections = Rc::new(Connections {
            answer: async move |request| answering.answer(request, is_loopback).await,
            timeouts: self.timeouts,
            log: Rc::clone(&self.log),
            metrics: Rc::clone(&self.metrics),
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
        if self.is_read_only {
            return;
        }
        loop {
            sleep(self.retention.pace()).await;
            self.sessions.expire();
            if self.sessions.has_writer() {
                self.retention.keep();
            }
            self.retention.unlock();
            match self.retention.collect().await {
                Ok(freed) => self.metrics.freed(freed.unwrap_or_default()),
                Err(e) => (self.log)(&format!("error: freeing blobs: {e}")),
            }
        }
    }

    fn show_metrics(&self) -> Reply {
        let repositories = self.store.names().repositories();
        let repositories = repositories.map_or(0, |repositories| repositories.names().count() as u64);
        let page = self.metrics.page(&[
            ("rdock_uploads_open", self.sessions.count() as u64),
            ("rdock_repositories", repositories),
        ]);
        let mut reply = Response::new(Body::of(page));
        let value = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        reply.headers_mut().insert(CONTENT_TYPE, value);
        reply
    }

    /// Answers one request. Nothing here panics on what a client sends.
    async fn answer(&self, request: Request<Incoming>, is_loopback: bool) -> (Reply, String) {
        // Where a password is asked for a page of another site has none.
        if let Err(refusal) = own_names::check(request.headers(), is_loopback && self.access.is_open()) {
            return (refuse(refusal, Some(request)).await, String::new());
        }
        let route = Route::of(request.method(), request.uri(), &self.names);
        // What is no page of the registry is not for everybody either.
        let need = route.as_ref().map_or(Need::Login, Route::need);
        let user = match self.access.admit(&request, need).await {
            Ok(user) => user,
            Err(refusal) => return (refuse(refusal, Some(request)).await, String::new()),
        };
        let answer = match route {
            Ok(route) => self.route(route, request).await,
            Err(refusal) => Err((refusal, Some(request))),
        };
        let reply = match answer {
            Ok(reply) => reply,
            Err((refusal, request)) => {
                if let Some(cause) = refusal.cause() {
                    (self.log)(&format!("error: {cause}"));
                }
                refuse(refusal, request).await
            }
        };
        (reply, user)
    }

    /// A request whose body has not been looked at comes back with the refusal.
    async fn route(
        &self,
        route: Route,
        request: Request<Incoming>,
    ) -> Result<Reply, (Refusal, Option<Request<Incoming>>)> {
        if route.writes() {
            let why = match (self.is_read_only, &self.upstream) {
                (true, _) => Some("this registry is read-only"),
                (_, Some(_)) => Some("this registry is a cache of another one: push there"),
                _ => None,
            };
            if let Some(why) = why {
                let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, Code::Unsupported, why);
                return Err((
                    refusal.with(ALLOW, HeaderValue::from_static("GET, HEAD")),
                    Some(request),
                ));
            }
        }
        let unread = |refusal| (refusal, None);
        match route {
            Route::StartUpload { name, query } => {
                return self.start_upload(&name, &query, request).await.map_err(unread);
            }
            Route::PatchUpload { name, id } => return self.patch_upload(&name, &id, request).await.map_err(unread),
            Route::FinishUpload { name, id, query } => {
                return self.finish_upload(&name, &id, &query, request).await.map_err(unread);
            }
            Route::PutManifest { name, version, query } => {
                return self
                    .put_manifest(&name, &version, &query, request)
                    .await
                    .map_err(unread);
            }
            Route::Token => return self.access.token(request).await.map_err(unread),
            route => self.read(route, &request).await,
        }
        .map_err(|refusal| (refusal, Some(request)))
    }

    /// Requests without a body.
    async fn read(&self, route: Route, request: &Request<Incoming>) -> Answer {
        let headers = request.headers();
        match route {
            Route::Welcome => Ok(text("This is a registry, served by rdock. Its API is at /v2/\n")),
            Route::Health => Ok(text("ok\n")),
            Route::Ping => Ok(json("{}")),
            Route::OldPing => Ok(search::ping()),
            Route::Metrics if self.has_metrics => Ok(self.show_metrics()),
            Route::Metrics => Err(Refusal::not_found(
                "there are no metrics: start the registry with --metrics",
            )),
            Route::Search { query } => self.search(&query),
            Route::Catalog { query } => self.catalog(&query),
            Route::Tags { name, query } => self.tags(&name, &query).await,
            Route::Referrers { name, digest, query } => self.referrers(&name, &digest, &query),
            Route::Manifest { name, version } => self.manifest(&name, &version, headers).await,
            Route::DeleteManifest { name, version } => self.delete_manifest(&name, &version).await,
            Route::Blob { name, digest } => self.blob(&name, &digest, request.method(), headers).await,
            Route::DeleteBlob { name, digest } => self.delete_blob(&name, &digest).await,
            Route::UploadStatus { name, id } => self.upload_status(&name, &id).await,
            Route::CancelUpload { name, id } => self.cancel_upload(&name, &id).await,
            Route::StartUpload { .. }
            | Route::PatchUpload { .. }
            | Route::FinishUpload { .. }
            | Route::PutManifest { .. }
            | Route::Token => Err(Refusal::not_found("no such page")),
        }
    }
}

/// Answers with the refusal after a body that is on its way anyway: a client that is still sending might otherwise
/// see nothing but a closed connection.
async fn refuse(refusal: Refusal, request: Option<Request<Incoming>>) -> Reply {
    if let Some(request) = request
        && request.method() != Method::GET
        && !request.headers().contains_key(hyper::header::EXPECT)
    {
        body::drain(request.into_body()).await;
    }
    refusal.into_reply()
}
