//! HEALTHCHECK: how docker finds out whether a container still works.

use serde::Serialize;

use super::words::{array, wrong};
use crate::error::Result;
use crate::image::go_duration;

/// Times in nanoseconds; 0 is docker's default.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Health {
    pub test: Vec<String>,
    #[serde(skip_serializing_if = "is_zero")]
    pub interval: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub timeout: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub start_period: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub start_interval: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub retries: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls it with")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Health {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut health = Self::default();
        let mut rest = text;
        while let Some(flag) = rest.strip_prefix("--") {
            let (flag, after) = flag.split_once(char::is_whitespace).unwrap_or((flag, ""));
            health.set(flag)?;
            rest = after.trim_start();
        }
        let (sort, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let rest = rest.trim();
        match sort.to_ascii_uppercase().as_str() {
            "NONE" if rest.is_empty() => health.test = vec!["NONE".to_owned()],
            "NONE" => return Err(wrong("HEALTHCHECK NONE takes no arguments")),
            "CMD" if rest.is_empty() => return Err(wrong("Missing command after HEALTHCHECK CMD")),
            "CMD" => {
                health.test = match array(rest) {
                    Some(words) => std::iter::once("CMD".to_owned()).chain(words).collect(),
                    None => vec!["CMD-SHELL".to_owned(), rest.to_owned()],
                }
            }
            other => return Err(wrong(format!("Unknown type {other:?} in HEALTHCHECK (try CMD)"))),
        }
        Ok(health)
    }

    fn set(&mut self, flag: &str) -> Result<()> {
        let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
        if value.is_empty() {
            return Err(wrong(format!("Missing a value on flag: {name}")));
        }
        match name {
            "interval" => self.interval = nanoseconds(name, value)?,
            "timeout" => self.timeout = nanoseconds(name, value)?,
            "start-period" => self.start_period = nanoseconds(name, value)?,
            "start-interval" => self.start_interval = nanoseconds(name, value)?,
            "retries" => {
                let retries = value.parse().ok();
                self.retries = retries.ok_or_else(|| wrong(format!("--retries must be at least 1 (not {value:?})")))?;
            }
            _ => return Err(wrong(format!("Unknown flag: {name}"))),
        }
        Ok(())
    }
}

/// A duration as Go writes it: `1m30s`, `500ms`, `1.5h`.
fn nanoseconds(name: &str, text: &str) -> Result<u64> {
    let parsed = go_duration::parse(text).map(|length| length.as_nanos());
    let parsed = parsed.filter(|total| *total == 0 || *total >= 1_000_000);
    let parsed = parsed.and_then(|total| u64::try_from(total).ok());
    parsed.ok_or_else(|| {
        wrong(format!(
            "Interval {name:?} must be a duration of at least 1ms, such as 30s, not {text:?}"
        ))
    })
}
