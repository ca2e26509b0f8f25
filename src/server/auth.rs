//! The users who may come in, and to what.

pub(in crate::server) mod access;
pub(in crate::server) mod caller;
mod htpasswd;
pub(in crate::server) mod need;
pub(in crate::server) mod random;
mod rights;
mod scope;
mod tokens;
mod watched_file;

pub use access::Users;
