//! Who may come in, and to what.

pub(in crate::server) mod access;
mod htpasswd;
pub(in crate::server) mod random;
mod tokens;
