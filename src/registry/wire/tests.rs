//! HTTP alone, against a server on loopback.

pub(in crate::registry) mod fake;
mod fuzz;
mod tls;
