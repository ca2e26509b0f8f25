//! How many streams a blob gets.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use futures_util::StreamExt as _;

use super::ingest::{noise, stored};
use super::*;
use crate::content::Span;

#[test]
fn a_writer_that_is_behind_gets_no_second_stream() {
    let (_folder, store) = new_store();
    let bytes = noise(40 << 20);
    let blob = descriptor(&bytes);
    let at = |offset: u64| usize::try_from(offset).unwrap();
    let (others, wishes) = (RefCell::new(Vec::new()), Cell::new(0));
    let flowing = Arc::new(());
    let source = source_of(&bytes).with_spans(
        |span| {
            others.borrow_mut().push(Arc::strong_count(&flowing) - 1);
            let flows = Arc::clone(&flowing);
            // All of it is there at once, in pieces as large as the wire's.
            let wire = Bytes::copy_from_slice(&bytes[at(span.start)..at(span.end)]);
            let pieces: Vec<_> = wire.chunks(400_000).map(|piece| Ok(wire.slice_ref(piece))).collect();
            let stream: ByteStream = Box::pin(stream::iter(pieces).inspect(move |_| drop(Arc::clone(&flows))));
            Box::pin(async { Ok(Span { bytes: span, stream }) })
        },
        |_| 1 + wishes.replace(7),
    );
    let session = store.begin().unwrap();
    assert_eq!(wait(session.receive(&blob, &source)).unwrap(), Outcome::Copied);
    assert_eq!(stored(&store, &blob), bytes);
    let others = others.borrow();
    assert!(
        others.len() > 1 && others.iter().all(|&others| others == 0),
        "{others:?}"
    );
}
