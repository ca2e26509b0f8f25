//! rdock: docker's registry commands in one daemonless binary.
//!
//! # How it is built
//! Every job moves an image between two ends. `pull` moves from a [`registry`] to the [`store`], `push` the other
//! way; an end implements [`content::Source`], [`content::Sink`] or both, and [`transfer`] moves blobs between any
//! two. Commands introduce the ends to one another: resolve → plan → move → name. The name is written last, and
//! that write is the commit point: killed before it, the old name still holds, and what has arrived is kept for the
//! next try.
//!
//! Bytes are sacred: a manifest is kept and sent as received, a layer is never packed anew, and all is verified by
//! size and digest as it arrives.
//!
//! The core knows no screen and the screen knows no wire: the engine emits [`progress::Event`]s, and [`ui`] alone
//! prints. An [`error::Error`] has a kind and a clue; the advice made from it is in `ui::failure`.
//!
//! Who may use whom, only downward (a test reads the `use` lines and keeps it so):
//! ```text
//! main → cli → commands → server → jobs → places   settings
//! transfer   registry   store   archive   manifest_lists   ui   neighbours, blind to each other
//! credentials   progress → content   backoff   tarball
//! image → error
//! ```
//!
//! Inside a module there may be rooms, which see less of one another still: `registry/wire` speaks HTTP and knows no
//! registry; `tests/it/architecture.rs` has the whole table, the limits on the length of files and functions, and the
//! rule that no file leads back to itself.
//!
//! This crate is a program. Its modules are public to its own tests and to the documentation; they are no library and
//! promise nothing to other crates.
//!
//! What attackers have done to clients like this one, and which test shows what comes of it here, stands in
//! [`registry::attacks`], with what can befall a line, a disk and a process; what is done to registries, in [`server`].
//!
//! # Glossary
//! One word a thing, one thing a word. What is not listed means what docker and OCI mean by it.
//! - reference: what a person types for an image, `[HOST/]PATH[:TAG][@DIGEST]`, parsed ([`image::Reference`]).
//! - domain: the host of a reference, `host[:port]`; the Hub's is `docker.io`.
//! - repository: the images of one name on a registry ([`registry::Repository`]).
//! - digest: `sha256:…` over exact bytes; only parsing or hashing makes one ([`image::Digest`]).
//! - descriptor: what is known of a blob or manifest before it is there: media type, digest, size
//!   ([`image::Descriptor`]).
//! - manifest: the document of one image, or an index; kept as the bytes that came ([`image::Manifest`]).
//! - index: a manifest that lists others, its children; docker's "manifest list" is one too.
//! - config: the JSON blob that describes a running image; its digest is the image ID.
//! - layer: a tar of changed files, packed. diff ID: the digest of that tar, unpacked.
//! - blob: bytes under a digest, a layer or a config. foreign: a layer that must not be pushed.
//! - span: bytes of a blob from one offset to another. chunk: bytes as they come from a stream.
//! - referrer: a manifest whose `subject` is another, such as a signature. referral: the pair of the two.
//! - place: what holds images: a registry, the store, an OCI layout, an archive; a name or a path says where.
//! - source, sink: a place that is read, a place that takes in ([`content::Source`], [`content::Sink`]).
//! - plan: what has to move for one image, each blob once ([`transfer::Plan`]).
//! - job: one piece of work from resolve to name: one pull, push, copy, save, load or import.
//! - commit: the write of a name, the last step of a job.
//! - store: the folder of local images, an OCI image layout with notes beside it ([`store::Store`]).
//! - note: what can be lost without losing an image: sizes, locations, upload sessions.
//! - partial: a blob that has not all arrived, kept for the next try.
//! - dangling: an image without a name. sweep: to free the blobs that nothing leads to.
//! - backing: what keeps content for `serve`: the local store. right: what a user may do with which repositories.
//! - wire: the process's one way to all hosts: connections, TLS, addresses ([`registry::Wire`]).
//! - endpoint: where a host answers. origin: scheme, host and port of a URL.
//! - zone: how far away an address is: public, private, loopback, or a cloud's metadata. URL policy: where a registry
//!   may lead us.
//! - mirror: a server that is asked before the Hub for what is pulled.
//! - challenge, realm, scope, token: as the distribution project's token documents have them. proof: what a request
//!   carries in `Authorization`.
//! - upload session: the URL to which a registry wants the bytes of one blob.
//! - mount: a blob that a registry links from another of its repositories, instead of being sent it.
//! - refusal: an answer that says no. failure: anything else that went wrong.
//! - clue: what an error knows for the advice that `ui` gives. hint: that advice.
//!
//! # The life of a pull
//! `rdock pull localhost:5000/team/app:1.0`, step by step.
//! 1. `cli` parses the arguments; a mistake is told in docker's words. [`commands::pull`] parses the reference.
//! 2. [`settings`] says where the store, docker's folder and `daemon.json` are. The wire is made of what is trusted;
//!    nothing is connected yet.
//! 3. Where the store has the name, one HEAD asks for the digest that stands under it now. The same digest, and all
//!    blobs here: the pull is over, at the cost of one request.
//! 4. The manifest is asked for. The endpoint finds out how the host is reached: its addresses, TLS, or plain HTTP
//!    where that is allowed. A 401 names a token server; [`credentials`] are looked up only then, and a token is
//!    fetched for the scope `repository:team/app:pull` and used for all that follows.
//! 5. The bytes of the manifest are hashed, and must be what was asked for by digest, or what the registry says they
//!    are. An index leads to the child for the platform, which is fetched and checked likewise.
//! 6. The plan lists each blob once that the store lacks.
//! 7. [`transfer`] moves them, as many at once as help. For each the store is asked first; it opens a partial file,
//!    locks it, and asks for the bytes from where that ends. They are hashed as they are written. A cut stream is
//!    tried again from there; wrong bytes are thrown away.
//! 8. A blob whose size and digest are right is renamed to its place under `blobs/`. The manifests follow, children
//!    before their parent.
//! 9. `index.json` is replaced under a lock: now, and not before, the name means the new image. An image that lost its
//!    last name so is dangling.
//! 10. Which repository has these blobs is noted, for mounts in later pushes. The digest and docker's last line are
//!     printed, and the exit code is 0.
//!
//! Killed before step 9 the old name still holds, and what arrived is there for the next try.
//!
//! # Every file rdock touches
//! - docker's `config.json`: in `--config`, else `$DOCKER_CONFIG`, else `~/.docker`. Written by `login` and `logout`
//!   alone, atomically, mode 0600, foreign members kept; `images` reads its `imagesFormat`. See [`credentials`].
//! - `manifests/` beside it: the manifest lists that `manifest create` begins, in docker's own files. See
//!   [`manifest_lists`].
//! - `daemon.json` in `/etc/docker` and `~/.config/docker`: read only, for `insecure-registries` and
//!   `registry-mirrors`. See [`settings`].
//! - `certs.d/HOST[:PORT]/` in the same two folders: read only, `*.crt` and `*.cert` with `*.key`.
//! - the image store in `$RDOCK_HOME`, else the user's data folder (`~/.local/share/rdock`): an OCI image layout with
//!   a few files beside it. See [`store`], which also says what a power cut can cost at each moment. `serve --tls
//!   self-signed` adds a folder `tls` to the one that it serves.
//! - `rdock-demo-*` in the system's temporary folder: all that `demo` makes, gone when it ends. See [`commands::demo`].
//! - what the command line names: layouts and archives of `copy`, `save` and `load`.

pub mod archive;
pub mod backoff;
pub mod cli;
pub mod commands;
pub mod content;
pub mod credentials;
pub mod error;
pub mod image;
pub mod jobs;
pub mod manifest_lists;
pub mod places;
pub mod progress;
pub mod registry;
pub mod server;
pub mod settings;
pub mod store;
pub mod tarball;
#[cfg(test)]
mod tests;
pub mod transfer;
pub mod ui;
pub mod units;
