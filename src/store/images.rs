//! What the bytes mean: names, images, what leads to what, and what may go.

pub(in crate::store) mod catalog;
pub(in crate::store) mod check;
pub(in crate::store) mod index;
pub(in crate::store) mod labels;
pub(in crate::store) mod layer_lookup;
pub(in crate::store) mod lookup;
pub(in crate::store) mod manifest_cache;
pub(in crate::store) mod naming;
pub(in crate::store) mod nearest;
pub(in crate::store) mod prune;
pub(in crate::store) mod removal;
pub(in crate::store) mod repositories;
pub(in crate::store) mod sweep;
pub(in crate::store) mod usage;
