//! One connection as hyper sees it: says when something has moved on it last, and keeps back what hyper would say by
//! itself.
//!
//! To what it cannot read hyper answers with a bare status. That lacks the headers and the reason that every answer of the
//! registry has, so `last_answer` gives another one in its place.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Whose words go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Nobody,
    /// An answer of the registry is made, or goes out.
    Registry,
    /// It has been said, but may wait to go out still.
    Said,
}

pub(super) struct Line<S> {
    stream: S,
    turn: Rc<Cell<Turn>>,
    moved: Rc<Cell<Instant>>,
    withheld: Vec<u8>,
}

/// Gives the registry its turns on one line.
pub(super) struct Turns(Rc<Cell<Turn>>);

/// While it lives it is the registry that speaks.
pub(super) struct Speaking(Rc<Cell<Turn>>);

impl Turns {
    pub(super) fn begin(&self) -> Speaking {
        self.0.set(Turn::Registry);
        Speaking(Rc::clone(&self.0))
    }
}

impl Drop for Speaking {
    fn drop(&mut self) {
        self.0.set(Turn::Said);
    }
}

impl<S> Line<S> {
    /// Each time that something comes or goes, `moved` is set.
    pub(super) fn new(stream: S, moved: Rc<Cell<Instant>>) -> (Self, Turns) {
        let turn = Rc::new(Cell::new(Turn::Nobody));
        let line = Self {
            stream,
            turn: Rc::clone(&turn),
            moved,
            withheld: Vec::new(),
        };
        (line, Turns(turn))
    }

    /// The connection, and what hyper has said of its own.
    pub(super) fn into_parts(self) -> (S, Vec<u8>) {
        (self.stream, self.withheld)
    }

    fn note<T>(&self, done: Poll<T>) -> Poll<T> {
        if done.is_ready() {
            self.moved.set(Instant::now());
        }
        done
    }

    fn is_own(&self) -> bool {
        self.turn.get() == Turn::Nobody
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Line<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.note(read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Line<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_own() {
            self.withheld.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_own() {
            let before = self.withheld.len();
            for piece in pieces {
                self.withheld.extend_from_slice(piece);
            }
            return Poll::Ready(Ok(self.withheld.len() - before));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes when all that it had has been written.
        let flushed = ready!(Pin::new(&mut self.stream).poll_flush(cx));
        if self.turn.get() == Turn::Said {
            self.turn.set(Turn::Nobody);
        }
        Poll::Ready(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.withheld.is_empty() {
            // Something else is to be said yet.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
