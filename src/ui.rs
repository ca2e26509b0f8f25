//! All printing. Nothing else in rdock writes to the terminal.
//!
//! [`Screen`] owns both streams. Results go to standard output, the rest to standard error, except where docker
//! differs and scripts rely on it. A transfer is shown in one of four ways, each a [`Progress`] of its own: live
//! bars, docker's plain lines, JSON lines, or nothing.

mod bars;
mod board;
pub mod failure;
mod format;
mod frame;
pub mod human;
mod image_tree;
pub mod info;
mod json;
mod jsonl;
mod output;
mod plain;
pub mod prompt;
mod sanitize;
mod speed;
mod table;
mod tabs;
pub mod template;
mod terminal;
pub mod wire_log;

use std::io::{self, Write};
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use crate::error::{During, Error, Kind, Result};
use crate::progress::{Direction, Event, Progress};

use bars::Bars;
use output::{Output, lock};

pub use format::{Columns, Format};
pub use image_tree::{Node, image_tree};
pub use info::Colour;
pub use json::{indented, printable};
pub use sanitize::{one_line, sanitize};
pub use table::{Table, ellipsis};

/// How transfers are shown: the value of `--progress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProgressMode {
    /// Bars on a terminal, plain lines elsewhere.
    #[default]
    Auto,
    /// Bars; plain lines where there is no terminal to draw on.
    Tty,
    /// Docker's lines for pipes and logs.
    Plain,
    /// JSON lines on standard error.
    Json,
    None,
}

impl ProgressMode {
    pub const NAMES: [&'static str; 5] = ["auto", "tty", "plain", "json", "none"];
}

impl FromStr for ProgressMode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Ok(match text {
            "auto" => ProgressMode::Auto,
            "tty" => ProgressMode::Tty,
            "plain" => ProgressMode::Plain,
            "json" => ProgressMode::Json,
            "none" => ProgressMode::None,
            _ => {
                let known = Self::NAMES.join(", ");
                return Err(Error::new(Kind::Usage, format!("must be one of {known}")));
            }
        })
    }
}

/// The one place that writes. Clones share the streams and the live bars.
#[derive(Clone)]
pub struct Screen {
    shared: Arc<Shared>,
}

struct Shared {
    mode: ProgressMode,
    output: Arc<Output>,
    bars: Mutex<Option<Arc<Bars>>>,
}

impl Screen {
    /// The screen on this process's standard output and standard error.
    pub fn new(mode: ProgressMode) -> Self {
        let mode = match mode {
            ProgressMode::Auto | ProgressMode::Tty if terminal::is_there() => ProgressMode::Tty,
            ProgressMode::Auto | ProgressMode::Tty => ProgressMode::Plain,
            mode => mode,
        };
        Self::on(mode, Box::new(io::stdout()), Box::new(io::stderr()))
    }

    /// A screen on two other streams. [`ProgressMode::Tty`] still asks this process's terminal for its size.
    pub fn on(mode: ProgressMode, out: Box<dyn Write + Send>, err: Box<dyn Write + Send>) -> Self {
        let shared = Shared {
            mode,
            output: Arc::new(Output::new(out, err)),
            bars: Mutex::new(None),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// One or more lines on standard output, made harmless.
    pub fn line(&self, text: &str) {
        let line = format!("{}\n", sanitize(text));
        self.above_bars(|output| output.out(&line));
    }

    /// One or more lines on standard error, made harmless.
    pub fn note(&self, text: &str) {
        let line = format!("{}\n", sanitize(text));
        self.above_bars(|output| output.err(&line));
    }

    /// The text itself on standard output, without a line end of its own. While bars are up it must end a line.
    pub fn print(&self, text: &str) {
        self.above_bars(|output| output.out(text));
    }

    /// Whether standard output takes no more, so that long listings may stop.
    pub fn is_closed(&self) -> bool {
        self.shared.output.is_closed()
    }

    /// Shows one transfer after the other. `quiet` silences what people read; JSON, which was asked for, stays.
    pub fn progress(&self, direction: Direction, quiet: bool) -> Arc<dyn Progress> {
        let output = Arc::clone(&self.shared.output);
        match self.shared.mode {
            ProgressMode::Json => Arc::new(jsonl::JsonLines::new(output)),
            _ if quiet => Arc::new(Silent),
            ProgressMode::None => Arc::new(Silent),
            ProgressMode::Tty => {
                self.settle();
                let bars = Arc::new(Bars::new(direction, output));
                *lock(&self.shared.bars) = Some(Arc::clone(&bars));
                bars
            }
            ProgressMode::Auto | ProgressMode::Plain if direction == Direction::Load => Arc::new(Silent),
            ProgressMode::Auto | ProgressMode::Plain => Arc::new(plain::Plain::new(direction, output)),
        }
    }

    /// Ends the live bars: each layer's state stays as a plain line. Bars end by themselves with their last layer;
    /// this is for failures and interruptions, and does no harm elsewhere.
    pub fn settle(&self) {
        let bars = lock(&self.shared.bars).clone();
        if let Some(bars) = bars {
            bars.settle();
        }
    }

    /// Settles, and tells whether all of standard output was written. A reader that has gone (`| head`) is no failure.
    pub fn finish(&self) -> Result<()> {
        self.settle();
        match self.shared.output.failure() {
            Some(e) => Err(e).during("write to standard output"),
            None => Ok(()),
        }
    }

    fn above_bars(&self, write: impl FnOnce(&Output)) {
        let bars = lock(&self.shared.bars).clone();
        match bars {
            Some(bars) => bars.above(|| write(&self.shared.output)),
            None => write(&self.shared.output),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(bars) = lock(&self.bars).take() {
            bars.settle();
        }
    }
}

/// Shows nothing.
struct Silent;

impl Progress for Silent {
    fn on(&self, _: Event<'_>) {}
}

#[cfg(test)]
mod tests;
