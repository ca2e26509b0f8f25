//! One file a command: its arguments and what it does. Commands alone bring the neighbours together.

pub mod candidates;
pub mod catalog;
mod context;
pub mod copy;
pub mod digest;
pub mod filter;
pub mod images;
pub mod import;
mod limits;
mod listing;
pub mod load;
pub mod login;
pub mod logout;
mod nearest;
pub mod pull;
pub mod push;
pub mod rmi;
pub mod save;
pub mod search;
pub mod serve;
pub mod tag;
pub mod tags;
pub mod version;

use context::{cannot_open, in_go_s_words};

pub use context::{Context, RegistryArgs, Status, TransferArgs};
pub use listing::ListingArgs;
