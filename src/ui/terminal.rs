//! The terminal behind standard output: its size, and the few movements that bars need.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

use indicatif::{ProgressDrawTarget, TermLike};

use super::output::{Output, lock};

/// The size in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

/// What terminals are when they do not tell.
const USUAL: (u16, u16) = (80, 24);

/// Whether standard output is a terminal on which one can draw.
pub(super) fn is_there() -> bool {
    !ProgressDrawTarget::stdout().is_hidden()
}

/// The size now; it changes when the user pulls at the window.
pub(super) fn size() -> Size {
    let (columns, rows) = columns_and_rows();
    Size {
        columns: columns.into(),
        rows: rows.into(),
    }
}

fn columns_and_rows() -> (u16, u16) {
    match rustix::termios::tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
        _ => USUAL,
    }
}

/// Collects one drawing and writes it in one piece, so that it does not flicker.
pub(super) struct Terminal {
    output: Arc<Output>,
    drawing: Mutex<String>,
}

impl Terminal {
    pub(super) fn new(output: Arc<Output>) -> Self {
        Self {
            output,
            drawing: Mutex::new(String::new()),
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "what TermLike's methods return")]
    fn push(&self, text: &str) -> io::Result<()> {
        lock(&self.drawing).push_str(text);
        Ok(())
    }

    /// ECMA-48 CUU, CUD, CUF and CUB; a count of 0 would mean 1.
    fn movement(&self, n: usize, letter: char) -> io::Result<()> {
        match n {
            0 => Ok(()),
            n => self.push(&format!("\x1b[{n}{letter}")),
        }
    }
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Terminal")
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        columns_and_rows().0
    }

    fn height(&self) -> u16 {
        columns_and_rows().1
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.movement(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.movement(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.movement(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.movement(n, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.push(text)?;
        self.push("\n")
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.push(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.push("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        let drawing = std::mem::take(&mut *lock(&self.drawing));
        if !drawing.is_empty() {
            self.output.out(&drawing);
        }
        Ok(())
    }
}
