//! A registry behind this one: what is not here is fetched from there, and a tag is looked up again from time to time.
//!
//! A look costs one HEAD, which Docker Hub does not count as a pull. When the registry behind limits pulls or does not
//! answer, what is here is served as it is.

use std::cell::RefCell;
use std::collections::HashMap;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use hyper::Method;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::super::backing::{Backing, OffThread};
use super::super::http::access_log::Log;
use super::super::http::body::Body;
use super::super::http::refusal::Refusal;
use super::super::http::reply::Answer;
use super::describe::blob_reply;
use super::facts::roots;
use super::route::{At, Name};
use crate::content::{BlobReader, ByteStream, Source as _};
use crate::error::{Error, Kind, Result};
use crate::image::graph::{self, Limits, Walk};
use crate::image::{Descriptor, Digest, Manifest, Reference, Version};
use crate::jobs::commit;
use crate::registry::{Registry, Repository};
use crate::transfer;

/// How long a tag counts as looked up: a pull asks for it twice.
const FRESH: Duration = Duration::from_secs(30);
/// Tries of one blob, each from where the last one ended.
const TRIES: u32 = 4;
/// Pieces of a blob between the registry behind and the client; a client that is slower slows the fetch down.
const QUEUE: usize = 8;
/// How long a client may take nothing before the fetch goes on without it.
const SEND_TIMEOUT: Duration = Duration::from_secs(20);
/// Tags whose last look is remembered.
const MOST: usize = 10_000;

pub(in crate::server) struct Upstream<B> {
    registry: Registry,
    store: OffThread<B>,
    log: Log,
    looked: RefCell<HashMap<Reference, Instant>>,
    fetching: Rc<RefCell<HashMap<Digest, Fetch>>>,
}

/// Tells when a fetch has ended: whether the blob is here.
type Fetch = watch::Receiver<Option<bool>>;

impl<B: Backing> Upstream<B> {
    pub(in crate::server) fn new(registry: Registry, store: OffThread<B>, log: Log) -> Self {
        Self {
            registry,
            store,
            log,
            looked: RefCell::default(),
            fetching: Rc::default(),
        }
    }

    /// Whether the name is one of the registry behind: others are served as they are here.
    fn knows(&self, name: &Name) -> bool {
        name.repository.domain() == self.registry.domain()
    }

    fn repository(&self, name: &Name) -> Repository {
        self.registry.repository(&name.repository)
    }

    /// Brings the manifest here if it is not, or if the tag has moved.
    pub(in crate::server) async fn refresh(&self, name: &Name, version: &At) -> Result<(), Refusal> {
        if !self.knows(name) {
            return Ok(());
        }
        match version {
            At::Digest(digest) => self.bring(name, digest).await,
            At::Tag(tag) => {
                let tagged = name.repository.at_tag(tag)?;
                let known = self.looked.borrow().get(&tagged).is_some_and(|at| at.elapsed() < FRESH);
                let local = self.local(&tagged).await?;
                if known && local.is_some() {
                    return Ok(());
                }
                match self.look(name, &tagged, local.as_ref()).await {
                    Ok(()) => {}
                    Err(e) if e.kind() == Kind::NotFound || refuses(&e) => return Err(Refusal::no_manifest(tag)),
                    Err(e) if local.is_some() => (self.log)(&format!("stale: serving {tagged} as it is here: {e}")),
                    Err(e) => return Err(e.into()),
                }
                let mut looked = self.looked.borrow_mut();
                if looked.len() >= MOST {
                    looked.clear();
                }
                looked.insert(tagged, Instant::now());
                Ok(())
            }
        }
    }

    /// What is here under this name, whole.
    async fn local(&self, tagged: &Reference) -> Result<Option<Descriptor>> {
        let tagged = tagged.clone();
        let local = self.store.run(move |store| {
            let repositories = store.repositories()?;
            let named = repositories.of(&tagged).unwrap_or_default();
            let found = named.iter().find(|it| it.name.tag() == tagged.tag());
            let found = found.map(|it| it.manifest.clone());
            Ok(found.filter(|manifest| store.size(&manifest.digest).is_some()))
        });
        local.await
    }

    async fn look(&self, name: &Name, tagged: &Reference, local: Option<&Descriptor>) -> Result<()> {
        let repository = self.repository(name);
        if let Some(local) = local
            && repository.head(tagged.version()).await?.as_ref() == Some(&local.digest)
        {
            return Ok(());
        }
        let manifest = repository.resolve(tagged.version()).await?;
        let names = vec![name.repository.at_digest(manifest.digest()), tagged.clone()];
        self.keep(manifest, names).await
    }

    /// A manifest by digest: it never changes, so it is asked for once.
    async fn bring(&self, name: &Name, digest: &Digest) -> Result<(), Refusal> {
        let of = digest.clone();
        if self.store.run(move |store| Ok(store.size(&of).is_some())).await? {
            return Ok(());
        }
        let manifest = match self.repository(name).resolve(Version::Digest(digest)).await {
            Err(e) if e.kind() == Kind::NotFound || refuses(&e) => return Err(Refusal::no_manifest(digest)),
            manifest => manifest?,
        };
        Ok(self.keep(manifest, vec![name.repository.at_digest(digest)]).await?)
    }

    async fn keep(&self, manifest: Manifest, names: Vec<Reference>) -> Result<()> {
        let put = move |store: &B| {
            let digest = manifest.digest();
            commit::by(&names, digest, || store.put(&manifest, &names, &[]))
        };
        self.store.change(put).await
    }

    /// The tags over there; none when it does not tell.
    pub(in crate::server) async fn tags(&self, name: &Name) -> Option<Vec<String>> {
        if !self.knows(name) {
            return None;
        }
        self.repository(name).tags().await.ok()
    }

    /// A blob that is not here: passed on as it comes, and kept.
    pub(in crate::server) async fn blob(&self, name: &Name, digest: &Digest, method: &Method) -> Answer {
        let blob = if self.knows(name) {
            self.describe(name, digest).await?
        } else {
            None
        };
        let blob = blob.ok_or_else(|| Refusal::no_blob(digest))?;
        if *method == Method::HEAD {
            return Ok(blob_reply(digest, blob.size, Body::of("")));
        }
        let mut is_here = match self.under_way(digest) {
            Some(fetch) => has_come(fetch).await,
            None => false,
        };
        if !is_here {
            // What another client's fetch failed of need not happen again; one more fetch for all who wait.
            is_here = match self.under_way(digest) {
                Some(fetch) => has_come(fetch).await,
                None => match self.fetch(name, blob.clone()).await {
                    Begun::Passing(stream) => {
                        return Ok(blob_reply(digest, blob.size, Body::stream(stream, blob.size)));
                    }
                    Begun::Waiting(fetch) => has_come(fetch).await,
                },
            };
        }
        if !is_here {
            let why = format!("blob {digest} could not be fetched");
            return Err(Error::new(Kind::Unavailable, why).into());
        }
        let of = digest.clone();
        let reader = self.store.run(move |store| store.open(&of, 0)).await?;
        Ok(blob_reply(
            digest,
            blob.size,
            Body::blob(reader, blob.size, self.store.readers()),
        ))
    }

    fn under_way(&self, digest: &Digest) -> Option<Fetch> {
        self.fetching.borrow().get(digest).cloned()
    }

    /// What the manifests that are here say of a blob: without one of them nobody can want it.
    async fn describe(&self, name: &Name, digest: &Digest) -> Result<Option<Descriptor>> {
        let (repository, digest) = (name.repository.clone(), digest.clone());
        let described = self.store.run(move |store| {
            let repositories = store.repositories()?;
            let mut walk = Walk::of_digests(roots(repositories.of(&repository)), Limits::NONE)?;
            while let Some(node) = walk.next_unread() {
                let read = store.document(&node.digest);
                let Ok(manifest) = read.and_then(|raw| Manifest::parse(raw, None, Some(&node.digest))) else {
                    continue;
                };
                if let Some(blob) = graph::blobs(&manifest).find(|blob| blob.digest == digest) {
                    return Ok(Some(blob.clone()));
                }
                walk.answer(&node, graph::children(&manifest))?;
            }
            Ok(None)
        });
        described.await
    }

    /// Begins to fetch; the fetch goes on when the client goes away.
    async fn fetch(&self, name: &Name, blob: Descriptor) -> Begun {
        let (done, fetch) = watch::channel(None);
        let digest = blob.digest.clone();
        self.fetching.borrow_mut().insert(digest.clone(), fetch.clone());
        let (tee, begun) = Tee::new();
        let (repository, store) = (self.repository(name), self.store.clone());
        let (fetching, log) = (Rc::clone(&self.fetching), Rc::clone(&self.log));
        spawn_local(async move {
            let fetched = receive(&repository, &store, &blob, &tee).await;
            if let Err(e) = &fetched {
                log(&format!("error: fetching {digest}: {e}"));
            }
            tee.end(fetched.is_ok()).await;
            fetching.borrow_mut().remove(&digest);
            let _ = done.send(Some(fetched.is_ok()));
        });
        match begun.await {
            Ok(receiver) => Begun::Passing(Box::pin(stream::unfold(receiver, |mut receiver| async {
                receiver.recv().await.map(|piece| (piece, receiver))
            }))),
            Err(_) => Begun::Waiting(fetch),
        }
    }
}

/// Waits for the end of a fetch; whether the blob is here.
async fn has_come(mut fetch: Fetch) -> bool {
    let done = fetch.wait_for(Option::is_some).await;
    done.is_ok_and(|done| *done == Some(true))
}

enum Begun {
    /// The bytes as they come, not verified yet: the client does that itself.
    Passing(ByteStream),
    Waiting(Fetch),
}

/// Hub says of what it does not have that one may not have it.
fn refuses(e: &Error) -> bool {
    matches!(e.kind(), Kind::Denied | Kind::Unauthorized)
}

async fn receive<B: Backing>(
    repository: &Repository,
    store: &OffThread<B>,
    blob: &Descriptor,
    tee: &Tee,
) -> Result<()> {
    let open = transfer::opener(|offset| {
        let opening: Pin<Box<dyn Future<Output = Result<BlobReader>>>> = Box::pin(async move {
            let reader = repository.open(blob, offset).await?;
            Ok(tee.split(reader))
        });
        opening
    });
    let mut tries = 1;
    loop {
        match store.receive(blob, &open).await {
            Ok(()) => return Ok(()),
            Err(e) if e.kind() == Kind::Unavailable && tries < TRIES => tries += 1,
            Err(e) => return Err(e),
        }
    }
}

/// Passes the bytes that go into the store on to a client, as long as they come in order from the first.
#[derive(Clone)]
struct Tee(Arc<Mutex<State>>);

struct State {
    /// Takes the client's end when the first byte is on its way.
    begin: Option<oneshot::Sender<mpsc::Receiver<Result<Bytes>>>>,
    client: Option<mpsc::Sender<Result<Bytes>>>,
    passed: u64,
}

impl Tee {
    fn new() -> (Self, oneshot::Receiver<mpsc::Receiver<Result<Bytes>>>) {
        let (begin, first) = oneshot::channel();
        let state = State {
            begin: Some(begin),
            client: None,
            passed: 0,
        };
        (Self(Arc::new(Mutex::new(state))), first)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn split(&self, reader: BlobReader) -> BlobReader {
        let BlobReader { offset, stream } = reader;
        {
            let mut state = self.state();
            if let Some(begin) = state.begin.take().filter(|_| offset == 0) {
                let (client, receiver) = mpsc::channel(QUEUE);
                if begin.send(receiver).is_ok() {
                    state.client = Some(client);
                }
            } else if offset != state.passed {
                // What the client has is not what is being stored: its connection breaks, and it asks again.
                state.client = None;
            }
        }
        let tee = self.clone();
        let stream = stream.then(move |piece| {
            let tee = tee.clone();
            async move {
                if let Ok(piece) = &piece {
                    tee.pass(piece).await;
                }
                piece
            }
        });
        BlobReader {
            offset,
            stream: Box::pin(stream),
        }
    }

    async fn pass(&self, piece: &Bytes) {
        let client = self.state().client.clone();
        let Some(client) = client else { return };
        let sent = timeout(SEND_TIMEOUT, client.send(Ok(piece.clone()))).await;
        let mut state = self.state();
        state.passed += piece.len() as u64;
        if !matches!(sent, Ok(Ok(()))) {
            state.client = None;
        }
    }

    /// Lets the client know that nothing more comes.
    async fn end(&self, is_whole: bool) {
        let client = {
            let mut state = self.state();
            state.begin = None;
            state.client.take()
        };
        if let Some(client) = client.filter(|_| !is_whole) {
            let e = Error::new(Kind::Unavailable, "the upstream registry broke off");
            let _ = timeout(SEND_TIMEOUT, client.send(Err(e))).await;
        }
    }
}
