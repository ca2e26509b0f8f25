//! What the program promises, tried with its own registry and hostile test servers on loopback: needs no root, no
//! daemon and no other client. `tests/peers` has what does.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

/// What the tests' registries are.
const REGISTRY: support::registry::Program = support::registry::Program::Rdock;

mod architecture;
mod archives;
mod attack_tables;
mod bars;
mod config_file;
mod credential_helpers;
mod crowd;
mod demo;
mod docker_28;
mod docker_place;
mod finding;
mod formats;
mod generated;
mod imagetools;
mod kills;
mod limits;
mod local_images;
mod login;
mod login_terminal;
mod manifest_lists;
mod mistakes;
mod personalities;
mod places;
mod pruning;
mod pulling;
mod pushing;
mod refusals;
mod resume;
mod rmi;
mod rough_line;
mod serve;
mod shared_store;
mod streams;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the tests with peers use the rest")]
mod support;
mod wire;
