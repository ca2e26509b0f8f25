//! The two streams, and what becomes of text that nobody takes.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

type Stream = Box<dyn Write + Send>;

/// Standard output and standard error. Writing never fails; what went wrong is remembered.
pub(super) struct Output {
    out: Mutex<Out>,
    err: Mutex<Stream>,
}

struct Out {
    stream: Stream,
    state: State,
}

enum State {
    Open,
    /// The reader has gone, as in `rdock images | head`: the rest is dropped without a word.
    Closed,
    Failed(io::Error),
}

impl Output {
    pub(super) fn new(out: Stream, err: Stream) -> Self {
        Self {
            out: Mutex::new(Out {
                stream: out,
                state: State::Open,
            }),
            err: Mutex::new(err),
        }
    }

    /// Writes to standard output, all of it at once.
    pub(super) fn out(&self, text: &str) {
        let mut out = lock(&self.out);
        if !matches!(out.state, State::Open) {
            return;
        }
        let written = out.stream.write_all(text.as_bytes());
        if let Err(e) = written.and_then(|()| out.stream.flush()) {
            out.state = match e.kind() {
                io::ErrorKind::BrokenPipe => State::Closed,
                _ => State::Failed(e),
            };
        }
    }

    /// Writes to standard error; there is nowhere to complain about a failure.
    pub(super) fn err(&self, text: &str) {
        let mut err = lock(&self.err);
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }

    /// Whether standard output takes no more.
    pub(super) fn is_closed(&self) -> bool {
        !matches!(lock(&self.out).state, State::Open)
    }

    /// Why standard output is incomplete, once; a reader that has gone is no reason.
    pub(super) fn failure(&self) -> Option<io::Error> {
        let mut out = lock(&self.out);
        match std::mem::replace(&mut out.state, State::Open) {
            State::Failed(e) => {
                out.state = State::Closed;
                Some(e)
            }
            state => {
                out.state = state;
                None
            }
        }
    }
}

/// A panic elsewhere is no reason to stop printing.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
