//! Docker's lines for pipes and logs, on standard output: one for each change of state, none for numbers.
//!
//! A layer that takes long says how far it is every half minute, so that no one kills a silent build.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::progress::{Event, Progress};

use super::board::{Board, Status};
use super::frame;
use super::output::{Output, lock};
use crate::progress::Direction;

/// The longest silence while bytes flow.
const SILENCE: Duration = Duration::from_secs(30);

pub(super) struct Plain {
    output: Arc<Output>,
    lines: Mutex<Lines>,
}

impl Plain {
    pub(super) fn new(direction: Direction, output: Arc<Output>) -> Self {
        Self {
            output,
            lines: Mutex::new(Lines::new(direction, Instant::now())),
        }
    }
}

impl Progress for Plain {
    fn on(&self, event: Event<'_>) {
        let mut lines = lock(&self.lines);
        let text = lines.of(&event, Instant::now());
        if !text.is_empty() {
            self.output.out(&text);
        }
    }
}

struct Lines {
    board: Board,
    last: Instant,
}

impl Lines {
    fn new(direction: Direction, now: Instant) -> Self {
        Self {
            board: Board::new(direction),
            last: now,
        }
    }

    /// What an event makes docker print, each line with its end.
    fn of(&mut self, event: &Event<'_>, now: Instant) -> String {
        let mut text = String::new();
        for (at, status) in self.board.apply(event, now) {
            if !status.is_moving() {
                text += &line(&self.board.lines()[at].id, &status, now);
            }
        }
        if let Event::Advanced { blob, .. } = event
            && now - self.last >= SILENCE
            && let Some(line) = self.board.line_of(blob)
            && line.status.is_moving()
        {
            text = format!("{}: {} {}\n", line.id, line.status.words(now), frame::numbers(line));
        }
        if !text.is_empty() {
            self.last = now;
        }
        text
    }
}

fn line(id: &str, status: &Status, now: Instant) -> String {
    format!("{id}: {}\n", status.words(now))
}

#[cfg(test)]
mod tests;
