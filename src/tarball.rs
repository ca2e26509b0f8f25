//! Tar streams from anyone, packed or not: what layers and archives are.

mod packing;
mod walk;

pub use packing::{Packing, content_digest, peeked, unpacked};
pub use walk::{Data, Entry, Fault, Walk};
