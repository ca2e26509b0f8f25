//! What holds between a registry and us, against servers that misbehave.

mod auth;
mod chunks;
mod pull;
mod push;

use std::rc::Rc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::wire::CredentialSource;
use super::wire::tests::fake::{Act, Fake, Seen};
use super::{Mirror, Registry, Repository, Trust, Wire};
use crate::content::{BlobReader, Opener, Source};
use crate::credentials::{Credential, FoundLogin, Secret};
use crate::error::Result;
use crate::image::{Descriptor, Digest, Reference};

const USER: &str = "alice";
const PASSWORD: &str = "s3cret-pw";
/// `alice:s3cret-pw`
const BASIC: &str = "Basic YWxpY2U6czNjcmV0LXB3";

fn basic() -> CredentialSource {
    CredentialSource::Given(FoundLogin {
        credential: Credential::Basic {
            username: USER.to_owned(),
            password: Secret::new(PASSWORD.to_owned()),
        },
        origin: "the test".to_owned(),
    })
}

fn registry(fake: &Fake, keys: &dyn Fn() -> CredentialSource) -> Registry {
    mirrored(fake, keys, &[])
}

fn mirrored(fake: &Fake, keys: &dyn Fn() -> CredentialSource, mirrors: &[Mirror]) -> Registry {
    let wire = Rc::new(Wire::new(Trust::default()));
    Registry::with_keys(&fake.domain, &wire, keys, mirrors)
}

fn repository(fake: &Fake) -> Repository {
    named(&registry(fake, &|| CredentialSource::None))
}

fn known(fake: &Fake) -> Repository {
    named(&registry(fake, &basic))
}

fn named(registry: &Registry) -> Repository {
    let name = Reference::parse(&format!("{}/a/b:ignored", registry.domain())).unwrap();
    registry.repository(&name)
}

fn blob(bytes: &[u8]) -> Descriptor {
    Descriptor::new(
        "application/vnd.oci.image.layer.v1.tar",
        Digest::of(bytes),
        bytes.len() as u64,
    )
}

/// A source with these bytes, in chunks of 64 KiB.
fn opener(bytes: &[u8]) -> Opener<'static> {
    let bytes = Bytes::copy_from_slice(bytes);
    Opener::new(move |from| {
        let rest = bytes.slice(usize::try_from(from).unwrap()..);
        Box::pin(async move {
            let chunks: Vec<_> = rest.chunks(64 << 10).map(|c| Ok(Bytes::copy_from_slice(c))).collect();
            Ok(BlobReader {
                offset: from,
                stream: Box::pin(stream::iter(chunks)),
            })
        })
    })
}

/// The offset at which the blob came, and its bytes.
async fn read(repository: &Repository, blob: &Descriptor, from: u64) -> Result<(u64, Vec<u8>)> {
    let mut reader = repository.open(blob, from).await?;
    let mut bytes = Vec::new();
    while let Some(chunk) = reader.stream.next().await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok((reader.offset, bytes))
}

/// Plain HTTP only: what speaks TLS to it gets nothing.
async fn fake(play: impl Fn(usize, &Seen) -> Act + Send + Sync + 'static) -> Fake {
    Fake::start(play).await
}
