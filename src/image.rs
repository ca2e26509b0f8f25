//! The vocabulary of images: names, digests, descriptors, manifests, configs. Pure values, no I/O.

pub mod annotations;
pub mod change;
pub mod combined;
pub mod config;
pub mod descriptor;
pub mod digest;
pub mod glob;
pub mod go_duration;
pub mod go_json;
pub mod graph;
pub mod history;
pub mod inspection;
pub mod layout;
pub mod manifest;
pub mod manifest_list;
pub mod narrowed;
pub mod nearest;
pub mod null;
pub mod platform;
pub mod reference;
pub mod referral;
pub mod size;
mod spelling;
pub mod version_order;

pub use annotations::Annotations;
pub use change::RunConfig;
pub use config::ImageConfig;
pub use descriptor::Descriptor;
pub use digest::{Digest, Digester};
pub use manifest::{Body, ImageManifest, Index, Manifest};
pub use platform::Platform;
pub use reference::{Reference, Version};
pub use referral::Referral;
pub use size::Size;

#[cfg(test)]
mod tests;
