//! The pages of the registry: one file a resource.

pub(in crate::server) mod blobs;
pub(in crate::server) mod links;
pub(in crate::server) mod manifests;
pub(in crate::server) mod referrers;
pub(in crate::server) mod repository_names;
pub(in crate::server) mod route;
pub(in crate::server) mod search;
pub(in crate::server) mod tags;
pub(in crate::server) mod upload_sessions;
pub(in crate::server) mod uploads;
pub(in crate::server) mod upstream;
