//! Words that nobody can guess: tokens, upload IDs, salts.

use std::fs::File;
use std::io::Read as _;

use crate::error::{During as _, Result};

pub(in crate::server) const ID_LEN: usize = 32;

/// 128 bits from the system, in hex.
pub(in crate::server) fn random_id() -> Result<String> {
    let mut bytes = [0; ID_LEN / 2];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .during("reading /dev/urandom")?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}
