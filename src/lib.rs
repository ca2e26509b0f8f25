//! rdock
pub mod backoff;
pub mod content;
pub mod error;
pub mod image;
pub mod progress;
