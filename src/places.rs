//! Where images are: one file a place.

mod registry;

pub use registry::with_nearest_tags;
