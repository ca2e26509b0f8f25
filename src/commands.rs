//! One file a command: its arguments and what it does. Commands alone bring the neighbours together.

pub mod catalog;
mod context;
pub mod images;
mod limits;
mod listing;
pub mod login;
pub mod logout;
pub mod pull;
pub mod push;
pub mod rmi;
pub mod search;
pub mod tag;
pub mod tags;
pub mod version;

pub use context::{Context, RegistryArgs, Status, TransferArgs};
pub use listing::ListingArgs;
