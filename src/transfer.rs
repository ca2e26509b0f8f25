//! Moving an image between two ends: plan what to move, then move it, whatever the ends are.
//!
//! Manifests are tiny, so the caller reads them all before; [`Plan`] lists each blob once; [`run`] moves the blobs
//! in parallel and the child manifests after them. Naming the image is the caller's last step and the commit point.

mod children;
mod memory;
mod memory_share;
mod meter;
mod plan;
mod ranges;
mod run;
mod slots;
mod spans;
mod streams;
mod throttle;
mod width;

#[cfg(test)]
mod tests;

pub use children::Children;
pub use memory::read;
pub use plan::Plan;
pub use ranges::opener;
pub use run::{Limits, name, run};
