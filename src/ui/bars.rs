//! Live bars on a terminal.
//!
//! indicatif draws, clears and redraws; what it draws is one picture of several lines ([`frame`]), made anew ten
//! times a second. Events only change the board, so they cost next to nothing. The cursor is never hidden.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::style::ProgressTracker;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::progress::{Event, Progress};

use super::board::Board;
use super::frame;
use super::output::{Output, lock};
use super::terminal::{self, Terminal};
use crate::progress::Direction;

const REDRAWN: Duration = Duration::from_millis(100);
const PER_SECOND: u8 = 15;

pub(super) struct Bars {
    direction: Direction,
    output: Arc<Output>,
    board: Arc<Mutex<Board>>,
    /// The bars, while layers move.
    picture: Mutex<Option<ProgressBar>>,
}

impl Bars {
    pub(super) fn new(direction: Direction, output: Arc<Output>) -> Self {
        Self {
            direction,
            output,
            board: Arc::new(Mutex::new(Board::new(direction))),
            picture: Mutex::new(None),
        }
    }

    /// Writes above the picture, which comes back below.
    pub(super) fn above(&self, write: impl FnOnce()) {
        let picture = lock(&self.picture).clone();
        match picture {
            Some(picture) => picture.suspend(write),
            None => write(),
        }
    }

    /// Takes the picture down and leaves each layer's state as a plain line.
    pub(super) fn settle(&self) {
        if let Some(picture) = lock(&self.picture).take() {
            picture.finish_and_clear();
        }
        let board = std::mem::replace(&mut *lock(&self.board), Board::new(self.direction));
        if !board.lines().is_empty() {
            let words = frame::last_words(&board, terminal::size(), Instant::now());
            self.output.out(&words);
        }
    }

    fn put_up(&self) {
        let mut picture = lock(&self.picture);
        if picture.is_none() {
            let terminal = Terminal::new(Arc::clone(&self.output));
            let target = ProgressDrawTarget::term_like_with_hz(Box::new(terminal), PER_SECOND);
            let style = ProgressStyle::default_bar().with_key("picture", Drawer(Arc::clone(&self.board)));
            let bar = ProgressBar::with_draw_target(None, target);
            if let Ok(style) = style.template("{picture}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(REDRAWN);
            *picture = Some(bar);
        }
    }
}

impl Progress for Bars {
    fn on(&self, event: Event<'_>) {
        let settled = {
            let mut board = lock(&self.board);
            board.apply(&event, Instant::now());
            board.is_settled()
        };
        match event {
            _ if settled => self.settle(),
            Event::Planned(_) => self.put_up(),
            _ => {}
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.settle();
    }
}

/// Draws the board whenever indicatif wants to show it.
#[derive(Clone)]
struct Drawer(Arc<Mutex<Board>>);

impl ProgressTracker for Drawer {
    fn clone_box(&self) -> Box<dyn ProgressTracker> {
        Box::new(self.clone())
    }

    fn tick(&mut self, _: &ProgressState, _: Instant) {}

    fn reset(&mut self, _: &ProgressState, _: Instant) {}

    fn write(&self, _: &ProgressState, w: &mut dyn fmt::Write) {
        // A failure to draw is no failure of the transfer.
        let _ = w.write_str(&frame::draw(&lock(&self.0), terminal::size(), Instant::now()));
    }
}
