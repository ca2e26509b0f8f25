//! What keeps the registry's content: the local store, and memory in the tests of the rules, behind one [`port`].

pub(in crate::server) mod local;
#[cfg(test)]
pub(in crate::server) mod memory;
mod port;
pub(in crate::server) mod retention;

use crate::store::Store;

pub(in crate::server) use port::{Backing, OffThread, Piece, Start, Upload, off_thread};

/// What a registry is over. Another backing makes it a choice.
pub type Root = Store;
pub(in crate::server) type Chosen = local::Local;
