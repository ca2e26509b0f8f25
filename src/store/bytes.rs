//! The bytes of blobs on their way in and out.

pub(in crate::store) mod ingest;
pub(in crate::store) mod leftovers;
pub(in crate::store) mod partial;
pub(in crate::store) mod partial_map;
pub(in crate::store) mod reader;
pub(in crate::store) mod scratch;
pub(in crate::store) mod unpacked;
pub(in crate::store) mod uploads;
pub(in crate::store) mod writeback;
