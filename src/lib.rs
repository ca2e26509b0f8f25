//! rdock: docker's registry commands in one daemonless binary.

pub mod backoff;
pub mod content;
pub mod credentials;
pub mod error;
pub mod image;
pub mod progress;
pub mod registry;
pub mod store;
pub mod ui;
