//! The pages of the registry: one file a resource, over a [`State`] that they share.

mod blobs;
mod byte_cache;
mod describe;
mod facts;
mod links;
mod manifests;
mod referrals;
mod referrers;
pub(in crate::server) mod repository_names;
mod route;
mod search;
pub(in crate::server) mod state;
mod tags;
#[cfg(test)]
mod tests;
pub(in crate::server) mod upload_sessions;
mod uploads;
pub(in crate::server) mod upstream;

use std::rc::Rc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, EXPECT, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::auth::access::Access;
use super::auth::caller::Caller;
use super::auth::need::Need;
use super::backing::Backing;
use super::http::access_log::Log;
use super::http::body::{self, Body};
use super::http::held_bodies::HeldBodies;
use super::http::metrics::Metrics;
use super::http::own_names;
use super::http::refusal::{Code, Refusal};
use super::http::reply::{Answer, Reply, json, text};
use manifests::Sent;
use route::Route;
use state::State;
use upload_sessions::UploadSessions;

/// All pages, and who may see them.
pub(in crate::server) struct Api<B: Backing> {
    pub(in crate::server) state: State<B>,
    pub(in crate::server) sessions: UploadSessions<B>,
    pub(in crate::server) access: Access,
    pub(in crate::server) metrics: Rc<Metrics>,
    pub(in crate::server) has_metrics: bool,
    /// The manifests that are being sent.
    pub(in crate::server) bodies: Rc<HeldBodies>,
    /// How long a client may send nothing.
    pub(in crate::server) silence: Duration,
    pub(in crate::server) log: Log,
}

impl<B: Backing> Api<B> {
    /// Answers one request, and says whose it was. Nothing here panics on what a client sends.
    pub(in crate::server) async fn answer(&self, request: Request<Incoming>, is_loopback: bool) -> (Reply, String) {
        // Where a password is asked for a page of another site has none.
        let is_own = own_names::check(&request, is_loopback && self.access.is_open());
        if let Err(refusal) = own_names::check_host(&request).and(is_own) {
            return (refuse(refusal, Some(request)).await, String::new());
        }
        let route = Route::of(request.method(), request.uri(), &self.state.names);
        // What is no page of the registry is not for everybody either.
        let need = route.as_ref().map_or(Need::Login, Route::need);
        let caller = match self.access.admit(&request, need).await {
            Ok(caller) => caller,
            Err(refusal) => return (refuse(refusal, Some(request)).await, String::new()),
        };
        let answer = match route {
            Ok(route) => self.route(route, &caller, request).await,
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
        (reply, caller.user)
    }

    /// A request whose body has not been looked at comes back with the refusal.
    async fn route(
        &self,
        route: Route,
        caller: &Caller,
        request: Request<Incoming>,
    ) -> Result<Reply, (Refusal, Option<Request<Incoming>>)> {
        if route.writes() && !self.state.is_writable {
            return Err((self.takes_nothing(), Some(request)));
        }
        if route.has_body() {
            return self
                .write(route, caller, request)
                .await
                .map_err(|refusal| (refusal, None));
        }
        self.read(route, caller, &request)
            .await
            .map_err(|refusal| (refusal, Some(request)))
    }

    fn takes_nothing(&self) -> Refusal {
        let why = match self.state.upstream {
            Some(_) => "this registry is a cache of another one: push there",
            None => "this registry is read-only",
        };
        Refusal::new(StatusCode::METHOD_NOT_ALLOWED, Code::Unsupported, why)
            .with(ALLOW, HeaderValue::from_static("GET, HEAD"))
    }

    /// Requests with a body.
    async fn write(&self, route: Route, caller: &Caller, request: Request<Incoming>) -> Answer {
        let (state, sessions) = (&self.state, &self.sessions);
        let reply = match route {
            Route::StartUpload { name, query } => {
                uploads::start(state, sessions, caller, &name, &query, request).await?
            }
            Route::PatchUpload { name, id } => return uploads::patch(state, sessions, &name, &id, request).await,
            Route::FinishUpload { name, id, query } => {
                uploads::finish(state, sessions, &name, &id, &query, request).await?
            }
            Route::PutManifest { name, version, query } => {
                let (sent, _held) = Sent::receive(request, self.silence, &self.bodies).await?;
                return manifests::put(state, &name, &version, &query, sent).await;
            }
            _ => {
                let canonical = |path: &str| self.state.names.canonical(path);
                return self.access.token(request, canonical).await;
            }
        };
        if reply.status() == StatusCode::CREATED {
            self.metrics.stored();
        }
        Ok(reply)
    }

    /// Requests without a body.
    async fn read(&self, route: Route, caller: &Caller, request: &Request<Incoming>) -> Answer {
        let (state, headers) = (&self.state, request.headers());
        match route {
            Route::Welcome => Ok(text("This is a registry, served by rdock. Its API is at /v2/\n")),
            Route::Health => Ok(text("ok\n")),
            Route::Ping => Ok(json("{}")),
            Route::OldPing => Ok(search::ping()),
            Route::Metrics if self.has_metrics => self.show_metrics().await,
            Route::Metrics => Err(Refusal::not_found(
                "there are no metrics: start the registry with --metrics",
            )),
            Route::Search { query } => search::search(state, caller, &query).await,
            Route::Catalog { query } => tags::catalog(state, caller, &query).await,
            Route::Tags { name, query } => tags::list(state, &name, &query).await,
            Route::Referrers { name, digest, query } => referrers::list(state, &name, &digest, &query).await,
            Route::Manifest { name, version } => manifests::get(state, &name, &version, headers).await,
            Route::DeleteManifest { name, version } => manifests::delete(state, &name, &version).await,
            Route::Blob { name, digest } => blobs::get(state, &name, &digest, request.method(), headers).await,
            Route::DeleteBlob { name, digest } => blobs::delete(state, &name, &digest).await,
            Route::UploadStatus { name, id } => uploads::status(&self.sessions, &name, &id).await,
            Route::CancelUpload { name, id } => uploads::cancel(&self.sessions, &name, &id).await,
            Route::StartUpload { .. }
            | Route::PatchUpload { .. }
            | Route::FinishUpload { .. }
            | Route::PutManifest { .. }
            | Route::Token => Err(Refusal::not_found("no such page")),
        }
    }

    async fn show_metrics(&self) -> Answer {
        let repositories = self.state.store.run(|store| Ok(store.repositories()?.names().count()));
        let page = self.metrics.page(&[
            ("rdock_uploads_open", self.sessions.count() as u64),
            ("rdock_repositories", repositories.await.unwrap_or_default() as u64),
        ]);
        let mut reply = Response::new(Body::of(page));
        let value = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        reply.headers_mut().insert(CONTENT_TYPE, value);
        Ok(reply)
    }
}

/// Answers with the refusal after a body that is on its way anyway: a client that is still sending might otherwise
/// see nothing but a closed connection.
async fn refuse(refusal: Refusal, request: Option<Request<Incoming>>) -> Reply {
    if let Some(request) = request
        && request.method() != Method::GET
        && !request.headers().contains_key(EXPECT)
    {
        body::drain(request.into_body()).await;
    }
    refusal.into_reply()
}
