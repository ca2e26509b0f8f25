//! One test binary: every command against real registries, real docker and a fake internet.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod architecture;
mod archives;
mod bars;
mod completion;
mod config_file;
mod copying;
mod credential_helpers;
mod demo;
mod finding;
mod formats;
mod generated;
mod housekeeping;
mod interop;
mod laboratory;
mod limits;
mod local_images;
mod login;
mod login_terminal;
mod mistakes;
mod platforms;
mod pulling;
mod pushing;
mod readme;
mod refusals;
mod replay;
mod resume;
mod rmi;
mod serve;
mod shared_store;
mod sizes;
mod store_faults;
mod story;
mod streams;
mod support;
mod wire;
