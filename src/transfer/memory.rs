//! A small blob, such as a config, read into memory with the tries of a transfer.

use std::cell::RefCell;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use super::{Limits, Plan, run};
use crate::content::{Opener, Outcome, Sink, Source};
use crate::error::{Error, Kind, Result};
use crate::image::{Descriptor, Digester, Manifest};
use crate::progress::{Event, Progress};

/// The largest blob that is read whole: 8 MiB, far above any config.
const MAX_WHOLE: u64 = 8 << 20;

/// The whole blob, checked against its size and digest; at most 8 MiB.
pub async fn read(source: &impl Source, blob: &Descriptor) -> Result<Bytes> {
    if blob.size > MAX_WHOLE {
        let (digest, size) = (&blob.digest, blob.size);
        let message = format!("blob {digest} has {size} bytes: too many for a config");
        return Err(Error::new(Kind::Unsupported, message));
    }
    let memory = Memory::default();
    let plan = Plan::for_blobs(Vec::new(), vec![blob.clone()]);
    let unwatched: Arc<dyn Progress> = Arc::new(Unwatched);
    run(&plan, source, &memory, Limits::at_once(1), &unwatched).await?;
    Ok(memory.0.take())
}

#[derive(Default)]
struct Memory(RefCell<Bytes>);

impl Sink for Memory {
    async fn receive(&self, blob: &Descriptor, open: &Opener<'_>) -> Result<Outcome> {
        let mut reader = open.at(0).await?;
        let mut whole = BytesMut::new();
        let mut digester = Digester::new(blob.digest.algorithm());
        while let Some(chunk) = reader.stream.next().await {
            let chunk = chunk?;
            digester.update(&chunk);
            whole.extend_from_slice(&chunk);
            if whole.len() as u64 > blob.size {
                break;
            }
        }
        if whole.len() as u64 != blob.size || digester.finish() != blob.digest {
            let message = format!("blob {} is not what its digest says", blob.digest);
            return Err(Error::new(Kind::Corrupt, message));
        }
        self.0.replace(whole.freeze());
        Ok(Outcome::Copied)
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<()> {
        let message = format!("the manifest {} is not read as a blob", manifest.digest());
        Err(Error::new(Kind::Unsupported, message))
    }
}

struct Unwatched;

impl Progress for Unwatched {
    fn on(&self, _: Event<'_>) {}
}
