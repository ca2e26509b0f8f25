//! The image that the demo's registry has: two layers of real files, for this machine and the usual two.
//!
//! The layers are not compressed, so that the same rdock makes the same digests whatever packs its archives.

use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};

use crate::archive;
use crate::content::{BlobReader, Sink};
use crate::error::Result;
use crate::image::manifest::{OCI_INDEX, OCI_MANIFEST};
use crate::image::{Descriptor, Digest, Manifest, Platform, Reference};
use crate::store::{Store, StoreWriter};
use crate::transfer;

const NAME: &str = "hello:1.0";
/// The time when the image says it was made: the day of this sample's first version.
const CREATED: &str = "2026-11-24T00:00:00Z";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

const BASE: [(&str, &str); 3] = [
    ("etc/os-release", "NAME=\"rdock demo\"\nID=rdock-demo\nVERSION_ID=1.0\n"),
    ("etc/passwd", "root:x:0:0:root:/root:/sbin/nologin\n"),
    ("etc/group", "root:x:0:\n"),
];
const TOP: [(&str, &str); 2] = [
    ("etc/motd", "Hello from an image that rdock made.\n"),
    ("usr/share/doc/rdock/README.md", include_str!("../../../README.md")),
];

/// Puts the image into the store under its name.
pub(super) async fn put(store: &Store) -> Result<()> {
    let writer = store.begin()?;
    let mut layers = Vec::new();
    for files in [&BASE[..], &TOP[..]] {
        layers.push(put_blob(&writer, LAYER, archive::tree(files)?.into()).await?);
    }
    let mut children: Vec<Value> = Vec::new();
    for platform in platforms()? {
        let config = json!({
            "created": CREATED,
            "architecture": platform.architecture,
            "os": platform.os,
            "config": {"Labels": {"org.opencontainers.image.title": "hello"}},
            "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|layer| &layer.digest).collect::<Vec<_>>()},
            "history": [
                {"created": CREATED, "created_by": "a base of three files"},
                {"created": CREATED, "created_by": "a greeting and a README"},
            ],
        });
        let config = put_blob(&writer, CONFIG, config.to_string().into()).await?;
        let image = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers});
        let image = put_manifest(&writer, &image).await?;
        children.push(json!(Descriptor {
            platform: Some(platform.into()),
            ..image.descriptor
        }));
    }
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children});
    let index = put_manifest(&writer, &index).await?;
    store.names().set(&Reference::parse(NAME)?, &index.descriptor)
}

/// This machine's platform first.
fn platforms() -> Result<Vec<Platform>> {
    let mut platforms = vec![Platform::host()];
    for usual in ["linux/amd64", "linux/arm64"] {
        let usual = Platform::parse(usual)?;
        if platforms[0].architecture != usual.architecture {
            platforms.push(usual);
        }
    }
    Ok(platforms)
}

async fn put_manifest(writer: &StoreWriter, document: &Value) -> Result<Manifest> {
    let manifest = Manifest::parse(Bytes::from(document.to_string()), None, None)?;
    writer.put_manifest(&manifest).await?;
    Ok(manifest)
}

async fn put_blob(writer: &StoreWriter, media_type: &str, bytes: Bytes) -> Result<Descriptor> {
    let blob = Descriptor::new(media_type, Digest::of(&bytes), bytes.len() as u64);
    let open = transfer::opener(|from| {
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len());
        let rest = bytes.slice(from..);
        Box::pin(async move {
            Ok(BlobReader {
                offset: from as u64,
                stream: Box::pin(stream::iter([Ok(rest)])),
            })
        })
    });
    writer.receive(&blob, &open).await?;
    Ok(blob)
}
