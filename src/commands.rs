//! One file a command: its arguments and what it does. Commands alone bring the neighbours together.

pub mod buildx;
pub mod candidates;
pub mod catalog;
pub mod check;
mod context;
pub mod copy;
pub mod demo;
pub mod df;
pub mod digest;
mod document;
pub mod engine;
pub mod filter;
pub mod history;
pub mod images;
pub mod import;
pub mod info;
pub mod inspect;
mod limits;
mod listing;
pub mod load;
pub mod login;
pub mod logout;
pub mod manifest;
mod platform;
pub mod prune;
pub mod pull;
pub mod push;
pub mod rmi;
pub mod save;
pub mod search;
pub mod serve;
mod switch;
pub mod tag;
pub mod tags;
pub mod version;

use context::cannot_open;

pub use context::{Context, RegistryArgs, Status, TrustArgs};
pub use limits::TransferArgs;
pub use listing::{ListingArgs, TableArgs};
pub use switch::switch;
