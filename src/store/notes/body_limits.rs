//! The longest body that a host was seen to take, so that the next run need not find it out: `HOST BYTES SECONDS`, a
//! line for each host that refused longer ones, and since when that is known.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::content::BodyLimit;
use crate::error::Result;
use crate::store::append_log;
use crate::store::layout::{KEPT_FOR, Layout};

/// What is remembered of a host. What cannot be noted costs the next run a few refusals, no more.
pub(in crate::store) fn limit(layout: &Arc<Layout>, host: &str) -> BodyLimit {
    let text = append_log::text(&layout.paths().body_limits());
    let known = fresh(&text, now())
        .find(|line| line.host == host)
        .map(|line| line.bytes);
    let (layout, host) = (layout.clone(), host.to_owned());
    BodyLimit::new(known, move |bytes| {
        let _ = note(&layout, &host, bytes);
    })
}

/// Takes the place of what was known of the host. Of two processes that learn at once the last one is believed.
fn note(layout: &Layout, host: &str, bytes: u64) -> Result<()> {
    if !layout.exists()? {
        return Ok(());
    }
    let (before, since) = (append_log::text(&layout.paths().body_limits()), now());
    let others = fresh(&before, since).filter(|line| line.host != host);
    let all = others.chain([Line { host, bytes, since }]);
    let lines = all.map(|Line { host, bytes, since }| format!("{host} {bytes} {since}\n"));
    let text: String = lines.collect();
    layout.replace(&layout.paths().body_limits(), text.as_bytes())
}

struct Line<'a> {
    host: &'a str,
    bytes: u64,
    /// Seconds since 1970.
    since: u64,
}

impl<'a> Line<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut fields = text.split(' ');
        let line = Self {
            host: fields.next()?,
            bytes: fields.next()?.parse().ok()?,
            since: fields.next()?.parse().ok()?,
        };
        fields.next().is_none().then_some(line)
    }
}

/// What is not too old: a limit may be raised, and then nobody would notice.
fn fresh(text: &str, now: u64) -> impl Iterator<Item = Line<'_>> {
    let lines = text.lines().filter_map(Line::parse);
    lines.filter(move |line| now.checked_sub(line.since).is_some_and(|age| age < KEPT_FOR.as_secs()))
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_known_of_a_host_is_replaced_grows_old_and_is_lost_alone_when_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Arc::new(Layout::new(folder.path().join("store")));
        let known = |host| limit(&layout, host).known;
        limit(&layout, "a:5000").keep(1);
        assert!(!layout.paths().root().exists(), "a store was made");
        layout.create().unwrap();
        for (host, bytes) in [("a:5000", 1), ("b", 2), ("a:5000", 3)] {
            limit(&layout, host).keep(bytes);
        }
        assert_eq!([known("a:5000"), known("b"), known("a")], [Some(3), Some(2), None]);
        let (now, week) = (now(), KEPT_FOR.as_secs());
        let text = format!(
            "old 1 {}\nnew 2 {}\nfuture 3 {}\nlong 4 {now} x\nshort 5\nword x {now}\n\nlast 6 {now}",
            now - week,
            now - week + 60,
            now + 60,
        );
        fs::write(layout.paths().body_limits(), [text.as_bytes(), b"\xff\n"].concat()).unwrap();
        for host in ["old", "future", "long", "short", "word", "last", ""] {
            assert_eq!(known(host), None, "{host}");
        }
        assert_eq!(known("new"), Some(2));
        limit(&layout, "b").keep(7);
        let after = fs::read_to_string(layout.paths().body_limits()).unwrap();
        assert_eq!(after.lines().count(), 2, "{after}");
    }
}
