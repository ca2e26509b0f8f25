//! A registry over a [`Store`]: the OCI distribution spec 1.1, docker's catalog and its old search.
//!
//! A request becomes a [`Route`] and goes to the file of its noun; what comes back is a [`Reply`] or a [`Refusal`].
//! Every repository path is a name of the store: `/v2/nginx` and `/v2/library/nginx` are `docker.io/library/nginx`,
//! `/v2/quay.io/a/b` is `quay.io/a/b`. Blobs belong to the store as a whole: one that is here for any name need not be
//! sent again for another.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md>

mod access;
mod blobs;
mod body;
mod certificate;
mod connection;
mod dismissal;
mod htpasswd;
mod journal;
mod keeper;
mod listing;
mod manifests;
mod metrics;
mod names;
mod patience;
mod query;
mod range;
mod referrers;
mod refusal;
mod route;
mod search;
mod sessions;
mod token;
mod uploads;
mod upstream;

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Method, Request, Response, StatusCode};

use crate::error::Result;
use crate::registry::Registry;
use crate::store::Store;

use access::Access;
use body::Body;
use keeper::Keeper;
use metrics::Metrics;
use names::Names;
use referrers::Subjects;
use refusal::{Code, Refusal};
use route::Route;
use sessions::Sessions;
use upstream::Upstream;

pub use certificate::{Identity, SelfSigned, self_signed};
pub use connection::bind;
pub use patience::Patience;

/// An answer that is no refusal.
type Reply = Response<Body>;
type Answer = Result<Reply, Refusal>;

/// Takes a line without its end.
pub type Log = Rc<dyn Fn(&str)>;

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
    pub patience: Patience,
    /// Takes the lines of the access log and what went wrong.
    pub log: Option<Log>,
}

/// How long a blob may wait for its manifest, and an upload for its next piece.
const KEPT_FOR: Duration = Duration::from_hours(1);

/// One registry. It answers on the thread it was made on.
pub struct Server {
    store: Store,
    names: Names,
    is_read_only: bool,
    access: Access,
    keeper: Rc<Keeper>,
    sessions: Sessions,
    subjects: Subjects,
    /// Repositories that have lost their last manifest here: they are empty, not unknown.
    emptied: RefCell<HashSet<String>>,
    upstream: Option<Upstream>,
    metrics: Rc<Metrics>,
    has_metrics: bool,
    patience: Patience,
    log: Log,
}

impl Server {
    /// The registry over this store, which is made if need be, unless nothing is to be written.
    pub fn new(store: Store, options: Options) -> Result<Rc<Self>> {
        if options.is_read_only {
            store.repositories()?;
        } else {
            drop(store.begin()?);
        }
        let kept_for = options.kept_for.unwrap_or(KEPT_FOR);
        let keeper = Rc::new(Keeper::new(store.clone(), kept_for));
        let log = options.log.unwrap_or_else(|| Rc::new(|_| {}));
        Ok(Rc::new(Self {
            names: options
                .upstream
                .as_ref()
                .map_or_else(Names::of_hub, |registry| Names::of(registry.domain())),
            access: Access::new(options.htpasswd, options.token_realm)?,
            sessions: Sessions::new(store.clone(), kept_for, options.patience.body),
            upstream: options
                .upstream
                .map(|registry| Upstream::new(registry, store.clone(), Rc::clone(&log))),
            subjects: Subjects::default(),
            emptied: RefCell::default(),
            is_read_only: options.is_read_only,
            has_metrics: options.has_metrics,
            patience: options.patience,
            metrics: Rc::default(),
            keeper,
            store,
            log,
        }))
    }

    /// Answers one request. Nothing here panics on what a client sends.
    async fn answer(&self, request: Request<Incoming>) -> (Reply, String) {
        let route = Route::of(request.method(), request.uri(), &self.names);
        let user = match self.access.admit(&request, route.as_ref().ok()).await {
            Ok(user) => user,
            Err(mut refusal) => {
                if let Some(challenge) = self.access.challenge(route.as_ref().ok()) {
                    refusal = refusal.with(WWW_AUTHENTICATE, challenge);
                }
                return (refuse(refusal, Some(request)).await, String::new());
            }
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
            Route::DeleteBlob { digest, .. } => self.delete_blob(&digest).await,
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

fn text(text: &'static str) -> Reply {
    let mut reply = Response::new(Body::of(text));
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    reply
}

fn json(text: impl Into<bytes::Bytes>) -> Reply {
    let mut reply = Response::new(Body::of(text));
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

/// An answer without a body.
fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Body::of(""));
    *reply.status_mut() = status;
    reply
}
