//! The live lines of a transfer as text: one line a layer, cut to the terminal.

use std::fmt::Write;
use std::time::Instant;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::board::{Board, Line, Status, Total};
use super::human;
use super::terminal::Size;

/// Docker draws a bar on terminals wider than this only, of so many cells.
const WIDE: usize = 110;
const CELLS: usize = 50;
/// What else stands in a line with a bar: ID, words, numbers, rate and time.
const BESIDE_BAR: usize = 65;
/// A shorter bar tells nothing.
const LEAST_CELLS: usize = 5;
/// The least rows for a line of the whole: on a lower terminal every row is a layer's.
const LEAST_ROWS: usize = 6;

/// The lines to show now, without a line end after the last: a line a layer, and one for the whole. When the terminal is
/// too low for all, the layers that are through go first, then those whose turn comes last; a line counts them.
pub(super) fn draw(board: &Board, size: Size, now: Instant) -> String {
    let lines = board.lines();
    // One row stays free: the line above the picture keeps its context in sight.
    let has_total = size.rows >= LEAST_ROWS;
    let room = size.rows.saturating_sub(1 + usize::from(has_total)).max(1);
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
    if has_total {
        text.push(cut(&whole(&board.total(), now), size.columns));
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
        text += &bar(line.done, line.size, columns);
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

/// `Total: 3.433MB/6.002MB  12.1MB/s  3s  2/5 layers`.
fn whole(total: &Total<'_>, now: Instant) -> String {
    let (done, size) = (human::precise_size(total.done), human::precise_size(total.size));
    let mut text = format!("Total: {done}/{size}");
    if let Some(rate) = total.speed.and_then(|speed| speed.per_second(now)) {
        let _ = write!(text, "  {}/s", human::size(rate));
    }
    let left = total.size.saturating_sub(total.done);
    let time = total.speed.and_then(|speed| speed.time_for(left, now));
    if let Some(time) = time.filter(|_| left > 0) {
        let _ = write!(text, "  {}", human::time_left(time));
    }
    let _ = write!(text, "  {}/{} layers", total.layers_done, total.layers);
    text
}

/// Docker's bar where docker has one, else one that fits; nothing where none does.
fn bar(done: u64, size: u64, columns: usize) -> String {
    let cells = if columns > WIDE {
        CELLS
    } else {
        columns.saturating_sub(BESIDE_BAR)
    };
    if cells < LEAST_CELLS {
        return String::new();
    }
    // Of the whole percents, as docker counts.
    let percent = (u128::from(done) * 100).checked_div(u128::from(size)).unwrap_or(100);
    let percent = usize::try_from(percent.min(100)).unwrap_or(100);
    let full = percent * cells / 100;
    let empty = cells - full;
    format!("[{:=<full$}>{:empty$}] ", "", "")
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
