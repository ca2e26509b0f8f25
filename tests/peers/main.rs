//! What needs real peers and root: registries, engines and clients that others wrote, small disks, other users.
//! `tests/run` installs the peers. The promises of logins and config.json are tried here once more, at a registry that
//! is not rdock's own.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

/// What the tests' registries are.
const REGISTRY: support::registry::Program = support::registry::Program::Distribution;

mod advisories;
mod beside_docker;
mod bill_of_materials;
mod ci_scripts;
mod completion;
#[path = "../it/config_file.rs"]
mod config_file;
mod copying;
#[path = "../it/credential_helpers.rs"]
mod credential_helpers;
mod engine;
mod exchange;
mod fault_points;
mod full_disk;
mod housekeeping;
mod interop;
mod kill_points;
#[path = "../it/kills.rs"]
mod kills;
#[path = "../it/login.rs"]
mod login;
mod manifest_lists;
mod other_users;
mod pass;
mod platforms;
mod power_cuts;
mod readme;
mod replay;
mod serve_clients;
mod sizes;
mod store_faults;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the tests without peers use the rest")]
mod support;
mod support_tests;
mod tutorial;
mod uploads;
mod writing;
