//! HTTP alone: connections, bodies, ranges, the access log. Nothing in here knows a registry.

pub(in crate::server) mod access_log;
pub(in crate::server) mod body;
mod certificate;
pub(in crate::server) mod connection;
pub(in crate::server) mod held_bodies;
mod last_answer;
mod line;
mod listener;
pub(in crate::server) mod metrics;
pub(in crate::server) mod own_names;
pub(in crate::server) mod query;
pub(in crate::server) mod range;
pub(in crate::server) mod refusal;
pub(in crate::server) mod reply;
mod slots;
pub(in crate::server) mod timeouts;

pub use access_log::Log;
pub use certificate::{Identity, SelfSigned, self_signed};
pub use listener::{Listener, bind};
pub use slots::raise_open_files;
pub use timeouts::Timeouts;
