//! Streams a stored blob: one blocking thread reads ahead a few large chunks.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use tokio::sync::mpsc;
use tokio::task;

use super::blobs;
use super::crowd::Member;
use super::layout::Layout;
use crate::content::BlobReader;
use crate::error::{During, Error, Kind, Result};
use crate::image::{Descriptor, Digest};

/// Four chunks of 256 KiB ahead measured best for uploads, as long as they are few.
const CHUNK: usize = 256 << 10;
const LEAST_CHUNK: usize = 64 << 10;
const AHEAD: usize = 4;

/// The bytes of `blob` from offset `from` on.
pub(super) fn stream(layout: &Arc<Layout>, blob: &Descriptor, from: u64) -> Result<BlobReader> {
    let (file, size) = blobs::open(layout, &blob.digest)?;
    if size != blob.size {
        let how = format!("it has {size} bytes, not {}", blob.size);
        return Err(blobs::damaged(&blob.digest, &how));
    }
    stream_file(layout, file, blob, from)
}

/// The same of a file that is known to hold the blob.
pub(super) fn stream_file(layout: &Layout, file: File, blob: &Descriptor, from: u64) -> Result<BlobReader> {
    let size = blob.size;
    if from > size {
        return Err(Error::new(
            Kind::Usage,
            format!("blob {} has {size} bytes: there is none at {from}", blob.digest),
        ));
    }
    let (sender, receiver) = mpsc::channel(AHEAD);
    let (digest, member) = (blob.digest.clone(), layout.crowd().join(size));
    task::spawn_blocking(move || {
        if let Err(e) = send(file, from..size, &sender, &digest, &member) {
            // Nobody listens any more when this fails, so nobody misses it.
            let _ = sender.blocking_send(Err(e));
        }
    });
    let chunks = stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    });
    Ok(BlobReader {
        offset: from,
        stream: Box::pin(chunks),
    })
}

fn send(
    mut file: File,
    span: std::ops::Range<u64>,
    sender: &mpsc::Sender<Result<Bytes>>,
    digest: &Digest,
    member: &Member,
) -> Result<()> {
    let doing = || format!("reading blob {digest} of the store");
    file.seek(SeekFrom::Start(span.start)).during(doing())?;
    let mut left = span.end - span.start;
    while left > 0 {
        let wanted = left.min(member.share(CHUNK, LEAST_CHUNK) as u64);
        let mut chunk = Vec::with_capacity(usize::try_from(wanted).unwrap_or_default());
        (&file).take(wanted).read_to_end(&mut chunk).during(doing())?;
        if chunk.is_empty() {
            return Err(blobs::damaged(digest, "it became shorter while it was read"));
        }
        left -= chunk.len() as u64;
        if sender.blocking_send(Ok(chunk.into())).is_err() {
            break;
        }
    }
    Ok(())
}
