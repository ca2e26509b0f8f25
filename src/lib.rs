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
//! main → cli → commands → settings
//! server
//! transfer   registry   store   archive   drafts   ui      neighbours, blind to each other
//! credentials   progress → content   backoff
//! image → error
//! ```
//!
//! # Every file rdock touches
//! - docker's `config.json`: in `--config`, else `$DOCKER_CONFIG`, else `~/.docker`. Written by `login` and `logout`
//!   alone, atomically, mode 0600, foreign members kept; `images` reads its `imagesFormat`. See [`credentials`].
//! - `manifests/` beside it: the manifest lists that `manifest create` begins, in docker's own files. See [`drafts`].
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
pub mod drafts;
pub mod error;
pub mod image;
pub mod progress;
pub mod registry;
pub mod server;
pub mod settings;
pub mod store;
pub mod transfer;
pub mod ui;
