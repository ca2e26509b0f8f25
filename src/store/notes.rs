//! Small files beside the images: what is only worth remembering. Lost, they cost time.

pub(in crate::store) mod body_limits;
pub(in crate::store) mod locations;
pub(in crate::store) mod push_sessions;
pub(in crate::store) mod summaries;
