//! What a copy is asked for.

use crate::image::Platform;
use crate::jobs::Reporter;
use crate::places::Means;
use crate::transfer::Limits;

/// The images of a place that are copied.
#[derive(Debug, Clone)]
pub enum Which {
    /// The one that is named.
    Named,
    /// All tags, or those that match one of the patterns.
    Tags { patterns: Vec<String> },
}

/// Whether what speaks of an image is copied with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Referrers {
    Along,
    Left,
}

/// How a copy ended that did not end with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copied {
    All,
    /// Some of several images could not be copied; each was told of.
    Some,
}

/// What is asked for, whichever places it is asked of.
pub struct Request<'a> {
    pub means: Means<'a>,
    pub which: Which,
    pub platform: Option<Platform>,
    pub referrers: Referrers,
    pub limits: Limits,
    pub reporter: Reporter<'a>,
}
