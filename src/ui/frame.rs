//! The live picture of a transfer as text: one line a layer, cut to the terminal.

use std::fmt::Write;
use std::time::Instant;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::board::{Board, Line, Status};
use super::human;
use super::terminal::Size;

/// Docker draws the bar itself on terminals wider than this only.
const WIDE: usize = 110;
const CELLS: u64 = 50;

/// The lines to show now, without a line end after the last. When the terminal is too low for all, the layers that
/// are through go first, then those whose turn comes last; a line at the end counts them.
pub(super) fn draw(board: &Board, size: Size, now: Instant) -> String {
    let lines = board.lines();
    // One row stays free: the line above the picture keeps its context in sight.
    let room = size.rows.saturating_sub(1).max(1);
    let mut shown: Vec<usize> = (0..lines.len()).collect();
    if lines.len() > room {
        shown.sort_by_key(|&at| how_dispensable(&lines[at].status));
        shown.truncate(room - 1);
        shown.sort_unstable();
    }
    let hidden = lines.len() - shown.len();
    let mut text: Vec<String> = shown
        .into_iter()
        .map(|at| cut(&state(&lines[at], size.columns, now), size.columns))
        .collect();
    if hidden > 0 {
        text.push(cut(&format!("... and {hidden} more"), size.columns));
    }
    text.join("\n")
}

fn how_dispensable(status: &Status) -> u8 {
    match status {
        Status::Downloading
        | Status::Pushing
        | Status::Loading
        | Status::Retrying { .. }
        | Status::VerifyingChecksum => 0,
        Status::PullingFsLayer | Status::Preparing | Status::Waiting => 1,
        _ => 2,
    }
}

/// Every layer's last state, for good: each a line with its end, whole.
pub(super) fn last_words(board: &Board, size: Size, now: Instant) -> String {
    let mut text = String::new();
    for line in board.lines() {
        let _ = writeln!(text, "{}", state(line, size.columns, now));
    }
    text
}

/// One layer's line: `ID: STATUS [=====>      ]  3.433MB/6.002MB  12.1MB/s  3s`.
fn state(line: &Line, columns: usize, now: Instant) -> String {
    let mut text = format!("{}: {}", line.id, line.status.words(now));
    if line.status.is_moving() || line.status == Status::Loaded {
        text.push(' ');
        if columns > WIDE {
            text += &bar(line.done, line.size);
        }
        text += &numbers(line);
    }
    if line.status.is_moving() {
        if let Some(rate) = line.speed.per_second(now) {
            let _ = write!(text, "  {}/s", human::size(rate));
        }
        let left = line.size.saturating_sub(line.done);
        if let Some(time) = line.speed.time_for(left, now).filter(|_| left > 0) {
            let _ = write!(text, "  {}", human::time_left(time));
        }
    }
    text
}

fn bar(done: u64, size: u64) -> String {
    // Half of the whole percents, as docker counts.
    let percent = (u128::from(done) * 100).checked_div(u128::from(size)).unwrap_or(100);
    let full = u64::try_from(percent / 2).unwrap_or(CELLS).min(CELLS);
    let (full, empty) = (as_width(full), as_width(CELLS - full));
    format!("[{:=<full$}>{:empty$}] ", "", "")
}

fn as_width(cells: u64) -> usize {
    usize::try_from(cells).unwrap_or(0)
}

/// `%8v/%v`; more bytes than announced make the announcement disappear.
pub(super) fn numbers(line: &Line) -> String {
    let done = human::precise_size(line.done);
    if line.done > line.size {
        format!("{done:>8}")
    } else {
        format!("{done:>8}/{}", human::precise_size(line.size))
    }
}

fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut used = 0;
    text.chars()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= columns
        })
        .collect()
}

#[cfg(test)]
mod tests;
